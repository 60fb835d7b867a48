"""The SQL example: every reference gives its rows, conventions are what the rows say, and exceptions exist."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from metaagent.agents.prompts import render
from metaagent.agents.roles import load_roles
from metaagent.config import Config
from metaagent.records import ArtifactForm, Brief
from tests.examples.databases import in_memory

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "sql-reports"
FIXTURE = EXAMPLE / "fixtures" / "shop.db"
CONVENTIONS = ("cancelled", "test", "euros", "net", "refunds", "weeks", "local", "active", "ties")
ABSENT = {
    "cancelled": "UPDATE orders SET status = 'paid' WHERE status = 'cancelled'",
    "test": "UPDATE orders SET is_test = 0; UPDATE customers SET is_test = 0",
    "net": "UPDATE order_lines SET vat_rate = 0",
    "refunds": "DELETE FROM refunds",
}
"""What takes the reason for a convention out of the books."""
WEEK = "'-3 days', 'weekday 4'"
LOCAL = ", '+4 hours'"
SIMILAR = 0.5
"""Questions of different groups must share a smaller part of their words than this."""

Row = dict[str, Any]
Result = tuple[list[str], list[list[Any]]]


@cache
def rows() -> tuple[Row, ...]:
    lines = (EXAMPLE / "tasks" / "reports.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(json.loads(line) for line in lines)


@cache
def specification() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((EXAMPLE / "tasks" / "reports.yaml").read_text(encoding="utf-8"))
    return loaded


def shop(change: str = "") -> sqlite3.Connection:
    """A copy of the fixture in memory, changed."""
    return in_memory(FIXTURE, change)


@pytest.fixture(scope="module")
def books() -> Iterator[sqlite3.Connection]:
    connection = shop()
    yield connection
    connection.close()


def ran(connection: sqlite3.Connection, query: str) -> Result:
    cursor = connection.execute(query)
    return [column[0] for column in cursor.description], [list(found) for found in cursor]


def comparable(result: Result, row: Row) -> Result:
    columns, found = result
    return columns, found if row["expected"]["ordered"] else sorted(found, key=repr)


def expected(row: Row) -> Result:
    return comparable((row["expected"]["columns"], row["expected"]["rows"]), row)


def words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text.lower()))


def skeleton(query: str) -> str:
    return re.sub(r"\b\d+(\.\d+)?\b", "0", re.sub(r"'[^']*'", "''", query))


def plain(row: Row) -> bool:
    return not row["touches"] and not row["lifts"]


# The fixture


def test_the_fixture_is_what_its_script_makes(tmp_path: Path, books: sqlite3.Connection) -> None:
    script = EXAMPLE / "fixtures" / "make_shop.py"
    subprocess.run([sys.executable, script, tmp_path / "again.db"], check=True, timeout=60)
    again = sqlite3.connect(tmp_path / "again.db")
    assert list(again.iterdump()) == list(books.iterdump())
    again.close()
    assert FIXTURE.stat().st_size < 500_000


def test_the_fixture_is_whole_and_has_its_traps(books: sqlite3.Connection) -> None:
    def number(query: str) -> int:
        found: int = books.execute(query).fetchone()[0]
        return found

    assert books.execute("PRAGMA foreign_key_check").fetchall() == []
    assert number("SELECT COUNT(*) FROM orders WHERE status = 'cancelled'") > 50
    assert number("SELECT COUNT(*) FROM orders WHERE is_test = 1") > 50
    hidden = (
        "SELECT COUNT(*) FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.is_test = 0 AND c.is_test = 1"
    )
    assert number(hidden) > 10
    assert number("SELECT COUNT(*) FROM orders WHERE status = 'cancelled' AND is_test = 1") == 0
    assert number("SELECT COUNT(*) FROM (SELECT 1 FROM refunds GROUP BY line_id HAVING COUNT(*) > 1)") > 20
    partial = (
        "SELECT COUNT(*) FROM refunds r JOIN order_lines l ON l.id = r.line_id WHERE r.refunded_cents < l.amount_cents"
    )
    assert number(partial) > 100
    assert number("SELECT COUNT(DISTINCT vat_rate) FROM order_lines") == 3
    assert number("SELECT COUNT(*) FROM orders WHERE strftime('%H', ordered_at) >= '20'") > 100
    for table, column in [("customers", "email"), ("products", "weight_grams"), ("suppliers", "lead_days")]:
        assert number(f"SELECT COUNT(*) FROM {table} WHERE {column} IS NULL") > 0


def test_shipments_need_no_filter_and_local_time_changes_no_week_and_no_month(books: sqlite3.Connection) -> None:
    joined = "FROM shipments s JOIN orders o ON o.id = s.order_id JOIN customers c ON c.id = o.customer_id"
    wrong = f"SELECT COUNT(*) {joined} WHERE o.status = 'cancelled' OR o.is_test OR c.is_test"
    assert books.execute(wrong).fetchone() == (0,)
    moved = "SELECT COUNT(*) FROM orders WHERE strftime('{0}', ordered_at) <> strftime('{0}', ordered_at, '+4 hours')"
    assert [books.execute(moved.format(form)).fetchone()[0] for form in ("%Y-%m", "%W")] == [0, 0]
    assert books.execute(moved.format("%d")).fetchone()[0] > 100


# Form


def test_there_are_enough_rows_and_every_row_is_whole() -> None:
    assert len(rows()) >= 200
    for row in rows():
        texts = ("id", "title", "family", "group", "question", "reference")
        assert set(row) == {*texts, "expected", "touches", "lifts"}
        assert all(isinstance(row[name], str) and row[name].strip() for name in texts)
        assert set(row["expected"]) == {"columns", "rows", "ordered"}
        assert row["expected"]["rows"], row["id"]
        assert set(row["touches"] + row["lifts"]) <= set(CONVENTIONS)
        assert not set(row["touches"]) & set(row["lifts"]), row["id"]


@pytest.mark.parametrize("name", ["id", "question", "reference"])
def test_nothing_occurs_twice(name: str) -> None:
    assert [value for value, count in Counter(row[name] for row in rows()).items() if count > 1] == []


def test_families_are_many_and_none_is_tiny() -> None:
    sizes = Counter(row["family"] for row in rows())
    assert len(sizes) >= 14
    assert min(sizes.values()) >= 6


def test_every_question_names_its_columns() -> None:
    for row in rows():
        for column in row["expected"]["columns"]:
            assert re.search(rf"\b{column}\b", row["question"]), (row["id"], column)


def test_the_goal_holds_the_schema_of_the_fixture(books: sqlite3.Connection) -> None:
    tables = [created for (created,) in books.execute("SELECT sql FROM sqlite_schema ORDER BY rowid")]
    assert specification()["goal"].endswith(";\n".join(tables) + ";\n")


def test_of_a_row_only_its_question_reaches_the_prompt() -> None:
    role, head = load_roles(Config())["executor"], specification()
    assert head["inputs"] == ["question"]
    around = set()
    for row in rows():
        form = ArtifactForm(head["artifact"]["format"])
        brief = Brief(row["id"], row["title"], head["goal"], head["domain"], {"question": row["question"]}, form)
        prompt = "\n".join(message.content for message in render(role, brief))
        assert prompt.count(row["question"]) == 1
        around.add(prompt.replace(row["question"], ""))
    assert len(around) == 1


def test_no_convention_stands_in_the_prompt() -> None:
    said = re.sub(r"CREATE TABLE.*", "", specification()["goal"], flags=re.DOTALL).lower()
    assert not re.search(r"cancel|test|euro|cent|vat|net\b|refund|iso|week|local|active|tie", said)
    assert list(specification()["checks"]) == ["key"]


def test_the_board_holds_tasks_of_this_set_from_every_family() -> None:
    board = (EXAMPLE / "WORKING.md").read_text(encoding="utf-8")
    named = re.findall(r"^- \[(SQL-\d+)\] ", board, re.MULTILINE)
    families = {row["id"]: row["family"] for row in rows()}
    assert 20 <= len(named) == len(set(named))
    assert {families[task] for task in named} == set(families.values())


# References


@pytest.mark.parametrize("row", rows(), ids=lambda row: str(row["id"]))
def test_the_reference_gives_the_expected_rows(row: Row, books: sqlite3.Connection) -> None:
    assert comparable(ran(books, row["reference"]), row) == expected(row)
    assert all(
        not isinstance(value, float) or round(value, 2) == value for found in expected(row)[1] for value in found
    )


def test_an_order_or_a_cut_leaves_nothing_to_chance(books: sqlite3.Connection) -> None:
    """Ties in a query's own order are broken at random; the rows must be the same."""
    state = [20241]

    def draw() -> int:
        state[0] = (state[0] * 6364136223846793005 + 1442695040888963407) % 2**64
        return state[0] >> 20

    books.create_function("draw", 0, draw)
    for row in rows():
        ordered = re.fullmatch(
            r"(.* ORDER BY [^()]*?(?:LENGTH\(name\) DESC|COUNT\(\*\) DESC)?)( LIMIT \d+)?", row["reference"]
        )
        assert ordered or not (row["expected"]["ordered"] or "LIMIT" in row["reference"]), row["id"]
        if ordered:
            for _ in range(5):
                assert ran(books, f"{ordered[1]}, draw(){ordered[2] or ''}") == ran(books, row["reference"]), row["id"]


