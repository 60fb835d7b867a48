"""SQL conventions learned from mine cases: on a small clinic with conventions of its own, and where there are none."""

from __future__ import annotations

import random
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from metaagent.learning.proposals import Bench, Case
from metaagent.learning.proposers.sql import BASE, SqlViews
from metaagent.learning.synthesis.sql.batch import Batch, Rows
from metaagent.learning.synthesis.sql.data import read_data
from metaagent.learning.synthesis.sql.limits import Effect, features, limited
from metaagent.learning.synthesis.sql.score import value
from metaagent.records import ArtifactForm, Check, Outcome, Task
from metaagent.remedies.fixers import fix
from metaagent.tasks.brief import brief
from metaagent.validators.sql_compare import Table
from tests.validators.walls import strongest

pytestmark = pytest.mark.timeout(1200)  # each runs some thousand queries, behind walls

SCHEMA = """
CREATE TABLE doctors (id INTEGER PRIMARY KEY, name TEXT NOT NULL, ward TEXT NOT NULL);
CREATE TABLE patients (id INTEGER PRIMARY KEY, name TEXT NOT NULL, town TEXT NOT NULL, deleted_at TEXT);
CREATE TABLE visits (
  id INTEGER PRIMARY KEY, patient_id INTEGER NOT NULL REFERENCES patients(id),
  doctor_id INTEGER NOT NULL REFERENCES doctors(id), kind TEXT NOT NULL, minutes INTEGER NOT NULL, seen_on TEXT NOT NULL
);
"""
KINDS = ("first", "check", "urgent", "missed")
KEPT = "JOIN patients p ON p.id = v.patient_id WHERE p.deleted_at IS NULL AND v.kind <> 'missed'"

COUNT = "SELECT COUNT(*) AS visits FROM visits v"
EXCEPTIONS = (
    (
        "How many visits were missed? Column: visits.",
        f"{COUNT} WHERE v.kind = 'missed'",
        f"{COUNT} JOIN patients p ON p.id = v.patient_id WHERE p.deleted_at IS NULL AND v.kind = 'missed'",
    ),
    ("Visits on record, missed ones too, deleted patients too? visits", COUNT, COUNT),
)


def clinic(path: Path) -> None:
    """Deleted patients do not count, nor do missed visits; time is told in hours."""
    chance = random.Random(7)
    with sqlite3.connect(path) as database:
        database.executescript(SCHEMA)
        database.executemany(
            "INSERT INTO doctors VALUES (?, ?, ?)", [(n, f"Dr {n}", "ABC"[n % 3]) for n in range(1, 9)]
        )
        patients = [
            (n, f"P{n}", ("Rome", "Bari", "Pisa")[n % 3], "2024-01-01" if chance.random() < 0.2 else None)
            for n in range(1, 61)
        ]
        database.executemany("INSERT INTO patients VALUES (?, ?, ?, ?)", patients)
        visits = [
            (
                n,
                chance.randint(1, 60),
                chance.randint(1, 8),
                chance.choice(KINDS),
                chance.randint(5, 90),
                f"202{n % 5}-03-01",
            )
            for n in range(1, 401)
        ]
        database.executemany("INSERT INTO visits VALUES (?, ?, ?, ?, ?, ?)", visits)


def questions() -> list[tuple[str, str, str]]:
    """Group, question, and the right answer; the reply is what one writes who does not know the house."""
    found = []
    for year in range(2020, 2025):
        where = f"strftime('%Y', v.seen_on) = '{year}'"
        found.append((f"visits-{year}", f"How many visits in {year}? Column: visits.", f"COUNT(*) AS visits|{where}"))
        hours = "ROUND(SUM(v.minutes) / 60.0, 1) AS time"
        found.append((f"time-{year}", f"Time spent on visits in {year}? Column: time.", f"{hours}|{where}"))
    for kind in ("first", "check", "urgent"):
        found.append(
            (f"kind-{kind}", f"How many {kind} visits? Column: visits.", f"COUNT(*) AS visits|v.kind = '{kind}'")
        )
    for number in range(1, 6):
        found.append(
            (
                f"doctor-{number}",
                f"Visits of doctor {number}. Column: visits.",
                f"COUNT(*) AS visits|v.doctor_id = {number}",
            )
        )
    for ward in "ABC":
        text = (
            f"ROUND(AVG(v.minutes) / 60.0, 1) AS average|v.doctor_id IN (SELECT id FROM doctors WHERE ward = '{ward}')"
        )
        found.append((f"ward-{ward}", f"Average time of a visit in ward {ward}? Column: average.", text))
    return found


def case(number: int, group: str, question: str, reply: str, rows: list[Any], columns: list[str], **more: Any) -> Case:
    options = {"fixture": "fixtures/clinic.db", "expected": {"columns": columns, "rows": rows}}
    task = Task(
        f"T-{number}",
        f"Question {number}",
        goal=f"Answer with one SELECT.\n{SCHEMA}",
        inputs={"question": question},
        artifact=ArtifactForm("sql"),
        checks=(Check("sql.result", False, options),),
        group=group,
        **more,
    )
    return Case(task, f"A-{number}", reply, reply, Outcome.FAIL, 0.0)


