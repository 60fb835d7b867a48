"""Runs whose answers are code: judged in the sandbox, and stopped where it stops."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from metaagent.errors import EnvironmentFailedError, TrustError
from metaagent.ledger import trust
from metaagent.records import Outcome
from metaagent.sandbox import base, choose
from metaagent.sandbox.base import Sandbox
from tests.orchestrator.place import Place, counted
from tests.validators.walls import strongest

Make = Callable[..., Place]
SHEET = """\
set: questions
goal: Write the query.
artifact: {format: sql}
rows: questions.jsonl
inputs: [question]
checks:
  key: [{sql.result: {fixture: fixtures/club.db}}]
"""


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """Every choice of a sandbox, in place of the probes: these have tests of their own."""
    calls: list[dict[str, Any]] = []

    def pick(proofs: object, **options: Any) -> Sandbox:  # noqa: ARG001
        calls.append(options)
        return strongest()

    monkeypatch.setattr(choose, "choose", pick)
    return iter([calls])


def club(make: Make, count: int = 2, *, trusted: bool = True) -> Place:
    """A workspace with questions Q-1, Q-2...: how many members are there? Each is answered rightly."""
    place = make(board={"INBOX": "".join(f"- [Q-{n}] Question {n}\n" for n in range(1, count + 1))})
    (place.root / "fixtures").mkdir()
    with closing(sqlite3.connect(place.root / "fixtures" / "club.db")) as books:
        books.executescript("CREATE TABLE people (name TEXT); INSERT INTO people VALUES ('Ada'), ('Bo');")
    expected = {"columns": ["members"], "rows": [[2]]}
    rows = [{"id": f"Q-{n}", "question": f"Question {n}?", "expected": expected} for n in range(1, count + 1)]
    (place.root / "tasks").mkdir(exist_ok=True)
    (place.root / "tasks" / "questions.yaml").write_text(SHEET)
    (place.root / "tasks" / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    place.write_script(default="SELECT count(*) AS members FROM people")
    if trusted:
        with place.workspace.open_ledger() as ledger:
            trust.record(ledger, [(trust.WORKSPACE, trust.ANY)], "test")
    return place


def test_queries_are_judged_and_the_sandbox_is_chosen_once(make: Make, chosen: Iterator[list[dict[str, Any]]]) -> None:
    place = club(make, 3)
    place.write_script(
        [{"contains": "Question 2?", "reply": "SELECT 3 AS members"}],
        default="SELECT count(*) AS members FROM people",
    )
    summary = place.run()
    assert counted(summary) == {Outcome.PASS: 2, Outcome.FAIL: 1}
    assert place.rows("SELECT DISTINCT kind, expected, got FROM error_events") == [("assertion", "[2]", "[3]")]
    assert [call["level"] for call in next(chosen)] == [2]
    place.nothing_left_behind()


def test_nobody_watches_and_only_the_strongest_will_do(make: Make, chosen: Iterator[list[dict[str, Any]]]) -> None:
    place = club(make, 1)
    assert place.run(command="heartbeat").passed == 1
    assert [call["level"] for call in next(chosen)] == [1]


def test_where_no_sandbox_is_nothing_runs_and_the_tasks_go_back(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> Sandbox:
        raise EnvironmentFailedError("no sandbox proves itself here")

    monkeypatch.setattr(choose, "choose", refuse)
    place = club(make)
    with pytest.raises(EnvironmentFailedError, match="no sandbox proves itself here"):
        place.run(jobs=1)
    assert sorted(place.where("INBOX")) == ["Q-1", "Q-2"]
    assert place.outcomes("Q-1") == ["interrupted"]
    place.nothing_left_behind()


def test_a_sandbox_that_stops_working_stops_the_run(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing:
        level, name, left = 1, "failing", 2

        def identity(self) -> str:
            return "failing"

        def run(self, job: base.Job) -> base.Outcome:
            self.left -= 1
            if self.left < 0:
                raise EnvironmentFailedError("the walls fell")
            return strongest().run(job)

    failing = Failing()
    monkeypatch.setattr(choose, "choose", lambda *_, **__: failing)
    place = club(make, 5)
    summary = place.run(jobs=1)
    assert (summary.status, summary.passed, summary.stopped) == (5, 2, "the walls fell")
    assert sorted(place.where("DONE")) == ["Q-1", "Q-2"]
    assert sorted(place.where("INBOX")) == ["Q-3", "Q-4", "Q-5"]
    place.nothing_left_behind()


@pytest.mark.usefixtures("chosen")
def test_a_fixture_that_nobody_trusts_or_that_changed_holds_its_tasks(make: Make) -> None:
    place = club(make, 1, trusted=False)
    summary = place.run()
    assert (summary.status, summary.calls) == (TrustError.exit_status, 0)
    assert "its fixture fixtures/club.db is not trusted as it is" in place.notices()


@pytest.mark.usefixtures("chosen")
@pytest.mark.parametrize(
    ("check", "said"),
    [
        ("command: {run: [wc, -l]}", "its command: wc -l is not trusted as it is"),
        ("python.tests: {file: fixtures/t.py, module: m, count: 1}", "its fixture fixtures/t.py is not trusted"),
        (
            "python.performance: {entry: f, generator: fixtures/t.py, sizes: [1], seconds: 1}",
            "its fixture fixtures/t.py",
        ),
    ],
)
def test_what_a_check_runs_must_be_trusted_before_a_model_is_asked(make: Make, check: str, said: str) -> None:
    place = make(board={"INBOX": "- [C-1] Count\n"})
    for folder in ("tasks", "fixtures"):
        (place.root / folder).mkdir(exist_ok=True)
    (place.root / "fixtures" / "t.py").write_text("def make(size): return []")
    (place.root / "tasks" / "C-1.yaml").write_text(f"goal: Count.\nchecks: {{key: [{{{check}}}]}}\n")
    place.write_script(default="x")
    assert place.run().calls == 0
    assert said in place.notices()


@pytest.mark.usefixtures("chosen")
def test_an_answer_that_fails_an_example_is_told_so_and_only_so(make: Make) -> None:
    place = make(board={"INBOX": "- [P-1] Halve\n"})
    (place.root / "tasks").mkdir(exist_ok=True)
    (place.root / "tasks" / "P-1.yaml").write_text(
        "goal: |\n  Write half.\n\n  >>> half(8)\n  4\nartifact: {format: python}\n"
        "checks: {key: [{python.cases: {entry: half, tests: [{args: [1234], expected: 617}]}}]}\n"
    )
    place.write_script(
        [{"contains": '"returns": 4', "reply": "def half(n): return n // 2"}], default="def half(n): return n"
    )
    summary = place.run()
    assert counted(summary) == {Outcome.PASS: 1}
    told = "".join(place.prompts())
    assert '"returns": 8' in told
    assert "617" not in told and "1234" not in told


@pytest.mark.usefixtures("chosen")
def test_a_fixture_that_is_missing_is_said_at_its_line(make: Make) -> None:
    place = club(make, 1)
    (place.root / "fixtures" / "club.db").unlink()
    assert place.run().calls == 0
    assert "tasks/questions.yaml:7" in place.notices()
    assert "the fixture fixtures/club.db does not exist" in place.notices()


def test_the_workspace_is_as_it_was(make: Make, chosen: Iterator[list[dict[str, Any]]]) -> None:  # noqa: ARG001
    place = club(make, 1)

    def files() -> dict[Path, bytes]:
        return {path: path.read_bytes() for name in ("fixtures", "tasks") for path in (place.root / name).iterdir()}

    before = files()
    place.run()
    assert files() == before
