"""A person's command that changes the board: intent in the ledger first, then the board, then the intent is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from metaagent.board.edit import Move, Operation
from metaagent.board.store import Written
from metaagent.errors import BoardConflictError
from metaagent.ledger import operations, runs, tasks
from metaagent.ledger.database import Ledger
from metaagent.ledger.times import to_text
from metaagent.ledger.writer import Statement
from metaagent.orchestrator.heal import Healed, heal
from metaagent.orchestrator.record import conflict_batch, intend, person_rows
from metaagent.workspace import Workspace


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
    now = ledger.clock()
    intent, statements = intend(changes, now, run_id)
    ledger.write([*statements, *facts, *_status_facts(changes, by, reason, to_text(now), run_id)])
    try:
        written = store.commit(changes)
    except BaseException:
        ledger.write(operations.done_batch([intent.id], None, now=ledger.now(), run_id=run_id, result="undone"))
        raise
    if not written.postponed:
        _close(ledger, intent.id, written, run_id)
    return Changed(written.added, written.postponed, healed)


def _status_facts(changes: Sequence[Operation], by: str, reason: str, now: str, run_id: str) -> list[Statement]:
    return [
        statement
        for change in changes
        if isinstance(change, Move)
        for statement in tasks.status_batch(
            change.task_id, change.expected_from, change.to, by, reason, now=now, run_id=run_id
        )
    ]


def _close(ledger: Ledger, intent_id: str, written: Written, run_id: str) -> None:
    now = ledger.now()
    batch = operations.done_batch([intent_id], written.stamp, now=now, run_id=run_id)
    batch += conflict_batch(written.conflicts, now, run_id)
    batch += person_rows(written.person_changes, now, run_id)
    ledger.write(batch)
    if written.conflicts:
        listed = "; ".join(str(conflict) for conflict in written.conflicts)
        raise BoardConflictError(f"changed by hand meanwhile, and kept as it is: {listed}", mend="metaagent board show")


def person_facts(written: Written, now: str, run_id: str | None) -> list[Statement]:
    """What a person changed on the board, as rows."""
    changes = [(change.task_id, change.field, change.old, change.new) for change in written.person_changes]
    return tasks.person_batch(changes, now, run_id)
