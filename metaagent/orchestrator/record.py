"""What a run writes into the ledger around an attempt, each as one transaction: claim and start, end, interruption.

The board's move is an intent in the same transaction, so that no crash leaves one without the other.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from metaagent.board.edit import Activity, Assign, Move, Operation, to_json
from metaagent.board.store import Conflict, PersonChange
from metaagent.ledger import attempts, claims, conflicts, operations, tasks
from metaagent.ledger.claims import Claim
from metaagent.ledger.database import Ledger
from metaagent.ledger.times import to_text
from metaagent.ledger.writer import Statement, run_batch
from metaagent.orchestrator.settle import Settlement
from metaagent.records import Agent, Attempt, Protocol, Purpose, Status, Task

_SEEN = "SELECT task_id, count(*) FROM status_changes WHERE run_id IS NOT ? GROUP BY task_id"
_NOW = "SELECT count(*) FROM status_changes WHERE task_id = ? AND run_id IS NOT ?"
_CLAIMED = "SELECT 1 FROM claims WHERE task_id = ?"
_OURS = "SELECT 1 FROM claims WHERE task_id = ? AND attempt_id = ?"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A task that a run would like to start, with all that its attempt is made from."""

    task: Task
    agent: Agent
    protocol: Protocol
    number: int


@dataclass(frozen=True, slots=True)
class Begun:
    """A task that this run now works on: claimed, started in the ledger, its move to IN_PROGRESS intended."""

    candidate: Candidate
    attempt_id: str
    intent: Intent


@dataclass(frozen=True, slots=True)
class Intent:
    """Operations that are durable in the ledger and still have to reach the board."""

    id: str
    operations: tuple[Operation, ...]


def clock_time(now: datetime) -> str:
    """The time of an activity line, in the zone of whoever reads the board."""
    return now.astimezone().strftime("%H:%M")


def changes_seen(ledger: Ledger, run_id: str | None) -> dict[str, int]:
    """How many changes of status by others the ledger holds, by task; take it before the board is read."""
    return {row[0]: row[1] for row in ledger.query(_SEEN, (run_id,))}


def begin(
    ledger: Ledger,
    run_id: str,
    candidates: Sequence[Candidate],
    seen: Mapping[str, int],
    now: datetime,
    lease: float,
) -> Callable[[sqlite3.Cursor], list[Begun]]:
    """Claim and start what is still free. Left out: tasks with a live claim, and tasks whose status somebody else
    changed after ``seen`` was taken: the board that the candidates were read from is old for them."""
    by_id = {candidate.task.id: candidate for candidate in candidates}

    def work(cursor: sqlite3.Cursor) -> list[Begun]:
        fresh = [
            (candidate.task.id, candidate.agent.id)
            for candidate in candidates
            if _unchanged(cursor, run_id, candidate.task.id, seen)
        ]
        claimed = claims.claim_batch(run_id, fresh, len(fresh), now, lease)(cursor)
        return [_start(cursor, ledger, run_id, by_id[claim.task_id], claim, now) for claim in claimed]

    return work


def _unchanged(cursor: sqlite3.Cursor, run_id: str, task_id: str, seen: Mapping[str, int]) -> bool:
    return bool(cursor.execute(_NOW, (task_id, run_id)).fetchone()[0] == seen.get(task_id, 0))


def review(
    run_id: str, task: Task, reason: str, seen: Mapping[str, int], now: datetime
) -> Callable[[sqlite3.Cursor], Intent | None]:
    """Intend the move of a task to REVIEW; None where another run works on it, or changed it since ``seen``."""

    def work(cursor: sqlite3.Cursor) -> Intent | None:
        if cursor.execute(_CLAIMED, (task.id,)).fetchone() or not _unchanged(cursor, run_id, task.id, seen):
            return None
        intent, statements = intend([Move(task.id, task.status, Status.REVIEW)], now, run_id)
        moved = tasks.status_batch(task.id, task.status, Status.REVIEW, "run", reason, now=to_text(now), run_id=run_id)
        run_batch(cursor, [*statements, *moved])
        return intent

    return work


def fenced(
    task_id: str, attempt_id: str, statements: Sequence[Statement], always: Sequence[Statement] = ()
) -> Callable[[sqlite3.Cursor], bool]:
    """``statements`` only while the task is claimed for this very attempt, and whether they were written. Who lost the
    claim (its lease ran out while the machine slept, and another run took over) has no say about the task any more."""

    def work(cursor: sqlite3.Cursor) -> bool:
        ours = cursor.execute(_OURS, (task_id, attempt_id)).fetchone() is not None
        run_batch(cursor, always)
        if ours:
            run_batch(cursor, statements)
        return ours

    return work


