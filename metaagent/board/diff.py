"""What a person did to a board, by task and field: two boards in, changes out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from metaagent.board import lines as grammar
from metaagent.board.parse import Board, BoardTask
from metaagent.records import Status

FEW_TASKS = 3
SHARE_OF_TASKS = 10


@dataclass(frozen=True, slots=True)
class PersonChange:
    """``field`` is added, archived, status, title, assignees, notes or an attribute; for an agent's line (``task_id``
    is the agent's id) added, archived, state or note. ``old`` and ``new`` are None where there was or is nothing. Of an
    added task ``new`` is its status, of an archived one ``old``."""

    task_id: str
    field: str
    old: str | None
    new: str | None


def person_changes(base: Board, theirs: Board) -> tuple[PersonChange, ...]:
    """All that differs, tasks first, in the order of ``theirs``; items without an id are left out."""
    if base.lines == theirs.lines:
        return ()
    return (*_task_changes(base, theirs), *_agent_changes(base, theirs))


def _task_changes(base: Board, theirs: Board) -> Iterator[PersonChange]:
    for task_id, task in theirs.by_id.items():
        old = base.by_id.get(task_id)
        if old is None:
            yield PersonChange(task_id, "added", None, task.status.value)
        elif old.status is not task.status or base.block(old) != theirs.block(task):
            yield from _field_changes(task_id, fields(base, old), fields(theirs, task))
    for task_id, task in base.by_id.items():
        if task_id not in theirs.by_id:
            yield PersonChange(task_id, "archived", task.status.value, None)


def _field_changes(subject: str, old: dict[str, str | None], new: dict[str, str | None]) -> Iterator[PersonChange]:
    for name in (*new, *(name for name in old if name not in new)):
        if old.get(name) != new.get(name):
            yield PersonChange(subject, name, old.get(name), new.get(name))


def fields(board: Board, task: BoardTask) -> dict[str, str | None]:
    """The fields of a task that a person and the tool may change one by one."""
    return {
        "status": task.status.value,
        "title": task.title,
        "assignees": " ".join(task.assignees) or None,
        **task.attributes,
        "notes": b"".join(notes(board, task)).decode("utf-8", "replace") or None,
    }


def notes(board: Board, task: BoardTask) -> list[bytes]:
    """The indented lines below a task that are none of the known attributes."""
    block = board.lines[task.line : task.end]
    return [line for line in block if not grammar.ATTRIBUTE.match(line)]


def _agent_changes(base: Board, theirs: Board) -> Iterator[PersonChange]:
    old = {agent.id: agent for agent in base.agents}
    new = {agent.id: agent for agent in theirs.agents}
    for name, agent in new.items():
        if name not in old:
            yield PersonChange(name, "added", None, agent.state)
        else:
            before = {"state": old[name].state or None, "note": old[name].note or None}
            yield from _field_changes(name, before, {"state": agent.state or None, "note": agent.note or None})
    for name, agent in old.items():
        if name not in new:
            yield PersonChange(name, "archived", agent.state, None)


def suspicion(base: Board, theirs: Board, *, missing_count: bool = True) -> str | None:
    """Why ``theirs`` looks like an accident and not like a wish: lost headings, or too many tasks gone at once."""
    lost = [status.value for status in Status if status in base.sections and status not in theirs.sections]
    if lost:
        return f"the board lost its heading{'s'[: len(lost) - 1]} {', '.join(lost)}"
    gone = sum(1 for task_id in base.by_id if task_id not in theirs.by_id) if missing_count else 0
    if gone > FEW_TASKS and gone * SHARE_OF_TASKS > len(base.by_id):
        return f"{gone} of {len(base.by_id)} tasks are gone from the board at once"
    return None
