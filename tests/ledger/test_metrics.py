from __future__ import annotations

from datetime import timedelta

import pytest

from metaagent.ledger import attempts, decisions, metrics
from metaagent.ledger.database import Ledger
from metaagent.records import Agent, Outcome, Purpose
from tests.ledger.conftest import START, make_attempt, start, store

OTHER = Agent("agent:executor:other", "executor", "large")


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    """TASK-001 fails, then passes; TASK-002 fails; another agent passes TASK-003; one trial; one interrupted."""
    first = store(ledger, make_attempt(seconds=1.0))
    store(ledger, make_attempt(outcome=Outcome.PASS, seconds=3.0))
    store(ledger, make_attempt("TASK-002", seconds=2.0))
    store(ledger, make_attempt("TASK-003", outcome=Outcome.PASS, agent=OTHER, seconds=9.0), domain=None)
    store(ledger, make_attempt("TASK-001", purpose=Purpose.TRIAL))
    broken = make_attempt("TASK-004")
    start(ledger, broken)
    ledger.write(attempts.interrupt_batch([broken.id], START))
    decisions.record(ledger, "TASK-001", first.id, "reject", "no", "person")
    decisions.record(ledger, "TASK-003", None, "accept", "", "person")
    return ledger


def test_counts_of_all(filled: Ledger) -> None:
    (found,) = metrics.measure(filled)
    assert (found.attempts, found.passed, found.failed, found.inconclusive, found.interrupted) == (5, 2, 2, 0, 1)
    assert (found.tasks, found.solved, found.decided, found.passed_first) == (4, 2, 3, 2)
    assert (found.calls, found.prompt_tokens, found.reply_tokens) == (4, 400, 80)
    assert found.tokens_of_solved == 360  # the failed attempt of a solved task counts
    assert (found.errors, found.interventions, found.cost) == ({"assertion": 2}, 2, 2.0)
    assert found.score == pytest.approx((1 + 1 + 0.75 + 0.75) / 4)


def test_percentiles_are_of_decided_attempts_by_nearest_rank(filled: Ledger) -> None:
    (found,) = metrics.measure(filled)
    assert found.latency == metrics.Percentiles(4, 2.0, 9.0, 9.0, 9.0)
    assert found.call_latency.n == 4


@pytest.mark.parametrize(
    ("by", "groups"),
    [
        ("agent", {"agent:executor:main": 4, "agent:executor:other": 1}),
        ("model", {"small": 4, "large": 1}),
        ("domain", {"data.json.extract": 4, "-": 1}),
        ("protocol", {"v0": 5}),
        ("day", {"2026-01-02": 5}),
        ("purpose", {"run": 5}),
    ],
)
def test_groups(filled: Ledger, by: str, groups: dict[str, int]) -> None:
    assert {one.group: one.attempts for one in metrics.measure(filled, by)} == groups


def test_scope(filled: Ledger) -> None:
    assert metrics.measure(filled, scope=metrics.Scope(since=START + timedelta(seconds=1))) == []
    assert metrics.measure(filled, scope=metrics.Scope(purpose="trial"))[0].attempts == 1
    assert metrics.measure(filled, scope=metrics.Scope(purpose=None))[0].attempts == 6
    assert metrics.measure(filled, scope=metrics.Scope(run_id="none")) == []
    assert metrics.totals(filled, metrics.Scope(run_id=filled.run_id)).attempts == 5


def test_totals(filled: Ledger) -> None:
    start(filled, make_attempt("TASK-009"))
    found = metrics.totals(filled)
    assert (found.attempts, found.passed, found.failed, found.calls, found.running) == (5, 2, 2, 4, 1)
    assert (found.tokens, found.interventions) == (480, 2)


def test_an_empty_ledger(ledger: Ledger) -> None:
    assert metrics.measure(ledger, "agent") == []
    assert metrics.totals(ledger) == metrics.Totals(0, 0, 0, 0, 0, 0.0, 0.0, 0, 0)
