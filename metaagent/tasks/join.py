"""``join``: the board's line and the specification, as one task. What stands on the board wins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any, Protocol

from metaagent.errors import SpecificationError
from metaagent.records import ArtifactForm, Check, Limits, Priority, Status, Task
from metaagent.tasks.identity import content_hash

BOARD = "WORKING.md"


class BoardLine(Protocol):
    """What is used of a ``board.parse.BoardTask``."""

    @property
    def id(self) -> str | None: ...
    @property
    def title(self) -> str: ...
    @property
    def status(self) -> Status: ...
    @property
    def assignees(self) -> tuple[str, ...]: ...
    @property
    def attributes(self) -> Mapping[str, str]: ...
    @property
    def line(self) -> int: ...


def join(board_task: BoardLine, spec: Task | None, defaults: Limits | None = None) -> Task:
    """The task. Without specification it is its line alone: the title is the goal, ``validate`` its public checks.

    Raises SpecificationError, with the board's line, for an attribute that cannot be read, and for an item that has no
    id yet.
    """
    if board_task.id is None:
        raise _wrong(board_task, "has no id yet", mend="metaagent board repair")
    if spec is None:
        task = _bare(board_task, board_task.id, defaults or Limits())
    else:
        task = _specified(board_task, board_task.id, spec)
    task = replace(task, status=board_task.status, assignees=board_task.assignees)
    return _overridden(task, board_task) if board_task.attributes else task


def _bare(line: BoardLine, task_id: str, limits: Limits) -> Task:
    checks = _checks(line)
    json_like = any(check.validator.startswith("json.") for check in checks)
    artifact = ArtifactForm("json" if json_like else "text")
    return Task(
        id=task_id,
        title=line.title,
        artifact=artifact,
        checks=checks,
        limits=limits,
        source=f"{BOARD}:{line.line}",
        hash=content_hash(line.title, {}, artifact, checks),
    )


def _specified(line: BoardLine, task_id: str, spec: Task) -> Task:
    """The specification under the board's id and title, with the checks that the board adds as public ones."""
    added = tuple(check for check in _checks(line) if check not in spec.checks)
    task = replace(spec, id=task_id, title=line.title or spec.title)
    if not added:
        return task
    public = tuple(check for check in spec.checks if check.public)
    key = tuple(check for check in spec.checks if not check.public)
    found = content_hash(spec.hash, {}, spec.artifact, added)
    return replace(task, checks=(*public, *added, *key), hash=found)


def _overridden(task: Task, line: BoardLine) -> Task:
    changes: dict[str, Any] = {}
    for name, text in line.attributes.items():
        if name in _READERS and text.strip():
            changes[name] = _READERS[name](line, text.strip())
    return replace(task, **changes) if changes else task


def _priority(line: BoardLine, text: str) -> Priority:
    try:
        return Priority(text.lower())
    except ValueError:
        raise _wrong(line, f"priority: {text!r} is not high, normal or low") from None


def _due(line: BoardLine, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise _wrong(line, f"due: {text!r} is not a date like 2026-12-01") from None


def split(text: str) -> tuple[str, ...]:
    """``TASK-1, TASK-2`` or ``[TASK-1, TASK-2]`` or by spaces."""
    return tuple(part for part in text.strip("[]").replace(",", " ").split() if part)


_READERS: dict[str, Any] = {
    "priority": _priority,
    "due": _due,
    "depends": lambda _line, text: split(text),
    "domain": lambda _line, text: text,
}


def _checks(line: BoardLine) -> tuple[Check, ...]:
    """``validate: json.parse, checks/tone.py``: names that need no options, and user checks by their file."""
    named = split(line.attributes.get("validate", ""))
    return tuple(_check(line, name) for name in named)


def _check(line: BoardLine, name: str) -> Check:
    from metaagent.validators.base import prepared
    from metaagent.validators.protocol import OptionsError

    check = Check("user", True, {"file": name}) if name.endswith(".py") else Check(name, True)
    try:
        prepared(check)
    except OptionsError as error:
        mend = "name a check without options, like json.parse, or write a specification in tasks/"
        raise _wrong(line, f"validate: {name}: {error.message}", mend=mend) from None
    return check


def _wrong(line: BoardLine, message: str, *, mend: str | None = None) -> SpecificationError:
    where = f"{BOARD}:{line.line}"
    return SpecificationError(f"{where}: {line.id or line.title[:60]}: {message}", mend=mend or f"edit {where}")
