"""sql.views: a house's view of its tables laid over statements that know nothing of it, on a real SQLite."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from metaagent.records import ArtifactForm, Brief
from metaagent.remedies.sql import views
from metaagent.remedies.sql.schema import read_schema
from metaagent.remedies.sql.shadow import apart
from metaagent.remedies.sql.tree import _TAKEN, named, parse_expression, render

SCHEMA = """
CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT NOT NULL, demo INTEGER NOT NULL);
CREATE TABLE trips (
  id INTEGER PRIMARY KEY, client_id INTEGER REFERENCES clients(id), state TEXT NOT NULL, left_at TEXT NOT NULL
);
CREATE TABLE parcels (
  id INTEGER PRIMARY KEY, trip_id INTEGER NOT NULL REFERENCES trips(id), grams INTEGER, price_pence INTEGER, tax REAL
);
CREATE TABLE claims (id INTEGER PRIMARY KEY, parcel_id INTEGER NOT NULL REFERENCES parcels(id), paid_pence INTEGER);
"""
ROWS = """
INSERT INTO clients VALUES (1, 'Ann', 0), (2, 'Demo', 1), (3, 'Cid', 0), (4, 'Cid', 0);
INSERT INTO trips VALUES (1, 1, 'done', '2024-03-31 23:30:00'), (2, 2, 'done', '2024-01-02 10:00:00'),
  (3, 3, 'void', '2024-01-03 10:00:00'), (4, NULL, 'done', '2024-01-03 10:00:00'),
  (5, 4, 'done', '2024-01-05 10:00:00');
INSERT INTO parcels VALUES (1, 1, 1500, 2400, 20), (2, 1, 500, 1200, 20), (3, 2, 9000, 9900, 20), (4, 3, 700, 600, 20),
  (5, 4, 300, 600, 20), (6, 5, 100, 1200, 20);
