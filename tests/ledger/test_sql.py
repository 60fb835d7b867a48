from __future__ import annotations

from pathlib import Path

import pytest

from metaagent.errors import NotFoundError, UsageError
from metaagent.ledger import sql
from metaagent.ledger.database import Ledger
from tests.ledger.conftest import make_attempt, store


def test_reading(ledger: Ledger) -> None:
    store(ledger, make_attempt())
    result = sql.select(
        ledger.path, "WITH x AS (SELECT * FROM v_attempts) SELECT outcome, count(*) AS n FROM x GROUP BY 1"
    )
    assert (result.columns, list(result.rows)) == (("outcome", "n"), [("fail", 1)])
    assert list(sql.select(ledger.path, "PRAGMA table_info(attempts)").rows)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM attempts",
        "UPDATE attempts SET agent = 'x'",
        "INSERT INTO switches VALUES ('prune') RETURNING name",
        "DROP TABLE attempts",
        "CREATE TEMP TABLE t (x)",
        "ATTACH '/tmp/other.db' AS other",
        "PRAGMA query_only = 0",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA writable_schema = 1",
        "VACUUM INTO '/tmp/copy.db'",
        "BEGIN IMMEDIATE",
        "SELECT load_extension('x')",
        "SELECT 1; DELETE FROM attempts",
    ],
)
def test_everything_else_is_refused(ledger: Ledger, statement: str) -> None:
    store(ledger, make_attempt())
    with pytest.raises(UsageError) as caught:
        list(sql.select(ledger.path, statement).rows)
    assert caught.value.mend
    assert len(ledger.query("SELECT * FROM attempts")) == 1


def test_a_mistake_is_told_in_sqlites_words(ledger: Ledger) -> None:
    with pytest.raises(UsageError, match='near "selec": syntax error'):
        sql.select(ledger.path, "selec")
    with pytest.raises(UsageError, match="no such table: missing"):
        sql.select(ledger.path, "select * from missing")


def test_no_ledger_yet(path: Path) -> None:
    with pytest.raises(NotFoundError):
        sql.select(path, "select 1")
