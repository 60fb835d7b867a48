"""How single values are written, and the house's year: rewritten statements on a real SQLite."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from sqlglot import exp

from metaagent.learning.synthesis.sql.written import periods, rounding
from metaagent.records import ArtifactForm, Brief
from metaagent.remedies.sql import views
from metaagent.remedies.sql.tree import parse

SCHEMA = """
CREATE TABLE keepers (id INTEGER PRIMARY KEY, first_name TEXT NOT NULL, last_name TEXT NOT NULL, town TEXT);
CREATE TABLE boats (
  id INTEGER PRIMARY KEY, keeper_id INTEGER REFERENCES keepers(id), name TEXT NOT NULL, built_on TEXT NOT NULL,
  sold_on TEXT, sold INTEGER
);
"""
ROWS = """
INSERT INTO keepers VALUES (1, 'Ada', 'Brunner', NULL), (2, 'Ben', 'Arlt', 'Kiel');
INSERT INTO boats VALUES (1, 1, 'Otter', '2023-03-31', NULL, 0), (2, 1, 'Alk', '2023-04-01', '2024-12-31', 1),
  (3, 2, 'Robbe', '2024-03-31', '2024-01-01', 1), (4, NULL, 'Star', '2024-04-01', NULL, 0);
"""
DAYS = {"do": "form", "columns": ["boats.built_on", "boats.sold_on"], "is": "strftime('%d.%m.%Y', {})"}
NAMES = {
    "do": "form",
    "table": "keepers",
    "columns": ["first_name", "last_name"],
    "is": "UPPER({last_name}) || ', ' || {first_name}",
}
MISSING = {"do": "missing", "is": "unknown"}
YEAR = {"do": "year", "months": 3}
ROUND = {"do": "round", "digits": 1}
UNSOLD = {"do": "keep", "table": "keepers", "where": "NOT town IS NULL", "alone": True}


def written(text: str, *steps: dict[str, Any], question: str = "Which?") -> list[list[Any]]:
    """The rows after the steps, which change nothing more when they are done again."""
    brief = Brief("T-1", "t", SCHEMA, None, {"question": question}, ArtifactForm("sql"))
    settings = {"steps": list(steps)}
    made = views.fix(text, brief, settings) or text
    assert views.fix(made, brief, settings) in (None, made)
    with sqlite3.connect(":memory:") as database:
        database.executescript(SCHEMA + ROWS)
        return [list(row) for row in database.execute(made).fetchall()]


@pytest.mark.parametrize(
    "output", ["built_on", "b.built_on AS day", "DATE(built_on) AS day", "strftime('%Y-%m-%d', b.built_on) AS day"]
)
def test_days_are_written_in_the_houses_form_and_ordered_as_they_were(output: str) -> None:
    day = output.rpartition(" ")[2]
    rows = written(f"SELECT {output} FROM boats b ORDER BY {day} DESC LIMIT 2", DAYS)
    assert rows == [["01.04.2024"], ["31.03.2024"]]
    assert written(f"SELECT {output} FROM boats b ORDER BY 1 LIMIT 1", DAYS) == [["31.03.2023"]]


def test_the_latest_day_is_written_so_and_what_is_no_day_stays() -> None:
    latest = "SELECT keeper_id, MAX(built_on) AS latest FROM boats GROUP BY keeper_id ORDER BY latest"
    assert written(latest, DAYS) == [[1, "01.04.2023"], [2, "31.03.2024"], [None, "01.04.2024"]]
    assert written("SELECT strftime('%Y', built_on) AS year FROM boats WHERE id = 1", DAYS) == [["2023"]]
    assert written("SELECT COUNT(built_on) AS days FROM boats", DAYS) == [[4]]
    assert written("SELECT name FROM boats WHERE built_on = '2023-04-01'", DAYS) == [["Alk"]]


@pytest.mark.parametrize("output", ["k.last_name", "k.first_name", "k.first_name || ' ' || k.last_name"])
def test_names_are_written_in_the_houses_form_whatever_part_of_them_comes_out(output: str) -> None:
    text = f"SELECT b.name AS boat, {output} AS keeper FROM boats b JOIN keepers k ON k.id = b.keeper_id WHERE b.id = 3"
    assert written(text, NAMES) == [["Robbe", "ARLT, Ben"]]


def test_two_parts_of_a_name_become_one_where_one_column_is_asked_for() -> None:
    text = "SELECT first_name, last_name, COUNT(*) FROM keepers k JOIN boats b ON b.keeper_id = k.id GROUP BY k.id"
    asked = "Who has boats? Columns: keeper, boats."
    assert written(text, NAMES, question=asked) == [["BRUNNER, Ada", 2], ["ARLT, Ben", 1]]
    assert len(written(text, NAMES, question="Who has boats?")[0]) == 3  # nobody said that they are too many


def test_what_is_missing_is_said_so_and_groups_stay_what_they_were() -> None:
    by_town = "SELECT town, COUNT(*) AS keepers FROM keepers GROUP BY town ORDER BY keepers, town"
    assert written(by_town, MISSING) == [["unknown", 1], ["Kiel", 1]]
    assert written("SELECT IFNULL(town, '-') AS town FROM keepers WHERE id = 1", MISSING) == [["unknown"]]
    outer = "SELECT k.last_name AS keeper FROM boats b LEFT JOIN keepers k ON k.id = b.keeper_id WHERE b.id = 4"
    assert written(outer, MISSING) == [["unknown"]]
    assert written("SELECT SUM(sold) AS sold FROM boats WHERE id > 9", MISSING) == [[None]]  # a sum is no text
    assert written("SELECT sold_on FROM boats WHERE id < 3 ORDER BY id", DAYS, MISSING) == [["unknown"], ["31.12.2024"]]


@pytest.mark.parametrize(
    "where",
    [
        "strftime('%Y', built_on) = '2023'",
        "CAST(strftime('%Y', built_on) AS INTEGER) = 2023",
        "built_on LIKE '2023%'",
        "built_on LIKE '2023-%'",
        "built_on BETWEEN '2023-01-01' AND '2023-12-31'",
        "built_on >= '2023-01-01' AND built_on < '2024-01-01'",
        "id > 0 AND built_on >= '2023-01-01' AND built_on <= '2023-12-31'",
    ],
)
def test_the_houses_year_begins_later(where: str) -> None:
    text = f"SELECT name FROM boats WHERE {where} ORDER BY id"
    assert written(text) == [["Otter"], ["Alk"]]
    assert written(text, YEAR) == [["Alk"], ["Robbe"]]


@pytest.mark.parametrize(
    "where",
    [
        "built_on <= '2023-12-31'",
        "built_on BETWEEN '2023-03-01' AND '2023-12-31'",
        "built_on BETWEEN '2023-01-01' AND '9999-12-31'",
        "strftime('%Y-%m', built_on) = '2023-03'",
        "built_on LIKE '2023-03%'",
    ],
)
def test_other_bounds_are_the_calendars(where: str) -> None:
    assert written(f"SELECT name FROM boats WHERE {where}", YEAR) == written(f"SELECT name FROM boats WHERE {where}")


@pytest.mark.parametrize(("end", "months"), [("2024-03-31", [3]), ("2024-03-30", []), ("9999-12-31", [])])
def test_a_reference_tells_the_month_in_which_a_year_begins(end: str, months: list[int]) -> None:
    tree = parse(f"SELECT name FROM boats WHERE built_on BETWEEN '2023-04-01' AND '{end}'")
    assert tree is not None and [step["months"] for step in periods(tree) if step["do"] == "year"] == months


@pytest.mark.parametrize(
    ("where", "months"),
    [
        ("built_on >= '2023-04-01' AND built_on < '2024-04-01'", [3]),
        ("id > 0 AND built_on >= '2023-04-01' AND built_on <= '2024-03-31'", [3]),
        ("built_on >= '2023-04-01' AND built_on < '2024-03-31'", []),
        ("strftime('%Y', built_on, '-3 months') = '2023'", [3]),
        ("built_on > date('now', '-12 months')", []),
    ],
)
def test_a_reference_tells_it_however_it_says_so(where: str, months: list[int]) -> None:
    tree = parse(f"SELECT name FROM boats WHERE {where}")
    assert tree is not None and [step["months"] for step in periods(tree) if step["do"] == "year"] == months


@pytest.mark.parametrize(
    ("output", "wanted"),
    [
        ("AVG(id)", [[2.5]]),
        ("AVG(keeper_id)", [[1.3]]),
        ("100.0 * SUM(sold) / COUNT(*) AS share", [[50.0]]),
        ("SUM(sold) * 1.0 / COUNT(keeper_id) AS share", [[0.7]]),
        ("CAST(SUM(sold) AS REAL) / (COUNT(keeper_id) * 4)", [[0.2]]),
        ("ROUND(AVG(keeper_id), 3)", [[1.333]]),
        ("SUM(keeper_id) / 3.0", [[4 / 3]]),
        ("keeper_id + 0.25", [[1.25]]),
    ],
)
def test_averages_and_quotients_are_rounded_where_they_come_out(output: str, wanted: list[list[float]]) -> None:
    assert written(f"SELECT {output} FROM boats LIMIT 1", ROUND) == wanted


def test_groups_stand_in_the_order_of_what_was_not_rounded() -> None:
    text = "SELECT keeper_id, AVG(id) * 0.1 AS mean FROM boats GROUP BY keeper_id ORDER BY mean DESC"
    assert written(text, {"do": "round", "digits": 0}) == [[None, 0.0], [2, 0.0], [1, 0.0]]


def test_a_reference_tells_how_it_rounds() -> None:
    tree = parse("SELECT ROUND(AVG(id), 1) AS a, ROUND(SUM(id) / 100.0, 2) AS b, ROUND(id) AS c FROM boats")
    assert isinstance(tree, exp.Query) and list(rounding(tree)) == [ROUND]


def test_a_question_that_names_a_month_means_the_calendar() -> None:
    text = "SELECT name FROM boats WHERE built_on LIKE '2023%' AND strftime('%m', built_on) = '03'"
    assert written(text, YEAR, question="Which were built in March 2023?") == [["Otter"]]


def test_rows_may_count_less_only_where_they_themselves_are_read() -> None:
    assert written("SELECT COUNT(*) FROM keepers", UNSOLD) == [[1]]
    joined = "SELECT COUNT(*) FROM boats b JOIN keepers k ON k.id = b.keeper_id"
    assert written(joined, UNSOLD) == [[3]]
    assert written(joined, {**UNSOLD, "alone": False}) == [[1]]


def test_each_step_can_be_read() -> None:
    said = [views.readable(step) for step in (DAYS, NAMES, MISSING, YEAR, UNSOLD, ROUND)]
    assert said == [
        "outputs made of boats.built_on, boats.sold_on are written strftime('%d.%m.%Y', its value)",
        "outputs made of first_name, last_name of keepers are written UPPER({last_name}) || ', ' || {first_name}",
        "what is missing in an output is written 'unknown'",
        "a year begins 3 months later than the calendar's",
        "keepers themselves: only rows where NOT town IS NULL",
        "averages and quotients are rounded to 1 decimals where they come out",
    ]
