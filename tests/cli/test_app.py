"""The command line as a whole: the table of nouns, the global options, suggestions, completion, pipes."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from metaagent.cli import app as application
from metaagent.cli.app import NOUNS, load, root_help
from metaagent.ledger import protocols
from metaagent.records import Remedy
from tests.conftest import Ran
from tests.learning import trying

ALL = [name for group in NOUNS.values() for name in group]
FILES = {path.stem for path in Path(application.__file__).parent.glob("*.py")}
FOUNDATION = {"__init__", "app", "state", "render", "boundary", "schemas"}


def test_the_table_names_every_noun_file_and_no_other() -> None:
    nouns = {
        stem.replace("_", "-")
        for stem in FILES - FOUNDATION
        if not any(stem.startswith(f"{noun}_") for noun in FILES)  # a verb of a noun, in a file of its own
        and (hasattr(module := importlib.import_module(f"metaagent.cli.{stem}"), "app") or hasattr(module, "command"))
    }
    assert nouns == set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_every_command_explains_itself(name: str, cli: Callable[..., Ran]) -> None:
    ran = cli(name, "--help")
    assert (ran.status, ran.err) == (0, "")
    assert f"Usage: metaagent {name}" in ran.out
    assert "-C DIR" in ran.out


@pytest.mark.parametrize("name", ALL)
def test_every_verb_has_a_help_text(name: str) -> None:
    for verb in getattr(load(name), "commands", {}).values():
        assert verb.help and verb.help[0].isupper(), f"{name} {verb.name}"


def test_the_root_help_is_printed_without_a_command(cli: Callable[..., Ran]) -> None:
    for arguments in ([], ["--help"], ["-h"]):
        ran = cli(*arguments)
        assert (ran.status, ran.out.strip(), ran.err) == (0, root_help().strip(), "")


def test_the_help_fits_a_page_width() -> None:
    assert max(map(len, root_help().splitlines())) <= 110


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tsak"], "no such command 'tsak'; did you mean 'task'?"),
        (["zzz"], "no such command 'zzz'"),
        (["task", "lst"], "did you mean 'list'?"),
        (["task", "list", "--statsu", "DONE"], "did you mean --status?"),
        (["--jsn", "task"], "did you mean --json?"),
        (["task", "show"], "missing argument"),
    ],
)
def test_a_wrong_word_is_a_usage_error_that_names_the_nearest(
    arguments: list[str], said: str, cli: Callable[..., Ran]
) -> None:
    ran = cli(*arguments)
    assert (ran.status, ran.out) == (2, "")
    assert said in ran.err.replace('"', "'")
    assert "  try: metaagent" in ran.err


@pytest.mark.parametrize(
    "arguments", [["--json", "task", "list"], ["task", "--json", "list"], ["task", "list", "--json"]]
)
@pytest.mark.usefixtures("workspace")
def test_global_options_stand_before_or_after(arguments: list[str], cli: Callable[..., Ran]) -> None:
    ran = cli(*arguments)
    assert ran.status == 0
    assert [task["id"] for task in ran.json] == ["TASK-001", "TASK-003", "TASK-005", "TASK-007"]


@pytest.mark.parametrize("before", [True, False])
def test_the_workspace_can_be_named(
    before: bool, workspace: Path, cli: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    named = ["-C", workspace]
    ran = cli(*([*named, "task", "list"] if before else ["task", "list", *named]))
    assert "TASK-001" in ran.out
    monkeypatch.setenv("METAAGENT_WORKSPACE", str(workspace))
    assert "TASK-001" in cli("task", "list").out


def test_a_missing_workspace_says_how_to_make_one(
    tmp_path: Path, cli: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = cli("task", "list")
    assert ran.status == 2
    assert "  try: metaagent init" in ran.err


def test_the_version_is_printed_anywhere(cli: Callable[..., Ran]) -> None:
    from metaagent import __version__

    assert cli("--version").out == f"metaagent {__version__}\n"


def complete(words: str, cwd: Path) -> list[str]:
    """What bash would be offered after ``words``, the last of which is being typed."""
    environment = {
        **os.environ,
        "_METAAGENT_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    command = [sys.executable, "-m", "metaagent"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, check=True, timeout=60)
    return done.stdout.split()


def test_task_ids_are_completed_from_the_board(workspace: Path) -> None:
    assert complete("metaagent task show TASK-00", workspace) == ["TASK-001", "TASK-003", "TASK-005", "TASK-007"]
    assert complete(f"metaagent -C {workspace} task show TASK-003", Path("/")) == ["TASK-003"]


def test_nouns_verbs_and_options_are_completed(workspace: Path) -> None:
    assert complete("metaagent ta", workspace) == ["task"]
    assert complete("metaagent task rej", workspace) == ["reject"]
    assert "--json" in complete("metaagent task list --j", workspace)


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("learn promote data", ["data.json:v1"]),
        ("learn rollback --to ", ["data.json:v1"]),
        ("learn test --protocol d", ["data.json:v1"]),
        ("learn plan --protocol d", ["data.json:v1"]),
        ("protocol show d", ["data.json:v1"]),
        ("protocol export d", ["data.json:v1"]),
        ("protocol export --to py", ["python"]),
        ("evaluate --protocol ", ["0", "placebo", "data.json:v1"]),
        ("evaluate --tasks ", ["records"]),
        ("evaluate --reveal --domain data.json", ["data.json", "data.json.extract"]),
        ("learn --domain data.json.", ["data.json.extract"]),
        ("learn aa --domain data.json.", ["data.json.extract"]),
        ("learn rollback --domain data.json.", ["data.json.extract"]),
        ("learn errors --domain data.json.", ["data.json.extract"]),
        ("learn patterns --kind ass", ["assertion"]),
        ("task add --domain data.json.", ["data.json.extract"]),
    ],
)
def test_names_of_the_workspace_are_completed(words: str, offered: list[str], tmp_path: Path) -> None:
    place = trying.make(tmp_path / "w", 3)
    with place.workspace.open_ledger() as ledger:
        protocols.record(ledger, "data.json", trying.MODEL, [Remedy("rule", "dates", {"text": "Dates are ISO dates."})])
    assert complete(f"metaagent {words}", place.root) == offered


def options(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    yield from ((f"{path} {option.opts[0]}", option) for option in command.params)
    for name, child in getattr(command, "commands", {}).items():
        yield from options(child, f"{path} {name}")


@pytest.mark.parametrize("noun", [name for group in NOUNS.values() for name in group])
def test_every_option_of_few_values_is_completed(noun: str) -> None:
    for path, option in options(load(noun), noun):
        if re.fullmatch(r"[a-z-]+(\|[a-z-]+)+", option.metavar or ""):
            assert option._custom_shell_complete is not None, path


def test_few_values_are_offered(workspace: Path) -> None:
    assert complete("metaagent learn plan --metric s", workspace) == ["score"]
    assert complete("metaagent evaluate --split ", workspace) == ["mine", "gate", "sealed"]
    assert complete("metaagent task list --status in", workspace) == ["inbox", "in_progress"]
    assert complete("metaagent task move TASK-001 D", workspace) == ["DONE"]
    assert complete("metaagent task checks sql", workspace) == ["sql.result"]


def test_completion_is_silent_where_there_is_no_workspace(tmp_path: Path) -> None:
    assert complete("metaagent task show T", tmp_path) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_is_accepted_by_its_shell(
    shell: str, tmp_path: Path, spawn: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    script = tmp_path / "script"
    script.write_text(spawn("completion", shell).stdout, encoding="utf-8")
    assert "_METAAGENT_COMPLETE" in script.read_text(encoding="utf-8")
    if shutil.which(shell):
        flag = "--no-execute" if shell == "fish" else "-n"
        assert subprocess.run([shell, flag, str(script)], check=False, timeout=30).returncode == 0


@pytest.mark.usefixtures("workspace")
def test_a_reader_that_goes_away_is_not_an_error() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "metaagent", "task", "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait(timeout=60) == 0
    process.stderr.close()


@pytest.mark.usefixtures("workspace")
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")
def test_a_full_disk_behind_stdout_is_74(spawn: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    with Path("/dev/full").open("w") as full:
        done = spawn("task", "list", capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 74
    assert "No space left" in done.stderr


def test_ctrl_c_ends_with_130_and_no_traceback(tmp_path: Path) -> None:
    code = """