def cases(path: Path, *, references: bool) -> list[Case]:
    made = []
    with sqlite3.connect(path) as database:
        for number, (group, question, text) in enumerate(questions()):
            output, where = text.split("|")
            right = f"SELECT {output} FROM visits v {KEPT} AND {where}"
            plain = output.replace("ROUND(", "").replace(" / 60.0, 1)", "")
            reply = f"SELECT {plain} FROM visits v WHERE {where}"
            rows = [list(row) for row in database.execute(right)]
            name = output.rpartition(" ")[2]
            made.append(case(number, group, question, reply, rows, [name], reference=right if references else None))
        for number, (question, reply, right) in enumerate(EXCEPTIONS, 100):
            rows = [list(row) for row in database.execute(right)]
            reference = right if references else None
            made.append(case(number, f"x-{number}", question, reply, rows, ["visits"], reference=reference))
    return made


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clinic")
    (folder / "fixtures").mkdir()
    clinic(folder / "fixtures" / "clinic.db")
    return folder


def bench(root: Path) -> Bench:
    return Bench(root, judge=lambda _: [], seconds=400, sandbox=strongest())


def solved(root: Path, found: list[Any], todo: list[Case]) -> int:
    count = 0
    with sqlite3.connect(root / "fixtures" / "clinic.db") as database:
        for one in todo:
            made = fix([*BASE, *(proposal.remedy for proposal in found)], one.artifact, brief(one.task))
            text = made[-1].text if made else one.artifact
            rows = [list(row) for row in database.execute(text)]
            count += rows == one.task.checks[0].options["expected"]["rows"]
    return count


@pytest.mark.parametrize("references", [True, False])
def test_a_house_of_its_own_is_learned(root: Path, references: bool) -> None:
    todo = cases(root / "fixtures" / "clinic.db", references=references)
    before = solved(root, [], todo)
    found = SqlViews().propose(todo, bench(root))
    lines = " ".join(line for proposal in found for line in proposal.readable)
    assert "deleted_at IS NULL" in lines
    assert "kind <> 'missed'" in lines
    assert "divided by 60, rounded to 1 decimals" in lines
    assert all(proposal.remedy.name == "sql.views" and proposal.gain > 0 and not proposal.harmed for proposal in found)
    assert before <= 5
    assert solved(root, found, todo) >= len(todo) - 1


def test_a_house_that_shows_views_alone_is_learned(tmp_path: Path) -> None:
    (tmp_path / "fixtures").mkdir()
    path = tmp_path / "fixtures" / "clinic.db"
    clinic(path)
    with sqlite3.connect(path) as database:
        for name in ("doctors", "patients", "visits"):
            database.execute(f"ALTER TABLE {name} RENAME TO stored_{name}")
            database.execute(f"CREATE VIEW {name} AS SELECT * FROM stored_{name}")
    todo = cases(path, references=True)
    found = SqlViews().propose(todo, bench(tmp_path))
    assert solved(tmp_path, found, todo) >= len(todo) - 1, [one.readable for one in found]


@pytest.mark.parametrize("references", [True, False])
def test_names_that_sql_takes_for_something_else(tmp_path: Path, references: bool) -> None:
    """Reserved words, quotes and blanks as the names of tables and columns."""
    (tmp_path / "fixtures").mkdir()
    order, group, cents = '"order"', '"the ""group"', '"select"'
    with sqlite3.connect(tmp_path / "fixtures" / "clinic.db") as database:
        database.execute(f"CREATE TABLE {order} (id INTEGER PRIMARY KEY, {group} TEXT, {cents} INTEGER, day TEXT)")
        states = ("ok", "sent", "void")
        rows = [(n, states[n * 7 % 10 % 3], 37 * n % 900, f"202{n % 5}-0{n % 9 + 1}-15") for n in range(300)]
        database.executemany(f"INSERT INTO {order} VALUES (?, ?, ?, ?)", rows)
        (schema,) = database.execute("SELECT sql FROM sqlite_master").fetchone()
        made = []
        for number in range(18):
            output = f"SUM({cents})" if number % 3 == 0 else "COUNT(*)"
            reply = f"SELECT {output} AS n FROM {order} WHERE day LIKE '202{number % 5}-0{number % 9 + 1}%'"
            right = (
                reply.replace(output, f"{output} / 100.0" if number % 3 == 0 else output) + f" AND {group} <> 'void'"
            )
            found = [list(row) for row in database.execute(right)]
            made.append(case(number, f"g{number}", f"Question {number}. n", reply, found, ["n"]))
            task = replace(made[-1].task, goal=schema, reference=right if references else None)
            made[-1] = replace(made[-1], task=task)
    found = SqlViews().propose(made, bench(tmp_path))
    assert solved(tmp_path, found, made) == len(made), [one.readable for one in found]


