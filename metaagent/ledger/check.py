"""`ledger check`: is the file whole, is the schema ours, do the facts belong together, what was dropped."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from metaagent.errors import LedgerError, StorageError
from metaagent.ledger import failures
from metaagent.ledger.connect import SCHEMA, connect_reading, integrity_problems
from metaagent.ledger.lock import is_vulnerable


@dataclass(frozen=True, slots=True)
class Report:
    """``problems`` empty: all is well. ``dropped`` counts batches that were handed over and never written."""

    path: Path
    schema: int
    size: int
    rows: dict[str, int]
    problems: tuple[str, ...]
    dropped: int
    unfinished: int
    sqlite: str
    locked_writes: bool

    @property
    def verdict(self) -> str:
        """``newer``: whole as far as can be seen, but not for this version of the program."""
        if self.schema > SCHEMA:
            return "newer"
        return "damaged" if self.problems else "whole"


def check(path: Path) -> Report:
    """Reads only, and also reads a file that ``Ledger.open`` refuses. Raises StorageError where it cannot be read."""
    if not path.is_file():
        raise StorageError(
            f"the ledger {path} is not a file", mend=f"mv {path} OTHER_NAME, then: metaagent ledger check"
        )
    try:
        with closing(connect_reading(path)) as connection:
            problems = integrity_problems(connection)
            schema, rows, dropped, unfinished = (0, {}, 0, 0) if problems else _facts(connection)
            if not problems:
                problems += _schema_problems(schema) + _foreign_problems(connection)
    except sqlite3.Error as error:
        cause = failures.translate(error, path)
        if not isinstance(cause, LedgerError):
            raise cause from error
        problems, schema, rows, dropped, unfinished = [str(error)], 0, {}, 0, 0
    size = path.stat().st_size
    return Report(
        *(path, schema, size, rows, tuple(problems), dropped, unfinished, sqlite3.sqlite_version, is_vulnerable())
    )


def _facts(connection: sqlite3.Connection) -> tuple[int, dict[str, int], int, int]:
    schema = int(connection.execute("PRAGMA user_version").fetchone()[0])
    names = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        " AND name NOT LIKE '\\_sqlite%' ESCAPE '\\' ORDER BY name"
    )
    rows = {name: int(_value(connection, f'SELECT count(*) FROM "{name}"')) for (name,) in names.fetchall()}
    dropped = _value(connection, "SELECT coalesce(sum(count), 0) FROM drops") if "drops" in rows else 0
    open_ones = "SELECT count(*) FROM attempts WHERE id NOT IN (SELECT attempt_id FROM outcomes)"
    return schema, rows, dropped, _value(connection, open_ones) if "outcomes" in rows else 0


def _value(connection: sqlite3.Connection, sql: str) -> int:
    return int(connection.execute(sql).fetchone()[0])


def _schema_problems(schema: int) -> list[str]:
    if schema > SCHEMA:
        return [f"schema {schema} is newer than this metaagent knows ({SCHEMA})"]
    return [] if schema else ["not a ledger: it has no schema"]


def _foreign_problems(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute("PRAGMA foreign_key_check").fetchmany(20)
    return [f"a row of {row[0]} refers to a row of {row[2]} that is not there" for row in rows]
