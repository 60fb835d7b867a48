"""What the tool can do to a board, as values: they are stored in the ledger as intents before they are applied."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from metaagent.records import Status


@dataclass(frozen=True, slots=True)
class Add:
    """A new task at the end of its section. Without an id it gets the next free one when it is written."""

    task_id: str | None
    title: str
    status: Status = Status.INBOX
    assignees: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Identify:
    """Give a hand-written item its id. ``line_text`` is its title; the first such item without an id is meant."""

    line_text: str
    status: Status
    task_id: str


@dataclass(frozen=True, slots=True)
class Move:
    """To another section; a conflict when the task is neither at ``expected_from`` (None: anywhere) nor at ``to``."""

    task_id: str
    expected_from: Status | None
    to: Status


@dataclass(frozen=True, slots=True)
class Assign:
    task_id: str
    agents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SetField:
    """``field`` is title or one of the attributes; an empty value removes the attribute."""

    task_id: str
    field: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Archive:
    """Off the board; the ledger and the board's history keep it."""

    task_id: str


@dataclass(frozen=True, slots=True)
class SetAgent:
    """The agent's line under Active Agents; a board without that heading shows no agents. ``note`` None: keep it."""

    agent_id: str
    state: str
    note: str | None = None


@dataclass(frozen=True, slots=True)
class RemoveAgent:
    agent_id: str


@dataclass(frozen=True, slots=True)
class Activity:
    """A line on top of the generated activity; a board without the heading shows none. ``time`` is as shown: 10:30."""

    text: str
    time: str


Operation = Add | Identify | Move | Assign | SetField | Archive | SetAgent | RemoveAgent | Activity


def fold(operations: Sequence[Operation]) -> list[Operation]:
    """The same effect in fewer operations: consecutive moves of one task become one, of repeated ones the last counts.

    A folded move stands where the last one stood. It expects what the first expected, so that a batch that was half
    done before a crash can be applied again.
    """
    first: dict[str, Status | None] = {}
    last: dict[tuple[str, ...], int] = {}
    for index, operation in enumerate(operations):
        key = _fold_key(operation)
        if key is not None:
            last[key] = index
        if isinstance(operation, Move):
            first.setdefault(operation.task_id, operation.expected_from)
    folded: list[Operation] = []
    for index, operation in enumerate(operations):
        key = _fold_key(operation)
        if key is not None and last[key] != index:
            continue
        if isinstance(operation, Move):
            operation = Move(operation.task_id, first[operation.task_id], operation.to)
        folded.append(operation)
    return folded


def _fold_key(operation: Operation) -> tuple[str, ...] | None:
    match operation:
        case Move(task_id) | Assign(task_id):
            return (type(operation).__name__, task_id)
        case SetField(task_id, name):
            return ("SetField", task_id, name)
        case SetAgent(agent_id):
            return ("SetAgent", agent_id)
        case _:
            return None


def to_json(operation: Operation) -> dict[str, Any]:
    """Plain values for the ledger: ``{"op": "Move", "task_id": ...}``."""
    fields = type(operation).__slots__
    return {"op": type(operation).__name__, **{key: _plain(getattr(operation, key)) for key in fields}}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, Mapping):
        return dict(value)
    return value.value if isinstance(value, Status) else value


def from_json(value: Mapping[str, Any]) -> Operation:
    """The operation that ``to_json`` made; raises KeyError for a name that is no operation."""
    kind = _KINDS[value["op"]]
    fields = {key: _typed(key, item) for key, item in value.items() if key != "op"}
    made: Operation = kind(**fields)
    return made


def _typed(key: str, value: Any) -> Any:
    if key in ("status", "expected_from", "to") and value is not None:
        return Status(value)
    return tuple(value) if key in ("assignees", "agents") else value


_KINDS: Mapping[str, Callable[..., Any]] = {
    kind.__name__: kind for kind in (Add, Identify, Move, Assign, SetField, Archive, SetAgent, RemoveAgent, Activity)
}
