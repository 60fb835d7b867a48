"""What a crash leaves behind, made by hand at each of its points, and what the next start makes of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from metaagent.agents.roster import roster
from metaagent.board.edit import Activity, Assign, Move
from metaagent.ledger import claims, operations, runs
from metaagent.ledger.database import Ledger
from metaagent.orchestrator import record
from metaagent.orchestrator.heal import Healed, heal, outstanding
from metaagent.orchestrator.record import Begun, Candidate
from metaagent.orchestrator.settle import Settlement
from metaagent.orchestrator.snapshot import read_tasks
from metaagent.records import Outcome, Protocol, Status
from tests.orchestrator.place import Place
from tests.orchestrator.values import make_attempt

Make = Callable[..., Place]
NOW = datetime.now(UTC)


@contextmanager
def opened(place: Place) -> Any:
    with place.workspace.open_ledger() as ledger:
        yield ledger


def healed(place: Place, ledger: Ledger, now: datetime | None = None) -> Healed:
    run_id = runs.start(ledger, "run", [])
    store = place.workspace.open_board(ledger)
    return heal(ledger, store, now or datetime.now(UTC), run_id, place.workspace.state_dir / "heal.lock")


def begin(place: Place, ledger: Ledger, task_id: str) -> Begun:
    """As a run does, up to the durable start of an attempt; the board has not been written."""
    run_id = runs.start(ledger, "run", [])
    store = place.workspace.open_board(ledger)
    snapshot = read_tasks(place.workspace, ledger, store, run_id)
    task = next(task for task in snapshot.tasks if task.id == task_id)
    candidate = Candidate(task, roster(place.workspace.config)[0], Protocol(), 1)
    begun = ledger.write(record.begin(ledger, run_id, [candidate], snapshot.seen, datetime.now(UTC), 600))
    assert len(begun) == 1
    return begun[0]  # type: ignore[no-any-return]


def died(ledger: Ledger) -> None:
    """The run's process is as good as dead: the run has ended, its claims are those of nobody."""
    runs.end(ledger, ledger.run_id or "", "failed", {})
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    ledger.write([("UPDATE claims SET pid = ?", (gone.pid,))])


def write(place: Place, ledger: Ledger, begun: Begun) -> None:
    place.workspace.open_board(ledger).commit(begun.intent.operations)


def end_rows(begun: Begun, ledger: Ledger) -> tuple[record.Intent, list[Any]]:
    task = begun.candidate.task
    made = make_attempt(Outcome.PASS, id=begun.attempt_id, task_id=task.id, task_hash=task.hash)
    return record.end(made, task, Settlement(Status.DONE, "good"), ledger.run_id or "", None, "scripted")


@pytest.mark.parametrize("written", [False, True], ids=["before the board", "after the board"])
def test_an_attempt_that_was_begun_is_interrupted_and_its_task_is_back(make: Make, written: bool) -> None:
    place = make(2)
    with opened(place) as ledger:
        begun = begin(place, ledger, "REC-001")
        if written:
            write(place, ledger, begun)
            assert place.where("IN_PROGRESS") == ["REC-001"]
        died(ledger)
        assert healed(place, ledger).attempts == 1
        assert place.where("INBOX") == ["REC-001", "REC-002"] or set(place.where("INBOX")) == {"REC-001", "REC-002"}
        assert healed(place, ledger) == Healed()
    place.nothing_left_behind()
    assert place.outcomes("REC-001") == ["interrupted"]
    assert place.run().passed == 2


@pytest.mark.parametrize("written", [0, 1, 2])
def test_an_attempt_that_ended_is_done_however_much_of_it_the_board_had(make: Make, written: int) -> None:
    place = make(1)
    with opened(place) as ledger:
        begun = begin(place, ledger, "REC-001")
        if written > 0:
            write(place, ledger, begun)
        intent, rows = end_rows(begun, ledger)
        assert ledger.write(record.fenced("REC-001", begun.attempt_id, rows))
        if written > 1:
            place.workspace.open_board(ledger).commit(intent.operations)
        died(ledger)
        found = healed(place, ledger)
        assert (found.attempts, found.intents) == (0, 2)
    assert place.where("DONE") == ["REC-001"]
    assert place.rows("SELECT * FROM conflicts") == []
    assert place.board_path.read_text().count("completed REC-001") <= 1
    place.nothing_left_behind()


