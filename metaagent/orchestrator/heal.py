"""What a crash left behind is put right before anything new starts.

Attempts that nobody works on any more get the outcome ``interrupted`` and their tasks go back where they came from;
intents that never reached the board are applied now. Every step may be repeated: a crash while healing heals too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from filelock import FileLock

from metaagent.board.edit import Move, Operation, fold, from_json
from metaagent.board.store import BoardStore
from metaagent.ledger import attempts, claims, operations, tasks
from metaagent.ledger.database import Ledger, Row
from metaagent.ledger.operations import Pending
from metaagent.ledger.times import to_text
from metaagent.ledger.writer import Statement
from metaagent.orchestrator.record import intend
from metaagent.records import Purpose, Status

_ORIGIN = "SELECT from_status FROM status_changes WHERE task_id = ? AND to_status = ? ORDER BY id DESC LIMIT 1"
_REASON = "interrupted: the run that made it ended early"


@dataclass(frozen=True, slots=True)
class Healed:
    """How many attempts were found interrupted, and how many intents reached the board only now."""

    attempts: int = 0
    intents: int = 0

    def __bool__(self) -> bool:
        return bool(self.attempts or self.intents)


def heal(ledger: Ledger, store: BoardStore, now: datetime, run_id: str | None, lock_path: Path) -> Healed:
    """Finish or undo what dead runs left. Runs that are still alive are left alone.

    Raises BoardError when the board may not be written; the intents then stay for the next start.
    """
    if not _anything(ledger, now):
        return Healed()
    with FileLock(lock_path):
        interrupted = _interrupt(ledger, now, run_id)
        left = [pending for pending in operations.pending(ledger) if pending.abandoned or pending.run_id == run_id]
        _apply(ledger, store, left, now, run_id)
        return Healed(interrupted, len(left))


def _anything(ledger: Ledger, now: datetime) -> bool:
    return bool(
        attempts.unfinished(ledger, now)
        or claims.stale(ledger, now)
        or any(pending.abandoned for pending in operations.pending(ledger))
    )


def _interrupt(ledger: Ledger, now: datetime, run_id: str | None) -> int:
    """One transaction: outcomes, status changes, released claims, and the intent to move the tasks back."""
    rows = attempts.unfinished(ledger, now)
    batch: list[Statement] = attempts.interrupt_batch([row["id"] for row in rows], now, run_id, _REASON)
    back: list[Operation] = []
    for row in rows:
        if row["purpose"] == Purpose.RUN:
            origin = _origin(ledger, row)
            back.append(Move(row["task_id"], Status.IN_PROGRESS, origin))
            batch += tasks.status_batch(
                row["task_id"], Status.IN_PROGRESS, origin, "run", _REASON, now=to_text(now), run_id=run_id
            )
    stale = [claim.task_id for claim in claims.stale(ledger, now)]
    if stale:
        batch += claims.release_batch(stale)
    if back:
        batch += intend(back, now, run_id)[1]
    if batch:
        ledger.write(batch)
    return len(rows)


def _origin(ledger: Ledger, row: Row) -> Status:
    found = ledger.one(_ORIGIN, (row["task_id"], Status.IN_PROGRESS))
    return Status(found[0]) if found and found[0] else Status.INBOX


def _apply(ledger: Ledger, store: BoardStore, left: Sequence[Pending], now: datetime, run_id: str | None) -> None:
    changes = fold([from_json(operation) for pending in left for operation in pending.operations])
    if not left:
        return
    written = store.commit(changes)
    if written.postponed:
        return
    ids = [pending.id for pending in left]
    ledger.write(operations.done_batch(ids, written.stamp, now=to_text(now), run_id=run_id))