import sys, time, metaagent.cli.app as app
def slow(arguments):
    print("up", flush=True)
    time.sleep(30)
app.execute = slow
sys.exit(app.run_command([]))
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err


def test_a_name_that_the_terminal_cannot_show_is_escaped(
    workspace: Path, spawn: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    board = workspace / "WORKING.md"
    board.write_text(board.read_text(encoding="utf-8").replace("Research", "Résumé 東京"), encoding="utf-8")
    done = spawn("task", "list", env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert "\\u6771" in done.stdout


@pytest.mark.parametrize("name", ALL)
def test_no_parameter_shares_its_name_with_a_global_option(name: str) -> None:
    """Two parameters of one name would overwrite each other."""
    command = load(name)
    for one in (command, *getattr(command, "commands", {}).values()):
        names = [param.name for param in one.params]
        assert len(names) == len(set(names)), one.name


def test_a_workspace_whose_name_the_locale_does_not_know(tmp_path: Path, spawn: Callable[..., Any]) -> None:
    place = trying.make(tmp_path / "wö rk", 3)
    for command in (("task", "add", "Größe"), ("status",), ("ledger", "check")):
        ran = spawn("-C", place.root, *command, env={"LC_ALL": "C", "PYTHONUTF8": "0"})
        assert ran.returncode == 0, ran.stderr
    assert "Größe" in place.board_path.read_text(encoding="utf-8")
