from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from metaagent.ledger import connect, migrations, schema
from metaagent.ledger.backup import list_backups
from metaagent.ledger.database import Ledger
from metaagent.ledger.views import VIEWS


def tables(path: Path) -> set[str]:
    connection = sqlite3.connect(path)
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.close()
    return names


CHANGES, SCHEMA = list(migrations.CHANGES), connect.SCHEMA


def next_more(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE more (id TEXT PRIMARY KEY)")


def next_breaks(connection: sqlite3.Connection) -> None:
    next_more(connection)
    raise RuntimeError("power cut")


def with_next(monkeypatch: pytest.MonkeyPatch, change: migrations.Change) -> None:
    change.__name__ = "next_more"
    monkeypatch.setattr(migrations, "CHANGES", [*CHANGES, change])
    monkeypatch.setattr(connect, "SCHEMA", SCHEMA + 1)


def test_the_hot_path_knows_the_number_of_the_last_migration() -> None:
    assert len(migrations.CHANGES) == connect.SCHEMA
    assert [int(change.__name__[1:4]) for change in migrations.CHANGES] == list(range(1, connect.SCHEMA + 1))


def test_a_migration_keeps_the_rows_and_backs_up_before(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Ledger.open(path) as ledger:
        ledger.write([("INSERT INTO reply_cache VALUES ('a', 't', 'x')", ())])
    with_next(monkeypatch, next_more)
    with Ledger.open(path) as ledger:
        assert ledger.one("SELECT count(*) FROM reply_cache")[0] == 1  # type: ignore[index]
    assert "more" in tables(path)
    (backup,) = list_backups(path)
    assert f"schema{SCHEMA}" in backup.path.name
    assert "more" not in tables(backup.path)
    assert backup.path.stat().st_mode & 0o777 == 0o600


def test_one_that_fails_stays_pending_and_leaves_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Ledger.open(path).close()
    with_next(monkeypatch, next_breaks)
    with pytest.raises(RuntimeError, match="power cut"):
        Ledger.open(path)
    assert "more" not in tables(path)
    with_next(monkeypatch, next_more)
    Ledger.open(path).close()
    assert "more" in tables(path)


def test_one_that_is_killed_stays_pending(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Ledger.open(path).close()
    code = f"""
import os
from pathlib import Path
from metaagent.ledger import connect, migrations
from metaagent.ledger.database import Ledger
CHANGES, SCHEMA = list(migrations.CHANGES), connect.SCHEMA


def next_more(connection):
    connection.execute("CREATE TABLE more (id TEXT PRIMARY KEY)")
    os.kill(os.getpid(), 9)
migrations.CHANGES.append(next_more)
connect.SCHEMA += 1
Ledger.open(Path({str(path)!r}))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == -9
    assert "more" not in tables(path)
    with_next(monkeypatch, next_more)
    Ledger.open(path).close()
    assert "more" in tables(path)


def test_reading_an_older_ledger_migrates_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Ledger.open(path).close()
    with_next(monkeypatch, next_more)
    with Ledger.open(path, read_only=True) as ledger:
        assert ledger.query("SELECT * FROM more") == []


def test_every_fact_has_an_id_a_time_and_a_run() -> None:
    completes = {"run_ends": "run_id", "outcomes": "attempt_id", "operation_ends": "operation_id", "texts": "hash"}
    for table, columns in {**schema.FACTS_1, **schema.FACTS_2, **schema.EVIDENCE_1}.items():
        names = set(re.findall(r"(?:^|,)\s*(\w+) ", columns))
        wanted = {completes.get(table, "id"), "time"} | (set() if table == "runs" else {"run_id"})
        assert wanted <= names, table


@pytest.mark.parametrize("table", [*schema.FACTS_1, *schema.FACTS_2, *schema.EVIDENCE_1])
def test_facts_are_append_only(ledger: Ledger, table: str) -> None:
    def fill(cursor: sqlite3.Cursor) -> None:
        cursor.execute("PRAGMA defer_foreign_keys = ON")
        columns = cursor.execute(f"PRAGMA table_info({table})").fetchall()
        row = ["pass" if c[1] == "outcome" else "trust" if c[1] == "action" else f"{c[0]}" for c in columns]
        names = [column[1] for column in columns]
        marks = ", ".join("?" * len(row))
        cursor.execute("PRAGMA foreign_keys = OFF")
        cursor.execute(f"INSERT INTO {table} VALUES ({marks})", row)
        for attack in (
            f"UPDATE {table} SET time = 'changed'",
            f"DELETE FROM {table}",
            f"INSERT OR REPLACE INTO {table} VALUES ({marks})",
        ):
            with pytest.raises(sqlite3.IntegrityError, match=f"append-only: {table}"):
                cursor.execute(attack, row if "REPLACE" in attack else ())
        assert names
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        ledger.write(fill)


def test_every_view_answers_and_says_what_it_is_for(ledger: Ledger) -> None:
    for name, (description, _) in VIEWS.items():
        ledger.query(f"SELECT * FROM {name}")
        row = ledger.one("SELECT sql FROM sqlite_master WHERE name = ?", (name,))
        assert row is not None
        assert description in row[0]