def test_healing_is_repeated_when_it_was_interrupted_itself(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    place = make(1)
    with opened(place) as ledger:
        write(place, ledger, begin(place, ledger, "REC-001"))
        died(ledger)
        monkeypatch.setattr("metaagent.orchestrator.heal._apply", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            healed(place, ledger)
        monkeypatch.undo()
        died(ledger)
        os.environ["METAAGENT_BACKEND"] = "scripted:script.yaml"
        healed(place, ledger)
    assert place.where("INBOX") == ["REC-001"]
    place.nothing_left_behind()


def test_an_editor_puts_healing_off_and_its_tasks_wait_with_it(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that is done in the ledger and not yet on the board must not be done again."""
    monkeypatch.setattr("metaagent.orchestrator.writer.POSTPONED_SECONDS", 0.05)
    place = make(2, config="board: {editor_wait_seconds: 600}\n")
    with opened(place) as ledger:
        begun = begin(place, ledger, "REC-001")
        ledger.write(record.fenced("REC-001", begun.attempt_id, end_rows(begun, ledger)[1]))
        died(ledger)
    swap = place.root / ".WORKING.md.swp"
    swap.write_text("vim")
    with opened(place) as ledger:
        found = healed(place, ledger)
        assert found.postponed and not found.intents
        snapshot = read_tasks(place.workspace, ledger, place.workspace.open_board(ledger), ledger.run_id)
        assert "REC-001" in snapshot.held
    swap.unlink()
    assert place.run().tasks == 1
    assert place.where("DONE") == ["REC-001", "REC-002"] or len(place.where("DONE")) == 2
    assert place.outcomes("REC-001") == ["pass"]


def test_a_living_run_is_left_alone(make: Make) -> None:
    place = make(1)
    with opened(place) as ledger, opened(place) as other:
        begin(place, ledger, "REC-001")
        assert healed(place, other) == Healed()
        snapshot = read_tasks(place.workspace, other, place.workspace.open_board(other), other.run_id)
        assert "REC-001" in snapshot.held
    assert place.rows("SELECT task_id FROM claims") == [("REC-001",)]


def test_a_claim_that_was_lost_has_no_say_any_more(make: Make) -> None:
    """The machine slept past the lease, another run took over, and the first one wakes up with a result."""
    place = make(1)
    with opened(place) as ledger, opened(place) as other:
        begun = begin(place, ledger, "REC-001")
        write(place, ledger, begun)
        assert healed(place, other, datetime.now(UTC) + timedelta(hours=1)).attempts == 1
        assert place.where("INBOX") == ["REC-001"]
        _, rows = end_rows(begun, ledger)
        assert ledger.write(record.fenced("REC-001", begun.attempt_id, rows)) is False
        intent, rows = record.interrupt(begun, datetime.now(UTC), ledger.run_id or "", "late")
        assert ledger.write(record.fenced("REC-001", begun.attempt_id, rows)) is False
        assert intent.operations
    assert place.outcomes("REC-001") == ["interrupted"]
    assert place.rows("SELECT to_status FROM status_changes ORDER BY id") == [("IN_PROGRESS",), ("INBOX",)]


def test_a_result_that_comes_while_healing_looks_is_kept(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    place = make(1)
    with opened(place) as ledger, opened(place) as other:
        begun = begin(place, ledger, "REC-001")
        stale = claims.stale

        def late(found: Ledger, now: datetime) -> Any:
            seen = stale(found, now)
            ledger.write(record.fenced("REC-001", begun.attempt_id, end_rows(begun, ledger)[1]))
            return seen

        monkeypatch.setattr(claims, "stale", late)
        healed(place, other, datetime.now(UTC) + timedelta(hours=1))
    assert place.outcomes("REC-001") == ["pass"]
    assert place.rows("SELECT count(*) FROM status_changes WHERE to_status = 'INBOX'") == [(0,)]


def test_what_a_person_did_after_the_crash_is_noted_and_wins(make: Make) -> None:
    place = make(2)
    with opened(place) as ledger:
        begun = begin(place, ledger, "REC-001")
        write(place, ledger, begun)
        place.drag("REC-001", "REVIEW")
        place.drag("REC-002", "DONE")
        died(ledger)
        healed(place, ledger)
    assert place.statuses() == {"REC-001": "REVIEW", "REC-002": "DONE"}
    changes = place.rows("SELECT task_id, to_status FROM status_changes WHERE by = 'person' ORDER BY task_id")
    assert changes == [("REC-001", "REVIEW"), ("REC-002", "DONE")]
    assert place.rows("SELECT task_id, theirs FROM conflicts") == [("REC-001", "REVIEW")]


def test_a_board_that_may_not_be_written_keeps_the_intents(make: Make) -> None:
    from metaagent.errors import BoardUnreadableError

    place = make(1)
    with opened(place) as ledger:
        write(place, ledger, begin(place, ledger, "REC-001"))
        died(ledger)
        place.edit("### DONE\n", "<<<<<<< mine\n### DONE\n")
        with pytest.raises(BoardUnreadableError):
            healed(place, ledger)
        assert len(operations.pending(ledger)) == 2
        place.edit("<<<<<<< mine\n", "")
        died(ledger)
        healed(place, ledger)
    assert place.where("INBOX") == ["REC-001"]


CHAIN = [Move("T", Status.INBOX, Status.IN_PROGRESS), Move("T", Status.IN_PROGRESS, Status.INBOX)]
DONE = [Move("T", Status.INBOX, Status.IN_PROGRESS), Move("T", Status.IN_PROGRESS, Status.DONE)]


@pytest.mark.parametrize(
    ("section", "changes", "left"),
    [
        ("INBOX", CHAIN, []),
        ("IN_PROGRESS", CHAIN, CHAIN[1:]),
        ("REVIEW", CHAIN, CHAIN),
        ("INBOX", DONE, DONE),
        ("IN_PROGRESS", DONE, DONE[1:]),
        ("DONE", DONE, []),
        ("INBOX", [*CHAIN, *DONE], DONE),
        ("IN_PROGRESS", [*CHAIN, *DONE], DONE[1:]),
    ],
)
def test_what_a_board_lacks(make: Make, section: str, changes: list[Move], left: list[Move]) -> None:
    others = [Assign("T", ("agent:executor:main",)), Activity("something", "10:00")]
    place = make(board={section: "- [T] a\n"})
    assert outstanding(place.board(), [*changes, *others]) == [*left, *others]


def test_a_task_that_changed_after_the_board_was_read_is_not_begun(make: Make, tmp_path: Path) -> None:
    place = make(1)
    with opened(place) as ledger, opened(place) as other:
        mine = runs.start(ledger, "run", [])
        snapshot = read_tasks(place.workspace, ledger, place.workspace.open_board(ledger), mine)
        begin(place, other, "REC-001")
        other.write(claims.release_batch(["REC-001"]))
        candidate = Candidate(snapshot.tasks[0], roster(place.workspace.config)[0], Protocol(), 1)
        now = datetime.now(UTC)
        assert ledger.write(record.begin(ledger, mine, [candidate], snapshot.seen, now, 600)) == []
        assert ledger.write(record.review(mine, snapshot.tasks[0], "why", snapshot.seen, now)) is None
    assert tmp_path.exists()


def test_who_waits_for_another_s_healing_does_not_wait_for_ever(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from filelock import FileLock

    from metaagent.errors import LockedError

    monkeypatch.setattr("metaagent.orchestrator.heal.WAIT_SECONDS", 0.1)
    place = make(1)
    with opened(place) as ledger:
        begin(place, ledger, "REC-001")
        died(ledger)
        with FileLock(place.workspace.state_dir / "heal.lock"), pytest.raises(LockedError):
            healed(place, ledger)
        assert healed(place, ledger).attempts == 1
