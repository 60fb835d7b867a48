"""What a person decides about delivered work: recorded as a decision, as an error event where it was rejected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from metaagent.cli.state import State
from metaagent.errors import LockedError, UsageError
from metaagent.records import ErrorEvent, ErrorKind, Status

if TYPE_CHECKING:
    from metaagent.board.parse import BoardTask
    from metaagent.ledger.database import Ledger
    from metaagent.ledger.writer import Statement

_FROM = {
    "accept": (Status.REVIEW,),
    "reject": (Status.REVIEW, Status.DONE),
    "retry": (Status.REVIEW, Status.DONE),
}


def decide(
    state: State, decision: str, tasks: Sequence[BoardTask], why: str, *, dry_run: bool = False
) -> list[dict[str, Any]]:
    """Move the tasks where the decision leads, with the decision in the ledger. Those that are there already stay.

    Raises UsageError for a task that is not in a state to decide about, LockedError for one that is being worked on.
    """
    if decision == "reject" and not why.strip():
        raise UsageError("a rejection needs a reason", mend="--why 'what is wrong with it'")
    wanted = [(task, target(decision, task)) for task in tasks]
    open_ = [(task, to) for task, to in wanted if task.status is not to and not _is_there(decision, task)]
    for task in tasks:
        if _is_there(decision, task):
            state.notice(f"{task.id} is {task.status.value} already")
        elif task.status not in _FROM[decision]:
            raise _refusal(decision, task)
    if open_ and not dry_run:
        _record(state, decision, open_, why)
    return [
        {"task": task.id, "decision": decision, "from": task.status, "to": to, "why": why, "dry_run": dry_run}
        for task, to in open_
    ]


def target(decision: str, task: BoardTask) -> Status:
    if decision == "accept":
        return Status.DONE
    return Status.ASSIGNED if task.assignees else Status.INBOX


def _is_there(decision: str, task: BoardTask) -> bool:
    """Whether the decision was taken before: commands may be run twice."""
    return task.status is Status.DONE if decision == "accept" else task.status in (Status.INBOX, Status.ASSIGNED)


def _refusal(decision: str, task: BoardTask) -> Exception:
    if task.status is Status.IN_PROGRESS:
        return LockedError(f"{task.id} is being worked on", mend="metaagent status")
    return UsageError(
        f"{task.id} is {task.status.value}; there is nothing to {decision} yet",
        mend=f"metaagent task move {task.id} DONE",
    )


def _record(state: State, decision: str, moves: Sequence[tuple[BoardTask, Status]], why: str) -> None:
    from metaagent.board.edit import Move
    from metaagent.cli.changes import apply_in
    from metaagent.ledger import runs

    operations = [Move(task.id or "", task.status, to) for task, to in moves]
    with state.ledger() as ledger:
        runs.start(ledger, "task", [decision, *(task.id or "" for task, _ in moves)])
        facts = [statement for task, _ in moves for statement in _facts(ledger, decision, task.id or "", why)]
        apply_in(state, ledger, operations, f"{decision}: {why}" if why else decision, facts)


def _facts(ledger: Ledger, decision: str, task_id: str, why: str) -> list[Statement]:
    """The decision about the latest attempt, and for a rejection the error event that learning will see."""
    from metaagent.ledger import attempts, decisions
    from metaagent.ledger.ulid import new_ulid

    now, ended = ledger.now(), [row for row in attempts.of_task(ledger, task_id) if row["outcome"] is not None]
    latest = ended[-1]["id"] if ended else None
    batch = decisions.record_batch(task_id, latest, decision, why, "person", now=now, run_id=ledger.run_id)
    if decision == "reject" and latest is not None:
        event = ErrorEvent(new_ulid(), latest, 0, task_id, ErrorKind.REJECTION, why, "person", public=True)
        batch += attempts.event_batch([event], now, ledger.run_id)
    return batch
