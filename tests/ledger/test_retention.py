from __future__ import annotations

from datetime import timedelta

import pytest

from metaagent.ledger import attempts, check, heartbeats, operations, protocols, retention
from metaagent.ledger.database import Ledger
from metaagent.records import Outcome, Purpose
from tests.ledger.conftest import START, make_attempt, start, store

LATER = START + timedelta(days=30)


def steps_of(ledger: Ledger, attempt_id: str) -> int:
    shown = attempts.show(ledger, attempt_id)
    assert shown is not None
    return len(shown["steps"])


@pytest.mark.parametrize("dry_run", [True, False])
def test_old_evidence_goes_and_attempts_stay(ledger: Ledger, dry_run: bool) -> None:
    old = store(ledger, make_attempt(prompt="old prompt"))
    latest = store(ledger, make_attempt(prompt="latest prompt"))
    counts = retention.prune(ledger, LATER, dry_run=dry_run)
    assert (counts["steps"], counts["verdicts"], counts["error_events"]) == (2, 1, 1)
    assert counts["texts"] == 1  # the reply is the same in both: it stays
    assert steps_of(ledger, old.id) == (2 if dry_run else 0)
    assert steps_of(ledger, latest.id) == 2
    assert attempts.usage(ledger)["TASK-001"].attempts == 2
    assert ledger.query("SELECT * FROM switches") == []
    assert ledger.dropped == 0
    assert len(ledger.query("SELECT * FROM prunes")) == (0 if dry_run else 1)


def test_what_a_promotion_rests_on_stays(ledger: Ledger) -> None:
    named, trial, plain = (
        store(ledger, make_attempt(prompt=f"prompt {purpose} {n}", purpose=purpose))
        for n, purpose in enumerate((Purpose.RUN, Purpose.TRIAL, Purpose.EVALUATE))
    )
    store(ledger, make_attempt(outcome=Outcome.PASS))
    activation = protocols.activate(ledger, protocols.record(ledger, "data", "small", []), "promote", "won")
    protocols.rest_on(ledger, activation, [named.id])
    retention.prune(ledger, LATER)
    assert [steps_of(ledger, one.id) for one in (named, trial, plain)] == [2, 2, 0]


def test_what_runs_and_what_is_young_stays(ledger: Ledger) -> None:
    running = make_attempt()
    start(ledger, running)
    ledger.write(attempts.step_batch(running.id, running.steps[0]))
    young = store(ledger, make_attempt("TASK-002", started=LATER))
    store(ledger, make_attempt("TASK-002", started=LATER))
    assert retention.prune(ledger, LATER)["steps"] == 0
    assert (steps_of(ledger, running.id), steps_of(ledger, young.id)) == (1, 2)


def test_the_rest(ledger: Ledger) -> None:
    for name in ("ended", "open"):
        ledger.write(operations.intend_batch(name, [], now=ledger.now()))
    ledger.write(operations.done_batch(["ended"], "s", now=ledger.now()))
    for result in ("failed", "ok"):
        heartbeats.record(ledger, "agent:a:b", result)
    counts = retention.prune(ledger, LATER)
    assert (counts["operations"], counts["operation_ends"], counts["heartbeats"]) == (1, 1, 1)
    assert [one.id for one in operations.pending(ledger)] == ["open"]
    assert heartbeats.last(ledger)["agent:a:b"].result == "ok"
    assert check.check(ledger.path).problems == ()


def test_the_file_gets_smaller(ledger: Ledger) -> None:
    for number in range(40):
        store(ledger, make_attempt(prompt=f"{number} " * 20_000))
    before = ledger.path.stat().st_size
    ledger.exclusive(lambda connection: connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone())
    before = ledger.path.stat().st_size
    retention.prune(ledger, LATER)
    assert ledger.path.stat().st_size < before / 4
