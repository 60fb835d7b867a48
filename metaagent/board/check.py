"""``board check`` and ``board repair``: what is wrong or doubtful on a board, and the mends that are safe to make.

A mend is safe when it has one meaning: a lost heading goes back above the tasks that stood below it, the second of two
equal ids becomes a new one, a missing area gets its heading. Everything else needs a person.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from metaagent.board import lines as grammar
from metaagent.board.draft import ended, missing_section
from metaagent.board.parse import Board, BoardTask, parse
from metaagent.board.problems import Problem
from metaagent.records import AgentState, Priority, Status

_REPAIR = "type: metaagent board repair"


@dataclass(frozen=True, slots=True)
class Repaired:
    """``fixes`` says in words what ``data`` has that the board had not; empty when nothing had a safe mend."""

    data: bytes
    fixes: tuple[str, ...]


def check(board: Board) -> tuple[Problem, ...]:
    """Everything worth a word, by line: first what forbids writing, then what is only doubtful."""
    found = [*board.problems, *_missing(board), *_agents(board), *_tasks(board), *_nested(board)]
    return tuple(sorted(found, key=lambda problem: (not problem.blocking, problem.line)))


def _note(line: int, message: str, mend: str, kind: str) -> Problem:
    return Problem(line, message, mend, kind, blocking=False)


def _missing(board: Board) -> Iterator[Problem]:
    for status in Status:
        if status not in board.sections:
            yield _note(1, f"the heading '### {status.value}' is missing", _REPAIR, "heading")
    if board.agents_at is None:
        yield _note(1, "no '## Active Agents': agents are not shown", _REPAIR, "area")
    if board.activity_area is None:
        yield _note(1, "no '## Recent Activity': activity is not shown", _REPAIR, "area")
    if board.stamp is None:
        yield _note(1, "no 'Last Updated' stamp: the next write adds one", _REPAIR, "stamp")
    elif board.activity_area and board.activity_area.markers and board.activity_area.body is None:
        line = board.activity_area.markers[0] + 1
        yield _note(line, "the generated activity was edited: it is kept as your text", "nothing to do", "activity")


def _agents(board: Board) -> Iterator[Problem]:
    for agent in board.agents:
        if agent.state not in AgentState.__members__:
            states = ", ".join(AgentState)
            yield _note(agent.line, f"{agent.id} has no state of {states}", "write one in brackets", "agent")


def _tasks(board: Board) -> Iterator[Problem]:
    for task in board.tasks:
        yield from _values(task)
        for other in task.attributes.get("depends", "").replace(",", " ").split():
            if other not in board.by_id:
                yield _note(task.line, f"{task.id} depends on {other}, which is not on the board", "", "depends")


def _values(task: BoardTask) -> Iterator[Problem]:
    priority, due = task.attributes.get("priority"), task.attributes.get("due")
    if priority is not None and priority.upper() not in Priority.__members__:
        yield _note(task.line, f"priority '{priority}' is none of {', '.join(Priority)}", "write one of them", "value")
    if due is not None and not _is_date(due):
        yield _note(task.line, f"due '{due}' is not a date", "write it as 2026-12-31", "value")


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _nested(board: Board) -> Iterator[Problem]:
    """Ids in nested items are not read; usually an indentation that was not meant."""
    for task in board.tasks:
        for index in range(task.line, task.end):
            parts = grammar.item(board.lines[index].lstrip(b" \t"))
            if parts is not None and parts.id is not None:
                name = parts.id.decode()
                message = f"[{name}] is indented and belongs to {task.id or task.title}"
                yield _note(index + 1, message, "take the blanks before '-' away to make it a task", "nested")


def repair(board: Board, base: Board | None, next_number: int) -> Repaired:
    """Make every safe mend. ``base`` is the version that the board was made from, ``next_number`` free for new ids."""
    fixes: list[str] = []
    lines = _other_ids(board, next_number, fixes)
    lines = _headings(lines, base, fixes)
    lines = _areas(lines, fixes)
    return Repaired(board.bom + b"".join(lines), tuple(fixes))


def _other_ids(board: Board, number: int, fixes: list[str]) -> list[bytes]:
    lines = list(board.lines)
    for problem in board.problems:
        if problem.kind == "duplicate":
            line = lines[problem.line - 1]
            bare, old = grammar.without_id(line), grammar.item(line)
            lines[problem.line - 1] = grammar.with_id(bare, f"TASK-{number:03}")
            was = old.id.decode() if old and old.id else ""
            fixes.append(f"line {problem.line}: the second {was} becomes TASK-{number:03}")
            number += 1
    return lines


def _headings(lines: list[bytes], base: Board | None, fixes: list[str]) -> list[bytes]:
    """Last section first: a heading that stood above tasks goes back above the first of them that is left there."""
    for status in reversed(Status):
        board = parse(b"".join(lines))
        if status in board.sections:
            continue
        at, heading = missing_section(board, status)
        first = _first_of(board, base, status)
        if first is not None:
            at, heading = first, heading[-1:]
        if at == len(lines) and lines:
            lines[-1] = ended(lines[-1], board.newline)
        lines = [*lines[:at], *heading, *lines[at:]]
        fixes.append(f"line {at + len(heading)}: the heading '### {status.value}' is back")
    return lines


def _first_of(board: Board, base: Board | None, status: Status) -> int | None:
    """Where the tasks begin that stood below the lost heading: by now they are read as those of the section before it,
    or as no tasks at all."""
    order = list(Status)
    before = [other for other in order[: order.index(status)] if other in board.sections]
    for index, line in enumerate(board.lines):
        task_id = _id_of(line)
        if base is None or task_id is None or task_id not in base.by_id or base.by_id[task_id].status is not status:
            continue
        now = board.by_id.get(task_id)
        if now is None or now.status in before[-1:]:
            return index
    return None


def _id_of(line: bytes) -> str | None:
    found = grammar.ITEM_ID.match(line)
    return found[1].decode() if found else None


def _areas(lines: list[bytes], fixes: list[str]) -> list[bytes]:
    board = parse(b"".join(lines))
    newline = board.newline
    if board.agents_at is None:
        at = _before_tasks(board)
        lines = [*lines[:at], b"## Active Agents" + newline, newline, *lines[at:]]
        fixes.append(f"line {at + 1}: the heading '## Active Agents' is back")
    if board.activity_area is None:
        tail = [ended(lines[-1], newline)] if lines else []
        lines = [*lines[:-1], *tail, newline, b"## Recent Activity" + newline]
        fixes.append(f"line {len(lines)}: the heading '## Recent Activity' is back")
    return lines


def _before_tasks(board: Board) -> int:
    if board.tasks_heading is not None:
        return board.tasks_heading
    first = min((section.heading for section in board.sections.values()), default=None)
    if first is not None:
        return first
    return max(board.stamp_line or 0, board.title_line or 0) + 1 if board.lines else 0
