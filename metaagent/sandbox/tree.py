"""The processes under one process: who they are, what memory they hold, and their end. Linux, by /proc.

Under a supervisor that is a subreaper, or under the first process of a pid namespace, orphans stay in the tree: what
is not found here does not exist.
"""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Final

_GONE = (OSError, ValueError)
_PATIENCE: Final = 120.0
"""Seconds. Every round forbids and kills all that is there, so that rounds are few; but on a machine where dozens of
processes want each core a round takes long, and what is left behind forks for ever. Five seconds were too short."""


def descendants(root: int) -> list[int]:
    """All processes under ``root``, without it. A moment's view: what forks meanwhile is seen the next time."""
    found: list[int] = []
    waiting = [root]
    while waiting:
        young = children(waiting.pop())
        found += young
        waiting += young
    return found


def children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        tasks = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208
    except OSError:
        return found
    for task in tasks:
        with suppress(*_GONE):
            found += map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())
    return found


def threads(pids: Iterable[int]) -> int:
    """How many of them there are, threads counted: that is what the limit on processes counts too."""
    total = 0
    for pid in pids:
        with suppress(*_GONE):
            total += len(os.listdir(f"/proc/{pid}/task"))  # noqa: PTH208
    return total


def threads_of_user(user: int) -> int:
    """How many threads a user runs on this machine, as far as /proc shows them."""
    total = 0
    for name in os.listdir("/proc"):  # noqa: PTH208
        with suppress(*_GONE):
            if name.isdecimal() and Path("/proc", name).stat().st_uid == user:
                total += len(os.listdir(f"/proc/{name}/task"))  # noqa: PTH208
    return total


def memory_over(pids: Iterable[int], limit: int) -> bool:
    """Whether they hold more than ``limit`` bytes: memory of their own and shared memory, no pages of files.

    The quick sum counts what forked processes still share once for each; only where that is too much, the exact one is
    asked for.
    """
    known = list(pids)
    return sum(_held(known, "status", ("RssAnon:", "RssShmem:"))) > limit and (
        sum(_held(known, "smaps_rollup", ("Pss_Anon:", "Pss_Shmem:"))) > limit
    )


def _held(pids: Iterable[int], name: str, fields: tuple[str, ...]) -> Iterator[int]:
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/{name}").read_text().splitlines()
        except ProcessLookupError:
            continue
        except FileNotFoundError:
            if name == "smaps_rollup" and Path(f"/proc/{pid}").exists():  # a kernel that does not tell exactly
                yield from _held([pid], "status", ("RssAnon:", "RssShmem:"))
            continue
        except OSError:  # not ours to look at so closely
            if name == "smaps_rollup":
                yield from _held([pid], "status", ("RssAnon:", "RssShmem:"))
            continue
        yield sum(1024 * int(line.split()[1]) for line in lines if line.startswith(fields))


def sweep(root: int, *, also: bool) -> None:
    """Kill everything under ``root`` until nothing is left, then ``root`` itself with ``also``.

    Each is first forbidden to fork, so that a fork bomb cannot outrun its end.
    """
    until_gone(lambda: _kill(descendants(root)))
    if also:
        _kill([root])


def until_gone(kill: Callable[[], bool], patience: float = _PATIENCE) -> None:
    """Repeat ``kill``, which tells whether there was anything, until there is nothing or patience ends."""
    deadline, wait = monotonic() + patience, 0.0005
    while kill() and monotonic() < deadline:
        sleep(wait)
        wait = min(wait * 2, 0.01)


def _kill(pids: list[int]) -> bool:
    any_left = False
    for pid in pids:
        if not alive(pid):
            continue
        any_left = True
        with suppress(*_GONE):
            resource.prlimit(pid, resource.RLIMIT_NPROC, (0, 0))
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    return any_left


def alive(pid: int) -> bool:
    """Whether it still runs. A zombie does not: it waits for its parent to take note."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (OSError, IndexError):
        return False
