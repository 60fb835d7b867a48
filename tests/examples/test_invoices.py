"""The invoices example: rows are whole, texts vary, the exceptions exist, and no pattern solves it."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import date
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from metaagent.agents.prompts import render
from metaagent.agents.roles import load_roles
from metaagent.config import Config
from metaagent.tasks.brief import brief
from metaagent.tasks.index import SpecIndex

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "invoices"
FIELDS = ("customer", "country", "date", "amount", "currency", "status", "reference")
NO_MINOR_UNIT = {"JPY", "KRW", "CLP"}
SIMILAR = 0.4
"""Texts of different groups must share a smaller part of their words than this."""

Row = dict[str, Any]


@cache
def rows() -> tuple[Row, ...]:
    lines = (EXAMPLE / "tasks" / "invoices.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(json.loads(line) for line in lines)


@cache
def specification() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((EXAMPLE / "tasks" / "invoices.yaml").read_text(encoding="utf-8"))
    return loaded


def expected(field: str, family: str | None = None) -> list[Any]:
    return [row["expected"][field] for row in rows() if family in (None, row["family"])]


def words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text.lower()))


def once(values: Iterable[Any]) -> float:
    """The share of distinct values that occur exactly once."""
    counts = Counter(values)
    return sum(count == 1 for count in counts.values()) / len(counts)


# Form


def test_there_are_enough_rows_and_every_row_is_whole() -> None:
    assert len(rows()) >= 240
    for row in rows():
        assert set(row) == {"id", "title", "family", "group", "text", "expected"}
        assert all(
            isinstance(row[name], str) and row[name].strip() for name in ("id", "title", "family", "group", "text")
        )
        assert tuple(row["expected"]) == FIELDS


@pytest.mark.parametrize("name", ["id", "text"])
def test_no_id_and_no_text_occurs_twice(name: str) -> None:
    assert [value for value, count in Counter(row[name] for row in rows()).items() if count > 1] == []


def test_the_schema_is_valid_and_all_expected_values_satisfy_it() -> None:
    schema = specification()["artifact"]["schema"]
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert schema["required"] == list(FIELDS)
    wrong = {row["id"]: error.message for row in rows() for error in validator.iter_errors(row["expected"])}
    assert wrong == {}


def test_only_enumerations_of_the_conventions_stand_in_the_prompt() -> None:
    properties = specification()["artifact"]["schema"]["properties"]
    assert {name for name, form in properties.items() if "enum" in form} == {"currency", "status"}
    assert all(set(form) <= {"type", "enum"} for form in properties.values())
    prompt = specification()["goal"].lower()
    assert not re.search(r"iso|alpha|yyyy|minor|cent|upper|capital|negative|separator|prefix", prompt)


def test_of_a_row_only_its_text_reaches_the_prompt() -> None:
    role = load_roles(Config())["executor"]
    around = set()
    for task in SpecIndex(EXAMPLE).tasks():
        prompt = "\n".join(message.content for message in render(role, brief(task)))
        assert prompt.count(task.inputs["text"]) == 1
        around.add(prompt.replace(task.inputs["text"], ""))
    assert len(around) == 1


def test_families_are_at_least_eight_and_none_is_tiny() -> None:
    sizes = Counter(row["family"] for row in rows())
    assert len(sizes) >= 8
    assert min(sizes.values()) >= 12


def test_the_board_holds_tasks_of_this_set_from_every_family() -> None:
    board = (EXAMPLE / "WORKING.md").read_text(encoding="utf-8")
    named = re.findall(r"^- \[(INV-\d+)\] ", board, re.MULTILINE)
    families = {row["id"]: row["family"] for row in rows()}
    assert 20 <= len(named) == len(set(named))
    assert {families[task] for task in named} == set(families.values())


# The conventions


def test_every_expected_value_has_the_house_form() -> None:
    for row in rows():
        values = row["expected"]
        assert date.fromisoformat(values["date"]).isoformat() == values["date"]
        assert re.fullmatch(r"[A-Z]{3}", values["country"])
        assert re.fullmatch(r"[A-Z0-9]+", values["reference"])
        assert values["amount"] != 0
        if row["family"] != "authority":
            assert _house_name(values["customer"]), row["id"]


def _house_name(customer: str) -> bool:
    """A company in capitals, or a person as ``LASTNAME, Firstname``."""
    last, comma, first = customer.partition(", ")
    return last == last.upper() and (not comma or (first[:1].isupper() and first != first.upper()))


def test_each_value_comes_from_its_text() -> None:
    for row in rows():
        text, values = row["text"], row["expected"]
        letters = re.sub(r"[^a-z0-9]", "", text.lower())
        assert values["reference"].lower() in letters, row["id"]
        assert all(part.upper() in text.upper() for part in values["customer"].split(", ")), row["id"]


def test_all_statuses_and_many_currencies_are_used() -> None:
    properties = specification()["artifact"]["schema"]["properties"]
    assert min(Counter(expected("status")).values()) >= 25
    assert set(expected("status")) == set(properties["status"]["enum"])
    assert set(expected("currency")) == set(properties["currency"]["enum"])
    assert set(expected("currency")) >= NO_MINOR_UNIT


def test_credit_notes_are_the_exception_of_the_sign() -> None:
    assert {amount < 0 for amount in expected("amount", "credit")} == {True}
    assert all(row["expected"]["amount"] > 0 for row in rows() if row["family"] != "credit")
    texts = [row["text"] for row in rows() if row["family"] == "credit"]
    assert sum(not re.search(r"-\d+[.,]\d\d", text) for text in texts) >= 10, "in most texts nothing shows the sign"


def test_public_bodies_are_the_exception_of_the_customer() -> None:
    bodies = [row for row in rows() if row["family"] == "authority"]
    assert all(row["expected"]["customer"] in row["text"] for row in bodies)
    assert all(not _house_name(row["expected"]["customer"]) for row in bodies)


# Variety


def test_near_duplicates_share_their_group() -> None:
    texts = [(words(row["text"]), row["group"], row["id"]) for row in rows()]
    near = [
        (mine, other)
        for (a, group, mine), (b, another, other) in combinations(texts, 2)
        if group != another and len(a & b) >= SIMILAR * len(a | b)
    ]
    assert near == []


def test_a_customer_has_one_group_and_groups_are_small() -> None:
    groups = defaultdict(set)
    for row in rows():
        groups[row["expected"]["customer"]].add(row["group"])
    assert all(len(names) == 1 for names in groups.values())
    sizes = Counter(row["group"] for row in rows())
    assert max(sizes.values()) <= 3
    assert sum(size > 1 for size in sizes.values()) >= 8


def test_a_good_part_of_names_places_and_amounts_occurs_once() -> None:
    assert once(expected("customer")) >= 0.9
    assert once(expected("amount")) >= 0.9
    assert once(expected("country")) >= 0.25
    assert len(set(expected("country"))) >= 50
    names = [name for row in rows() for name in set(re.findall(r"\b[A-Z][a-zà-ž]{3,}\b", row["text"]))]
    assert once(names) >= 0.6


# No pattern solves it. For each field, what one regular expression over the whole text can do: the candidates are the
# value shapes below, alone and behind every context that occurs five times or more (the word or mark that stands before
# a hit), their first or their last hit. Each hit is put into house form by the right rewriting, which a solver would
# still have to find, and the best candidate of a field is chosen with the answers in hand.

_WORD = r"[^\W\d_]+"
_SHAPES = {
    "customer": (rf"[A-Z]{_WORD}(?: (?:& )?[A-Z]{_WORD})+", r"[A-Z]{2,}(?: (?:& )?[A-Z]{2,})+", rf"[A-Z]+, {_WORD}"),
    "country": (r"\b[A-Z]{3}\b",),
    "date": (r"\b\d{4}-\d\d-\d\d\b", r"\b\d\d?[./]\d\d?[./]\d{4}\b", rf"\b\d\d? {_WORD} \d{{4}}\b"),
    "amount": (r"\b\d[\d.,' ]*[.,]\d\d\b", r"\b\d{1,3}(?:[.,]\d{3})+\b"),
    "status": (r"\b(?:open|due|paid|held|void)\b",),
    "reference": (r"\b[A-Z]{2,3}\d{4,}\b", r"\b[\w]+(?:[-/._][\w]+)+\b"),
}
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]


def _plain(hit: str, row: Row) -> Any:  # noqa: ARG001
    return hit


def _customer(hit: str, row: Row) -> Any:
    if row["family"] == "authority" or "," in hit:
        return hit
    first, _, last = hit.partition(" ")
    return {hit.upper(), f"{last.upper()}, {first}"}


def _date(hit: str, row: Row) -> Any:  # noqa: ARG001
    parts = re.split(r"[-./ ]", hit)
    if len(parts[0]) == 4:
        return hit
    month = parts[1] if parts[1].isdigit() else str(_MONTHS.index(parts[1][:3].lower()) + 1 if _known(parts[1]) else 0)
    return f"{parts[2]}-{month:0>2}-{parts[0]:0>2}"


def _known(month: str) -> bool:
    return month[:3].lower() in _MONTHS


def _amount(hit: str, row: Row) -> Any:
    value = int(re.sub(r"\D", "", hit))
    return -value if row["family"] == "credit" else value


def _reference(hit: str, row: Row) -> Any:  # noqa: ARG001
    return re.sub(r"[\W_]", "", hit).upper()


_HOUSE: dict[str, Callable[[str, Row], Any]] = {
    "customer": _customer,
    "country": _plain,
    "date": _date,
    "amount": _amount,
    "status": _plain,
    "reference": _reference,
}


def _right(field: str, hit: str, row: Row) -> bool:
    answer = _HOUSE[field](hit, row)
    return row["expected"][field] in (answer if isinstance(answer, set) else {answer})


def _solved(field: str, pattern: str, at: int) -> frozenset[str]:
    """The rows where the first (0) or last (-1) hit of the pattern's group is right."""
    found = ((row, re.findall(pattern, row["text"])) for row in rows())
    return frozenset(row["id"] for row, hits in found if hits and _right(field, hits[at], row))


def _contexts(shape: str) -> list[str]:
    before = re.compile(rf"((?:\w+|[^\w\s])\W{{0,3}}){shape}")
    counts = Counter(found[1] for row in rows() for found in before.finditer(row["text"]))
    return [context for context, count in counts.items() if count >= 5]


@cache
def best(field: str) -> frozenset[str]:
    """The rows that the best single pattern of a field gets right."""
    shapes = _SHAPES[field]
    patterns = [f"({shape})" for shape in shapes]
    patterns += [f"{re.escape(context)}({shape})" for shape in shapes for context in _contexts(shape)]
    return max((_solved(field, pattern, at) for pattern in patterns for at in (0, -1)), key=len)


@pytest.mark.parametrize("field", _SHAPES)
def test_no_single_pattern_finds_a_field(field: str) -> None:
    assert len(best(field)) <= 0.6 * len(rows())


def test_the_best_patterns_together_do_not_solve_the_set() -> None:
    together = frozenset.intersection(*(best(field) for field in _SHAPES))
    assert len(together) <= 0.05 * len(rows())
