"""One thread writes; what waits at the same moment shares one transaction (group commit).

Callers hand over a batch and get a future that is done when the batch is durable. A bad batch fails alone. Order is
kept: a batch is never durable before one that was submitted earlier.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import Any

from metaagent.errors import LockedError

# (sql, parameters); parameters in a list are many rows of one statement.
Statement = tuple[str, Any]
Batch = Sequence[Statement] | Callable[[sqlite3.Cursor], Any]
GROUP_LIMIT = 512


class TakeBack(Exception):
    """Raised by a batch that wants its changes undone; ``result`` goes to its caller (a dry run)."""

    def __init__(self, result: Any) -> None:
        super().__init__("taken back")
        self.result = result


class _Job:
    __slots__ = ("batch", "error", "future", "result")

    def __init__(self, batch: Batch, future: Future[Any] | None) -> None:
        self.batch = batch
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None


def run_batch(cursor: sqlite3.Cursor, batch: Batch) -> Any:
    if callable(batch):
        return batch(cursor)
    for sql, parameters in batch:
        if type(parameters) is list:
            cursor.executemany(sql, parameters)
        else:
            cursor.execute(sql, parameters)
    return None


class _Alone:
    """Work that may not run inside a transaction."""

    __slots__ = ("lock", "work")

    def __init__(self, work: Callable[[], Any], lock: AbstractContextManager[Any]) -> None:
        self.work = work
        self.lock = lock

    def __call__(self, _cursor: sqlite3.Cursor) -> Any:
        with self.lock:
            return self.work()


def _others_may_succeed(error: BaseException) -> bool:
    """Not where the transaction could not even begin: each would wait in vain for as long again."""
    if isinstance(error, sqlite3.Error):
        return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF != sqlite3.SQLITE_BUSY
    return isinstance(error, Exception) and not isinstance(error, LockedError)


class Writer:
    """``guard`` is held around each transaction (the file lock, or nothing on a fixed SQLite).

    ``capacity`` bounds what waits: beyond it ``submit`` blocks. ``lazy`` jobs may wait ``flush_seconds`` for company.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        guard: AbstractContextManager[Any],
        translate: Callable[[BaseException], BaseException],
        *,
        capacity: int = 10_000,
        flush_seconds: float = 0.02,
    ) -> None:
        self._connection = connection
        self._guard = guard
        self._translate = translate
        self._capacity = capacity
        self._flush = flush_seconds
        self._jobs: deque[_Job] = deque()
        self._condition = threading.Condition()
        self._urgent = False
        self._closing = False
        self._alone_waits = 0
        self._thread: threading.Thread | None = None
        self.commits = 0
        self.written = 0
        self.dropped = 0
        self.last_error: BaseException | None = None

    def submit(self, batch: Batch, *, lazy: bool = False) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()  # a caller that gives up waiting must not undo the write
        self._put(_Job(batch, future), lazy)
        return future

    def post(self, batch: Batch, *, lazy: bool = False) -> None:
        """Without a future: a failure shows in ``dropped`` and ``last_error`` only."""
        self._put(_Job(batch, None), lazy)

    def _put(self, job: _Job, lazy: bool) -> None:
        if threading.current_thread() is self._thread:
            raise RuntimeError("a batch may not write to the ledger that runs it")
        with self._condition:
            while len(self._jobs) >= self._capacity and not self._closing:
                self._urgent = True
                self._condition.notify_all()
                self._condition.wait(0.1)
            if self._closing:
                raise RuntimeError("the ledger is closed")
            self._jobs.append(job)
            if isinstance(job.batch, _Alone):
                self._alone_waits += 1
            if self._thread is None:
                self._start()
            if not lazy and not self._urgent:
                self._urgent = True
                self._condition.notify_all()
            elif len(self._jobs) == 1:
                self._condition.notify_all()

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._loop, name="ledger-writer", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Drains what waits, then ends the thread."""
        with self._condition:
            self._closing = True
            self._condition.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _loop(self) -> None:
        cursor = self._connection.cursor()
        while group := self._next_group():
            if isinstance(group[0].batch, _Alone):
                self._run_alone(cursor, group[0])
            else:
                self._commit(cursor, group)
            self._tell(group)

    def _run_alone(self, cursor: sqlite3.Cursor, job: _Job) -> None:
        try:
            job.result = run_batch(cursor, job.batch)
        except Exception as error:  # noqa: BLE001 - goes to its caller
            job.error = error

    def _next_group(self) -> list[_Job]:
        with self._condition:
            while not self._jobs and not self._closing:
                self._condition.wait()
            deadline = time.monotonic() + self._flush
            while not self._urgent and not self._closing and (left := deadline - time.monotonic()) > 0:
                self._condition.wait(left)
            group = self._take()
            if len(group) + len(self._jobs) >= self._capacity:
                self._condition.notify_all()
            return group

    def _take(self) -> list[_Job]:
        if len(self._jobs) <= GROUP_LIMIT and not self._alone_waits:
            group = list(self._jobs)
            self._jobs.clear()
            self._urgent = False
            return group
        group = []
        while self._jobs and len(group) < GROUP_LIMIT:
            alone = isinstance(self._jobs[0].batch, _Alone)
            if alone and group:
                break
            group.append(self._jobs.popleft())
            if alone:
                self._alone_waits -= 1
                break
        return group

    def _commit(self, cursor: sqlite3.Cursor, group: list[_Job]) -> None:
        try:
            with self._guard:
                self._transaction(cursor, group)
        except BaseException as error:  # noqa: BLE001 - the boundary of this thread: every error goes to its caller
            self._undo()
            if len(group) == 1 and isinstance(error, TakeBack):
                group[0].result = error.result
            elif len(group) == 1 or not _others_may_succeed(error):
                for job in group:
                    job.error = error
            else:
                for job in group:
                    self._commit(cursor, [job])

    def _transaction(self, cursor: sqlite3.Cursor, group: list[_Job]) -> None:
        """All or nothing. Failures are rare: then the group is undone and each batch runs in a transaction of its own,
        which costs nothing where all is well (a savepoint per batch cost a fifth of the time)."""
        cursor.execute("BEGIN IMMEDIATE")
        for job in group:
            job.result = run_batch(cursor, job.batch)
        cursor.execute("COMMIT")
        self.commits += 1

    def alone(self, work: Callable[[], Any], lock: AbstractContextManager[Any]) -> Any:
        """Runs ``work`` in the writer thread between two transactions, under ``lock``."""
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        self._put(_Job(_Alone(work, lock), future), lazy=False)
        return future.result()

    def _undo(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.rollback()
        except sqlite3.Error as error:
            self.last_error = error

    def _tell(self, group: list[_Job]) -> None:
        for job in group:
            if job.error is None:
                self.written += 1
                if job.future is not None:
                    job.future.set_result(job.result)
                continue
            self.dropped += 1
            self.last_error = self._translate(job.error)
            if job.future is not None:
                job.future.set_exception(self.last_error)
