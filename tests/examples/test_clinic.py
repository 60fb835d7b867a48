"""The clinic: every reference gives its rows, and what a task is said to depend on changes them."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from metaagent.agents.prompts import render
from metaagent.agents.roles import load_roles
from metaagent.config import Config
from metaagent.records import ArtifactForm, Brief
from tests.examples.databases import check_reference, in_memory, ran

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "clinic"
FIXTURE = EXAMPLE / "fixtures" / "clinic.db"
CONVENTIONS = {"archived", "recheck", "crowns", "kg", "names", "dates", "year", "age", "missing"}
WRITTEN = {"crowns": "/ 10.0", "kg": "/ 1000.0", "names": "UPPER(", "dates": "'%", "missing": "not recorded"}
"""What stands in a reference that writes as the house does."""

Row = dict[str, Any]


@cache
def rows() -> tuple[Row, ...]:
    lines = (EXAMPLE / "tasks" / "clinic.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(json.loads(line) for line in lines)


def books(change: str = "") -> sqlite3.Connection:
    """A copy of the fixture in memory, changed."""
    return in_memory(FIXTURE, change)


def test_every_reference_gives_what_is_expected() -> None:
    connection = books()
    for row in rows():
        check_reference(connection, row)


@pytest.mark.parametrize(
    ("convention", "change"),
    [
        ("archived", "UPDATE animals SET archived_on = NULL"),
        ("recheck", "UPDATE visits SET recheck_of = NULL"),
    ],
)
def test_rows_that_do_not_count_matter_to_those_who_say_so(convention: str, change: str) -> None:
    connection = books(change)
    for row in rows():
        changed = ran(connection, row["reference"])[1] != row["expected"]["rows"]
        assert changed or convention not in row["touches"], row["id"]


def test_what_a_task_touches_stands_in_its_reference() -> None:
    for row in rows():
        assert set(row["touches"]) | set(row["lifts"]) <= CONVENTIONS and row["touches"], row["id"]
        for convention, mark in WRITTEN.items():
            assert mark in row["reference"] or convention not in row["touches"], row["id"]


def test_the_fixture_is_what_its_maker_makes(tmp_path: Path) -> None:
    made = tmp_path / "clinic.db"
    subprocess.run([sys.executable, EXAMPLE / "fixtures" / "make_clinic.py", made], check=True)
    with sqlite3.connect(made) as one, books() as other:
        assert list(one.iterdump()) == list(other.iterdump())


def test_no_prompt_holds_a_convention_or_an_answer() -> None:
    loaded = yaml.safe_load((EXAMPLE / "tasks" / "clinic.yaml").read_text(encoding="utf-8"))
    form, role = ArtifactForm(**loaded["artifact"]), load_roles(Config())["executor"]
    words = re.compile(r"not recorded|crowns? with|capitals|\bApril\b.*year|1 January", re.IGNORECASE)
    for row in rows():
        brief = Brief(row["id"], row["title"], loaded["goal"], loaded["domain"], {"question": row["question"]}, form)
        prompt = "\n".join(message.content for message in render(role, brief))
        assert row["question"] in prompt and row["reference"] not in prompt
        assert words.search(prompt) is None, row["id"]


def test_ids_and_groups_are_plain() -> None:
    assert [row["id"] for row in rows()] == [f"CLN-{number:03}" for number in range(1, 96)]
    assert len({row["question"] for row in rows()}) == 95 and len({row["family"] for row in rows()}) == 8
