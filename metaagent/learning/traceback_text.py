"""Python tracebacks in a stream of text: exception type, innermost frame of the user's own code, message."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from metaagent.learning.fingerprint import Failure

_START = "Traceback (most recent call last):"
_FRAME = re.compile(r'\s*File "(?P<file>.+)", line \d+(?:, in (?P<function>.+))?')
_END = re.compile(r"(?P<type>[A-Za-z_][\w.]*)(?::\s*(?P<message>.*))?\s*")
_CHAINED = ("During handling of the above exception", "The above exception was the direct cause")
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
    "UnboundLocalError": "name",
}

Frame = tuple[str, str]


class UnfinishedError(ValueError):
    """A traceback without its last line; ``line`` is where it starts."""

    def __init__(self, line: int) -> None:
        super().__init__("the traceback that starts here has no exception at its end")
        self.line = line


def tracebacks(lines: Iterable[str]) -> Iterator[Failure]:
    """One failure for each traceback; of a chain the last one, which is what surfaced. Other text is passed over."""
    pending: Failure | None = None
    start, frames, headless = 0, list[Frame](), False
    for number, line in enumerate(lines, 1):
        if line.lstrip(" |+").startswith(_START):
            if start and not headless:
                raise UnfinishedError(start)
            start, frames, headless = number, [], False
        elif not start and _FRAME.match(line):  # a syntax error of the file itself has no first line
            start, frames, headless = number, [], True
            _read(line, frames)
        elif start:
            found = _read(line, frames)
            if found is not None:
                if pending is not None:
                    yield pending
                pending, start = found, 0
        elif pending is not None and line.startswith(_CHAINED):
            pending = None
    if start and not headless:
        raise UnfinishedError(start)
    if pending is not None:
        yield pending


def _read(line: str, frames: list[Frame]) -> Failure | None:
    """Takes one line of a traceback in; the failure when it is the last."""
    frame = _FRAME.match(line)
    if frame is not None:
        frames.append((frame["file"], frame["function"] or ""))
        return None
    end = _END.fullmatch(line.strip(" |\r\n")) if line[:1] not in (" ", "\t", "") else None
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
