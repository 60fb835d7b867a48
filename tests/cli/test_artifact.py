"""Artifacts are found by task or attempt and copied to where they belong, over nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from metaagent.ledger import attempts
from metaagent.ledger.database import Ledger
from metaagent.records import ArtifactForm, Outcome, Purpose, Task
from tests.cli.conftest import AGENT, FAILED, PASSED, START, attempt
from tests.conftest import Ran

Cli = Callable[..., Ran]
NAMED = "01KG00000000000000000000NA"


@pytest.fixture
def delivered(recorded: Path) -> Path:
    """The recorded workspace with the files of its artifacts, and one of a task that names a path for it."""
    task = Task("TASK-001", "A report", hash="h", artifact=ArtifactForm("text", name="out/report.txt"))
    with Ledger.open(recorded / ".metaagent" / "ledger.db") as ledger:
        ledger.write(attempts.start_batch(NAMED, "run", task, AGENT, "", Purpose.RUN, 1, START))
        made = attempt(NAMED, task, Outcome.PASS, 1)
        ledger.write(attempts.end_batch(made, run_id="run", artifact=f".metaagent/artifacts/{NAMED}/report.txt"))
    for path in (f"TASK-005/{FAILED}.json", f"TASK-007/{PASSED}.json", f".metaagent/artifacts/{NAMED}/report.txt"):
        (recorded / path).parent.mkdir(parents=True, exist_ok=True)
        (recorded / path).write_text("made by an agent\x1b[2J\n", encoding="utf-8")
    return recorded


@pytest.mark.usefixtures("delivered")
def test_artifacts_are_listed(cli: Cli) -> None:
    assert [row["attempt"] for row in cli("artifact", "list", "--json").json] == [PASSED, FAILED, NAMED]
    assert cli("artifact", "list", "--task", "TASK-005", "--json").json[0]["there"] is True


@pytest.mark.parametrize("which", ["TASK-005", FAILED, FAILED[-4:], "task-005"])
@pytest.mark.usefixtures("delivered")
def test_one_is_shown_by_task_or_attempt(which: str, cli: Cli) -> None:
    assert cli("artifact", "show", which).out == "made by an agent\\e[2J\n"
    assert cli("artifact", "show", which, "--json").json["text"] == "made by an agent\x1b[2J\n"


def test_it_goes_where_the_task_says(delivered: Path, cli: Cli) -> None:
    ran = cli("artifact", "apply", "TASK-001")
    assert (ran.status, "copied to" in ran.out) == (0, True)
    assert (delivered / "out" / "report.txt").read_bytes() == b"made by an agent\x1b[2J\n"
    again = cli("artifact", "apply", "TASK-001")
    assert (again.status, "is there already as" in again.out) == (0, True)


def test_nothing_is_overwritten_without_force(delivered: Path, cli: Cli) -> None:
    mine = delivered / "mine.txt"
    mine.write_text("mine", encoding="utf-8")
    ran = cli("artifact", "apply", "TASK-005", "--to", mine)
    assert (ran.status, "--force" in ran.err, mine.read_text(encoding="utf-8")) == (2, True, "mine")
    assert cli("artifact", "apply", "TASK-005", "--to", mine, "--force", "--dry-run").status == 0
    assert mine.read_text(encoding="utf-8") == "mine"
    cli("artifact", "apply", "TASK-005", "--to", mine, "--force")
    assert mine.read_text(encoding="utf-8").startswith("made by")
    assert (delivered / "mine.txt~").read_text(encoding="utf-8") == "mine"


def test_a_folder_takes_the_name(delivered: Path, cli: Cli) -> None:
    (delivered / "folder").mkdir()
    cli("artifact", "apply", "TASK-005", "--to", delivered / "folder")
    assert (delivered / "folder" / f"{FAILED}.json").exists()


@pytest.mark.parametrize(
    ("which", "said"), [("TASK-005", "does not name a path"), ("TASK-003", "no artifact"), ("nothing", "no artifact")]
)
@pytest.mark.usefixtures("delivered")
def test_what_cannot_be_applied_says_why(which: str, said: str, cli: Cli) -> None:
    ran = cli("artifact", "apply", which)
    assert (ran.status, said in ran.err) == (2, True)


def test_a_name_outside_of_the_workspace_is_refused(delivered: Path, cli: Cli) -> None:
    evil = "01KG00000000000000000000EV"
    task = Task("TASK-003", "Evil", hash="e", artifact=ArtifactForm("text", name="../../escape.txt"))
    with Ledger.open(delivered / ".metaagent" / "ledger.db") as ledger:
        ledger.write(attempts.start_batch(evil, "run", task, AGENT, "", Purpose.RUN, 2, START))
        made = attempt(evil, task, Outcome.PASS, 2)
        ledger.write(attempts.end_batch(made, run_id="run", artifact=f".metaagent/artifacts/{NAMED}/report.txt"))
    ran = cli("artifact", "apply", evil)
    assert (ran.status, "outside of the workspace" in ran.err) == (2, True)


def test_a_file_that_is_gone_is_told(delivered: Path, cli: Cli) -> None:
    (delivered / f"TASK-005/{FAILED}.json").unlink()
    ran = cli("artifact", "show", "TASK-005")
    assert (ran.status, f"metaagent log {FAILED}" in ran.err) == (2, True)


@pytest.mark.usefixtures("workspace")
def test_a_fresh_workspace_has_none(cli: Cli) -> None:
    assert cli("artifact", "list", "--json").json == []
    assert cli("artifact", "show", "TASK-001").status == 2


def test_what_was_kept_before_stays(delivered: Path, cli: Cli) -> None:
    mine = delivered / "mine.txt"
    for text in ("first", "second"):
        mine.write_text(text, encoding="utf-8")
        assert cli("artifact", "apply", "TASK-005", "--to", mine, "--force").status == 0
    kept = [(delivered / name).read_text(encoding="utf-8") for name in ("mine.txt~", "mine.txt~2")]
    assert kept == ["first", "second"]


def test_the_mend_says_where_again(delivered: Path, cli: Cli) -> None:
    mine = delivered / "my file.txt"
    mine.write_text("mine", encoding="utf-8")
    assert f"--to '{mine}' --force" in cli("artifact", "apply", "TASK-005", "--to", mine).err
