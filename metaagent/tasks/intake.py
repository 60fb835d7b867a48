"""New tasks from text: titles, one a line, or JSON lines.

{"title": "Reconcile May", "priority": "high", "due": "2026-12-01", "depends": ["TASK-001"]}
{"title": "...", "goal": "...", "inputs": {"text": "..."}, "checks": {"key": [...]}}    also gets a specification
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from metaagent.errors import SpecificationError
from metaagent.records import Priority
from metaagent.tasks.identity import TASK_ID

MAX_TITLE = 300
_BULLET = re.compile(r"\A(?:[-*+]|\d+[.)])[ \t]+(?:\[[ xX]?\][ \t]+)?")
_AGENT = re.compile(r"agent:[^\s:@,]+:[^\s,@]+")
_BOARD_KEYS = ("id", "title", "assignees", "priority", "due", "depends", "domain", "validate", "spec")
_SPEC_KEYS = ("goal", "inputs", "artifact", "checks", "limits", "strategy", "reference", "group", "family")


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task to put on the board. ``attributes`` are texts as the board writes them; ``specification`` is the content
    of a file to write for it (``write_specification``), once it has an id."""

    title: str
    id: str | None = None
    assignees: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    specification: Mapping[str, Any] | None = None


def read_intake(lines: Iterable[str], source: str = "-") -> tuple[NewTask, ...]:
    """A task for each line that is not blank. SpecificationError with the line's number where one does not hold:
    nothing is added then."""
    tasks = []
    for number, line in enumerate(lines, 1):
        text = line.strip().removeprefix("\ufeff").strip()
        if text:
            tasks.append(_task(text, f"{source}:{number}" if source != "-" else f"line {number}"))
    return tuple(tasks)


def read_title(text: str) -> NewTask:
    """One title, as ``metaagent task add TITLE`` gets it."""
    return _titled(text, "the title")


def _task(text: str, where: str) -> NewTask:
    return _object(text, where) if text.startswith("{") else _titled(_BULLET.sub("", text, count=1), where)


def _titled(text: str, where: str) -> NewTask:
    title = " ".join(text.split())
    if not title:
        raise SpecificationError(f"{where}: is empty", mend='metaagent task add "What is to be done"')
    if len(title) > MAX_TITLE:
        message = f"{where}: {len(title)} characters are too long for a title"
        raise SpecificationError(message, mend="give a title of at most 300, and the rest as goal: of a specification")
    return NewTask(title)


def _object(text: str, where: str) -> NewTask:
    from metaagent.validators.options import nearest

    values = _json(text, where)
    known = (*_BOARD_KEYS, *_SPEC_KEYS)
    for name in values:
        if name not in known:
            raise _wrong(where, f"unknown key {name!r}{nearest(name, known)}")
    if not isinstance(values.get("title"), str):
        raise _wrong(where, "needs a title, a text")
    task_id = values.get("id")
    if task_id is not None and not (isinstance(task_id, str) and TASK_ID.fullmatch(task_id)):
        raise _wrong(where, f"{task_id!r} is not a task id")
    return NewTask(
        _titled(values["title"], where).title,
        task_id,
        _assignees(values.get("assignees", ()), where),
        _attributes(values, where),
        _specification(values, where),
    )


def _json(text: str, where: str) -> dict[str, Any]:
    from metaagent.tasks.rows import load_object

    try:
        return load_object(text)
    except json.JSONDecodeError as error:
        raise _wrong(where, f"not JSON: {error.msg} at column {error.colno}") from None
    except (ValueError, RecursionError) as error:
        raise _wrong(where, f"not JSON: {str(error)[:80]}") from None


def _wrong(where: str, message: str) -> SpecificationError:
    return SpecificationError(f"{where}: {message}", mend="correct it and add all lines again: none was added")


def _texts(value: Any, where: str, name: str) -> tuple[str, ...]:
    values = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
    if not isinstance(values, (list, tuple)) or not all(isinstance(one, str) and one for one in values):
        raise _wrong(where, f"{name} must be a text or a list of texts")
    return tuple(values)


def _assignees(value: Any, where: str) -> tuple[str, ...]:
    agents = _texts(value, where, "assignees")
    for agent in agents:
        if not _AGENT.fullmatch(agent):
            raise _wrong(where, f"{agent!r} is not an agent id, like agent:executor:main")
    return agents


def _attributes(values: Mapping[str, Any], where: str) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for name in ("priority", "due", "depends", "domain", "validate", "spec"):
        if values.get(name) is not None:
            attributes[name] = ", ".join(_texts(values[name], where, name))
    _hold(attributes, where)
    return attributes


def _hold(attributes: Mapping[str, str], where: str) -> None:
    if attributes.get("priority", "normal") not in list(Priority):
        raise _wrong(where, f"priority {attributes['priority']!r} is not high, normal or low")
    try:
        date.fromisoformat(attributes.get("due", "2026-01-01"))
    except ValueError:
        raise _wrong(where, f"due {attributes['due']!r} is not a date like 2026-12-01") from None
    for one in attributes.get("depends", "").split(", "):
        if one and not TASK_ID.fullmatch(one):
            raise _wrong(where, f"depends: {one!r} is not a task id")


def _specification(values: Mapping[str, Any], where: str) -> dict[str, Any] | None:
    own = {name: values[name] for name in _SPEC_KEYS if values.get(name) is not None}
    if not own:
        return None
    if "spec" in values:
        raise _wrong(where, "spec names a specification and the line holds one too")
    shared = {name: values[name] for name in ("domain",) if values.get(name) is not None}
    return {"title": values["title"], "goal": values["title"], **shared, **own}
