"""Read-only SQL, for `ledger sql`: a connection that cannot write, and an authorizer that allows reads only."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metaagent.errors import UsageError
from metaagent.ledger import failures
from metaagent.ledger.connect import open_readable, reading_guard

_READS = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE})
_HARMLESS_PRAGMAS = frozenset({"table_info", "table_xinfo", "table_list", "index_list", "index_info", "user_version"})
_REFUSED_FUNCTIONS = frozenset({"load_extension", "writefile", "edit"})


@dataclass(frozen=True, slots=True)
class Result:
    """``rows`` is lazy: the connection closes when it is exhausted."""

    columns: tuple[str, ...]
    rows: Iterator[tuple[Any, ...]]


def select(path: Path, sql: str) -> Result:
    """One statement that reads. What is refused or wrong is a UsageError with SQLite's own words."""
    with reading_guard(path):
        connection = open_readable(path)
    connection.row_factory = None
    connection.set_authorizer(_authorize)
    try:
        cursor = connection.execute(sql)
    except (sqlite3.Error, sqlite3.Warning) as error:
        connection.close()
        raise _refusal(error, path) from error
    columns = tuple(column[0] for column in cursor.description or ())
    return Result(columns, _rows(connection, cursor, path))


def _rows(connection: sqlite3.Connection, cursor: sqlite3.Cursor, path: Path) -> Iterator[tuple[Any, ...]]:
    try:
        yield from cursor
    except sqlite3.Error as error:
        raise _refusal(error, path) from error
    finally:
        connection.close()


def _authorize(action: int, first: str | None, second: str | None, _database: str | None, _trigger: str | None) -> int:
    if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in _REFUSED_FUNCTIONS:
        return sqlite3.SQLITE_DENY
    if action in _READS or (action == sqlite3.SQLITE_PRAGMA and (first or "").lower() in _HARMLESS_PRAGMAS):
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def _refusal(error: Exception, path: Path) -> BaseException:
    ours = failures.translate(error, path)
    denied = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_AUTH or "not authorized" in str(error)
    if ours is not error and not denied:
        return ours
    if denied:
        return UsageError(f"refused: `ledger sql` only reads ({error})", mend="metaagent ledger views")
    return UsageError(f"SQL error: {error}", mend="metaagent ledger views, or: select name, sql from sqlite_master")
