"""sql.joins, sql.columns and sql.stated on a small library: what comes out runs and gives the right rows."""

from __future__ import annotations

import sqlite3
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent.records import ArtifactForm, Brief
from metaagent.remedies.sql import columns, dialect, joins, stated
from metaagent.remedies.sql.names import asked_columns
from metaagent.remedies.sql.schema import read_schema

SCHEMA = """
CREATE TABLE branches (id INTEGER PRIMARY KEY, name TEXT NOT NULL, town TEXT NOT NULL);
CREATE TABLE members (
  id INTEGER PRIMARY KEY, full_name TEXT NOT NULL, branch_id INTEGER NOT NULL REFERENCES branches(id), staff INTEGER
);
CREATE TABLE books (id INTEGER PRIMARY KEY, title TEXT NOT NULL, pages INTEGER);
CREATE TABLE loans (
  id INTEGER PRIMARY KEY, member_id INTEGER NOT NULL, book_id INTEGER NOT NULL,
  lent_on TEXT NOT NULL, returned_on TEXT, fine_cents INTEGER,
  FOREIGN KEY (book_id) REFERENCES books(id)
);
"""
ROWS = """
INSERT INTO branches VALUES (1, 'North', 'Rome'), (2, 'South', 'Bari');
INSERT INTO members VALUES (1, 'Ann', 1, 0), (2, 'Bob', 2, 0), (3, 'Cid', 2, 1);
INSERT INTO books VALUES (1, 'Sea', 100), (2, 'Sun', 200);
INSERT INTO loans VALUES (1, 1, 1, '2024-01-01', '2024-01-11', 50), (2, 2, 1, '2024-02-01', NULL, NULL),
  (3, 3, 2, '2024-02-03', '2024-02-04', 150);
"""


def brief(question: str = "How many?") -> Brief:
    return Brief("T-1", "t", "Answer in SQL.\n" + SCHEMA, None, {"question": question}, ArtifactForm("sql"))


def run(query: str) -> list[Any]:
    with sqlite3.connect(":memory:") as database:
        database.executescript(SCHEMA + ROWS)
        return [list(row) for row in database.execute(query).fetchall()]


def test_statements_that_never_close_take_no_long_time() -> None:
    started = perf_counter()
    assert read_schema("CREATE TABLE (" * 20_000).tables == {}
    assert perf_counter() - started < 10  # it took minutes: the end of each was looked for to the end of the text


def test_the_schema_is_read_with_declared_and_guessed_keys() -> None:
    schema = read_schema(SCHEMA)
    assert sorted(schema.tables) == ["books", "branches", "loans", "members"]
    assert [(key.column, key.table) for key in schema.tables["loans"].parents] == [
        ("book_id", "books"),
        ("member_id", "members"),
    ]
    assert schema.below("branches") == {"branches", "members", "loans"}
    assert schema.tables["loans"].key == "id"
    column = schema.tables["loans"].column("returned_on")
    assert column is not None
    assert column.nullable


@pytest.mark.parametrize(
    ("wrong", "rows"),
    [
        ("SELECT COUNT(*) FROM loans WHERE branch_id = 2", [[2]]),
        ("SELECT COUNT(*) FROM loans WHERE town = 'Bari'", [[2]]),
        ("SELECT l.title FROM loans l WHERE l.id = 3", [["Sun"]]),
        ("SELECT m.full_name FROM loans JOIN branches ON town = 'Rome' WHERE m.branch_id = branches.id", [["Ann"]]),
        ("SELECT b.title, COUNT(*) FROM loans l JOIN books b ON b.id = l.book_id WHERE b.staff = 1", [["Sun", 1]]),
        ("SELECT branch, COUNT(*) FROM members GROUP BY branch ORDER BY 2", [["North", 1], ["South", 2]]),
        ("SELECT fine FROM loans WHERE id = 1", [[50]]),
        ("SELECT b.ooks.title FROM books b WHERE b.id = 1", [["Sea"]]),
        ("SELECT title FROM book WHERE id = 1", [["Sea"]]),
        ("SELECT month, COUNT(*) FROM loans WHERE lent_on > '2024' GROUP BY month", [["2024-01", 1], ["2024-02", 2]]),
        ("SELECT town, COUNT(*) AS members FROM branches GROUP BY town ORDER BY town", [["Bari", 2], ["Rome", 1]]),
        ("SELECT id FROM books WHERE id IN (SELECT book_id FROM loans WHERE staff = 1)", [[2]]),
    ],
)
def test_a_column_comes_from_the_table_that_has_it(wrong: str, rows: list[Any]) -> None:
    mended = joins.fix(wrong, brief(), {})
    assert mended is not None
    assert run(mended) == rows


