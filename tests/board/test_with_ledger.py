"""The store over the real history in the ledger, and the commands that a person types."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from metaagent.board.edit import Move
from metaagent.board.parse import parse
from metaagent.records import Status
from metaagent.workspace import Workspace

Cli = Callable[..., Any]


def test_the_ledgers_history_serves_the_store(workspace: Path) -> None:
    place = Workspace(workspace)
    with place.open_ledger() as ledger:
        store = place.open_board(ledger)
        store.sync()
        buffer = store.path.read_bytes()
        store.commit([Move("TASK-001", Status.INBOX, Status.DONE)])
        store.path.write_bytes(buffer.replace(b"Summarize", b"Sum up"))
        store.sync()
    with place.open_ledger() as ledger:
        assert place.open_board(ledger).sync().person_changes == ()
    board = parse(place.board_path.read_bytes())
    assert board.by_id["TASK-001"].status is Status.DONE
    assert board.by_id["TASK-005"].title == "Sum up the meeting"


def damage(workspace: Path, cli: Cli, old: str, new: str) -> None:
    cli("board", "accept")
    path = workspace / "WORKING.md"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_check_says_what_stops_and_exits_3(workspace: Path, cli: Cli) -> None:
    assert cli("board", "check").status == 0
    damage(workspace, cli, "[TASK-003]", "[TASK-001]")
    ran = cli("board", "check")
    assert (ran.status, "the id TASK-001 stands here and on line" in ran.out) == (3, True)
    ran = cli("board", "check", "--json")
    assert (ran.json["writable"], ran.json["problems"][0]["kind"]) == (False, "duplicate")


def test_diff_shows_lines_and_changes(workspace: Path, cli: Cli) -> None:
    damage(workspace, cli, "priority: high", "priority: low")
    assert "+  priority: low" in cli("board", "diff").out
    (change,) = cli("board", "diff", "--json").json["changes"]
    assert (change["task_id"], change["field"], change["new"]) == ("TASK-001", "priority", "low")


def test_undo_accept_and_their_dry_runs(workspace: Path, cli: Cli) -> None:
    damage(workspace, cli, "### REVIEW\n", "")
    damaged = (workspace / "WORKING.md").read_text()
    ran = cli("board", "check")
    assert (ran.status, "lost its heading REVIEW" in ran.err) == (3, True)
    assert "+### REVIEW" in cli("board", "undo", "--dry-run").out
    assert cli("board", "accept", "--dry-run").status == 0
    assert (workspace / "WORKING.md").read_text() == damaged
    assert cli("board", "undo").status == 0
    assert "### REVIEW\n" in (workspace / "WORKING.md").read_text()
    assert cli("board", "check").status == 0
    assert len(cli("board", "undo", "--list", "--json").json) >= 2


def test_repair_says_what_it_mends(workspace: Path, cli: Cli) -> None:
    damage(workspace, cli, "### DONE\n", "")
    damaged = (workspace / "WORKING.md").read_text()
    assert "would mend line" in cli("board", "repair", "--dry-run").err
    assert (workspace / "WORKING.md").read_text() == damaged
    assert cli("board", "repair", "--json").json["fixes"]
    assert cli("board", "check").status == 0
    assert parse((workspace / "WORKING.md").read_bytes()).by_id["TASK-007"].status is Status.DONE


def test_show_is_harmless_on_a_terminal(workspace: Path, cli: Cli) -> None:
    path = workspace / "WORKING.md"
    path.write_text(path.read_text().replace("Research", "\x1b[31mResearch"))
    ran = cli("board", "show")
    assert (ran.status, "\x1b" in ran.out, "\\e[31mResearch" in ran.out) == (0, False, True)
    assert len(cli("board", "show", "--json").json["tasks"]) == 4


def test_what_a_person_decided_is_in_the_ledger(workspace: Path, cli: Cli) -> None:
    damage(workspace, cli, "- [TASK-005] Summarize the meeting\n", "")
    assert cli("board", "accept").status == 0
    with Workspace(workspace).open_ledger() as ledger:
        rows = ledger.query("SELECT * FROM person_changes WHERE field = 'archived'")
    assert [row["task_id"] for row in rows] == ["TASK-005"]
