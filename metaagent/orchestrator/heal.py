"""What a crash left behind is put right before anything new starts.

Attempts that nobody works on any more get the outcome ``interrupted`` and their tasks go back where they came from;
intents that never reached the board are applied now. Every step may be repeated: a crash while healing heals too.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from metaagent.board.edit import Move, Operation, SetAgent, from_json
from metaagent.board.parse import Board
from metaagent.board.store import BoardStore, Written
from metaagent.errors import LockedError
from metaagent.ledger import attempts, claims, operations, tasks
from metaagent.ledger.database import Ledger, Row
from metaagent.ledger.operations import Pending
from metaagent.ledger.times import to_text
from metaagent.ledger.writer import Statement, run_batch
from metaagent.orchestrator.record import conflict_batch, intend, person_rows
from metaagent.records import AgentState, Purpose, Status

_ORIGIN = "SELECT from_status FROM status_changes WHERE task_id = ? AND to_status = ? ORDER BY id DESC LIMIT 1"
_ENDED = "SELECT 1 FROM outcomes WHERE attempt_id = ?"
_RELEASE = "DELETE FROM claims WHERE task_id = ? AND attempt_id = ?"
WAIT_SECONDS = 60.0
_REASON = "interrupted: the run that made it ended early"


@dataclass(frozen=True, slots=True)
class Healed:
    """How many attempts were found interrupted, and how many intents reached the board only now. ``postponed``: why the
    board could not be written yet; the intents then wait in the ledger."""

    attempts: int = 0
    intents: int = 0
    postponed: str | None = None

    def __bool__(self) -> bool:
        return bool(self.attempts or self.intents)


def heal(ledger: Ledger, store: BoardStore, now: datetime, run_id: str | None, lock_path: Path) -> Healed:
    """Finish or undo what dead runs left. Runs that are still alive are left alone.

    Raises BoardError when the board may not be written (the intents then stay for the next start), LockedError when
    another process does not come to an end with it.
    """
    if not _anything(ledger, now):
        return Healed()
    with _alone(lock_path):
        interrupted = _interrupt(ledger, now, run_id)
        left = [pending for pending in operations.pending(ledger) if pending.abandoned or pending.run_id == run_id]
        postponed = _apply(ledger, store, left, now, run_id) if left else None
        return Healed(interrupted, 0 if postponed else len(left), postponed)


@contextmanager
def _alone(lock_path: Path) -> Iterator[None]:
    lock = FileLock(lock_path, timeout=WAIT_SECONDS)
    try:
        lock.acquire()
    except Timeout:
        message = f"another process has been putting this workspace right for {WAIT_SECONDS:g} s"
        raise LockedError(message, mend="try again when it has ended") from None
    try:
        yield
    finally:
        lock.release()


def _anything(ledger: Ledger, now: datetime) -> bool:
    return bool(
        attempts.unfinished(ledger, now)
        or claims.stale(ledger, now)
        or any(pending.abandoned for pending in operations.pending(ledger))
    )


def _interrupt(ledger: Ledger, now: datetime, run_id: str | None) -> int:
    """One transaction: outcomes, status changes, released claims, and the intent to move the tasks back."""
    rows, stale = attempts.unfinished(ledger, now), claims.stale(ledger, now)
    working = {claim.agent_id for claim in claims.live(ledger, now)}

    def work(cursor: sqlite3.Cursor) -> int:
        left = [row for row in rows if not cursor.execute(_ENDED, (row["id"],)).fetchone()]
        batch: list[Statement] = attempts.interrupt_batch([row["id"] for row in left], now, run_id, _REASON)
        back: list[Operation] = []
        for row in left:
            if row["purpose"] == Purpose.RUN:
                origin = _origin(cursor, row)
                back.append(Move(row["task_id"], Status.IN_PROGRESS, origin))
                batch += tasks.status_batch(
                    row["task_id"], Status.IN_PROGRESS, origin, "run", _REASON, now=to_text(now), run_id=run_id
                )
        back += [SetAgent(agent_id, AgentState.IDLE) for agent_id in _idle(left, working)]
        batch.append((_RELEASE, [(claim.task_id, claim.attempt_id) for claim in stale]))
        if back:
            batch += intend(back, now, run_id)[1]
        run_batch(cursor, batch)
        return len(left)

    return int(ledger.write(work)) if rows or stale else 0


def _idle(rows: Sequence[Row], working: Collection[str]) -> list[str]:
    """The agents that the board may still show as active although nobody works as them."""
    return sorted({row["agent"] for row in rows if row["purpose"] == Purpose.RUN} - set(working))


def _origin(cursor: sqlite3.Cursor, row: Row) -> Status:
    found = cursor.execute(_ORIGIN, (row["task_id"], Status.IN_PROGRESS)).fetchone()
    return Status(found[0]) if found and found[0] else Status.INBOX


def _apply(ledger: Ledger, store: BoardStore, left: Sequence[Pending], now: datetime, run_id: str | None) -> str | None:
    """Bring the intents to the board; why not, where an editor has it open. A person's edits are noted on the way."""
    changes = [from_json(operation) for pending in left for operation in pending.operations]
    found = store.sync()
    _note_person(ledger, found, run_id)
    if found.postponed:
        return found.postponed
    written = store.commit(outstanding(found.board, changes))
    _note_person(ledger, written, run_id)
    if written.postponed:
        return written.postponed
    rows = operations.done_batch([pending.id for pending in left], written.stamp, now=to_text(now), run_id=run_id)
    rows += conflict_batch(written.conflicts, to_text(now), run_id)
    ledger.write(rows)
    return None


def outstanding(board: Board, changes: Sequence[Operation]) -> list[Operation]:
    """The operations that a board lacks. A crash may have come after the first moves of a task were written: what led
    to where the task is now is left out, so that the rest expects it there."""
    done: dict[str, int] = {}
    for index, change in enumerate(changes):
        if isinstance(change, Move):
            task = board.by_id.get(change.task_id)
            if task is not None and task.status is change.to:
                done[change.task_id] = index
    return [
        change
        for index, change in enumerate(changes)
        if not (isinstance(change, Move) and index <= done.get(change.task_id, -1))
    ]


def _note_person(ledger: Ledger, written: Written, run_id: str | None) -> None:
    rows = person_rows(written.person_changes, ledger.now(), run_id)
    if rows:
        ledger.write(rows)
