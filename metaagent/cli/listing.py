"""Tasks as rows: what `task list` shows, from the board alone, so that it is fast."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from metaagent.cli.state import Column, Table
from metaagent.errors import NotFoundError, UsageError
from metaagent.records import Status

if TYPE_CHECKING:
    from metaagent.board.parse import Board, BoardTask
    from metaagent.board.problems import Problem

STATUS_STYLES = {"DONE": "green", "REVIEW": "yellow", "IN_PROGRESS": "cyan", "ASSIGNED": "blue"}


def status_named(text: str) -> Status:
    """A status in any spelling (``in progress``, ``done``); raises UsageError with the known ones."""
    name = text.strip().upper().replace("-", "_").replace(" ", "_")
    try:
        return Status(name)
    except ValueError:
        from difflib import get_close_matches

        near = get_close_matches(name, list(Status), n=1, cutoff=0.5)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise UsageError(f"no status '{text}'{hint}", mend=f"one of: {', '.join(Status)}") from None


def problems(board: Board) -> list[Problem]:
    """What is wrong with the board, for a look at it: a board without one heading shows no task, whatever it had."""
    from metaagent.board.problems import Problem

    if board.sections:
        return list(board.problems)
    lost = f"none of the headings {', '.join(Status)} is there, so no task is seen"
    return [*board.problems, Problem(1, lost, "metaagent board check", "heading", blocking=False)]


def row(task: BoardTask) -> dict[str, Any]:
    """One task as `task list --json` has it. ``id`` is null for a line that has not been given one yet."""
    extra = task.attributes
    depends = [part for part in extra.get("depends", "").replace(",", " ").split() if part]
    return {
        "id": task.id,
        "title": task.title,
        "status": task.status.value,
        "priority": extra.get("priority", "normal"),
        "assignees": list(task.assignees),
        "due": extra.get("due"),
        "depends": depends,
        "domain": extra.get("domain"),
        "spec": extra.get("spec"),
        "line": task.line,
    }


def matching(
    rows: Iterable[dict[str, Any]],
    *,
    statuses: Sequence[Status] = (),
    agent: str | None = None,
    priority: str | None = None,
    domain: str | None = None,
    search: str | None = None,
) -> list[dict[str, Any]]:
    """The rows that hold for every filter given."""
    wanted = {status.value for status in statuses}

    def holds(task: dict[str, Any]) -> bool:
        return (
            (not wanted or task["status"] in wanted)
            and (agent is None or any(agent in (name, name.removeprefix("agent:")) for name in task["assignees"]))
            and (priority is None or task["priority"] == priority)
            and (domain is None or f"{task['domain'] or ''}.".startswith(f"{domain}."))
            and (search is None or search.casefold() in f"{task['id']} {task['title']}".casefold())
        )

    return [task for task in rows if holds(task)]


def table(rows: Sequence[dict[str, Any]]) -> Table:
    columns: list[Column | str] = [
        "id",
        Column("status", paint=STATUS_STYLES),
        Column("priority", paint={"high": "red"}),
        "agent",
        "title",
    ]
    cells = [(task["id"] or "-", task["status"], task["priority"], task["assignees"], task["title"]) for task in rows]
    return Table(columns, cells, empty="no tasks here")


def find(board: Board, task_id: str) -> BoardTask:
    """The task of that id, in any letter case; raises NotFoundError with the nearest."""
    task = board.by_id.get(task_id) or board.by_id.get(task_id.upper())
    if task is not None:
        return task
    from difflib import get_close_matches

    near = get_close_matches(task_id.upper(), list(board.by_id), n=1, cutoff=0.6)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    raise NotFoundError(f"no task '{task_id}' on the board{hint}", mend="metaagent task list")