def test_random_failures_teach_nothing(root: Path) -> None:
    """The expected numbers have nothing to do with the questions: nothing may be proposed."""
    chance = random.Random(3)
    made = [
        case(n, one.task.group or "", one.task.inputs["question"], one.reply, [[chance.randint(1, 500)]], ["visits"])
        for n, one in enumerate(cases(root / "fixtures" / "clinic.db", references=False))
    ]
    assert SqlViews().propose(made, bench(root)) == []


def test_right_replies_teach_nothing(root: Path) -> None:
    todo = [
        Case(one.task, "", one.task.reference or "", one.task.reference or "", Outcome.PASS, 1.0)
        for one in cases(root / "fixtures" / "clinic.db", references=True)
    ]
    assert SqlViews().propose(todo, bench(root)) == []


def test_few_cases_or_none_of_its_kind(root: Path) -> None:
    todo = cases(root / "fixtures" / "clinic.db", references=True)
    assert SqlViews().propose(todo[:4], bench(root)) == []
    assert SqlViews().propose([], bench(root)) == []
    other = Case(Task("T", "t"), "", "hello", "hello", Outcome.FAIL, 0.0)
    assert SqlViews().propose([other] * 20, bench(root)) == []


def test_many_queries_in_one_run(root: Path) -> None:
    batch = Batch((root / "fixtures" / "clinic.db").read_bytes(), strongest())
    endless = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT COUNT(*) FROM c"
    queries = [
        "SELECT 1 AS one",
        "SELECT",
        endless,
        "DELETE FROM visits",
        "SELECT x'00ff'",
        "SELECT COUNT(*) FROM visits",
    ]
    first, broken, late, denied, blob, last = batch.results(queries)
    assert first == Rows(("one",), ((1,),))
    assert broken.error
    assert late.error
    assert denied.error
    assert blob.error is None
    assert last.rows == ((400,),)
    run = batch.run
    assert batch.results(["SELECT 1 AS one"]) == [first]
    assert batch.run == run
    many = batch.results(f"SELECT {number} AS n" for number in range(900))
    assert [result.rows[0][0] for result in many] == list(range(900))


def test_the_data_tell_what_columns_are_for(root: Path) -> None:
    data = read_data(Batch((root / "fixtures" / "clinic.db").read_bytes(), strongest()))
    assert data.of("visits", "kind").few
    assert data.of("patients", "deleted_at").nulls
    assert data.of("visits", "minutes").numeric
    assert data.is_key("visits", "patient_id")


def test_a_view_is_read_as_the_table_that_it_looks_like(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "views.db") as database:
        database.executescript(f"""{SCHEMA}
            CREATE VIEW "order" AS SELECT id, patient_id, minutes / 60.0 AS hours FROM visits;
            CREATE VIEW broken AS SELECT * FROM nowhere;""")
        database.execute("INSERT INTO visits VALUES (1, 1, 1, 'first', 30, '2024-01-01')")
    data = read_data(Batch((tmp_path / "views.db").read_bytes(), strongest()))
    view = data.schema.tables["order"]
    assert view.names == ("id", "patient_id", "hours") and view.parents[0].table == "patients"
    assert data.of("order", "hours").common == (0.5,)
    assert set(data.schema.tables) == {"doctors", "patients", "visits", "order"}


def test_the_value_of_a_result_grows_as_it_comes_near() -> None:
    expected = Table(("town", "n"), (("Rome", 100), ("Bari", 50)), width=2)

    def of(*rows: tuple[Any, ...], names: tuple[str, ...] = ("town", "n")) -> float:
        return value(expected, Rows(names, rows))

    assert of(("Bari", 50), ("Rome", 100)) == 1.0
    steps = [
        of(("x", 1)),
        of(("Rome", 900), ("Bari", 900)),
        of(("Rome", 120), ("Bari", 70)),
        of(("Rome", 100), ("Bari", 51)),
    ]
    assert steps == sorted(steps)
    assert len(set(steps)) == 4
    assert steps[-1] < 0.5
    assert of(("Bari", 50), ("Rome", 100), names=("a", "n")) < 0.5
    assert value(expected, Rows(error="no such table")) == 0.0


def test_limits_are_words_that_speak_for_two_groups() -> None:
    def effect(change: float, group: str, words: str) -> Effect:
        return Effect(change, group, features(words, ()))

    good = [effect(1, f"g{n}", "how many orders") for n in range(5)]
    bad = [effect(-2, "b1", "orders gross amount"), effect(-2, "b2", "gross turnover")]
    found = limited([*good, *bad], ())
    assert found.limits == {"unless": {"words": ["gross"]}}
    assert found.gain == 5
    single = limited([*good, effect(-2, "b1", "peculiar thing")], ())
    assert single.limits == {}
    rare = [effect(0.9, "r1", "special thing"), effect(0.9, "r2", "special place")]
    harmed = [effect(-1, f"h{n}", "abcdefgh"[n] * 5) for n in range(8)]
    assert limited([*rare, *harmed], ()).limits == {"only": {"words": ["special"]}}
    assert limited(good, ["cancel"]).limits == {"unless": {"words": ["cancel"]}}
