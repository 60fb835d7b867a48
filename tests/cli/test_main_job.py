"""The main job from the command line, on scripted replies: tasks in, run, look, decide, measure."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from metaagent.cli.schemas import envelope
from tests.conftest import Ran

Cli = Callable[..., Ran]

ROWS = "no,text,vendor\n1,Bill of Acme,Acme\n2,Bill of Bolt,Bolt\n"
REPLIES = """\
rules:
  - contains: Bill of Acme
    reply: '{"vendor": "Acme"}'
  - contains: Bill of Bolt
    reply: '{"vendor": "Blot\\u001b[2J"}'
"""


@pytest.fixture
def bills(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with two imported tasks and a scripted model that is right about the first."""
    folder = tmp_path / "bills"
    cli("init", folder)
    (folder / "bills.csv").write_text(ROWS, encoding="utf-8")
    (folder / "replies.yaml").write_text(REPLIES, encoding="utf-8")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("METAAGENT_BACKEND", "scripted:replies.yaml")
    ran = cli("task", "import", "bills.csv", "--goal", "Find the vendor.", "--input", "text", "--expect", "vendor")
    assert ran.status == 0, ran.err
    return folder


def test_a_run_and_what_to_look_at_next(bills: Path, cli: Cli) -> None:
    ran = cli("run", "--json")
    assert ran.status == 1, ran.err
    jsonschema.validate(json.loads(ran.out), envelope("run"))
    assert (ran.json["passed"], ran.json["failed"]) == (1, 1)
    assert "metaagent task why BILLS-002" in ran.err
    out = cli("task", "why", "BILLS-002").out
    assert 'expected  "Bolt"' in out
    assert "\\u001b" in out
    assert "\x1b" not in out
    status = {row["id"]: row["status"] for row in cli("task", "list", "--json").json}
    assert status["BILLS-001"] == "DONE"
    assert cli("artifact", "show", "BILLS-001").out.strip() == '{"vendor": "Acme"}'
    assert cli("artifact", "apply", "BILLS-001", "--to", bills / "acme.json").status == 0
    (whole,) = cli("evaluate", "--json").json
    assert (whole["solved"]["k"], whole["solved"]["n"], whole["errors"]["assertion"]["k"]) == (1, 2, 1)


@pytest.mark.usefixtures("bills")
def test_a_task_whose_limits_are_used_up_waits_for_a_person(cli: Cli) -> None:
    cli("run", "--all", "-q")
    blockers = {row["task"]: row["reason"] for row in cli("status", "--json").json["blockers"]}
    assert "limit of 3 attempts is used up" in blockers["BILLS-002"]
    assert cli("task", "retry", "BILLS-002", "--why", "once more").status == 0
    again = cli("run", "--json")
    assert [result["task_id"] for result in again.json["results"]] == ["BILLS-002"], again.err


def test_a_set_is_measured_beside_the_board(bills: Path, cli: Cli) -> None:
    before = (bills / "WORKING.md").read_bytes()
    ran = cli("evaluate", "--tasks", "bills", "--protocol", "0", "--json")
    assert ran.status == 0, ran.err
    assert (ran.json[0]["solved"]["k"], ran.json[0]["solved"]["n"]) == (1, 2)
    assert (bills / "WORKING.md").read_bytes() == before
    assert cli("evaluate", "--json").json[0]["attempts"] == 0


@pytest.mark.usefixtures("bills")
def test_no_backend_is_4_and_nothing_is_lost(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METAAGENT_BACKEND", "ollama")
    ran = cli("run")
    assert ran.status == 4, ran.err
    assert "  try: " in ran.err
    assert {row["status"] for row in cli("task", "list", "--json").json} == {"INBOX"}
