"""Putting a new file in another's place without losing what somebody saved there a moment ago.

On Linux the two names are exchanged in one step (``renameat2``, RENAME_EXCHANGE), so the displaced file is in our
hands, whatever an editor did in between. Elsewhere the old file gets a second name, is checked again and replaced.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

AT_FDCWD = -100
RENAME_EXCHANGE = 2
_UNSUPPORTED = {errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM, errno.EXDEV}


@cache
def _renameat2() -> Callable[..., int] | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        function = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return None
    function.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
    function.restype = ctypes.c_int
    return function


def exchange(one: Path, other: Path) -> bool:
    """Swap two files' names in one step; False where the system or the file system cannot."""
    function = _renameat2()
    if function is None:
        return False
    if function(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _UNSUPPORTED:
        return False
    raise OSError(code, os.strerror(code), str(other))


def replace_checked(new: Path, path: Path, expected: bytes, kept: Path) -> bool:
    """The fallback: replace ``path`` when it still holds ``expected``; False when it does not (nothing happened).

    The old file stays reachable as ``kept`` where hard links are possible, so that a save in place which arrives in the
    instant before the replacement is found there.
    """
    try:
        os.link(path, kept)
    except OSError:
        kept.write_bytes(expected)
    if path.read_bytes() != expected:
        kept.unlink(missing_ok=True)
        return False
    new.replace(path)
    return True


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; not every file system offers it."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
    finally:
        os.close(handle)
