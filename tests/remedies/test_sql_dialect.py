"""sql.statement and sql.dialect: what comes out runs on a real SQLite and gives what the other dialect would."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent.records import ArtifactForm, Brief
from metaagent.remedies.sql import dialect, statement

BRIEF = Brief("T-1", "t", "g", None, {}, ArtifactForm("sql"))


def run(query: str) -> list[Any]:
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE t (id INTEGER, name TEXT, a INTEGER, b INTEGER, day TEXT, later TEXT)")
        database.execute("INSERT INTO t VALUES (1, 'Ann', 7, 2, '2024-03-05 10:20:30', '2024-03-09')")
        return list(database.execute(query).fetchone())


@pytest.mark.parametrize(
    ("foreign", "expected"),
    [
        ("SELECT YEAR(day), MONTH(day), DAY(day), HOUR(day) FROM t", [2024, 3, 5, 10]),
        ("SELECT EXTRACT(YEAR FROM day), DATE_PART('month', day) FROM t", [2024, 3]),
        ("SELECT QUARTER(day), DAYOFWEEK(day), WEEKOFYEAR(day) FROM t", [1, 3, 10]),
        ("SELECT DATE_TRUNC('month', day), DATE_TRUNC('week', day) FROM t", ["2024-03-01", "2024-03-04"]),
        ("SELECT DATE_FORMAT(day, '%Y-%m'), TO_CHAR(day, 'YYYY-MM-DD') FROM t", ["2024-03", "2024-03-05"]),
        ("SELECT DATEDIFF(later, DATE(day)), DATEDIFF('day', day, later) FROM t", [4, 3]),
        ("SELECT TIMESTAMPDIFF(HOUR, day, later) FROM t", [85]),
        ("SELECT DATE_ADD(day, INTERVAL 3 DAY), day + INTERVAL '1 month' FROM t", ["2024-03-08", "2024-04-05"]),
        ("SELECT CONCAT(name, '-', a), CONCAT_WS('/', name, b) FROM t", ["Ann-7", "Ann/2"]),
        ("SELECT LEFT(name, 1), RIGHT(name, 2) FROM t", ["A", "nn"]),
        ("SELECT name FROM t WHERE name ILIKE 'a%'", ["Ann"]),
        ("SELECT TOP 1 name FROM t", ["Ann"]),
        ("SELECT day::date, CAST(a AS DECIMAL(10,1)) FROM t", ["2024-03-05", 7.0]),
        ("SELECT `name`, IF(a > 1, 'x', 'y'), NVL(b, 0) FROM t", ["Ann", "x", 2]),
        ("SELECT MONTHNAME(day), DAYNAME(day) FROM t", ["March", "Tuesday"]),
        ("SELECT a FROM t WHERE day >= DATE '2024-01-01' AND YEAR(day) = 2024", [7]),
        ("SELECT a FROM t WHERE strftime('%Y', day) = 2024 AND strftime('%m', day) IN (3, 4)", [7]),
        ("SELECT ROUND(100 * b / a, 1) FROM t", [28.6]),
        ("SELECT GROUP_CONCAT(name SEPARATOR ', ') FROM t", ["Ann"]),
    ],
)
def test_another_dialect_runs_as_sqlite(foreign: str, expected: list[Any]) -> None:
    mended = dialect.fix(foreign, BRIEF, {})
    assert run(mended or foreign) == expected


def test_today_is_sqlites() -> None:
    mended = dialect.fix("SELECT CURDATE() = CURRENT_DATE, NOW() >= CURRENT_DATE FROM t", BRIEF, {})
    assert mended is not None
    assert run(mended) == [1, 1]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT name FROM t",
        "SELECT strftime('%Y-%m', day, '+4 hours') AS m, julianday(day) - julianday(later) FROM t GROUP BY m",
        "WITH x AS (SELECT 1 AS n) SELECT n FROM x UNION ALL SELECT a FROM t",
        "SELECT a / b, ROUND(1.0 * a / b, 2) FROM t WHERE a BETWEEN 1 AND 3",
        "no statement at all",
        "SELECT FROM WHERE",
        "",
    ],
)
def test_what_is_sqlite_or_no_sql_is_left_alone(text: str) -> None:
    assert dialect.fix(text, BRIEF, {}) is None


def test_other_formats_are_left_alone() -> None:
    brief = Brief("T-1", "t", "g", None, {}, ArtifactForm("text"))
    assert dialect.fix("SELECT YEAR(day) FROM t", brief, {}) is None
    assert statement.fix("```\nSELECT 1\n```", brief, {}) is None


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("SELECT 1;", "SELECT 1"),
        ("```sql\nSELECT a FROM t;\n```", "SELECT a FROM t"),
        ("```sql\nSELECT a FROM t", "SELECT a FROM t"),
        ("Here it is:\n\nSELECT a\nFROM t\nWHERE b = 'x;y'\n\nThis gives a.", "SELECT a\nFROM t\nWHERE b = 'x;y'"),
        ("The answer is `SELECT a FROM t`, I think.", "SELECT a FROM t"),
        ("SELECT a FROM t; SELECT b FROM t;", "SELECT a FROM t"),
        ("SELECT a FROM t\nExplanation: all of them", "SELECT a FROM t"),
        ("Select the rows like this: WITH x AS (SELECT 1) SELECT * FROM x;", "WITH x AS (SELECT 1) SELECT * FROM x"),
    ],
)
def test_the_one_statement_of_a_reply(reply: str, expected: str) -> None:
    assert statement.fix(reply, BRIEF, {}) == expected


@pytest.mark.parametrize("reply", ["", "I cannot.", "SELECT a FROM t", "DROP TABLE t", "select"])
def test_nothing_to_take_out(reply: str) -> None:
    assert statement.fix(reply, BRIEF, {}) is None


@given(st.text(alphabet="SELECTselct ()'\";,`\n*aFROMt1-/", max_size=120))
def test_no_text_breaks_them(text: str) -> None:
    for fixer in (statement.fix, dialect.fix):
        made = fixer(text, BRIEF, {})
        assert made is None or made != text
