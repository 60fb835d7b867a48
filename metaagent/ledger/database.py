"""The ledger as an object: one writer thread with group commit, one read-only connection for queries.

    with Ledger.open(path) as ledger:
        ledger.write([("INSERT INTO ...", (...))])      # blocks until durable
        future = ledger.submit(batch)                   # durable when the future is done
        rows = ledger.query("SELECT ...", (...))

A batch is a list of ``(sql, parameters)`` (a list of tuples as parameters: many rows), or a callable that gets a cursor
inside the transaction. A callable may be run again after a failed commit, so it must have no effect but its SQL and its
return value. No model call inside a batch. After an error the rows of that batch are not there; those of others are.
"""

from __future__ import annotations

import atexit
import signal
import sqlite3
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, cast

from metaagent.ledger import connect, failures, sessions
from metaagent.ledger.lock import LedgerLock, is_vulnerable
from metaagent.ledger.times import Clock, to_text, utc_now
from metaagent.ledger.ulid import new_ulid
from metaagent.ledger.writer import Batch, Writer

Row = sqlite3.Row


class Ledger:
    """Make it with ``Ledger.open``. ``run_id`` is written into rows; ``runs.start`` sets it."""

    def __init__(self, path: Path, clock: Clock, run_id: str | None) -> None:
        self.path = path
        self.clock = clock
        self.run_id = run_id
        self.known: set[Any] = set()  # what this process knows to be stored already (task versions)
        self.batching = False
        self._writer: Writer | None = None
        self._lock: LedgerLock | None = None
        self._connection: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None
        self._reading = threading.RLock()
        self._closed = False
        self._session = new_ulid()

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        run_id: str | None = None,
        read_only: bool = False,
        clock: Clock = utc_now,
        batching: bool = False,
        queue: int = 1000,
        flush_ms: float = 20,
        vulnerable: bool | None = None,
    ) -> Ledger:
        """``batching`` is opt-in: ``record`` then returns at once and rows are durable within ``flush_ms``; a full
        ``queue`` blocks. ``vulnerable`` overrides the look at SQLite's version (tests)."""
        ledger = cls(Path(path), clock, run_id)
        locked = is_vulnerable() if vulnerable is None else vulnerable
        if read_only:
            ledger._open_reader()
            return ledger
        ledger._open_writer(locked, queue if batching else 10_000, flush_ms)
        if batching:
            ledger.batching = True
            _drain_on_sigterm()
        atexit.register(ledger.close)
        return ledger

    def _open_writer(self, locked: bool, queue: int, flush_ms: float) -> None:
        self._lock = LedgerLock(connect.lock_path(self.path))
        try:
            with self._lock:
                self._connection = connect.open_writable(self.path, self._lock, self._session)
                new_ulid.after(connect.latest_id(self._connection))
        except BaseException:
            self._lock.close()
            raise
        guard: AbstractContextManager[Any] = self._lock if locked else nullcontext()
        self._writer = Writer(self._connection, guard, self._translate, capacity=queue, flush_seconds=flush_ms / 1000)

    def _open_reader(self) -> sqlite3.Connection:
        try:
            self._reader = self._readable()
        except connect.OutdatedError:
            if self._writer is not None:
                raise
            Ledger.open(self.path, clock=self.clock).close()
            self._reader = self._readable()
        return self._reader

    def _readable(self) -> sqlite3.Connection:
        with self._lock or connect.reading_guard(self.path):
            return connect.open_readable(self.path)

    # -- writing

    def submit(self, batch: Batch) -> Future[Any]:
        """The future is done when the batch is durable, with a callable's return value."""
        return self._need_writer().submit(batch)

    def write(self, batch: Batch) -> Any:
        """Blocks until durable; raises what went wrong."""
        return self._need_writer().submit(batch).result()

    def record(self, batch: Batch) -> None:
        """Commit per action, or with ``batching`` a bounded queue that blocks when full, flushed in the background:
        what fails there is counted in ``dropped``."""
        if self.batching:
            self._need_writer().post(batch, lazy=True)
        else:
            self.write(batch)

    def post(self, batch: Batch) -> None:
        """Without waiting and without a future, in order with what is submitted later; a failure shows in ``dropped``
        and ``last_error``. For rows whose end is awaited by a later ``submit``."""
        self._need_writer().post(batch, lazy=self.batching)

    def flush(self) -> None:
        """Blocks until all that was handed over so far is durable."""
        self.write([])

    # -- reading

    def query(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[Row]:
        """All rows, on a connection that cannot write. Sees every write that is durable."""
        with self._reading:
            if self._closed:
                raise RuntimeError("the ledger is closed")
            reader = self._reader or self._open_reader()
            try:
                return cast("list[Row]", reader.execute(sql, parameters).fetchall())
            except sqlite3.Error as error:
                raise self._translate(error) from error

    def one(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> Row | None:
        rows = self.query(sql, parameters)
        return rows[0] if rows else None

    # -- the rest

    @property
    def read_only(self) -> bool:
        return self._writer is None

    @property
    def dropped(self) -> int:
        """Batches that were handed over and could not be written."""
        return self._writer.dropped if self._writer else 0

    @property
    def commits(self) -> int:
        return self._writer.commits if self._writer else 0

    @property
    def last_error(self) -> BaseException | None:
        return self._writer.last_error if self._writer else None

    def now(self) -> str:
        return to_text(self.clock())

    def exclusive(self, work: Any) -> Any:
        """Runs ``work(connection)`` outside of a transaction with the file lock held (VACUUM, checkpoint, backup)."""
        writer, lock = self._need_writer(), self._lock
        assert lock is not None and self._connection is not None
        return writer.alone(lambda: work(self._connection), lock)

    def close(self) -> None:
        """Drains what waits, checkpoints and closes. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self.close)
        if self._writer is not None:
            self._writer.close()
            self._note_drops(self._writer)
        with self._lock or nullcontext():
            if self._reader is not None:
                self._reader.close()
            if self._connection is not None and self._lock is not None:
                self._connection.close()
                sessions.leave(self._lock.fd, self._session)
        if self._lock is not None:
            self._lock.close()

    def _note_drops(self, writer: Writer) -> None:
        if not writer.dropped or self._connection is None:
            return
        row = (new_ulid(), self.now(), self.run_id, writer.dropped, str(writer.last_error)[:500])
        with suppress(sqlite3.Error), self._lock or nullcontext():
            self._connection.execute("INSERT INTO drops VALUES (?, ?, ?, ?, ?)", row)

    def _translate(self, error: BaseException) -> BaseException:
        return failures.translate(error, self.path)

    def _need_writer(self) -> Writer:
        if self._writer is None:
            raise RuntimeError("this ledger was opened read-only")
        return self._writer

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _drain_on_sigterm() -> None:
    """Only where nobody else handles SIGTERM: who has a handler of their own closes the ledger themselves."""
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return

    def leave(number: int, _frame: FrameType | None) -> None:
        # Not ledger.close() here: the interrupted code may hold the queue's lock. Unwinding reaches it, or atexit does.
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
