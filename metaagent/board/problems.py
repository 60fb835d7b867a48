"""What on a board forbids writing (or only deserves a word), each with its line and the mend."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from metaagent.errors import BoardUnreadableError


class Problem(NamedTuple):
    """``line`` is 1-based. A blocking problem forbids writing; ``kind`` says to ``board repair`` what it is."""

    line: int
    message: str
    mend: str
    kind: str = ""
    blocking: bool = True

    @classmethod
    def conflict_marker(cls, line: int, text: bytes) -> Problem:
        shown = text[:7].decode("ascii", "replace")
        return cls(line, f"a conflict marker of a version control system ({shown})", _KEEP_ONE, "conflict")


_KEEP_ONE = "keep the lines that you want, delete the three marker lines, then type: metaagent board check"


def open_problem(line: int, what: str, mark: str) -> Problem:
    """A fence or comment that swallows the rest of the board."""
    mend = f"close it with {mark} or delete this line"
    return Problem(line, f"a {what} is opened here and never closed", mend, "open")


def document_problems(data: bytes) -> list[Problem]:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        mend = "save it as UTF-8 or type: metaagent board undo"
        return [Problem(1, "the board is UTF-16, not UTF-8 text", mend, "encoding")]
    if b"\0" in data:
        mend = "delete it there or type: metaagent board undo"
        return [Problem(data.count(b"\n", 0, data.find(b"\0")) + 1, "a NUL character", mend, "encoding")]
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        where = data.count(b"\n", 0, error.start) + 1
        return [Problem(where, "a byte that is not UTF-8 (kept as it is)", "save as UTF-8", "encoding", blocking=False)]
    return []


def duplicate_problems(identities: Iterable[tuple[bytes | None, int]]) -> list[Problem]:
    """``identities``: each item's id (None where it has none) and the index of its line."""
    first: dict[bytes, int] = {}
    found = []
    for identity, index in identities:
        if identity is not None and first.setdefault(identity, index) != index:
            message = f"the id {identity.decode()} stands here and on line {first[identity] + 1}"
            mend = "delete one of the two ids, or type: metaagent board repair"
            found.append(Problem(index + 1, message, mend, "duplicate"))
    return found


def refuse_special(path: Path) -> None:
    """Raise where the board is something else than a file: opening a pipe would wait for ever."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "not a file"
        mend = f"mv {path.name} OTHER_NAME, then type: metaagent board undo"
        raise BoardUnreadableError(f"{path} is {what}", line=1, mend=mend)


def refuse(problems: Iterable[Problem], name: str = "WORKING.md") -> None:
    """Raise for the first problem that forbids writing."""
    for problem in problems:
        if problem.blocking:
            where = f"{name}:{problem.line}: {problem.message}"
            raise BoardUnreadableError(where, line=problem.line, mend=problem.mend)
