"""``metaagent sandbox``: a look, the proof, one command behind the walls; exit status 5 where there are none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from metaagent.cli.schemas import envelope
from metaagent.ledger import sandboxes
from metaagent.ledger.database import Ledger
from metaagent.sandbox import choose
from metaagent.sandbox.base import Sandbox
from metaagent.sandbox.probes import Proof
from tests.conftest import Ran
from tests.sandbox.conftest import made, proof_of
from tests.sandbox.test_choose import without_landlock

Cli = Callable[..., Ran]


def hold(document: Any) -> None:
    jsonschema.validate({"schema": "metaagent/sandbox@1", "data": document}, envelope("sandbox"))


@pytest.fixture
def none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "BACKENDS", [("landlock", 2, without_landlock)])


@pytest.fixture
def proven(workspace: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A workspace whose ledger knows this backend's proof, the only backend there is."""
    known = proof_of(sandbox.name)
    assert isinstance(known, Proof)
    monkeypatch.setattr(choose, "BACKENDS", [(sandbox.name, sandbox.level, lambda: made(sandbox.name))])
    (workspace / ".metaagent").mkdir()
    with Ledger.open(workspace / ".metaagent" / "ledger.db") as ledger:
        sandboxes.record(ledger, known.to_json())
    return sandbox


@pytest.mark.usefixtures("workspace", "none")
def test_without_a_sandbox_nothing_runs(cli: Cli) -> None:
    for words in (["status"], ["probe"]):
        ran = cli("sandbox", *words, "--json")
        assert ran.status == 5
        assert "no sandbox proves itself here" in ran.err
        assert (ran.json["used"], ran.json["backends"][0]["proven"]) == (None, False)
        hold(ran.json)
    ran = cli("sandbox", "run", "--", "touch", "made here")
    assert (ran.status, ran.out) == (5, "")
    assert "to run it yourself, with your own rights: touch 'made here'" in ran.err
    assert not Path("made here").exists()


def test_what_is_known_is_shown_without_a_probe(proven: Sandbox, cli: Cli) -> None:
    ran = cli("sandbox", "status", "--json")
    assert (ran.status, ran.json["used"], ran.json["level"]) == (0, proven.name, proven.level)
    hold(ran.json)
    assert "proven" in cli("sandbox", "status").out


@pytest.mark.usefixtures("proven")
def test_a_command_runs_behind_the_walls(cli: Cli) -> None:
    Path("given.txt").write_text("given\n", encoding="utf-8")
    ran = cli(
        "sandbox", "run", "--file", "given.txt", "--collect", "made", "--", "sh", "-c", "cat given.txt > made; ls"
    )
    assert (ran.status, ran.out) == (0, "given.txt\nmade\n")
    assert Path("made").read_text(encoding="utf-8") == "given\n"
    again = cli("sandbox", "run", "--collect", "made", "--", "true")
    assert (again.status, "nothing is overwritten" in again.err) == (2, True)


@pytest.mark.usefixtures("proven")
def test_how_it_ended_is_told(cli: Cli) -> None:
    ran = cli("sandbox", "run", "--json", "--", "sh", "-c", "echo out; echo err >&2; exit 3")
    assert ran.status == 1
    assert (ran.json["exit_code"], ran.json["stdout"], ran.json["stderr"]) == (3, "out\n", "err\n")
    hold(ran.json)
    late = cli("sandbox", "run", "--seconds", "0.2", "--", "sleep", "9")
    assert (late.status, "stopped at its limit: wall" in late.err) == (1, True)
    assert "ended with signal 9" in cli("sandbox", "run", "--", "sh", "-c", "kill -9 $$").err


@pytest.mark.usefixtures("proven")
def test_escapes_of_a_job_do_not_reach_the_terminal(cli: Cli) -> None:
    assert "\x1b" not in cli("sandbox", "run", "--", "printf", r"\033[2J").out


@pytest.mark.usefixtures("proven")
def test_level_1_is_demanded(cli: Cli, sandbox: Sandbox) -> None:
    assert cli("sandbox", "run", "--level", "1", "--", "true").status == (0 if sandbox.level == 1 else 5)


@pytest.mark.usefixtures("none")
def test_it_answers_outside_of_a_workspace_too(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran = cli("sandbox", "probe")
    assert ran.status == 5
    assert "what the probes find is not kept" in ran.err
    assert list(tmp_path.iterdir()) == []
