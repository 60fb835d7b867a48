"""The workspace at a glance, read without changing it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from metaagent.inference.breaker import State
from metaagent.inference.host_memory import host_file, recall, remember
from metaagent.inference.hosts import HostState
from tests.cli.conftest import RUNNING
from tests.conftest import Ran
from tests.fakes.ollama_server import FakeOllama

Cli = Callable[..., Ran]


def test_a_workspace_without_ledger_has_a_status_and_gets_none(workspace: Path, cli: Cli) -> None:
    data = cli("status", "--json").json
    assert data["board"] == {"INBOX": 1, "ASSIGNED": 1, "IN_PROGRESS": 0, "REVIEW": 1, "DONE": 1}
    assert data["blockers"] == [
        {"task": "TASK-005", "title": "Summarize the meeting", "reason": "waits for a decision"}
    ]
    assert data["last_run"] is None
    assert not (workspace / ".metaagent").exists()


def test_what_a_dead_run_left_behind_is_told(recorded: Path, cli: Cli) -> None:
    assert recorded.is_dir()
    ran = cli("status")
    assert "last run" in ran.out
    assert "agent:executor:main" in ran.out
    data = cli("status", "--json").json
    assert data["last_run"]["attempts"] == 3
    assert data["interrupted"]["attempts"] in (0, 1), RUNNING  # the fixture's run is this very process, and not ended


def test_a_blocker_tells_its_reason(workspace: Path, cli: Cli) -> None:
    assert cli("task", "move", "TASK-001", "review").status == 0
    assert workspace.is_dir()
    reasons = {row["task"]: row["reason"] for row in cli("status", "--json").json["blockers"]}
    assert reasons == {"TASK-001": "moved by command", "TASK-005": "waits for a decision"}


def test_a_broken_board_is_told_with_its_line(workspace: Path, cli: Cli) -> None:
    board = workspace / "WORKING.md"
    board.write_text(board.read_text(encoding="utf-8").replace("TASK-003]", "TASK-001]"), encoding="utf-8")
    ran = cli("status")
    assert "WORKING.md:14: the id TASK-001" in ran.out
    assert "next: metaagent board check" in ran.err


def test_a_quiet_status_has_no_notices(workspace: Path, cli: Cli) -> None:
    assert workspace.is_dir()
    assert cli("status", "-q").err == ""


def test_a_board_that_is_gone_is_a_board_error(recorded: Path, cli: Cli) -> None:
    (recorded / "WORKING.md").unlink()
    ran = cli("status")
    assert (ran.status, "board is gone" in ran.err) == (3, True)


def test_a_board_that_lost_its_headings_is_not_an_empty_one(workspace: Path, cli: Cli) -> None:
    (workspace / "WORKING.md").write_bytes(b"")
    assert "none of the headings INBOX" in cli("status").out
    assert "next: metaagent board check" in cli("status").err
    assert "none of the headings INBOX" in cli("task", "list").err


def test_many_blockers_are_counted_at_a_glance(workspace: Path, cli: Cli) -> None:
    board = workspace / "WORKING.md"
    lines = "".join(f"- [TASK-1{n:02}] waits\n" for n in range(20))
    text = board.read_text(encoding="utf-8")
    board.write_text(text.replace("### REVIEW\n", f"### REVIEW\n{lines}"), encoding="utf-8")
    ran = cli("status")
    assert ran.out.count("waits for a decision") == 10
    assert "... and 11 more: metaagent task list --status REVIEW" in ran.out
    assert len(cli("status", "--json").json["blockers"]) == 21


def hosts(workspace: Path, *urls: str) -> None:
    (workspace / ".metaagent").mkdir(exist_ok=True)
    named = ", ".join(f"'{url}'" for url in urls)
    (workspace / ".metaagent" / "config.yaml").write_text(f"default_model: tiny\nollama: {{hosts: [{named}]}}\n")


def test_how_the_hosts_did_is_remembered_and_nobody_is_asked(workspace: Path, cli: Cli) -> None:
    assert cli("status", "--json").json["hosts"] == []
    hosts(workspace, "box:1", "box:2", "box:3")
    states = [
        HostState("http://box:1", State.IN),
        HostState("http://box:2", State.OUT, 10.0, "no Ollama server answers at http://box:2"),
        HostState("http://gone:4", State.IN),
    ]
    remember(host_file(workspace), states)
    rows = cli("status", "--json").json["hosts"]
    assert [(row["url"][-1], row["state"], row["seen"] is None) for row in rows] == [
        ("1", "in", False),
        ("2", "out", False),
        ("3", "unknown", True),
    ]
    human = cli("status").out
    assert "left out until" in human and "no Ollama server answers at http://box:2" in human


def test_a_memory_that_is_not_ours_is_no_memory(workspace: Path, cli: Cli) -> None:
    hosts(workspace, "box:1", "box:2")
    for text in ("", "[]", '{"http://box:1": {}}', '{"http://box:1": {"seen": "x", "until": null, "reason": ""}}'):
        host_file(workspace).write_text(text)
        assert recall(host_file(workspace)) == {}
        assert cli("status", "--json").json["hosts"] == []


def test_the_hosts_are_asked_on_demand(workspace: Path, cli: Cli) -> None:
    with FakeOllama().running() as good, FakeOllama(models=("other",)).running() as poor:
        hosts(workspace, good.url, poor.url, "127.0.0.1:9")
        ran = cli("status", "--hosts", "--json")
        assert [(row["state"], row["note"]) for row in ran.json["hosts"]] == [
            ("in", "has 1 models, those in use among them"),
            ("in", "lacks tiny"),
            ("out", "no Ollama server answers"),
        ]
        assert good.requests == []
