"""WORKING.md as values, without losing a byte: ``parse(data).render() == data`` for every input.

One pass over the lines. Only what the tool has to understand is understood; the rest is kept as the lines it came in.
A task's block is its line and the indented lines below it (blank lines between those included).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from metaagent.board import lines as grammar
from metaagent.board.problems import Problem, document_problems, duplicate_problems, refuse_special
from metaagent.board.scan import ActivityArea, BoardAgent, Scan, Section, Span
from metaagent.records import Status

BOM = b"\xef\xbb\xbf"
NO_ATTRIBUTES: Mapping[str, str] = {}


class BoardTask(NamedTuple):
    """A task as the board has it (a plain tuple, because a board has thousands). ``id`` is None for an item that a
    person wrote and that has no id yet. ``line`` is 1-based; the block is ``lines[line - 1 : end]``."""

    id: str | None
    title: str
    status: Status
    assignees: tuple[str, ...]
    attributes: Mapping[str, str]
    line: int
    end: int


@dataclass(frozen=True)
class Board:
    """What was read. ``lines`` keep their line ends; everything else points into them."""

    bom: bytes
    lines: list[bytes]
    newline: bytes
    stamp: str | None = None
    stamp_line: int | None = None
    title_line: int | None = None
    tasks_heading: int | None = None
    sections: Mapping[Status, Section] = field(default_factory=dict)
    spans: Sequence[Span] = ()
    agents: tuple[BoardAgent, ...] = ()
    agents_at: int | None = None
    activity_area: ActivityArea | None = None
    problems: tuple[Problem, ...] = ()

    def render(self) -> bytes:
        return self.bom + b"".join(self.lines)

    @cached_property
    def tasks(self) -> tuple[BoardTask, ...]:
        """All tasks in order. Read when first asked for: a single change to a long board needs only a few of them."""
        return tuple(_read_task(self.lines, span) for span in self.spans)

    @cached_property
    def by_id(self) -> Mapping[str, BoardTask]:
        return {task.id: task for task in self.tasks if task.id is not None}

    @cached_property
    def _places(self) -> Mapping[bytes, Span]:
        return {span[0]: span for span in self.spans if span[0] is not None}

    def task(self, task_id: str) -> BoardTask | None:
        """One task, without reading the others."""
        span = self._places.get(task_id.encode("utf-8", "replace"))
        return None if span is None else _read_task(self.lines, span)

    @cached_property
    def bare(self) -> tuple[BoardTask, ...]:
        """Hand-written items without an id."""
        return tuple(_read_task(self.lines, span) for span in self.spans if span[0] is None)

    @cached_property
    def nameless(self) -> Mapping[str, list[BoardTask]]:
        """Hand-written items without an id, by title."""
        found: dict[str, list[BoardTask]] = {}
        for task in self.bare:
            found.setdefault(task.title, []).append(task)
        return found

    @property
    def activity(self) -> tuple[str, ...]:
        """The generated activity lines, newest first."""
        if self.activity_area is None or self.activity_area.body is None:
            return ()
        start, end = self.activity_area.body
        return tuple(line.decode("utf-8", "replace").strip().removeprefix("- ") for line in self.lines[start:end])

    def block(self, task: BoardTask) -> list[bytes]:
        return self.lines[task.line - 1 : task.end]


def read_board(path: Path) -> Board:
    """A plain look, without lock, ledger or history."""
    refuse_special(path)
    return parse(path.read_bytes())


def parse(data: bytes) -> Board:
    bom = BOM if data.startswith(BOM) else b""
    lines = data[len(bom) :].splitlines(keepends=True)
    scan = Scan(lines)
    scan.run()
    return Board(
        bom=bom,
        lines=lines,
        newline=_newline(lines),
        stamp=scan.stamp,
        stamp_line=scan.stamp_line,
        title_line=scan.title_line,
        tasks_heading=scan.tasks_heading,
        sections=scan.sections,
        spans=scan.spans,
        agents=tuple(scan.agents),
        agents_at=scan.agents_at,
        activity_area=_activity_area(lines, scan.activity_at, scan.markers),
        problems=tuple(
            sorted((*document_problems(data), *scan.problems, *duplicate_problems(span[:2] for span in scan.spans)))
        ),
    )


def _newline(lines: list[bytes]) -> bytes:
    if lines and lines[0].endswith(b"\r\n"):
        return b"\r\n"
    return b"\r" if lines and lines[0].endswith(b"\r") else b"\n"


def _activity_area(lines: list[bytes], at: int | None, markers: list[int]) -> ActivityArea | None:
    """The generated body counts as ours only when its two markers are there and the hash in the first still holds."""
    if at is None:
        return None
    body = None
    if len(markers) == 2:
        first, last = (grammar.MARKER.match(lines[index]) for index in markers)
        inside = lines[markers[0] + 1 : markers[1]]
        if first and last and not first[1] and last[1] and first[2] == grammar.body_hash(inside):
            body = (markers[0] + 1, markers[1])
    return ActivityArea(at, tuple(markers), body)


def _read_task(lines: list[bytes], span: Span) -> BoardTask:
    identity, index, end, status = span
    line = lines[index]
    parts = grammar.item(line)
    assert parts is not None
    return BoardTask(
        None if identity is None else identity.decode(),
        grammar.title_text(line[parts.title : parts.end]),
        status,
        grammar.agents_of(line[parts.head : parts.title]),
        NO_ATTRIBUTES if end == index + 1 else attributes(lines[index + 1 : end]),
        index + 1,
        end,
    )


def attributes(block: Iterable[bytes]) -> Mapping[str, str]:
    """``key: value`` of the known keys in a task's indented lines; the first of a key counts."""
    found: dict[str, str] = {}
    for line in block:
        match = grammar.ATTRIBUTE.match(line)
        if match and match[4]:
            found.setdefault(match[2].decode().lower(), match[4].decode("utf-8", "replace"))
    return found
