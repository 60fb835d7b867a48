"""A person's command that changes the board: intent, board, done; and what stands in its way."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from metaagent.board.edit import Add, Archive, Move, SetField
from metaagent.errors import BoardConflictError, BoardUnreadableError
from metaagent.orchestrator.change import Changed, apply
from metaagent.records import Status
from tests.orchestrator.place import Place

Make = Callable[..., Place]


def change(place: Place, *operations: object, **options: object) -> Changed:
    with place.workspace.open_ledger() as ledger:
        return apply(place.workspace, ledger, list(operations), **options)  # type: ignore[arg-type]


def test_a_move_is_on_the_board_and_in_the_ledger(make: Make) -> None:
    place = make(1)
    change(place, Move("REC-001", Status.INBOX, Status.DONE), reason="did it myself")
    assert place.where("DONE") == ["REC-001"]
    found = place.rows("SELECT from_status, to_status, by, reason FROM status_changes")
    assert found == [("INBOX", "DONE", "person", "did it myself")]
    place.nothing_left_behind()


def test_added_tasks_get_their_ids(make: Make) -> None:
    place = make(board={"INBOX": "- [TASK-007] a\n"})
    assert change(place, Add(None, "one"), Add(None, "two")).added == ("TASK-008", "TASK-009")
    assert place.where("INBOX") == ["TASK-007", "TASK-008", "TASK-009"]


def test_facts_come_with_the_intent(make: Make) -> None:
    place = make(1)
    row = ("D1", "2026-01-01T00:00:00.000Z", None, "REC-001", None, "accept", "good", "person")
    change(
        place, SetField("REC-001", "priority", "high"), facts=[("INSERT INTO decisions VALUES (?,?,?,?,?,?,?,?)", row)]
    )
    assert place.rows("SELECT decision FROM decisions") == [("accept",)]
    assert place.board().by_id["REC-001"].attributes == {"priority": "high"}


def test_a_hand_that_was_quicker_wins_and_is_said(make: Make) -> None:
    place = make(2)
    change(place, SetField("REC-002", "priority", "low"))
    place.drag("REC-001", "REVIEW")
    with pytest.raises(BoardConflictError, match="REC-001: status is 'REVIEW' by hand"):
        change(place, Move("REC-001", Status.INBOX, Status.DONE), Archive("REC-002"))
    assert place.statuses() == {"REC-001": "REVIEW"}
    assert place.rows("SELECT task_id, ours, theirs FROM conflicts") == [("REC-001", "DONE", "REVIEW")]
    person = place.rows("SELECT to_status FROM status_changes WHERE task_id = 'REC-001' AND reason = 'on the board'")
    assert person == [("REVIEW",)]


def test_a_board_that_may_not_be_written_withdraws_the_intent(make: Make) -> None:
    place = make(1)
    place.edit("### DONE\n", "<<<<<<< mine\n### DONE\n")
    before = place.board_path.read_bytes()
    with pytest.raises(BoardUnreadableError):
        change(place, Move("REC-001", Status.INBOX, Status.DONE))
    assert place.board_path.read_bytes() == before
    place.edit("<<<<<<< mine\n", "")
    assert place.run().passed == 1
    assert place.order() == ["REC-001"]


def test_a_board_that_may_not_be_written_leaves_no_facts(make: Make) -> None:
    """What did not happen is not told: no decision, no change of status."""
    place = make(1)
    place.edit("### DONE\n", "<<<<<<< mine\n### DONE\n")
    row = ("D1", "2026-01-01T00:00:00.000Z", None, "REC-001", None, "accept", "good", "person")
    with pytest.raises(BoardUnreadableError):
        change(
            place,
            Move("REC-001", Status.INBOX, Status.DONE),
            facts=[("INSERT INTO decisions VALUES (?,?,?,?,?,?,?,?)", row)],
        )
    assert place.rows("SELECT * FROM decisions") == []
    assert place.rows("SELECT * FROM status_changes") == []


def test_with_an_editor_open_the_change_is_durable_and_comes_later(make: Make) -> None:
    place = make(1, config="board: {editor_wait_seconds: 600}\n")
    swap = place.root / ".WORKING.md.swp"
    swap.write_text("vim")
    changed = change(place, Move("REC-001", Status.INBOX, Status.DONE))
    assert ".WORKING.md.swp" in (changed.postponed or "")
    assert place.where("INBOX") == ["REC-001"]
    with place.workspace.open_ledger() as ledger:
        ledger.write([("INSERT INTO run_ends SELECT id, time, 'done', '{}' FROM runs", ())])
    swap.unlink()
    summary = place.run()
    assert (place.where("DONE"), summary.tasks) == (["REC-001"], 0)
    place.nothing_left_behind()
