"""Whether an editor has the board open: the files that Vim, Emacs, Kate and office programs leave beside it."""

from __future__ import annotations

import os
import re
import socket
import struct
from pathlib import Path

_VIM_HEADER = struct.Struct("<2s10s4s4s4sI40s40s")


def open_editor(board: Path) -> str | None:
    """The name of a swap or lock file of an editor that seems to be alive, or None."""
    name = board.name
    for mark in (f".{name}.swp", f".{name}.swo", f".{name}.swn", f".#{name}", f".{name}.kate-swp", f".~lock.{name}#"):
        path = board.with_name(mark)
        if os.path.lexists(path) and not _left_over(path):
            return mark
    return None


def _left_over(path: Path) -> bool:
    """Whether the editor that made the mark ran on this machine and is gone."""
    owner = _emacs_owner(path) if path.is_symlink() else _vim_owner(path)
    if owner is None:
        return False
    host, pid = owner
    return host == socket.gethostname() and pid > 0 and not _alive(pid)


def _vim_owner(path: Path) -> tuple[str, int] | None:
    """Host and process from the first block of a Vim swap file (``:help swap-file``; struct block0 in memline.c)."""
    try:
        with path.open("rb") as file:
            head = file.read(_VIM_HEADER.size)
    except OSError:
        return None
    if len(head) < _VIM_HEADER.size or not head.startswith(b"b0"):
        return None
    fields = _VIM_HEADER.unpack(head)
    return fields[7].split(b"\0")[0].decode("utf-8", "replace"), fields[5]


def _emacs_owner(path: Path) -> tuple[str, int] | None:
    """Emacs links to ``user@host.pid:boot``."""
    found = re.match(r".*@(.+)\.(\d+)(?::\d+)?\Z", str(path.readlink()))
    return (found[1], int(found[2])) if found else None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
