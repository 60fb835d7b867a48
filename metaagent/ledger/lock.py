"""The file lock beside the ledger, and the SQLite versions that need it around every write.

SQLite 3.7.0 to 3.51.2 can lose a committed transaction in WAL mode when two connections write or checkpoint at the same
moment (fixed in 3.51.3, 3.50.7 and 3.44.6). There every open, write, checkpoint and close holds this lock; on fixed
versions only open and close do (first open by many processes, the list of sessions).
"""

from __future__ import annotations

import importlib
import os
import sqlite3
import time
from pathlib import Path
from types import ModuleType, TracebackType

from metaagent.errors import LockedError, StorageError

fcntl: ModuleType | None
try:
    fcntl = importlib.import_module("fcntl")
except ImportError:  # Windows
    fcntl = None

WAIT_SECONDS = 30.0


def is_vulnerable(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> bool:
    """Whether this SQLite has the WAL-reset bug (https://sqlite.org/wal.html#walresetbug)."""
    if version[:2] == (3, 44):
        return version < (3, 44, 6)
    if version[:2] == (3, 50):
        return version < (3, 50, 7)
    return (3, 7, 0) <= version < (3, 51, 3)


class LedgerLock:
    """An exclusive lock between processes, and between the ledgers of one process. The kernel frees it when its holder
    dies. flock rather than the filelock library: taken once per group commit, it must cost microseconds, and a waiter
    must not poll at 50 ms. Its file also holds the list of sessions (see sessions.py)."""

    def __init__(self, path: Path, wait_seconds: float = WAIT_SECONDS) -> None:
        self.path = path
        self._wait = wait_seconds
        try:
            self.fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        except OSError as error:
            raise StorageError(
                f"cannot open the ledger's lock {path}: {error.strerror}",
                mend=f"make {path.parent} writable, then run the command again",
            ) from error

    def acquire(self) -> None:
        if self._try():
            return
        deadline, pause = time.monotonic() + self._wait, 0.0002
        while not self._try():
            if time.monotonic() > deadline:
                raise LockedError(
                    f"{self.path} has been held by another process for {self._wait:.0f} seconds",
                    mend="look who holds it (fuser -v on that file), then run the command again",
                )
            time.sleep(pause)
            pause = min(pause * 1.5, 0.005)

    def _try(self) -> bool:
        try:
            _lock(self.fd)
        except OSError:
            return False
        return True

    def release(self) -> None:
        _unlock(self.fd)

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __enter__(self) -> LedgerLock:
        self.acquire()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()


def _lock(fd: int) -> None:
    if fcntl is not None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    else:
        _windows(fd, "LK_NBLCK")


def _unlock(fd: int) -> None:
    if fcntl is not None:
        fcntl.flock(fd, fcntl.LOCK_UN)
    else:
        _windows(fd, "LK_UNLCK")


def _windows(fd: int, mode: str) -> None:
    # One byte far behind the list of sessions, so that reading the list is not blocked by the lock.
    msvcrt = importlib.import_module("msvcrt")
    os.lseek(fd, 1 << 30, os.SEEK_SET)
    msvcrt.locking(fd, getattr(msvcrt, mode), 1)
