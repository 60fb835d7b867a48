"""Who holds a lease or an open ledger, and whether that process still lives.

A pid alone is not enough: pids are reused, and a ledger may outlive a reboot. So a process is named by its pid, host
(with the pid namespace, so that containers do not take each other for dead), boot id and the moment it started.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Process:
    """``started`` is in clock ticks since boot; 0 where the platform does not tell."""

    pid: int
    host: str
    boot_id: str
    started: int


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _started(pid: int) -> int:
    # The name in field 2 may hold spaces and brackets: count from its last bracket.
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return int(fields[19]) if len(fields) > 19 else 0


@cache
def _host() -> str:
    name = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
    try:
        namespace = Path("/proc/self/ns/pid").readlink().name
    except OSError:
        return name
    return f"{name}/{namespace.strip('pid:[]')}"


@cache
def _boot_id() -> str:
    return _read("/proc/sys/kernel/random/boot_id")


@cache
def _process(pid: int) -> Process:
    return Process(pid, _host(), _boot_id(), _started(pid))


def this_process() -> Process:
    return _process(os.getpid())


def is_dead(process: Process) -> bool:
    """True only where death is certain: a process of another host may live, so only its lease's end frees it."""
    me = this_process()
    if process.host != me.host:
        return False
    if process.boot_id != me.boot_id:
        return True
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    started = _started(process.pid)
    return bool(started and process.started and started != process.started)
