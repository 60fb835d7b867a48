"""One pass over the lines of a board: where everything is. What the lines say is read later, when it is asked for."""

from __future__ import annotations

from typing import NamedTuple

from metaagent.board import lines as grammar
from metaagent.board.problems import Problem, open_problem
from metaagent.records import Status

_REGIONS = {b"current tasks": "tasks", b"active agents": "agents", b"recent activity": "activity"}
_STATUS_BY_NAME = {name.encode(): status for name, status in grammar.STATUS_NAMES.items()}
_BLANK = (b"\n", b"\r\n", b"\r")
_BULLETS, _LINE_ENDS, _MAY_FOLLOW = frozenset(b"-*+"), frozenset(b"\r\n"), frozenset(b" \t\r\n")

# A task as the scan leaves it: id, index of its line, index behind its block, status.
Span = tuple[bytes | None, int, int, Status]


class BoardAgent(NamedTuple):
    id: str
    state: str
    note: str
    line: int


class Section(NamedTuple):
    """A status section: the index of its heading, where a new item goes, and where the section ends."""

    heading: int
    at: int
    end: int


class ActivityArea(NamedTuple):
    """The activity section. ``body`` is the generated part between ``markers`` when nobody touched it, else None."""

    at: int
    markers: tuple[int, ...]
    body: tuple[int, int] | None


def block_end(lines: list[bytes], start: int) -> tuple[int, int | None]:
    """Where the block that begins at ``start`` ends: indented lines belong to it, blank ones only between those. The
    second value is the index of a code fence inside it that is never closed."""
    index = end = start + 1
    total = len(lines)
    while index < total:
        line = lines[index]
        if line[:1] in b" \t" and line.strip():
            opened = grammar.FENCE.match(line) if b"```" in line or b"~~~" in line else None
            if opened:
                start = index
                index, closed = _fence_end(lines, start, opened[1])
                if not closed:
                    return total, start
                end = index
                continue
            index = end = index + 1
        elif line in _BLANK or not line.strip():
            index += 1
        else:
            break
    return end, None


def _fence_end(lines: list[bytes], start: int, mark: bytes) -> tuple[int, bool]:
    """The index behind the closing line of the fence opened at ``start``, and whether there is one."""
    for index in range(start + 1, len(lines)):
        if _closes(lines[index], mark):
            return index + 1, True
    return len(lines), False


def _closes(line: bytes, mark: bytes) -> bool:
    text = line.strip()
    return len(text) >= len(mark) and text == mark[:1] * len(text)