def test_ties_are_real(books: sqlite3.Connection) -> None:
    """Without the id, and the higher id first, each ranking comes out another."""
    tied = [row for row in rows() if "ties" in row["touches"]]
    assert len(tied) >= 5
    for row in tied:
        other = re.sub(r"((?:\w\.)?id)( LIMIT \d+)?$", r"\1 DESC\2", row["reference"])
        assert other != row["reference"]
        assert ran(books, other) != ran(books, row["reference"]), row["id"]


def test_weeks_are_iso_weeks(books: sqlite3.Connection) -> None:
    used = next(row["reference"] for row in rows() if row["reference"].startswith("SELECT strftime('%Y', shipped_on, "))
    form = re.fullmatch(r"SELECT (.*?) AS week.*", used)
    assert form is not None
    for number in range(0, 4000, 3):
        day = date(2019, 12, 20) + timedelta(days=number)
        year, week, _ = day.isocalendar()
        found = books.execute(f"SELECT {form[1].replace('shipped_on', '?1')}", (day.isoformat(),)).fetchone()
        assert found == (f"{year}-W{week:02}",)


def test_a_week_can_belong_to_another_year_than_its_days() -> None:
    found = {value for row in rows() if "weeks" in row["touches"] for line in row["expected"]["rows"] for value in line}
    assert "2025-W01" in found


