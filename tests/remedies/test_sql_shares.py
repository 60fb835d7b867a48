"""How shares are written: rewritten statements on a real SQLite."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from sqlglot import exp

from metaagent.learning.synthesis.sql.written import shares
from metaagent.records import ArtifactForm, Brief
from metaagent.remedies.sql import views
from metaagent.remedies.sql.tree import parse

SCHEMA = "CREATE TABLE jobs (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, late INTEGER NOT NULL);"
ROWS = [("repair", 1), ("repair", 1), ("repair", 0), ("wash", 0), ("wash", 0), ("wash", 1), ("wash", 0)]
WHOLE = {"do": "share", "by": 100, "digits": 0, "sign": "%"}
FRACTION = {"do": "share", "by": 1, "digits": 2, "sign": ""}


def rows(text: str, *steps: dict[str, Any]) -> list[list[Any]]:
    brief = Brief("T-1", "t", SCHEMA, None, {"question": "Which share?"}, ArtifactForm("sql"))
    settings = {"steps": list(steps)}
    made = views.fix(text, brief, settings) or text
    assert views.fix(made, brief, settings) in (None, made)
    with sqlite3.connect(":memory:") as database:
        database.execute(SCHEMA)
        database.executemany("INSERT INTO jobs (kind, late) VALUES (?, ?)", ROWS)
        return [list(row) for row in database.execute(made)]


@pytest.mark.parametrize(
    "output",
    [
        "SUM(late) / COUNT(*)",
        "SUM(late) * 1.0 / COUNT(*)",
        "100.0 * SUM(late) / COUNT(*)",
        "SUM(late) * 100 / COUNT(*)",
        "(SUM(late) / COUNT(*)) * 100",
        "CAST(SUM(late) AS REAL) / COUNT(*) * 100.0",
        "ROUND(SUM(late) * 100.0 / COUNT(*), 1)",
        "ROUND(100.0 * SUM(late) / COUNT(*), 2) || ' %'",
        "printf('%.2f', 1.0 * SUM(late) / COUNT(*))",
        "AVG(late = 1)",
        "AVG(CASE WHEN late = 1 THEN 1 ELSE 0 END) * 100",
        "CAST(COUNT(CASE WHEN late THEN 1 END) AS FLOAT) / (SELECT COUNT(*) FROM jobs)",
    ],
)
def test_a_share_is_written_in_the_houses_form(output: str) -> None:
    assert rows(f"SELECT {output} AS late_share FROM jobs", WHOLE) == [["43%"]]
    assert rows(f"SELECT {output} AS pct FROM jobs", FRACTION) == [[0.43]]


@pytest.mark.parametrize("output", ["SUM(late) / COUNT(*) AS mean", "SUM(late) AS share", "SUM(late) / 2.0 AS rate"])
def test_what_is_no_share_stays(output: str) -> None:
    text = f"SELECT {output} FROM jobs"
    assert rows(text, WHOLE) == rows(text)


def test_rows_stand_in_the_order_of_the_number() -> None:
    text = "SELECT kind, 1.0 * SUM(late) / COUNT(*) AS share FROM jobs GROUP BY kind ORDER BY share DESC"
    assert rows(text, {**WHOLE, "sign": " %"}) == [["repair", "67 %"], ["wash", "25 %"]]


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("CAST(ROUND(100.0 * SUM(late) / COUNT(*)) AS INTEGER) || '%'", [WHOLE]),
        ("CAST(ROUND(100.0 * SUM(kind = 'odd one') / COUNT(*)) AS INTEGER) || '%'", [WHOLE]),
        ("ROUND(1.0 * SUM(late) / COUNT(*), 2)", [FRACTION]),
        ("ROUND(100.0 * SUM(late) / COUNT(*), 1)", [{**WHOLE, "digits": 1, "sign": ""}]),
        ("1.0 * SUM(late) / COUNT(*)", []),
        ("ROUND(1.0 * SUM(late) / COUNT(*), late)", []),
    ],
)
def test_a_reference_tells_the_form(output: str, told: list[dict[str, Any]]) -> None:
    tree = parse(f"SELECT {output} AS share FROM jobs")
    assert isinstance(tree, exp.Query) and list(shares(tree)) == told


def test_a_sign_is_text_and_nothing_else() -> None:
    assert rows("SELECT AVG(late > 0) AS share FROM jobs", {**WHOLE, "sign": "' || 'x"}) == [["43' || 'x"]]


def test_it_can_be_read() -> None:
    assert views.readable(WHOLE) == "shares are written as per cent with 0 decimals and '%'"
    assert views.readable(FRACTION) == "shares are written as fractions with 2 decimals"
