"""A board being changed: edits collect here and become bytes in one linear pass, whatever their number.

Nothing is rendered anew: lines that no edit touches are copied as they were read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from metaagent.board import lines as grammar
from metaagent.board.parse import Board, BoardTask
from metaagent.records import Status


@dataclass(slots=True, eq=False)
class Entry:
    """One task in work: its block, where it stands, and what has to happen to the place it came from (``home``)."""

    block: list[bytes]
    status: Status
    home: BoardTask | None
    moved: bool = False
    gone: bool = False
    dirty: bool = False


@dataclass(slots=True)
class Draft:
    board: Board
    entries: dict[str, Entry] = field(default_factory=dict)
    arrivals: dict[int, Entry] = field(default_factory=dict)
    splices: list[tuple[int, int, list[bytes]]] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        return bool(self.splices) or any(entry.dirty for entry in self.entries.values())


def entry_of(draft: Draft, task_id: str) -> Entry | None:
    """The task as it stands in the draft, or None where there is none (any more)."""
    found = draft.entries.get(task_id)
    if found is None:
        task = draft.board.task(task_id)
        if task is None:
            return None
        found = draft.entries[task_id] = open_entry(draft.board, task)
    return None if found.gone else found


def open_entry(board: Board, task: BoardTask) -> Entry:
    return Entry(board.block(task), task.status, task)


def new_entry(draft: Draft, task_id: str, block: list[bytes], status: Status) -> Entry:
    """A task that the board does not have, at the end of its section."""
    before = draft.entries.get(task_id)
    entry = Entry(block, status, before.home if before else None, moved=True, dirty=True)
    draft.entries[task_id] = entry
    draft.arrivals[id(entry)] = entry
    return entry


def move_entry(draft: Draft, entry: Entry, status: Status) -> None:
    """To the end of another section, with the finished mark in DONE and nowhere else."""
    entry.status = status
    entry.dirty = True
    entry.block[0] = grammar.with_tick(entry.block[0], status is Status.DONE)
    draft.arrivals.pop(id(entry), None)
    entry.moved = True
    draft.arrivals[id(entry)] = entry


def remove_entry(draft: Draft, entry: Entry) -> None:
    draft.arrivals.pop(id(entry), None)
    entry.moved, entry.gone, entry.dirty = False, True, True


def set_line(entry: Entry, line: bytes) -> None:
    if line != entry.block[0]:
        entry.block[0] = line
        entry.dirty = True


def set_attribute(entry: Entry, key: str, value: str | None, newline: bytes) -> None:
    """Change, add or remove one ``key: value`` line of the block; a person's way of writing it stays."""
    for index in range(1, len(entry.block)):
        found = grammar.ATTRIBUTE.match(entry.block[index])
        if found and found[2].decode().lower() == key and found[4]:
            _replace_attribute(entry, index, value)
            return
    if value:
        entry.block[0] = ended(entry.block[0], newline)
        entry.block[1:1] = grammar.make_attributes({key: value}, newline)
        entry.dirty = True


def _replace_attribute(entry: Entry, index: int, value: str | None) -> None:
    line = entry.block[index]
    found = grammar.ATTRIBUTE.match(line)
    assert found is not None
    new = line[: found.start(4)] + grammar.clean(value).encode() + line[found.end(4) :] if value else b""
    if new != line:
        entry.block[index : index + 1] = [new] if new else []
        entry.dirty = True


def set_stamp(draft: Draft, stamp: str) -> None:
    """Name the version: in the stamp's own line, or in a new one below the title."""
    board, value = draft.board, stamp.encode()
    if board.stamp_line is not None:
        line = board.lines[board.stamp_line]
        found = grammar.STAMP.match(line)
        tail = line[found.end() :] if found else line[len(line.rstrip(b"\r\n")) :]
        draft.splices.append((board.stamp_line, board.stamp_line + 1, [b"Last Updated: " + value + tail]))
    else:
        at = 0 if board.title_line is None else board.title_line + 1
        draft.splices.append((at, at, [b"Last Updated: " + value + board.newline]))


def finish(draft: Draft) -> bytes:
    """All edits at once, as the bytes of the new board."""
    splices = [*draft.splices, *_departures(draft.entries.values()), *_landings(draft)]
    splices.sort(key=lambda splice: (splice[0], splice[1]))
    return draft.board.bom + _join(draft.board.lines, splices, draft.board.newline)


def _departures(entries: Iterable[Entry]) -> Iterable[tuple[int, int, list[bytes]]]:
    for entry in entries:
        if entry.home is not None and entry.dirty:
            yield entry.home.line - 1, entry.home.end, [] if entry.moved or entry.gone else entry.block


def _landings(draft: Draft) -> Iterable[tuple[int, int, list[bytes]]]:
    newline = draft.board.newline
    for status in Status:
        blocks = [entry.block for entry in draft.arrivals.values() if entry.status is status]
        arrived = [line for block in blocks for line in complete(block, newline)]
        if not arrived:
            continue
        section = draft.board.sections.get(status)
        if section is not None:
            yield section.at, section.at, arrived
        else:
            at, heading = missing_section(draft.board, status)
            yield at, at, [*heading, *arrived, newline]


def missing_section(board: Board, status: Status) -> tuple[int, list[bytes]]:
    """Where the heading of a section that the board lacks belongs: behind the one before it, in the five's order."""
    heading = [b"### " + status.value.encode() + board.newline]
    order = list(Status)
    place = order.index(status)
    for before in reversed(order[:place]):
        if before in board.sections:
            return board.sections[before].end, heading
    for after in order[place + 1 :]:
        if after in board.sections:
            return board.sections[after].heading, heading
    if board.tasks_heading is not None:
        return board.tasks_heading + 1, heading
    at = len(board.lines) if board.activity_area is None else board.activity_area.at - 1
    return at, [b"## Current Tasks" + board.newline, *heading] if status is order[0] else heading


def complete(block: list[bytes], newline: bytes) -> list[bytes]:
    return [*block[:-1], ended(block[-1], newline)]


def ended(line: bytes, newline: bytes) -> bytes:
    return line if line.endswith((b"\n", b"\r")) else line + newline


def _join(lines: list[bytes], splices: list[tuple[int, int, list[bytes]]], newline: bytes) -> bytes:
    out: list[bytes] = []
    position = 0
    for start, end, new in splices:
        out += lines[position:start]
        if new and out and not out[-1].endswith((b"\n", b"\r")):
            out.append(newline)
        out += new
        position = max(position, end)
    rest = lines[position:]
    if rest and out and not out[-1].endswith((b"\n", b"\r")):
        out.append(newline)
    return b"".join(out + rest)
