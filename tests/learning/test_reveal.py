"""Which sealed tasks are drawn to be looked at: whatever came of them, whole groups, in a hashed order."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from metaagent.learning.reveal import Scope, draw, reveal
from metaagent.ledger import splits
from metaagent.ledger.database import Ledger
from tests.conftest import Ran
from tests.learning import trying
from tests.orchestrator.place import BACKEND, Place

Cli = Callable[..., Ran]


@pytest.fixture
def place(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Place:
    """40 records of which every other one fails, its sealed ones measured."""
    monkeypatch.setenv("METAAGENT_BACKEND", BACKEND)
    made = trying.make(tmp_path / "place", 40, right=lambda number: number % 2 == 0)
    monkeypatch.chdir(made.root)
    ran = cli("evaluate", "--tasks", "records", "--split", "sealed", "--protocol", "0")
    assert ran.status == 0, ran.err
    return made


def split_of(place: Place, split: str) -> set[str]:
    return {row[0] for row in place.rows("SELECT task_id FROM v_splits WHERE split = ?", split)}


def test_what_passed_is_drawn_as_what_failed(place: Place) -> None:
    """Else the tasks that are left would be those that pass, and reports would flatter what was looked at."""
    with Ledger.open(place.workspace.ledger_path) as ledger:
        every = draw(ledger, Scope())
        assert set(every.tasks) == split_of(place, "sealed")
        assert 0 < every.failed < len(every.tasks) == every.sealed == 12
        some = draw(ledger, Scope(limit=5))
        assert len(some.tasks) == 5 and set(some.tasks) < set(every.tasks) and some == draw(ledger, Scope(limit=5))
        made = reveal(ledger, Scope(limit=5), some)
        assert (made.retired, made.left) == (5, 7)
        assert {row["task_id"] for row in made.events} <= set(some.tasks) and len(made.events) == some.failed
    assert split_of(place, "retired") == set(some.tasks)


def test_a_scope_names_a_set_or_a_domain_with_those_below_it(place: Place) -> None:
    with Ledger.open(place.workspace.ledger_path) as ledger:
        assert draw(ledger, Scope(domain="data.json")) == draw(ledger, Scope("records", "data.json.extract"))
        assert draw(ledger, Scope(domain="data.js")).sealed == 0
        assert draw(ledger, Scope("others")).sealed == 0
        passed = {
            row[0]
            for row in place.rows(
                "SELECT task_id FROM attempts JOIN outcomes ON attempt_id = attempts.id WHERE outcome = 'pass'"
            )
        }
        splits.retire(ledger, split_of(place, "sealed") - passed)
        left = draw(ledger, Scope())
        assert (left.tasks, left.failed) == ((), 0) and left.sealed > 0  # nothing failed: nothing to show


def test_the_command_names_what_is_left_and_takes_no_option_of_measuring(place: Place, cli: Cli) -> None:
    assert cli("evaluate", "--reveal", "--yes", "--protocol", "0", "--tasks", "records").status == 2
    assert cli("evaluate", "--domain", "data").status == 2 and cli("evaluate", "--yes").status == 2
    assert cli("evaluate", "--reveal", "--yes", "--domain", "code").status == 2
    assert split_of(place, "retired") == set()
    shown = cli("evaluate", "--reveal", "--yes", "--domain", "data.json", "--limit", "5", "--json")
    assert shown.status == 0 and {row["task_id"] for row in shown.json} <= split_of(place, "retired")
    assert "5 tasks retired for good; 7 sealed ones are left in domain data.json" in shown.err
    log = place.rows("SELECT args FROM v_runs WHERE command = 'evaluate --reveal'")
    assert (
        len(log) == 1
        and "domain=data.json" in log[0][0]
        and all(name in log[0][0] for name in split_of(place, "retired"))
    )


@pytest.mark.parametrize(("answer", "status", "retired"), [("n", 2, 0), ("", 2, 0), ("y", 0, 12)])
def test_a_terminal_is_asked_first(place: Place, answer: str, status: int, retired: int) -> None:
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "metaagent", "evaluate", "--reveal"]
    process = subprocess.Popen(command, stdin=follower, stdout=subprocess.PIPE, stderr=follower, cwd=place.root)
    os.close(follower)
    asked = b""
    while b"[y/N]" not in asked:
        asked += os.read(leader, 4096)
    assert b"sealed tasks failed. Show their errors? All 12 are retired" in asked and b"0 of 12 would be left" in asked
    os.write(leader, f"{answer}\n".encode())
    shown, _ = process.communicate(timeout=60)
    os.close(leader)
    assert process.returncode == status and bool(shown) is bool(retired)
    assert len(split_of(place, "retired")) == retired
