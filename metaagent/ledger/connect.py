"""Opening the file: pragmas, first open by many processes, the integrity check, the backup before a migration."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from metaagent.errors import LedgerError, NotFoundError, StorageError
from metaagent.ledger import failures, sessions
from metaagent.ledger.filesystem import refuse_network
from metaagent.ledger.lock import LedgerLock, is_vulnerable

SCHEMA = 8  # the number of the last migration; a test keeps it equal to len(migrations.CHANGES)
BUSY_MILLISECONDS = 30_000


def lock_path(ledger: Path) -> Path:
    return ledger.with_name(ledger.name + ".lock")


def backups_folder(ledger: Path) -> Path:
    return ledger.parent / "backups"


def open_writable(path: Path, lock: LedgerLock, session: str) -> sqlite3.Connection:
    """The writing connection, schema current. The caller holds ``lock``."""
    _prepare_file(path)
    connection = _connect(path, "rw")
    try:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
        version = _version(connection, path)
        if sessions.enter(lock.fd, session, path) and version:
            require_integrity(connection, path)
            sessions.forget_dead(lock.fd)
        _set_pragmas(connection)
        if version < SCHEMA:
            _upgrade(connection, path, version)
    except BaseException as error:
        sessions.leave(lock.fd, session)
        connection.close()
        raise failures.translate(error, path) from error
    return connection


def open_readable(path: Path) -> sqlite3.Connection:
    """A connection that cannot write. In a folder where SQLite may not make its side files, the file as it stands."""
    if not path.exists():
        raise NotFoundError(f"there is no ledger at {path} yet", mend="metaagent run")
    try:
        connection = connect_reading(path)
        version = _version(connection, path)
        if version < SCHEMA:
            connection.close()
            raise OutdatedError(f"the ledger {path} has schema {version}, older than {SCHEMA}", mend="metaagent run")
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA mmap_size = 0")
    except sqlite3.Error as error:
        raise failures.translate(error, path) from error
    connection.row_factory = sqlite3.Row
    return connection


def connect_reading(path: Path) -> sqlite3.Connection:
    """A read-only connection to a file of any schema that can be read. Raises sqlite3.Error."""
    connection = _connect(path, "ro")
    try:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
        connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error as error:
        connection.close()
        if not isinstance(error, sqlite3.OperationalError) or os.access(path.parent, os.W_OK) or _has_wal(path):
            raise
        connection = _connect(path, "ro&immutable=1")
    return connection


def reading_guard(path: Path) -> AbstractContextManager[Any]:
    """For ``open_readable``: opening may recover the WAL, so where SQLite is vulnerable it holds the lock too. Where
    there is no lock file or it cannot be written, nobody writes. Closing needs none: a read-only connection never
    checkpoints."""
    lock = lock_path(path)
    if not is_vulnerable() or not os.access(lock, os.W_OK):
        return nullcontext()
    return closing_lock(LedgerLock(lock))


@contextmanager
def closing_lock(lock: LedgerLock) -> Iterator[None]:
    try:
        with lock:
            yield
    finally:
        lock.close()


def latest_id(connection: sqlite3.Connection) -> str:
    """The largest id that the writer of a row made; empty where there is none. Digests and numbers are none."""
    tables = connection.execute(
        """SELECT name FROM sqlite_master m WHERE type = 'table'
           AND EXISTS (SELECT 1 FROM pragma_table_info(m.name) WHERE name = 'id' AND pk = 1 AND type = 'TEXT')"""
    ).fetchall()
    largest = [
        connection.execute(f'SELECT max(id) FROM "{name}" WHERE id < ?', ("8",)).fetchone() for (name,) in tables
    ]
    return max((one for (one,) in largest if one is not None and len(one) == 26), default="")


class OutdatedError(LedgerError):
    """The schema is older than this code; opening it for writing migrates it."""


def require_integrity(connection: sqlite3.Connection, path: Path) -> None:
    found = integrity_problems(connection)
    if found:
        raise failures.corrupt(path, "; ".join(found[:3]))


def integrity_problems(connection: sqlite3.Connection) -> list[str]:
    try:
        rows = connection.execute("PRAGMA integrity_check(20)").fetchall()
    except sqlite3.OperationalError:  # locked, no access: says nothing about the file
        raise
    except sqlite3.DatabaseError as error:
        return [str(error)]
    return [str(row[0]) for row in rows if row[0] != "ok"]


def back_up(connection: sqlite3.Connection, target: Path) -> Path:
    """A consistent copy (SQLite's backup), written beside and renamed, mode 0600."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    os.close(os.open(partial, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
    copy = sqlite3.connect(partial)
    try:
        connection.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
        copy.close()
        partial.replace(target)
    finally:
        copy.close()
        partial.unlink(missing_ok=True)
    return target


def _prepare_file(path: Path) -> None:
    refuse_network(path.parent)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StorageError(
            f"cannot open the ledger {path}: {error.strerror}",
            mend=f"make {path.parent} writable, then run the command again",
        ) from error
    try:
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
        if mode & 0o077:
            with suppress(OSError):  # not ours, or a file system without modes
                path.chmod(mode & 0o700)
    finally:
        os.close(descriptor)


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"file:{quote(os.fsencode(path.absolute()))}?mode={mode}"  # bytes: the locale may not know the name
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, cached_statements=256)


def _version(connection: sqlite3.Connection, path: Path) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > SCHEMA:
        connection.close()
        raise failures.newer(path, version, SCHEMA)
    return version


def _set_pragmas(connection: sqlite3.Connection) -> None:
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA recursive_triggers = ON")  # REPLACE must not slip past the append-only triggers
    connection.execute("PRAGMA mmap_size = 0")


def _upgrade(connection: sqlite3.Connection, path: Path, version: int) -> None:
    from metaagent.ledger.migrations import migrate  # imports sqlite-utils: only when a migration is due

    if version:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        back_up(connection, backups_folder(path) / f"{path.name}.schema{version}.{stamp}")
    migrate(connection)


def _has_wal(path: Path) -> bool:
    wal = path.with_name(path.name + "-wal")
    return wal.exists() and wal.stat().st_size > 0
