from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from metaagent.ledger import check
from metaagent.ledger.database import Ledger
from tests.ledger.conftest import make_attempt, start, store


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
