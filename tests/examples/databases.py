"""An example's database to ask and to change."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any


def in_memory(fixture: Path, change: str = "") -> sqlite3.Connection:
    """A copy of the fixture in memory, changed."""
    copy = sqlite3.connect(":memory:")
    original = sqlite3.connect(f"file:{fixture}?mode=ro", uri=True)
    original.backup(copy)
    original.close()
    copy.executescript(change)
    return copy


def ran(connection: sqlite3.Connection, query: str) -> tuple[list[str], list[list[Any]]]:
    """The names of a query's columns, and its rows."""
    cursor = connection.execute(query)
    return [column[0] for column in cursor.description], [list(found) for found in cursor]


def check_reference(connection: sqlite3.Connection, row: dict[str, Any]) -> None:
    """A row's reference gives its expected columns and rows, in their order where that is asked for: some rows, not
    many, and no cell without a value."""
    columns, found = ran(connection, row["reference"])
    wanted = row["expected"]
    ordered = wanted["ordered"]
    assert columns == wanted["columns"], row["id"]
    assert (found if ordered else sorted(map(repr, found))) == (
        wanted["rows"] if ordered else sorted(map(repr, wanted["rows"]))
    ), row["id"]
    assert 1 <= len(found) <= 40 and all(value is not None for line in found for value in line), row["id"]


def check_made(maker: Path, fixture: Path, copy: Path) -> None:
    """The maker writes what the fixture holds."""
    subprocess.run([sys.executable, maker, copy], check=True)
    with closing(sqlite3.connect(copy)) as one, closing(in_memory(fixture)) as other:
        assert list(one.iterdump()) == list(other.iterdump())


def check_schema_told(goal: str, fixture: Path) -> None:
    """The goal ends with the tables of the fixture."""
    tables = "SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY name"
    with closing(sqlite3.connect(":memory:")) as told, closing(in_memory(fixture)) as held:
        told.executescript(goal[goal.index("-- all dates") :])
        assert ran(told, tables) == ran(held, tables)
