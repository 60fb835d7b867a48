"""The depot: every reference gives its rows, and what a task is said to touch changes them when it is left out."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.examples import sets
from tests.examples.databases import check_made, check_reference, check_schema_told, in_memory, ran

SET = "depot"
FIXTURES = sets.EXAMPLES / SET / "fixtures"
FIXTURE = FIXTURES / "depot.db"


def calendar_month(found: re.Match[str]) -> str:
    year, month = int(found[1]), int(found[2])
    return f"'{year}-{month:02}-01' AND '{year}-{month:02}-{monthrange(year, month)[1]}'"


CONVENTIONS: dict[str, tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...]] = {
    "false_start": (
        (r"r\.hours >= 2(?! OR)", "r.back_on IS NOT NULL"),
        (r"\(r\.hours >= 2 OR r\.hours IS NULL\)", "1"),
    ),
    "day_back": (
        (r"r\.hours >= 2(?! OR)", "(r.hours >= 2 OR r.hours IS NULL)"),
        (r"r\.back_on IS NOT NULL", "1"),
        (r"r\.back_on BETWEEN", "r.out_on BETWEEN"),
    ),
    "demo_tools": ((r"t\.fleet = 'hire'", "1"),),
    "whole_euros": ((r" / 100\.0\)", " / 100.0, 2)"),),
    "net_revenue": ((r"r\.price_cents - r\.discount_cents", "r.price_cents"),),
    "house_month": ((r"'\d{4}-\d\d-26' AND '(\d{4})-(\d\d)-25'", calendar_month),),
    "season": ((r"'(\d{4})-04-01' AND '\1-10-31'", r"'\1-01-01' AND '\1-12-31'"),),
    "customer_name": ((r"COALESCE\(c\.company, substr\(c\.first_name, 1, 1\) \|\| '\. '", "(c.first_name || ' '"),),
    "date_form": ((r"strftime\('%d\.%m\.%Y', ((?:MIN|MAX)\([\w.]+\)|[\w.]+)\)", r"\1"),),
    "share_form": ((r"CAST\(ROUND\((.+?)\) AS INTEGER\) \|\| '%'", r"ROUND(\1, 1)"),),
    "started_days": ((r"\(r\.hours \+ 23\) / 24", "(julianday(r.back_on) - julianday(r.out_on))"),),
    "claim_amount": ((r"COALESCE\(k\.agreed_cents, k\.estimated_cents\)", "k.agreed_cents"),),
}
"""What stands in a reference that keeps a convention and in no other, and what in one that leaves it out."""
ASKED = {"DEP-077": {"day_back"}}
"""What a question asks for in so many words: it is no convention there."""


def left_out(convention: str, reference: str) -> str:
    for written, instead in CONVENTIONS[convention]:
        reference = re.sub(written, instead, reference)
    return reference


def kept(row: sets.Row) -> set[str]:
    return {convention for convention in CONVENTIONS if left_out(convention, row["reference"]) != row["reference"]}


def comparable(rows: list[list[Any]], ordered: bool) -> list[Any]:
    return rows if ordered else sorted(map(repr, rows))


def test_every_reference_gives_what_is_expected() -> None:
    with closing(in_memory(FIXTURE)) as connection:
        for row in sets.rows(SET):
            check_reference(connection, row)


def test_what_a_task_touches_changes_its_rows_when_left_out() -> None:
    with closing(in_memory(FIXTURE)) as connection:
        for row in sets.rows(SET):
            wanted, changing = row["expected"], set()
            for convention in kept(row):
                found = ran(connection, left_out(convention, row["reference"]))[1]
                if comparable(found, wanted["ordered"]) != comparable(wanted["rows"], wanted["ordered"]):
                    changing.add(convention)
            assert changing - ASKED.get(row["id"], set()) == set(row["touches"]), row["id"]


def test_what_a_task_touches_stands_in_its_reference() -> None:
    for row in sets.rows(SET):
        assert set(row["touches"]) <= kept(row), row["id"]
        assert set(row["lifts"]) <= set(CONVENTIONS) - kept(row), row["id"]


def test_every_convention_has_its_tasks_and_an_exception() -> None:
    for convention in CONVENTIONS:
        assert sum(convention in row["touches"] for row in sets.rows(SET)) >= 10, convention
        assert any(convention in row["lifts"] for row in sets.rows(SET)), convention
    assert all(row["touches"] or row["lifts"] for row in sets.rows(SET))


def test_the_fixture_is_what_its_maker_makes(tmp_path: Path) -> None:
    check_made(FIXTURES / "make_depot.py", FIXTURE, tmp_path / "depot.db")


def test_demo_tools_are_never_rented_and_claims_are_on_rentals_that_count() -> None:
    demo = "SELECT 1 FROM rentals r JOIN tools t ON t.tool_id = r.tool_id WHERE t.fleet = 'demo'"
    uncounted = "SELECT 1 FROM claims k JOIN rentals r ON r.rental_id = k.rental_id WHERE COALESCE(r.hours, 0) < 2"
    with closing(in_memory(FIXTURE)) as connection:
        assert ran(connection, demo)[1] == ran(connection, uncounted)[1] == []


def test_the_goal_holds_the_schema_of_the_fixture() -> None:
    check_schema_told(sets.specification(SET)["goal"], FIXTURE)


def test_no_prompt_holds_a_convention_or_an_answer() -> None:
    words = re.compile(
        r"false start|(?:never|do(?:es)? not|don't) count|\b2[56](?:th)?\b|1 april|31 october|DD\.MM|whole euro"
        r"|per cent|\binitial|less the discount|net of|24 hours|until it is settled|part of the fleet",
        re.IGNORECASE,
    )
    for row in sets.rows(SET):
        prompt = sets.prompt(SET, row)
        assert row["question"] in prompt and row["reference"] not in prompt
        assert words.search(prompt) is None, row["id"]


def test_ids_and_families_are_plain() -> None:
    rows = sets.rows(SET)
    assert [row["id"] for row in rows] == [f"DEP-{number:03}" for number in range(1, 111)]
    assert len({row["question"] for row in rows}) == 110 and len({row["family"] for row in rows}) == 9