@pytest.mark.parametrize(
    "text",
    [
        "SELECT b.title, COUNT(*) FROM loans AS l JOIN books AS b ON b.id = l.book_id GROUP BY b.id",
        "SELECT m.full_name, (SELECT COUNT(*) FROM loans WHERE member_id = m.id) AS n FROM members AS m ORDER BY n",
        "WITH late AS (SELECT member_id AS who FROM loans) SELECT who FROM late",
        "SELECT colour FROM books",
        "no SQL",
    ],
)
def test_what_is_in_order_or_beyond_repair_is_left_alone(text: str) -> None:
    assert joins.fix(text, brief(), {}) is None


def test_without_a_schema_nothing_is_joined() -> None:
    bare = Brief("T-1", "t", "Answer in SQL.", None, {"question": "?"}, ArtifactForm("sql"))
    assert joins.fix("SELECT town FROM loans", bare, {}) is None
    assert joins.fix("SELECT town FROM loans", bare, {"schema": SCHEMA}) is not None


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("How many books are out? Columns: title, loans.", ["title", "loans"]),
        ("Which books are out: title and lent_on please.", ["title", "lent_on"]),
        ("Loans of each month. month (like 2024-01), loans, in calendar order.", ["month", "loans"]),
        ("Number of members, column members.", ["members"]),
        ("Which members never borrowed? full_name", ["full_name"]),
        ("One number please (column total).", ["total"]),
        ("How many of private, business and school? Call the column customers.", ["customers"]),
        ("How many books have we?", []),
    ],
)
def test_the_names_that_a_question_asks_for(question: str, names: list[str]) -> None:
    assert [column.name for column in asked_columns(question)] == names


@pytest.mark.parametrize(
    ("question", "wrong", "right"),
    [
        ("Columns: title, pages.", "SELECT pages, title FROM books", "SELECT title, pages FROM books"),
        ("Column: books.", "SELECT COUNT(*) FROM books", "SELECT COUNT(*) AS books FROM books"),
        ("Columns: book, pages.", "SELECT title, pages FROM books", "SELECT title AS book, pages FROM books"),
        ("Columns: title, pages.", "SELECT id, title, pages FROM books", "SELECT title, pages FROM books"),
        ("Columns: title, pages.", "SELECT * FROM books", "SELECT title, pages FROM books"),
        ("Columns: title, pages.", "SELECT title FROM books", "SELECT title, pages FROM books"),
        (
            "Columns: town, members.",
            "SELECT town, COUNT(*) AS n FROM branches GROUP BY town HAVING n > 1 ORDER BY n",
            "SELECT town, COUNT(*) AS members FROM branches GROUP BY town HAVING members > 1 ORDER BY members",
        ),
    ],
)
def test_outputs_get_the_names_asked_for(question: str, wrong: str, right: str) -> None:
    assert columns.fix(wrong, brief(question), {}) == right
    assert columns.fix(right, brief(question), {}) is None


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("How many books?", "SELECT COUNT(*) FROM books"),
        ("Columns: a, b.", "SELECT title, pages, id FROM books"),
        ("Columns: title, loans.", "SELECT title FROM books GROUP BY title HAVING COUNT(*) > 1"),
    ],
)
def test_it_abstains_where_it_is_not_plain_which_is_which(question: str, text: str) -> None:
    assert columns.fix(text, brief(question), {}) is None


@pytest.mark.parametrize(
    ("question", "text", "rows"),
    [
        ("Average pages, one decimal. Column: pages.", "SELECT AVG(pages) / 7 AS pages FROM books", [[21.4]]),
        ("Share, two decimals: share.", "SELECT SUM(pages = 100) / 3 AS share FROM books", [[0.33]]),
        ("month (like 2024-01), loans.", "SELECT strftime('%m', lent_on) AS month FROM loans LIMIT 1", [["2024-01"]]),
        (
            "day (like 31/12/2024), loans.",
            "SELECT lent_on || '' AS day, COUNT(*) AS loans FROM loans GROUP BY lent_on || '' LIMIT 1",
            [["01/01/2024", 1]],
        ),
    ],
)
def test_what_the_question_states_is_done(question: str, text: str, rows: list[Any]) -> None:
    mended = stated.fix(text, brief(question), {})
    assert mended is not None
    assert run(mended) == rows
    assert stated.fix(mended, brief(question), {}) is None


def test_slips_that_need_the_schema() -> None:
    days = dialect.fix("SELECT returned_on - lent_on FROM loans WHERE id = 1", brief(), {})
    assert days is not None
    assert run(days) == [[10.0]]
    least = dialect.fix("SELECT id FROM loans ORDER BY fine_cents LIMIT 1", brief(), {})
    assert least is not None
    assert run(least) == [[1]]
    assert dialect.fix("SELECT id FROM books ORDER BY id LIMIT 1", brief(), {}) is None


def test_nothing_stated_nothing_changed() -> None:
    assert stated.fix("SELECT AVG(pages) AS pages FROM books", brief("Average pages?"), {}) is None
    assert stated.fix("SELECT SUM(pages) AS pages FROM books", brief("One decimal. Column: pages."), {}) is None


@given(st.text(max_size=200))
def test_no_question_breaks_the_reading_of_names(text: str) -> None:
    names = [column.name for column in asked_columns(text)]
    assert len(names) == len(set(names))
