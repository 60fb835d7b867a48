"""Python tracebacks in a stream of text: exception type, innermost frame of the user's own code, message."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from metaagent.learning.fingerprints.fingerprint import Failure

_START = "Traceback (most recent call last):"
_GROUP = "Exception Group " + _START
_FRAME = re.compile(r'\s*File "(?P<file>.+)", line \d+(?:, in (?P<function>.+))?')
_NAME = r"(?:[^\W\d]\w*|<\w+>)"
_END = re.compile(rf"(?P<type>{_NAME}(?:\.{_NAME})*)(?::\s*(?P<message>.*))?\s*")
_BETWEEN = ("", '"""', "'''")
"""What may stand between a message and the traceback that it quotes."""
_CHAINED = ("During handling of the above exception", "The above exception was the direct cause")
_MARGIN = re.compile(r"\s*(?:\||\+(?P<rule>-+\+?-+.*)|\+(?= Exception Group )) ?(?P<text>.*)")
_FOREIGN = re.compile(r"site-packages|dist-packages|[/\\]lib[/\\]python\d|^<frozen |[/\\]importlib[/\\]")
_KINDS = {
    "AssertionError": "assertion",
    "ImportError": "name",
    "IndentationError": "syntax",
    "MemoryError": "resource",
    "ModuleNotFoundError": "name",
    "NameError": "name",
    "RecursionError": "resource",
    "SyntaxError": "syntax",
    "TabError": "syntax",
    "TimeoutError": "timeout",
    "TimeoutExpired": "timeout",
    "UnboundLocalError": "name",
}
CUT_OFF = "cut off"
"""In the place of the type, where a traceback ends before it says one."""

Frame = tuple[str, str]


def tracebacks(lines: Iterable[str]) -> Iterator[Failure]:
    """One failure for each traceback; of a chain the last one, which is what surfaced; of an exception group one for
    each exception in it that is no group itself. One that a message quotes, after a colon (what a worker process sent),
    is part of that message. One that ends before its last line is ``cut off``. What stands before ``Traceback`` on its
    first line (a service's name, a time, blanks) is taken off the lines that follow. Other text is passed over."""
    reader = _Reader()
    for line in lines:
        yield from reader.take(line)
    yield from reader.end()


@dataclass(slots=True)
class _Reader:
    """``pending``: what is read, but may turn out to be the cause of something else. ``headless``: a syntax error of
    the file itself has no first line. ``quoting``: its message may go on with a traceback; ``quoted``: this is one."""

    prefix: str = ""
    frames: list[Frame] = field(default_factory=list)
    inside: bool = False
    headless: bool = False
    quoting: bool = False
    quoted: bool = False
    group: _Group | None = None
    pending: list[Failure] = field(default_factory=list)

    def take(self, line: str) -> Iterator[Failure]:
        if self.group is not None:
            if self.group.take(self._text(line)):
                return
            self._close_group()
        if line.rstrip().endswith(_START):
            yield from self._begun(line, line.rfind(_START))
        elif self.inside:
            yield from self._inner(self._text(line))
        elif _FRAME.match(line):
            yield from self._flushed()
            self.prefix, self.frames, self.inside, self.headless, self.quoting = "", [], True, True, False
            _read(line, self.frames)
        elif self.pending and self._text(line).startswith(_CHAINED):
            self.pending = []
        elif self._text(line).strip() not in _BETWEEN:
            self.quoting = False

    def end(self) -> Iterator[Failure]:
        self._close_group()
        yield from self._cut()
        yield from self._flushed()

    def _close_group(self) -> None:
        if self.group is not None:
            self.pending, self.group = self.pending if self.quoted else self.group.leaves, None
            self.quoted = False

    def _begun(self, line: str, at: int) -> Iterator[Failure]:
        yield from self._cut()
        if not self.quoting:
            yield from self._flushed()
        self.quoted, self.quoting = self.quoting, False
        grouped = line.startswith(_GROUP, at - len(_GROUP) + len(_START))
        self.prefix, self.frames, self.inside, self.headless = line[:at], [], not grouped, False
        if grouped:
            mark = line.rfind("+", 0, at)
            self.prefix = line[: max(0, mark)]
            self.group = _Group()

    def _inner(self, text: str) -> Iterator[Failure]:
        found = _read(text, self.frames)
        if found is None:
            return
        self.inside = False
        if self.quoted:
            self.quoted = False
            return
        yield from self._flushed()
        self.pending, self.quoting = [found], text.rstrip().endswith(":")

    def _cut(self) -> Iterator[Failure]:
        """A traceback that is still open, where it can be no more than that."""
        if self.inside and not self.headless and not self.quoted:
            yield from self._flushed()
            yield exception(CUT_OFF, "", self.frames)
        self.inside = self.quoted = False

    def _flushed(self) -> Iterator[Failure]:
        yield from self.pending
        self.pending = []

    def _text(self, line: str) -> str:
        """A line without what stands before all lines of this traceback; numbers in it (a time) may differ."""
        head = line[: len(self.prefix)]
        return line[len(self.prefix) :] if head == self.prefix or _alike(head, self.prefix) else line


def _alike(one: str, other: str) -> bool:
    return re.sub(r"\d", "0", one) == re.sub(r"\d", "0", other)


@dataclass(slots=True)
class _Group:
    """The lines of one exception group: parts between rules, each with a traceback or none and an exception at its
    end. A part that opens further parts is a group."""

    leaves: list[Failure] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    found: bool = False

    def take(self, line: str) -> bool:
        """Whether the line belongs to the group."""
        margin = _MARGIN.fullmatch(line)
        if margin is None:
            return False
        if margin["rule"] is not None:
            if margin["rule"].startswith("-+") and self.found:
                self.leaves.pop()
            self.frames, self.found = [], False
            return True
        text = margin["text"]
        if _START in text or text.startswith(_CHAINED):
            if self.found and text.startswith(_CHAINED):
                self.leaves.pop()
                self.found = False
            self.frames = []
        elif not self.found:
            made = _read(text, self.frames)
            if made is not None:
                self.leaves.append(made)
                self.found = True
        return True


def _read(line: str, frames: list[Frame]) -> Failure | None:
    """Takes one line of a traceback in; the failure when it is the last."""
    frame = _FRAME.match(line)
    if frame is not None:
        frames.append((frame["file"], frame["function"] or ""))
        return None
    end = _END.fullmatch(line.rstrip("\r\n")) if line[:1] not in (" ", "\t", "") else None
    return exception(end["type"], end["message"] or "", frames) if end is not None else None


def exception(type_name: str, message: str, frames: Iterable[Frame] = ()) -> Failure:
    """A failure from what a traceback says. The frame keeps file and function, and no line number."""
    short = type_name.rpartition(".")[2]
    found = list(frames)
    own = [frame for frame in found if not _FOREIGN.search(frame[0])] or found
    place = (f"{short_path(own[-1][0])}:{own[-1][1]}".rstrip(":"),) if own else ()
    return Failure(kind_of(short), (short, *place), message)


def kind_of(type_name: str) -> str:
    """The kind of an exception, by its type."""
    return _KINDS.get(type_name, "exception")


def short_path(path: str) -> str:
    """The file with its folder; a folder with digits is made anew for each run, and is left out."""
    parts = PurePosixPath(path.replace("\\", "/")).parts[-2:]
    return "/".join(part for i, part in enumerate(parts) if i == len(parts) - 1 or not re.search(r"\d|^/$|tmp", part))
