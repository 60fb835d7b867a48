from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from metaagent.errors import LockedError, StorageError
from metaagent.ledger import check
from metaagent.ledger.connect import SCHEMA
from metaagent.ledger.database import Ledger
from tests.ledger.conftest import make_attempt, start, store

# Root reads and writes everywhere, unless its capabilities are taken away.
UNPRIVILEGED = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []


def test_a_whole_ledger(ledger: Ledger) -> None:
    store(ledger, make_attempt())
    start(ledger, make_attempt("TASK-002"))
    report = check.check(ledger.path)
    assert report.problems == ()
    assert (report.rows["attempts"], report.unfinished, report.dropped) == (2, 1, 0)


def test_damage_is_named(path: Path) -> None:
    with Ledger.open(path) as ledger:
        ledger.write([("INSERT INTO reply_cache VALUES (?, 't', ?)", [(f"k{i}", "x" * 500) for i in range(500)])])
    with path.open("r+b") as file:
        file.seek(60 * 4096)
        file.write(os.urandom(20 * 4096))
    assert check.check(path).problems


def test_what_is_no_database_at_all(path: Path) -> None:
    path.write_bytes(b"text " * 500)
    (problem,) = check.check(path).problems
    assert "not a database" in problem


def test_an_empty_file_is_no_ledger(path: Path) -> None:
    path.touch()
    assert check.check(path).problems == ("not a ledger: it has no schema",)


def test_rows_that_lost_what_they_refer_to(path: Path) -> None:
    Ledger.open(path).close()
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO operation_ends VALUES ('none', 't', NULL, NULL, 'done')")
    connection.commit()
    connection.close()
    (problem,) = check.check(path).problems
    assert "operation_ends" in problem


def test_a_newer_ledger_is_not_a_damaged_one(path: Path) -> None:
    Ledger.open(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    report = check.check(path)
    assert (report.verdict, report.problems) == ("newer", (f"schema 99 is newer than this metaagent knows ({SCHEMA})",))


def test_a_folder_in_its_place_is_said_to_be_one(path: Path) -> None:
    path.mkdir()
    with pytest.raises(StorageError, match="not a file"):
        check.check(path)


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root writes everywhere")
def test_what_may_only_be_read_is_whole(path: Path) -> None:
    """Without the rights of root: SQLite may not make its side files there, which says nothing about the ledger."""
    Ledger.open(path).close()
    code = "import sys, pathlib, metaagent.ledger.check as c; print(c.check(pathlib.Path(sys.argv[1])).verdict)"
    path.parent.chmod(0o500)
    path.chmod(0o400)
    try:
        ran = subprocess.run([*UNPRIVILEGED, sys.executable, "-c", code, path], capture_output=True, text=True)
    finally:
        path.parent.chmod(0o700)
    assert (ran.stdout, ran.stderr) == ("whole\n", "")


def test_a_ledger_that_is_locked_is_not_damaged(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Ledger.open(path).close()
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN EXCLUSIVE")
        monkeypatch.setattr("metaagent.ledger.connect.BUSY_MILLISECONDS", 10)
        with pytest.raises(LockedError):
            check.check(path)
