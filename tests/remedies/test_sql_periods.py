"""Months that begin on another day, and parts of a year that have a name: rewritten statements on a real SQLite."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from metaagent.learning.synthesis.sql.meanings import Solved, swaps
from metaagent.learning.synthesis.sql.references import naive
from metaagent.learning.synthesis.sql.references import steps as told_steps
from metaagent.learning.synthesis.sql.written import periods
from metaagent.records import ArtifactForm, Brief
from metaagent.remedies.settings import STEPS
from metaagent.remedies.sql import views
from metaagent.remedies.sql.schema import read_schema
from metaagent.remedies.sql.tree import parse

SCHEMA = "CREATE TABLE hires (id INTEGER PRIMARY KEY, out_on TEXT NOT NULL, back_on TEXT, hours INTEGER);"
DAYS = [
    ("2024-01-01", "2024-01-20"),
    ("2024-04-25", "2024-04-25"),
    ("2024-04-26", "2024-05-02"),
    ("2024-05-25", "2024-05-26"),
    ("2024-05-31", None),
    ("2024-11-01", "2024-12-25"),
    ("2024-12-26", "2025-01-03"),
]
LATE = {"do": "month", "day": 26}
EARLY = {"do": "month", "day": 6}
SEASON = {"do": "span", "from": "04-01", "to": "10-31", "only": {"words": ["season"]}}
BACK = {"do": "value", "table": "hires", "column": "out_on", "is": "back_on"}


def found(where: str, *steps: dict[str, Any], question: str = "Which?") -> list[int]:
    """The rows that the statement takes after the steps."""
    brief = Brief("T-1", "t", SCHEMA, None, {"question": question}, ArtifactForm("sql"))
    text = f"SELECT id FROM hires WHERE {where} ORDER BY id"
    made = views.fix(text, brief, {"steps": list(steps)}) or text
    with sqlite3.connect(":memory:") as database:
        database.execute(SCHEMA)
        database.executemany("INSERT INTO hires (out_on, back_on) VALUES (?, ?)", DAYS)
        return [row[0] for row in database.execute(made)]


MAY = [
    "out_on BETWEEN '2024-05-01' AND '2024-05-31'",
    "out_on >= '2024-05-01' AND out_on < '2024-06-01'",
    "out_on LIKE '2024-05%'",
    "out_on LIKE '2024-05-%'",
    "strftime('%Y-%m', out_on) = '2024-05'",
    "strftime('%m', out_on) = '05' AND strftime('%Y', out_on) = '2024'",
    "CAST(strftime('%m', out_on) AS INTEGER) = 5 AND CAST(strftime('%Y', out_on) AS INTEGER) = 2024",
]


@pytest.mark.parametrize("where", MAY)
def test_a_month_begins_in_the_month_before(where: str) -> None:
    assert found(where) == [4, 5]
    assert found(where, LATE) == [3, 4]


@pytest.mark.parametrize("where", MAY)
def test_a_month_begins_later_in_itself(where: str) -> None:
    assert found(where, EARLY) == [4, 5]
    assert found(
        where.replace("05", "04").replace("06", "05").replace("= 5", "= 4").replace("-31'", "-30'"), EARLY
    ) == [2, 3]


def test_the_houses_january_begins_in_the_year_before() -> None:
    assert found("out_on LIKE '2025-01%'", LATE) == [7]
    assert found("strftime('%Y', out_on) = '2025' AND strftime('%m', out_on) = '01'", LATE) == [7]


@pytest.mark.parametrize(
    "where",
    [
        "strftime('%Y', out_on) = '2024'",
        "out_on BETWEEN '2024-01-01' AND '2024-12-31'",
        "out_on BETWEEN '2024-03-01' AND '2024-05-31'",
        "out_on <= '2024-05-31'",
        "strftime('%Y-%m-%d', out_on) = '2024-05-25'",
        "out_on = '2024-05-31'",
        "out_on >= '9999-12-01' AND out_on < '9999-12-31'",
        "out_on BETWEEN '0001-01-01' AND '0001-01-31'",
    ],
)
def test_years_days_and_longer_ranges_are_the_calendars(where: str) -> None:
    assert found(where, LATE) == found(where)


@pytest.mark.parametrize(
    "where",
    [
        "strftime('%Y', out_on) = '2024'",
        "CAST(strftime('%Y', out_on) AS INTEGER) = 2024",
        "out_on LIKE '2024%'",
        "out_on BETWEEN '2024-01-01' AND '2024-12-31'",
        "out_on >= '2024-06-01' AND out_on < '2024-09-01'",
        "id > 0 AND out_on >= '2024-01-01' AND out_on < '2025-01-01'",
    ],
)
def test_a_part_of_the_year_has_a_name(where: str) -> None:
    assert found(where, SEASON, question="In the 2024 season?") == [2, 3, 4, 5]
    assert found(where, SEASON, question="In 2024?") == found(where)


def test_a_day_that_a_year_has_not_is_its_months_last() -> None:
    winter = {"do": "span", "from": "01-01", "to": "02-30"}
    assert found("out_on BETWEEN '2024-01-01' AND '2024-12-31'", winter) == [1]


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        ("2024-04-26", "2024-05-25", [LATE, {"do": "span", "from": "04-26", "to": "05-25"}]),
        ("2023-12-26", "2024-01-25", [LATE]),
        ("2024-04-01", "2024-10-31", [{"do": "span", "from": "04-01", "to": "10-31"}]),
        ("2024-01-01", "2024-12-31", []),
        ("2024-05-01", "2024-02-01", []),
        ("0001-01-01", "0001-01-01", []),
        ("2024-04-26", "2024-05-24", [{"do": "span", "from": "04-26", "to": "05-24"}]),
    ],
)
def test_a_reference_tells_periods(low: str, high: str, told: list[dict[str, Any]]) -> None:
    tree = parse(f"SELECT id FROM hires WHERE out_on BETWEEN '{low}' AND '{high}'")
    assert tree is not None and list(periods(tree)) == told


def test_a_period_that_a_question_asks_for_is_no_convention() -> None:
    text = "SELECT id FROM hires WHERE out_on BETWEEN '2024-04-26' AND '2024-05-25'"
    solved = [Solved(group, f"hires in may 2024, {group}", text) for group in ("a", "b")]
    assert all(step["do"] != "keep" for step, _ in told_steps(solved, read_schema(SCHEMA)))


def test_references_tell_which_day_a_thing_belongs_to() -> None:
    schema, reply = read_schema(SCHEMA), "SELECT COUNT(*) FROM hires WHERE out_on LIKE '2024%'"
    text = "SELECT COUNT(*) FROM hires h WHERE h.back_on LIKE '2024%'"
    solved = [Solved(group, "hires in 2024", text) for group in ("a", "b")]
    other = {**BACK, "column": "back_on", "is": "out_on"}
    assert swaps([(one, reply) for one in solved], [BACK, other], schema) == [(BACK, 2)]
    assert swaps([(one, text) for one in solved], [BACK, other], schema) == []
    assert swaps([(solved[0], reply)], [BACK], schema) == []
    assert naive(text, [], [], [BACK], schema) == "SELECT COUNT(*) FROM hires AS h WHERE h.out_on LIKE '2024%'"
    assert found("out_on LIKE '2024%'", BACK) == [1, 2, 3, 4, 6]


def test_a_begun_unit_counts_as_a_whole() -> None:
    text = "SELECT SUM((hours + 23) / 24) AS days FROM hires"
    solved = [Solved(group, "how many days?", text) for group in ("a", "b")]
    wanted = {"do": "value", "table": "hires", "column": "hours", "is": "({} + 23) / 24"}
    assert (wanted, 2) in told_steps(solved, read_schema(SCHEMA))


def test_each_step_can_be_read_and_imported() -> None:
    assert {"month", "span", "share"} <= STEPS.keys()
    assert [views.readable(step) for step in (LATE, EARLY, SEASON)] == [
        "a month begins on day 26 of the month before",
        "a month begins on day 6",
        "of a year, only 04-01 to 10-31 is meant; only if the question says season",
    ]
