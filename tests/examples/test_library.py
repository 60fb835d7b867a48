"""The library: every reference gives its rows, and what a task is said to depend on changes them."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import pytest

from tests.examples import sets
from tests.examples.databases import check_made, check_reference, check_schema_told, in_memory, ran

SET = "library"
FIXTURES = sets.EXAMPLES / SET / "fixtures"
FIXTURE = FIXTURES / "library.db"
MARKS = {
    "test_members": re.compile(r"m\.kind <> 'test'"),
    "withdrawn": re.compile(r"c\.status <> 'withdrawn'"),
    "units": re.compile(r"/ (?:100|60)\.0, 2\)"),
    "net_cost": re.compile(r"c\.price_cents \* \(100 - o\.discount_pct\) / 100\.0"),
    "library_year": re.compile(r"-09-01'|'-8 months'"),
    "names": re.compile(r"m\.last_name \|\| ', ' \|\| m\.first_name"),
    "rates": re.compile(r", 1\)"),
}
"""What stands in a reference that keeps a convention, and in no other."""


def test_every_reference_gives_what_is_expected() -> None:
    with closing(in_memory(FIXTURE)) as connection:
        for row in sets.rows(SET):
            check_reference(connection, row)


@pytest.mark.parametrize(
    ("convention", "change"),
    [
        ("test_members", "UPDATE members SET kind = 'adult' WHERE kind = 'test'"),
        ("withdrawn", "UPDATE copies SET status = 'available' WHERE status = 'withdrawn'"),
    ],
)
def test_rows_that_do_not_count_matter_to_those_who_say_so(convention: str, change: str) -> None:
    with closing(in_memory(FIXTURE, change)) as connection:
        for row in sets.rows(SET):
            if convention in row["touches"]:
                assert ran(connection, row["reference"])[1] != row["expected"]["rows"], row["id"]


def test_what_a_task_touches_stands_in_its_reference() -> None:
    for row in sets.rows(SET):
        kept = {convention for convention, mark in MARKS.items() if mark.search(row["reference"])}
        assert kept == set(row["touches"]), row["id"]
        assert set(row["lifts"]) <= set(MARKS) - kept, row["id"]


def test_every_convention_has_its_tasks_and_an_exception() -> None:
    for convention in MARKS:
        assert sum(convention in row["touches"] for row in sets.rows(SET)) >= 10, convention
        assert any(convention in row["lifts"] for row in sets.rows(SET)), convention


def test_the_fixture_is_what_its_maker_makes(tmp_path: Path) -> None:
    check_made(FIXTURES / "make_library.py", FIXTURE, tmp_path / "library.db")


def test_the_goal_holds_the_schema_of_the_fixture() -> None:
    check_schema_told(sets.specification(SET)["goal"], FIXTURE)


def test_no_prompt_holds_a_convention_or_an_answer() -> None:
    words = re.compile(
        r"test cards? (?:never|do not|are not)|library year|september|\beuros?\b|\bhours?\b|last, first"
        r"|\b(?:one|two) decimals?\b|less the discount",
        re.IGNORECASE,
    )
    for row in sets.rows(SET):
        prompt = sets.prompt(SET, row)
        assert row["question"] in prompt and row["reference"] not in prompt
        assert words.search(prompt) is None, row["id"]


def test_ids_and_families_are_plain() -> None:
    rows = sets.rows(SET)
    assert [row["id"] for row in rows] == [f"LIB-{number:03}" for number in range(1, 111)]
    assert len({row["question"] for row in rows}) == 110 and len({row["family"] for row in rows}) == 16
