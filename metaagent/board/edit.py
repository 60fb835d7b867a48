"""What the tool does to a board: operations, never states, each a small splice on the bytes just read.

Operations are idempotent: one that already holds changes nothing, so a batch may be applied again after a crash. What a
person changed meanwhile wins; the tool's wish is returned as a Conflict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from metaagent.board import lines as grammar
from metaagent.board.activity import add_activity
from metaagent.board.draft import (
    Draft,
    Entry,
    ended,
    entry_of,
    finish,
    move_entry,
    new_entry,
    open_entry,
    remove_entry,
    set_attribute,
    set_line,
    set_stamp,
)
from metaagent.board.operations import (
    Activity,
    Add,
    Archive,
    Assign,
    Identify,
    Move,
    Operation,
    RemoveAgent,
    SetAgent,
    SetField,
    fold,
    from_json,
    to_json,
)
from metaagent.board.parse import Board, BoardTask
from metaagent.records import Status

__all__ = [
    "Activity",
    "Add",
    "Applied",
    "Archive",
    "Assign",
    "Conflict",
    "Identify",
    "Move",
    "Operation",
    "RemoveAgent",
    "SetAgent",
    "SetField",
    "apply",
    "fold",
    "from_json",
    "to_json",
]


@dataclass(frozen=True, slots=True)
class Conflict:
    """A person and the tool changed the same field; the person's value ``found`` stays, ``wanted`` was the tool's."""

    task_id: str
    field: str
    wanted: str
    found: str

    def __str__(self) -> str:
        return f"{self.task_id}: {self.field} is {self.found!r} by hand, the tool wanted {self.wanted!r}"


@dataclass(frozen=True, slots=True)
class Applied:
    """``added``: the ids of the Adds, in order. ``changed`` is False when the bytes are those of the board given."""

    data: bytes
    conflicts: tuple[Conflict, ...]
    changed: bool
    added: tuple[str, ...] = ()


Protected = Mapping[tuple[str, str], str]


@dataclass(slots=True)
class _Pass:
    """One application: the draft, what a person just changed (task and field -> their value), and the conflicts."""

    draft: Draft
    protected: Protected
    conflicts: list[Conflict] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    nameless: dict[tuple[str, Status], list[BoardTask]] | None = None
    activity: list[Activity] = field(default_factory=list)

    def refuse(self, task_id: str, field_name: str, wanted: str, found: str) -> None:
        self.conflicts.append(Conflict(task_id, field_name, wanted, found))


def apply(
    board: Board,
    operations: Sequence[Operation],
    *,
    protected: Protected | None = None,
    stamp: str | None = None,
    next_number: int = 1,
) -> Applied:
    """All operations in one pass. ``stamp`` names the new version and is written only when something changed.

    ``protected`` holds the fields that a person changed and the tool had not seen: there the person wins.
    ``next_number`` is the first free number for Adds without an id.
    """
    work = _Pass(Draft(board), protected or {})
    for operation in operations:
        if isinstance(operation, Add) and operation.task_id is None:
            operation = Add(f"TASK-{next_number:03}", *_rest(operation))
            next_number += 1
        _APPLY[type(operation)](work, operation)
    add_activity(work.draft, [(line.time, line.text) for line in work.activity])
    if not work.draft.changed:
        return Applied(board.render(), tuple(work.conflicts), False, tuple(work.added))
    if stamp is not None:
        set_stamp(work.draft, stamp)
    return Applied(finish(work.draft), tuple(work.conflicts), True, tuple(work.added))


def _rest(add: Add) -> tuple[str, Status, tuple[str, ...], Mapping[str, str]]:
    return add.title, add.status, add.assignees, add.attributes


def _add(work: _Pass, operation: Add) -> None:
    newline = work.draft.board.newline
    assert operation.task_id is not None
    work.added.append(operation.task_id)
    present = entry_of(work.draft, operation.task_id)
    if present is not None:
        title = _title(present)
        if title != grammar.title_text(grammar.clean_title(operation.title)):
            work.refuse(operation.task_id, "id", operation.title, title)
        return
    item = grammar.make_item(operation.task_id, operation.title, operation.assignees, operation.status, newline)
    block = [item, *grammar.make_attributes(operation.attributes, newline)]
    new_entry(work.draft, operation.task_id, block, operation.status)


def _identify(work: _Pass, operation: Identify) -> None:
    if entry_of(work.draft, operation.task_id) is not None:
        return
    found = _nameless(work).get((operation.line_text, operation.status))
    if not found:
        work.refuse(operation.task_id, "title", operation.line_text, "")
        return
    entry = open_entry(work.draft.board, found.pop(0))
    work.draft.entries[operation.task_id] = entry
    set_line(entry, grammar.with_id(entry.block[0], operation.task_id))


def _nameless(work: _Pass) -> dict[tuple[str, Status], list[BoardTask]]:
    if work.nameless is None:
        work.nameless = {}
        for task in work.draft.board.bare:
            work.nameless.setdefault((task.title, task.status), []).append(task)
    return work.nameless


def _present(work: _Pass, task_id: str, field_name: str, wanted: str) -> Entry | None:
    """The task, or None with a conflict: a person took it off the board."""
    entry = entry_of(work.draft, task_id)
    if entry is None:
        work.refuse(task_id, field_name, wanted, "archived")
    return entry


def _move(work: _Pass, operation: Move) -> None:
    entry = _present(work, operation.task_id, "status", operation.to.value)
    if entry is None or entry.status is operation.to:
        return
    if not _may_move(work, operation, entry):
        work.refuse(operation.task_id, "status", operation.to.value, entry.status.value)
        return
    move_entry(work.draft, entry, operation.to)


def _may_move(work: _Pass, operation: Move, entry: Entry) -> bool:
    """A tool that says where it saw the task knows what a person did to it; one that does not say must give way."""
    if operation.expected_from is None:
        return not _person_has(work, operation.task_id, "status", entry)
    return operation.expected_from is entry.status


def _person_has(work: _Pass, task_id: str, field_name: str, entry: Entry) -> bool:
    """Whether the value that stands there is one that a person set and the tool had not seen."""
    value = work.protected.get((task_id, field_name))
    return value is not None and (field_name != "status" or value == entry.status.value)


def _assign(work: _Pass, operation: Assign) -> None:
    wanted = " ".join(operation.agents)
    entry = _present(work, operation.task_id, "assignees", wanted)
    if entry is None:
        return
    parts = grammar.item(entry.block[0])
    now = grammar.agents_of(entry.block[0][parts.head : parts.title]) if parts else ()
    if now == operation.agents:
        return
    if _person_has(work, operation.task_id, "assignees", entry):
        work.refuse(operation.task_id, "assignees", wanted, " ".join(now))
        return
    set_line(entry, grammar.with_agents(entry.block[0], operation.agents))


def _set_field(work: _Pass, operation: SetField) -> None:
    wanted = operation.value or ""
    entry = _present(work, operation.task_id, operation.field, wanted)
    if entry is None:
        return
    if _person_has(work, operation.task_id, operation.field, entry):
        found = work.protected[operation.task_id, operation.field]
        if found != wanted:
            work.refuse(operation.task_id, operation.field, wanted, found)
    elif operation.field != "title":
        set_attribute(entry, operation.field, operation.value, work.draft.board.newline)
    elif _title(entry) != wanted:
        set_line(entry, grammar.with_title(entry.block[0], wanted))


def _title(entry: Entry) -> str:
    parts = grammar.item(entry.block[0])
    return grammar.title_text(entry.block[0][parts.title : parts.end]) if parts else ""


def _archive(work: _Pass, operation: Archive) -> None:
    entry = entry_of(work.draft, operation.task_id)
    if entry is None:
        return
    edited = [name for task_id, name in work.protected if task_id == operation.task_id and name != "added"]
    if edited:
        work.refuse(operation.task_id, "archived", "archived", f"edited ({', '.join(edited)})")
        return
    remove_entry(work.draft, entry)


def _set_agent(work: _Pass, operation: SetAgent) -> None:
    board = work.draft.board
    if board.agents_at is None:
        return
    present = [agent for agent in board.agents if agent.id == operation.agent_id]
    note = operation.note if operation.note is not None else present[0].note if present else ""
    if present and (present[0].state, present[0].note) == (operation.state, grammar.clean(note)):
        return
    line = grammar.make_agent_line(operation.agent_id, operation.state, note, board.newline)
    at = present[0].line - 1 if present else board.agents_at
    _splice_once(work.draft, at, at + 1 if present else at, [line], operation.agent_id)


def _remove_agent(work: _Pass, operation: RemoveAgent) -> None:
    for agent in work.draft.board.agents:
        if agent.id == operation.agent_id:
            _splice_once(work.draft, agent.line - 1, agent.line, [], agent.id)


def _splice_once(draft: Draft, start: int, end: int, new: list[bytes], agent_id: str) -> None:
    """The last word about an agent in one batch counts."""
    mine = b"- " + agent_id.encode() + b" ["
    draft.splices[:] = [
        splice
        for splice in draft.splices
        if not (splice[:2] == (start, end) and (start < end or b"".join(splice[2]).startswith(mine)))
    ]
    draft.splices.append((start, end, [ended(line, draft.board.newline) for line in new]))


def _activity(work: _Pass, operation: Activity) -> None:
    work.activity.append(operation)


_APPLY: Mapping[type, Callable[[_Pass, Any], None]] = {
    Add: _add,
    Identify: _identify,
    Move: _move,
    Assign: _assign,
    SetField: _set_field,
    Archive: _archive,
    SetAgent: _set_agent,
    RemoveAgent: _remove_agent,
    Activity: _activity,
}