class Scan:
    """The state of one pass: where we are, and what was found."""

    def __init__(self, lines: list[bytes]) -> None:
        self.lines = lines
        self.region = "preamble"
        self.status: Status | None = None
        self.level = 0
        self.direct = False
        self.stamp: str | None = None
        self.stamp_line: int | None = None
        self.title_line: int | None = None
        self.tasks_heading: int | None = None
        self.sections: dict[Status, Section] = {}
        self.spans: list[Span] = []
        self.agents: list[BoardAgent] = []
        self.agents_at: int | None = None
        self.activity_at: int | None = None
        self.markers: list[int] = []
        self.problems: list[Problem] = []
        self._own: Status | None = None
        self._at = 0

    def run(self) -> None:
        """Everything that happens once per line of a long board is in this loop; the rest is in ``_other``."""
        index = 0
        lines, total = self.lines, len(self.lines)
        identity, found_here = grammar.ITEM_ID.match, self.spans.append
        while index < total:
            line = lines[index]
            first = line[0]
            if first in _BULLETS and self.status is not None:
                found = identity(line)
                if found is None and not self._is_new(line):
                    index += 1
                    continue
                end = index + 1
                if end < total and lines[end][0] in _MAY_FOLLOW:
                    end = self._block(index)
                found_here((None if found is None else found[1], index, end, self.status))
                if self.direct:
                    self._at = end
                index = end
            elif first in _LINE_ENDS:
                index += 1
            else:
                index = self._other(index, line)
        self._leave(total)

    def _block(self, index: int) -> int:
        end, unclosed = block_end(self.lines, index)
        if unclosed is not None:
            self.problems.append(open_problem(unclosed + 1, "code fence", "```"))
        return end

    def _is_new(self, line: bytes) -> bool:
        """A person's new task: a ``- `` item with some text, directly below the heading's own level."""
        if not self.direct or line[:2] != b"- " or grammar.RULE.match(line.rstrip()):
            return False
        parts = grammar.item(line)
        return parts is not None and parts.title < parts.end

    def _other(self, index: int, line: bytes) -> int:
        stripped = line.lstrip()
        first = stripped[:1]
        if first == b"#":
            heading = grammar.HEADING.match(line)
            if heading:
                self._heading(index, len(heading[1]), heading[2].strip())
        elif first == b"<" or (first in b">|" and first):
            return self._mark(index, line, stripped)
        elif first in b"`~" and first:
            return self._fence(index, line)
        elif self.region == "agents" and first in b"-*+" and first:
            self._agent(index, line)
        elif self.region == "preamble" and self.stamp is None and line.startswith(b"Last Updated:"):
            self._stamp(index, line)
        return index + 1

    def _stamp(self, index: int, line: bytes) -> None:
        self.stamp_line = index
        found = grammar.STAMP.match(line)
        self.stamp = found[2].decode("utf-8", "replace") if found else None

    def _agent(self, index: int, line: bytes) -> None:
        found = grammar.AGENT_LINE.match(line)
        if found:
            agent, state, note = (part.decode("utf-8", "replace") if part else "" for part in found.group(2, 3, 4))
            self.agents.append(BoardAgent(agent, state.strip().upper(), note, index + 1))
            self.agents_at = block_end(self.lines, index)[0]

    def _fence(self, index: int, line: bytes) -> int:
        opened = grammar.FENCE.match(line)
        if opened is None or line.startswith((b"    ", b"\t")):
            return index + 1
        end, closed = _fence_end(self.lines, index, opened[1])
        if not closed:
            self.problems.append(open_problem(index + 1, "code fence", opened[1].decode()))
        return end

    def _mark(self, index: int, line: bytes, stripped: bytes) -> int:
        if grammar.CONFLICT.match(line):
            self.problems.append(Problem.conflict_marker(index + 1, line))
            return index + 1
        if not stripped.startswith(b"<!--") or line.startswith((b"    ", b"\t")):
            return index + 1
        if grammar.MARKER.match(line):
            if self.region == "activity":
                self.markers.append(index)
            return index + 1
        return self._comment(index, stripped)

    def _comment(self, index: int, stripped: bytes) -> int:
        if b"-->" in stripped[4:]:
            return index + 1
        for end in range(index + 1, len(self.lines)):
            if b"-->" in self.lines[end]:
                return end + 1
        self.problems.append(open_problem(index + 1, "comment", "-->"))
        return len(self.lines)

    def _heading(self, index: int, level: int, text: bytes) -> None:
        status = self._status_named(level, text)
        if status is None and self.status is not None and level > self.level:
            self.direct = False
            return
        self._leave(index)
        if status is not None:
            self._enter(index, level, status)
        elif level <= 2:
            self._region(index, level, text)

    def _status_named(self, level: int, text: bytes) -> Status | None:
        if not 2 <= level <= 4:
            return None
        if text in _STATUS_BY_NAME and self.region not in ("agents", "activity"):
            return _STATUS_BY_NAME[text]
        if self.region == "tasks" and level == 3:
            return _STATUS_BY_NAME.get(text.upper().replace(b" ", b"_").replace(b"-", b"_"))
        return None

    def _enter(self, index: int, level: int, status: Status) -> None:
        self.status, self.level, self.direct = status, level, True
        if status in self.sections:
            self._own = None
            return
        self._own = status
        self._at = block_end(self.lines, index)[0]
        self.sections[status] = Section(index, self._at, len(self.lines))

    def _leave(self, index: int) -> None:
        if self._own is not None:
            heading = self.sections[self._own].heading
            self.sections[self._own] = Section(heading, self._at, index)
        self.status = self._own = None

    def _region(self, index: int, level: int, text: bytes) -> None:
        if level == 1 and self.title_line is None and self.region == "preamble":
            self.title_line = index
            return
        self.region = _REGIONS.get(text.lower(), "other")
        if self.region == "tasks" and self.tasks_heading is None:
            self.tasks_heading = index
        elif self.region == "agents" and self.agents_at is None:
            self.agents_at = block_end(self.lines, index)[0]
        elif self.region == "activity":
            if self.activity_at is None:
                self.activity_at = index + 1
            else:
                self.region = "other"
