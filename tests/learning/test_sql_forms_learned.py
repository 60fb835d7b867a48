"""How a house writes days, names and what is missing, and when its year begins: learned from mine cases."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from metaagent.learning.proposals import Case
from metaagent.learning.proposers.sql import SqlViews
from metaagent.records import ArtifactForm, Check, Outcome, Task
from tests.learning.test_sql_synthesis import bench, solved

pytestmark = pytest.mark.timeout(1200)  # each runs some thousand queries, behind walls

SCHEMA = """
CREATE TABLE keepers (id INTEGER PRIMARY KEY, first_name TEXT NOT NULL, last_name TEXT NOT NULL, town TEXT);
CREATE TABLE boats (
  id INTEGER PRIMARY KEY, keeper_id INTEGER NOT NULL REFERENCES keepers(id), name TEXT NOT NULL, built_on TEXT NOT NULL,
  checked_on TEXT, lost_on TEXT
);
CREATE TABLE trips (id INTEGER PRIMARY KEY, boat_id INTEGER NOT NULL REFERENCES boats(id), miles INTEGER NOT NULL);
"""
FIRST, LAST = ("Ada", "Ben", "Cleo", "Dan", "Eva"), ("Arlt", "Brunner", "Cohen", "Duval", "Eder", "Falk")
DAY = "strftime('%d.%m.%Y', {})"
NAME = "UPPER(k.last_name) || ', ' || k.first_name"
QUESTIONS = (
    *(
        (
            f"built-{year}",
            f"How many trips did boats make that were built in {year}? Column: trips.",
            f"SELECT COUNT(*) AS trips FROM trips t JOIN boats b ON b.id = t.boat_id WHERE strftime('%Y', b.built_on) "
            f"= '{year}'",
            f"SELECT COUNT(*) AS trips FROM trips t JOIN boats b ON b.id = t.boat_id WHERE b.built_on BETWEEN "
            f"'{year}-04-01' AND '{year + 1}-03-31'",
        )
        for year in range(2019, 2025)
    ),
    *(
        (
            f"day-{number}",
            f"When was boat {number} built? Column: {name}.",
            f"SELECT built_on AS {name} FROM boats WHERE id = {number}",
            f"SELECT {DAY.format('b.built_on')} AS {name} FROM boats b WHERE b.id = {number}",
        )
        for number, name in enumerate(("built", "launched", "started", "made", "ready", "begun"), 1)
    ),
    *(
        (
            f"check-{number}",
            f"When was boat {number} checked? Column: {name}.",
            f"SELECT checked_on AS {name} FROM boats WHERE id = {number}",
            f"SELECT COALESCE({DAY.format('b.checked_on')}, 'never') AS {name} FROM boats b WHERE b.id = {number}",
        )
        for number, name in enumerate(("checked", "seen", "looked", "tested", "tried", "visited", "inspected"), 7)
    ),
    *(
        (
            f"keeper-{number}",
            f"Who keeps boat {number}? Column: keeper.",
            f"SELECT k.first_name AS keeper FROM keepers k JOIN boats b ON b.keeper_id = k.id WHERE b.id = {number}",
            f"SELECT {NAME} AS keeper FROM keepers k JOIN boats b ON b.keeper_id = k.id WHERE b.id = {number}",
        )
        for number in range(1, 7)
    ),
    *(
        (
            f"boats-{letter}",
            f"How many boats have a name with {letter}? Column: boats.",
            f"SELECT COUNT(*) AS boats FROM boats WHERE name LIKE '%{letter}%'",
            f"SELECT COUNT(*) AS boats FROM boats b WHERE b.lost_on IS NULL AND b.name LIKE '%{letter}%'",
        )
        for letter in "abcd"
    ),
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, chance = tmp_path_factory.mktemp("harbour"), random.Random(5)
    (folder / "fixtures").mkdir()
    with sqlite3.connect(folder / "fixtures" / "clinic.db") as database:
        database.executescript(SCHEMA)
        for number in range(1, 31):
            town = chance.choice(["Kiel", "Husum", None])
            database.execute(
                "INSERT INTO keepers VALUES (?, ?, ?, ?)", (number, FIRST[number % 5], LAST[number % 6], town)
            )
        for number in range(1, 81):
            built = f"{2019 + number % 6}-{1 + chance.randrange(12):02}-{1 + chance.randrange(28):02}"
            checked, lost = (chance.choice([None, "2024-11-02"]) for _ in range(2))
            name = "".join(chance.choice("abcdefgh") for _ in range(6))
            row = (number, 1 + number % 30, name, built, checked, lost if chance.random() < 0.4 else None)
            database.execute("INSERT INTO boats VALUES (?, ?, ?, ?, ?, ?)", row)
        for number in range(1, 301):
            database.execute(
                "INSERT INTO trips VALUES (?, ?, ?)", (number, chance.randint(1, 80), chance.randint(1, 90))
            )
    return folder


def cases(root: Path, *, references: bool) -> list[Case]:
    made = []
    with sqlite3.connect(root / "fixtures" / "clinic.db") as database:
        for number, (group, question, reply, right) in enumerate(QUESTIONS):
            rows: list[Any] = [list(row) for row in database.execute(right)]
            columns = [database.execute(right).description[0][0]]
            options = {"fixture": "fixtures/clinic.db", "expected": {"columns": columns, "rows": rows}}
            task = Task(
                f"T-{number}",
                f"Question {number}",
                goal=f"Answer with one SELECT.\n{SCHEMA}",
                inputs={"question": question},
                artifact=ArtifactForm("sql"),
                checks=(Check("sql.result", False, options),),
                group=group,
                reference=right if references else None,
            )
            made.append(Case(task, f"A-{number}", reply, reply, Outcome.FAIL, 0.0))
    return made


def test_how_a_house_writes_is_learned_from_references(root: Path) -> None:
    todo = cases(root, references=True)
    before, found = solved(root, [], todo), SqlViews().propose(todo, bench(root))
    lines = "\n".join(line for proposal in found for line in proposal.readable)
    assert "a year begins 3 months later than the calendar's" in lines
    assert "boats.built_on" in lines and "are written STRFTIME('%d.%m.%Y', its value)" in lines
    assert "of keepers are written UPPER({last_name}) || ', ' || {first_name}" in lines
    assert "what is missing in an output is written 'never'" in lines
    assert "boats themselves: only rows where lost_on IS NULL" in lines
    assert before < 8 and solved(root, found, todo) == len(todo)


def test_most_of_it_is_found_from_results_alone(root: Path) -> None:
    todo = cases(root, references=False)
    before, found = solved(root, [], todo), SqlViews().propose(todo, bench(root))
    assert before < 8 and solved(root, found, todo) >= len(todo) - len("abcd")
