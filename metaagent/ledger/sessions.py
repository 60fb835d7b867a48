"""Which processes have the ledger open for writing: one line each in the lock file, edited only under the lock.

A line whose process is dead means that it did not close cleanly, and calls for an integrity check. So does a WAL that
was left behind although nobody has the ledger open (a power cut that took the list as well).
"""

from __future__ import annotations

import os
from pathlib import Path

from metaagent.ledger.process import Process, is_dead, this_process


def enter(fd: int, session: str, ledger: Path) -> bool:
    """Adds this session; True when an earlier one did not close cleanly. Dead lines stay until ``forget_dead``."""
    lines = _read(fd)
    dead = any(is_dead(_process(line)) for line in lines)
    me = this_process()
    _write(fd, [*lines, f"{session} {me.pid} {me.host} {me.boot_id or '-'} {me.started}"])
    return dead or (not lines and _left_behind(ledger))


def forget_dead(fd: int) -> None:
    """After an integrity check that passed."""
    _write(fd, [line for line in _read(fd) if not is_dead(_process(line))])


def leave(fd: int, session: str) -> None:
    _write(fd, [line for line in _read(fd) if not line.startswith(f"{session} ")])


def _left_behind(ledger: Path) -> bool:
    try:
        return ledger.with_name(ledger.name + "-wal").stat().st_size > 0
    except OSError:
        return False


def _process(line: str) -> Process:
    _, pid, host, boot_id, started = line.split()
    return Process(int(pid), host, "" if boot_id == "-" else boot_id, int(started))


def _read(fd: int) -> list[str]:
    os.lseek(fd, 0, os.SEEK_SET)
    text = os.read(fd, 1 << 20).decode("utf-8", "replace")
    return [line for line in text.splitlines() if len(line.split()) == 5 and line.split()[1].isdigit()]


def _write(fd: int, lines: list[str]) -> None:
    data = "".join(line + "\n" for line in lines).encode()
    os.lseek(fd, 0, os.SEEK_SET)
    os.ftruncate(fd, 0)
    os.write(fd, data)