def conflict_batch(found: Sequence[Conflict], now: str, run_id: str | None) -> list[Statement]:
    """Conflicts between a person and the tool as rows; the person's value stands."""
    return [
        statement
        for one in found
        for statement in conflicts.record_batch(
            one.task_id, one.field, None, one.wanted, one.found, "person", now=now, run_id=run_id
        )
    ]


def person_rows(
    changes: Iterable[PersonChange], now: str, run_id: str | None, reason: str = "on the board"
) -> list[Statement]:
    """What a person changed on the board, with the changes of status among it."""
    found = list(changes)
    rows = [(change.task_id, change.field, change.old, change.new) for change in found]
    batch = tasks.person_batch(rows, now, run_id)
    for change in found:
        if change.field == "status" and change.new:
            batch += tasks.status_batch(
                change.task_id, change.old, change.new, "person", reason, now=now, run_id=run_id
            )
    return batch


def _start(
    cursor: sqlite3.Cursor, ledger: Ledger, run_id: str, candidate: Candidate, claim: Claim, now: datetime
) -> Begun:
    task, agent = candidate.task, candidate.agent
    # `known` is added to by who sees the transaction end (`note_known`): this may be run again after a failed commit.
    known = ledger if (task.id, task.hash) in ledger.known else None
    start = attempts.start_batch(
        claim.attempt_id,
        run_id,
        task,
        agent,
        candidate.protocol.hash,
        Purpose.RUN,
        candidate.number,
        now,
        ledger=known,
    )
    changes: list[Operation] = [Move(task.id, task.status, Status.IN_PROGRESS)]
    if agent.id not in task.assignees:
        changes.append(Assign(task.id, (*task.assignees, agent.id)))
    intent, statements = intend(changes, now, run_id)
    moved = tasks.status_batch(
        task.id, task.status, Status.IN_PROGRESS, agent.id, "claimed", now=to_text(now), run_id=run_id
    )
    run_batch(cursor, [*start, *moved, *statements])
    return Begun(candidate, claim.attempt_id, intent)


def intend(changes: Iterable[Operation], now: datetime, run_id: str | None) -> tuple[Intent, list[Statement]]:
    """An intent, and the statements that make it durable."""
    intent = Intent(operations.new_operation_id(), tuple(changes))
    body = [to_json(change) for change in intent.operations]
    return intent, operations.intend_batch(intent.id, body, now=to_text(now), run_id=run_id)


def end(
    attempt: Attempt, task: Task, settlement: Settlement, run_id: str, artifact: str | None, backend: str
) -> tuple[Intent, list[Statement]]:
    """The end of an attempt: outcome, error events, status, release of the claim and the board's move, at once."""
    now = to_text(attempt.ended)
    changes = (
        Move(task.id, Status.IN_PROGRESS, settlement.status),
        Activity(activity(attempt, settlement), clock_time(attempt.ended)),
    )
    intent, intended = intend(changes, attempt.ended, run_id)
    status = [
        *tasks.status_batch(
            task.id,
            Status.IN_PROGRESS,
            settlement.status,
            attempt.agent_id,
            settlement.reason,
            now=now,
            run_id=run_id,
        ),
        *claims.release_batch([task.id], run_id),
        *intended,
    ]
    return intent, attempts.end_batch(attempt, run_id=run_id, artifact=artifact, backend=backend, status=status)


def interrupt(begun: Begun, now: datetime, run_id: str, reason: str) -> tuple[Intent, list[Statement]]:
    """An attempt that ends before its time: as if it had not been made, its task back where it came from."""
    task = begun.candidate.task
    intent, intended = intend([Move(task.id, Status.IN_PROGRESS, task.status)], now, run_id)
    statements = [
        *attempts.interrupt_batch([begun.attempt_id], now, run_id, reason),
        *tasks.status_batch(task.id, Status.IN_PROGRESS, task.status, "run", reason, now=to_text(now), run_id=run_id),
        *claims.release_batch([task.id], run_id),
        *intended,
    ]
    return intent, statements


def activity(attempt: Attempt, settlement: Settlement) -> str:
    """The line of Recent Activity. It names no value: reasons may quote a key check, and the board is read by many."""
    verb = {
        Status.DONE: "completed",
        Status.REVIEW: "needs a person for",
    }.get(settlement.status, "could not do")
    return f"{attempt.agent_id} {verb} {attempt.task_id}"
