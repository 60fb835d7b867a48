"""A person's command that changes the board: intent in the ledger first, then the board, then the intent is done."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import count

from metaagent.board.edit import Add, Archive, Move, Operation
from metaagent.board.store import Written
from metaagent.errors import BoardConflictError
from metaagent.ledger import operations, runs, tasks
from metaagent.ledger.database import Ledger
from metaagent.ledger.times import to_text
from metaagent.ledger.writer import Statement, run_batch
from metaagent.orchestrator.heal import Healed, heal
from metaagent.orchestrator.record import Intent, conflict_batch, intend, person_rows
from metaagent.workspace import Workspace

# How the ledger calls the end of a task that was taken off the board.
ARCHIVED = "ARCHIVED"

_NUMBERED = re.compile(r"TASK-(\d+)")


@dataclass(frozen=True, slots=True)
class Changed:
    """``added``: ids given to new tasks, in order. ``postponed``: why the board shows the change only later."""

    added: tuple[str, ...]
    postponed: str | None
    healed: Healed


def apply(
    workspace: Workspace,
    ledger: Ledger,
    changes: Sequence[Operation],
    *,
    by: str = "person",
    reason: str = "",
    facts: Sequence[Statement] = (),
    command: str = "change",
) -> Changed:
    """Apply the operations, after healing what a crash left. ``facts`` are written in the intent's transaction.

    Raises BoardConflictError when a person changed the same field by hand (the rest is applied), and what the board
    raises when it may not be written at all: then the intent is withdrawn.
    """
    run_id = ledger.run_id or runs.start(ledger, command, [])
    store = workspace.open_board(ledger)
    healed = heal(ledger, store, ledger.clock(), run_id, workspace.state_dir / "heal.lock")
    found = store.sync()
    if found.person_changes:
        ledger.write(person_rows(found.person_changes, ledger.now(), run_id))
    on_board = [task.id for task in found.board.tasks if task.id]

    def work(cursor: sqlite3.Cursor) -> Intent:
        known = [row[0] for row in cursor.execute(tasks.KNOWN_IDS)]
        named, now = named_adds(changes, [*known, *on_board]), ledger.clock()
        intent, statements = intend(named, now, run_id)
        run_batch(cursor, [*statements, *facts, *_status_facts(named, by, reason, to_text(now), run_id)])
        return intent

    intent: Intent = ledger.write(work)
    try:
        written = store.commit(intent.operations)
    except BaseException:
        ledger.write(operations.done_batch([intent.id], None, now=ledger.now(), run_id=run_id, result="undone"))
        raise
    if not written.postponed:
        _close(ledger, intent.id, written, run_id)
    return Changed(written.added, written.postponed, healed)


def named_adds(changes: Sequence[Operation], taken: Iterable[str]) -> list[Operation]:
    """The operations, each new task with an id: it is reserved in the ledger before the board is written, so that the
    same intent, applied again after a crash, adds nothing twice."""
    numbers = (int(found[1]) for found in map(_NUMBERED.fullmatch, taken) if found)
    counter = count(max(numbers, default=0) + 1)
    return [
        replace(change, task_id=f"TASK-{next(counter):03}")
        if isinstance(change, Add) and change.task_id is None
        else change
        for change in changes
    ]


def _status_facts(changes: Sequence[Operation], by: str, reason: str, now: str, run_id: str) -> list[Statement]:
    facts: list[Statement] = []
    for change in changes:
        moved = _status_change(change)
        if moved is not None:
            facts += tasks.status_batch(*moved, by, reason, now=now, run_id=run_id)
    return facts


def _status_change(change: Operation) -> tuple[str, str | None, str] | None:
    """The task, and its status before and after; None where the operation changes no status."""
    match change:
        case Move(task_id, before, after):
            return task_id, before, after
        case Add(task_id=str(task_id), status=after):
            return task_id, None, after
        case Archive(task_id):
            return task_id, None, ARCHIVED
        case _:
            return None


def _close(ledger: Ledger, intent_id: str, written: Written, run_id: str) -> None:
    now = ledger.now()
    batch = operations.done_batch([intent_id], written.stamp, now=now, run_id=run_id)
    batch += conflict_batch(written.conflicts, now, run_id)
    batch += person_rows(written.person_changes, now, run_id)
    ledger.write(batch)
    if written.conflicts:
        listed = "; ".join(str(conflict) for conflict in written.conflicts)
        raise BoardConflictError(f"changed by hand meanwhile, and kept as it is: {listed}", mend="metaagent board show")