# The conventions


@pytest.mark.parametrize("convention", ABSENT)
def test_rows_touch_a_convention_exactly_when_they_depend_on_it(convention: str) -> None:
    """Where there is nothing to leave out, the rows that touch the convention change; those that do not, or lift it
    by asking for all, stay. A question for just what is left out changes too."""
    changed = shop(ABSENT[convention])
    for row in rows():
        moved = comparable(ran(changed, row["reference"]), row) != expected(row)
        asks_for_it = convention in row["lifts"] or (convention == "refunds" and row["family"] == "refunds")
        assert moved == (convention in row["touches"]) or asks_for_it, row["id"]
    changed.close()


def test_the_other_conventions_show_in_the_reference() -> None:
    for row in rows():
        touches, query = row["touches"], row["reference"]
        assert ("weeks" in touches) == (WEEK in query), row["id"]
        assert ("local" in touches) == (LOCAL in query), row["id"]
        assert ("active" in touches) == ("HAVING COUNT(*) >= 2" in query), row["id"]
        assert ("euros" in touches) == bool(re.search(r"/ 100(\.0)?(, 2\)| / COUNT)", query)), row["id"]
        assert bool(re.search(r", (\w\.)?id( LIMIT \d+)?$", query)) == ("ties" in touches), row["id"]


def test_local_time_and_activity_change_their_rows(books: sqlite3.Connection) -> None:
    for row in rows():
        if "local" in row["touches"]:
            assert comparable(ran(books, row["reference"].replace(LOCAL, "")), row) != expected(row), row["id"]
        if "active" in row["touches"]:
            assert comparable(ran(books, row["reference"].replace(">= 2", ">= 1")), row) != expected(row), row["id"]


def test_every_convention_is_touched_often_enough() -> None:
    counts = Counter(name for row in rows() for name in row["touches"])
    assert set(counts) == set(CONVENTIONS)
    assert min(counts.values()) >= 6


def test_two_in_five_touch_no_convention() -> None:
    assert sum(map(plain, rows())) >= 0.4 * len(rows())


def test_exceptions_exist_and_some_need_a_query_without_any_filter() -> None:
    exceptions = [row for row in rows() if row["lifts"]]
    assert len(exceptions) >= 18
    assert {name for row in exceptions for name in row["lifts"]} >= set(ABSENT) | {"euros", "local", "active"}
    assert sum(not row["touches"] for row in exceptions) >= 10
    questions = " ".join(row["question"] for row in exceptions)
    assert "How many orders were cancelled?" in questions
    assert "What did test orders amount to?" in questions


@pytest.mark.parametrize(("convention", "view"), [
    ("cancelled", "CREATE TEMP VIEW orders AS SELECT * FROM main.orders WHERE status <> 'cancelled'"),
    ("test", "CREATE TEMP VIEW orders AS SELECT * FROM main.orders WHERE is_test = 0"),
])  # fmt: skip
def test_a_filter_for_all_questions_breaks_the_exceptions(convention: str, view: str) -> None:
    filtered = shop(view)
    broken = {row["id"] for row in rows() if comparable(ran(filtered, row["reference"]), row) != expected(row)}
    assert broken
    assert broken <= {row["id"] for row in rows() if convention in row["lifts"]}
    filtered.close()


# Variety


def test_near_duplicates_share_their_group() -> None:
    texts = [(words(row["question"]), row["group"], row["id"]) for row in rows()]
    near = [
        (mine, other)
        for (a, group, mine), (b, another, other) in combinations(texts, 2)
        if group != another and len(a & b) >= SIMILAR * len(a | b)
    ]
    assert near == []


def test_the_same_query_with_other_values_has_one_group() -> None:
    groups = defaultdict(set)
    for row in rows():
        groups[skeleton(row["reference"])].add(row["group"])
    assert [names for names in groups.values() if len(names) > 1] == []


def test_groups_are_small_and_stay_in_their_family() -> None:
    sizes = Counter(row["group"] for row in rows())
    assert max(sizes.values()) <= 3
    assert sum(size > 1 for size in sizes.values()) >= 15
    families = defaultdict(set)
    for row in rows():
        families[row["group"]].add(row["family"])
    assert all(len(names) == 1 for names in families.values())
