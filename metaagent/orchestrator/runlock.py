"""The lock of those who want to be the only run in a workspace, such as a heartbeat from cron. A plain run shares."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from metaagent.errors import LockedError, UsageError
from metaagent.workspace import Workspace, ensure_state

CHOICES = ("skip", "wait", "fail")


@contextmanager
def run_lock(workspace: Workspace, if_locked: str | None) -> Iterator[bool]:
    """Hold .metaagent/run.lock for the block; None: do not lock at all. Gives False where ``skip`` found it taken.

    The lock is the operating system's, so a process that dies lets go of it. Raises LockedError for ``fail``.
    """
    if if_locked is None:
        yield True
        return
    if if_locked not in CHOICES:
        raise UsageError(f"--if-locked {if_locked!r} is not one of {', '.join(CHOICES)}")
    from filelock import FileLock, Timeout

    ensure_state(workspace)
    lock = FileLock(workspace.state_dir / "run.lock", timeout=-1 if if_locked == "wait" else 0)
    try:
        lock.acquire()
    except Timeout:
        if if_locked == "fail":
            raise LockedError(
                "another run or heartbeat holds this workspace", mend="wait for it, or use --if-locked wait"
            ) from None
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
