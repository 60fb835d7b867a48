"""Reading files that a job left, without following anywhere it may have pointed to."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import PurePosixPath

_STEP = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


class Folder:
    """A job's folder, held by a descriptor: what happens to its path does not matter any more."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, _STEP | os.O_DIRECTORY)

    def close(self) -> None:
        os.close(self._descriptor)

    def collect(self, names: Iterable[str], most: int) -> dict[str, bytes]:
        """The regular files of these names; links, pipes, devices and what is larger than ``most`` are left out."""
        found = {}
        for name in names:
            with suppress(OSError):
                content = self._read(PurePosixPath(name).parts, most)
                if content is not None:
                    found[name] = content
        return found

    def _read(self, parts: tuple[str, ...], most: int) -> bytes | None:
        folder = os.dup(self._descriptor)
        try:
            for part in parts[:-1]:
                inner = os.open(part, _STEP | os.O_DIRECTORY, dir_fd=folder)
                os.close(folder)
                folder = inner
            descriptor = os.open(parts[-1], _STEP | os.O_NONBLOCK, dir_fd=folder)
        finally:
            os.close(folder)
        with os.fdopen(descriptor, "rb") as stream:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode) or about.st_size > most:
                return None
            content = stream.read(most + 1)
            return content if len(content) <= most else None