INSERT INTO claims VALUES (1, 2, 240);
"""
KEEP_STATE = {"do": "keep", "table": "trips", "where": "state <> 'void'"}
KEEP_CLIENT = {"do": "keep", "table": "clients", "where": "demo = 0"}
CLAIMS = {
    "do": "value",
    "table": "parcels",
    "column": "price_pence",
    "is": "{} - COALESCE((SELECT SUM(paid_pence) FROM main.claims WHERE parcel_id = parcels.id), 0)",
}
TAX = {"do": "value", "table": "parcels", "column": "price_pence", "is": "{} / (1 + tax / 100.0)"}
PENCE = {"do": "scale", "columns": ["parcels.price_pence", "claims.paid_pence"], "by": 100, "digits": 2}


def brief(question: str) -> Brief:
    return Brief("T-1", "t", SCHEMA, None, {"question": question}, ArtifactForm("sql"))


def run(query: str) -> list[Any]:
    with sqlite3.connect(":memory:") as database:
        database.executescript(SCHEMA + ROWS)
        return [list(row) for row in database.execute(query).fetchall()]


def viewed(text: str, *steps: dict[str, Any], question: str = "How much?") -> list[Any]:
    made = views.fix(text, brief(question), {"steps": list(steps)})
    return run(made if made is not None else text)


@pytest.mark.parametrize(
    ("text", "steps", "rows"),
    [
        ("SELECT COUNT(*) FROM trips", [KEEP_STATE], [[4]]),
        ("SELECT COUNT(*) FROM trips", [KEEP_STATE, KEEP_CLIENT], [[3]]),  # one belongs to no client: it stays
        ("SELECT SUM(grams) FROM parcels", [KEEP_STATE, KEEP_CLIENT], [[2400]]),
        ("SELECT COUNT(*) FROM clients", [KEEP_STATE], [[4]]),
        ("SELECT SUM(price_pence) FROM parcels", [PENCE], [[159.0]]),
        ("SELECT SUM(p.price_pence) / 100 FROM parcels AS p WHERE p.id = 5", [PENCE], [[6.0]]),
        ("SELECT SUM(price_pence) / COUNT(*) FROM parcels WHERE id < 3", [PENCE], [[18.0]]),
        ("SELECT SUM(price_pence) * 1.0 / SUM(grams) FROM parcels WHERE id = 5", [PENCE], [[0.02]]),
        ("SELECT SUM(price_pence) / SUM(price_pence) FROM parcels", [PENCE], [[1]]),
        ("SELECT SUM(price_pence) FROM parcels WHERE id = 2", [CLAIMS, TAX, PENCE], [[8.0]]),
        ("WITH t AS (SELECT SUM(price_pence) AS s FROM parcels WHERE id = 2) SELECT s FROM t", [TAX, PENCE], [[10.0]]),
        ("SELECT id FROM (SELECT * FROM trips) AS t WHERE id IN (3, 5)", [KEEP_STATE], [[5]]),
    ],
)
def test_steps(text: str, steps: list[dict[str, Any]], rows: list[Any]) -> None:
    assert viewed(text, *steps) == rows


def test_numbers_of_the_question_are_in_the_large_unit() -> None:
    text = "SELECT id FROM parcels WHERE price_pence > 12"
    assert viewed(text, PENCE, question="Parcels above 12 pounds?") == [[1], [3]]
    assert viewed(text, PENCE, question="Parcels above a dozen?") == run(text)


def test_one_after_another_is_the_same_as_together() -> None:
    text, told = "SELECT SUM(price_pence) AS s FROM parcels", brief("?")
    steps = [KEEP_STATE, KEEP_CLIENT, CLAIMS, TAX, PENCE]
    single = text
    for step in steps:
        single = views.fix(single, told, {"steps": [step]}) or single
    assert single == views.fix(text, told, {"steps": steps})
    assert run(single) == [[43.0]]


def test_a_statement_that_asks_for_what_is_left_out_is_let_be() -> None:
    assert viewed("SELECT COUNT(*) FROM trips WHERE state = 'void'", KEEP_STATE) == [[1]]
    assert viewed("SELECT COUNT(*) FROM clients WHERE demo = 1", KEEP_CLIENT) == [[1]]


def test_limits_by_words_and_by_tables() -> None:
    text = "SELECT COUNT(*) FROM trips"
    unless = {**KEEP_STATE, "unless": {"words": ["all"], "reads": ["claims"]}}
    assert viewed(text, unless, question="How many trips?") == [[4]]
    assert viewed(text, unless, question="How many trips in all?") == [[5]]
    only = {**KEEP_STATE, "only": {"words": ["revenue"]}}
    assert viewed(text, only, question="How many trips?") == [[5]]
    joined = "SELECT COUNT(*) FROM trips JOIN parcels ON trip_id = trips.id JOIN claims ON parcel_id = parcels.id"
    assert views.fix(joined, brief("How many?"), {"steps": [unless]}) is None


def test_shapes() -> None:
    day = "SELECT DATE(left_at) AS day, COUNT(*) AS n FROM trips WHERE id = 1 GROUP BY DATE(left_at)"
    shift = {"do": "shift", "column": "trips.left_at", "by": "+2 hours", "codes": ["%d", "%H"]}
    assert viewed(day, shift) == [["2024-04-01", 1]]
    written = {"do": "date", "name": "day", "is": "strftime('%d.%m.%Y', {})"}
    assert viewed(day, written) == [["31.03.2024", 1]]
    tied = "SELECT id FROM parcels ORDER BY price_pence DESC LIMIT 3"
    assert viewed(tied, {"do": "ties", "by": "key", "descending": True}) == [[3], [1], [6]]
    named = "SELECT name, COUNT(*) AS n FROM clients GROUP BY name ORDER BY name, n"
    assert viewed(named, {"do": "key"}) == [["Ann", 1], ["Cid", 1], ["Cid", 1], ["Demo", 1]]
    measure = {"do": "measure", "name": "weight", "table": "parcels", "is": "SUM(parcels.grams)"}
    assert viewed("SELECT COUNT(*) AS weight FROM parcels AS p WHERE p.id < 3", measure) == [[2000]]


def test_what_it_cannot_read_it_leaves_alone() -> None:
    steps = [KEEP_STATE, PENCE]
    assert views.fix("all of them", brief("?"), {"steps": steps}) is None
    assert views.fix("SELECT 1", brief("?"), {"steps": steps}) is None
    bare = Brief("T-1", "t", "no tables", None, {}, ArtifactForm("sql"))
    assert views.fix("SELECT COUNT(*) FROM trips", bare, {"steps": steps}) is None
    assert views.fix("SELECT COUNT(*) FROM trips", bare, {"steps": steps, "schema": SCHEMA}) is not None


def test_a_shadow_is_read_back_as_it_was_written() -> None:
    schema = read_schema(SCHEMA)
    text = views.fix("SELECT SUM(price_pence) FROM parcels", brief("?"), {"steps": [KEEP_CLIENT, TAX]})
    assert text is not None
    parts = apart(text, schema)
    assert parts is not None
    assert parts.joined(parts.shadows, schema) == text
    assert parts.reads == {"parcels"}


def test_steps_read_as_sentences() -> None:
    step = {**KEEP_STATE, "unless": {"words": ["void", "all"]}}
    said = "trips and what belongs to them: only rows where state <> 'void'; unless the question says void, all"
    assert views.readable(step) == said
    assert "divided by 100, rounded to 2 decimals" in views.readable(PENCE)


@pytest.mark.parametrize(
    "name", [*sorted(_TAKEN), "price", "größe", "two words", "the.dot", 'a"b', "it's", "9lives", ""]
)
def test_a_name_is_read_as_a_name(name: str) -> None:
    text = render(parse_expression(f"SUM({named(name)}.{named(name)})"))
    with sqlite3.connect(":memory:") as database:
        query = f"WITH {named(name)} AS (SELECT 7 AS {named(name)}) SELECT {text} FROM {named(name)}"
        assert database.execute(query).fetchall() == [(7,)]


def test_rows_of_a_table_with_a_reserved_name_are_left_out() -> None:
    schema = read_schema(
        'CREATE TABLE "group" (id INTEGER PRIMARY KEY, "to" TEXT);'
        'CREATE TABLE "order" (id INTEGER PRIMARY KEY, "group" INTEGER REFERENCES "group"(id), "select" INTEGER)'
    )
    text = 'SELECT SUM("select") AS n FROM "order"'
    for step in (
        {"do": "keep", "table": "group", "where": "\"to\" <> 'void'"},
        {"do": "value", "table": "order", "column": "select", "is": "{} * 2"},
    ):
        text = views.stepped(text, step, schema, "") or text
    with sqlite3.connect(":memory:") as database:
        database.executescript(
            'CREATE TABLE "group" (id, "to"); INSERT INTO "group" VALUES (1, \'void\'), (2, \'x\');'
            'CREATE TABLE "order" (id, "group", "select");'
            'INSERT INTO "order" VALUES (1, 1, 5), (2, 2, 7), (3, NULL, 1)'
        )
        assert database.execute(text).fetchall() == [(16,)]
