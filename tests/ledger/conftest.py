"""A real ledger on a real file, and small values to fill it with."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from metaagent.ledger import attempts, runs
from metaagent.ledger.database import Ledger
from metaagent.ledger.ulid import new_ulid
from metaagent.records import (
    Agent,
    Attempt,
    Check,
    ErrorEvent,
    ErrorKind,
    Outcome,
    Purpose,
    Reply,
    Step,
    Task,
    Verdict,
)

START = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
AGENT = Agent("agent:executor:main", "executor", "small")


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(path: Path, clock: Clock) -> Iterator[Ledger]:
    with Ledger.open(path, clock=clock) as opened:
        runs.start(opened, "run", [])
        yield opened


def make_task(task_id: str = "TASK-001", domain: str | None = "data.json.extract") -> Task:
    checks = (Check("json.parse", True), Check("json.expected", False, {"values": {"total": 1200}}))
    return Task(task_id, f"Title of {task_id}", goal="extract", domain=domain, checks=checks, hash=f"hash-{task_id}")


def make_attempt(
    task_id: str = "TASK-001",
    *,
    attempt_id: str | None = None,
    outcome: Outcome = Outcome.FAIL,
    purpose: Purpose = Purpose.RUN,
    started: datetime = START,
    seconds: float = 2.0,
    agent: Agent = AGENT,
    protocol: str = "v0",
    prompt: str = "the prompt",
    reply: str = '{"total": 12}',
) -> Attempt:
    """One model call and one validation; a failing one has an error event of a key check."""
    name = attempt_id or new_ulid()
    passed = outcome is Outcome.PASS
    said = Reply(reply, agent.model, "sha", "scripted", "stop", 100, 20, seconds, seconds, False)
    verdict = Verdict("json.expected", False, outcome, 4, 4 if passed else 3)
    steps = (
        Step(1, "model", "conversational", started, seconds, prompt, said),
        Step(2, "validation", "conversational", started, 0.01, verdicts=(verdict,)),
    )
    event = ErrorEvent(
        *(new_ulid(), name, 2, task_id, ErrorKind.ASSERTION, "wrong value", "json.expected", False, "$.total"),
        *("1200", "12"),
    )
    return Attempt(
        *(name, task_id, f"hash-{task_id}", agent.id, agent.model, "sha", protocol, purpose, 1),
        *(started, started + timedelta(seconds=seconds), outcome, 1.0 if passed else 0.75, "because", 1, passed),
        *(1, 100, 20),
        model_seconds=seconds,
        cost=0.5,
        artifact="artifact",
        steps=steps,
        events=(event,) if outcome is Outcome.FAIL else (),
    )


def start(ledger: Ledger, attempt: Attempt, *, domain: str | None = "data.json.extract", number: int = 1) -> None:
    """Writes the start row of an attempt by this ledger's run."""
    assert ledger.run_id is not None
    agent = Agent(attempt.agent_id, "executor", attempt.model)
    batch = attempts.start_batch(
        *(attempt.id, ledger.run_id, make_task(attempt.task_id, domain), agent, attempt.protocol, attempt.purpose),
        *(number, attempt.started),
        ledger=ledger,
    )
    ledger.write(batch)


def store(ledger: Ledger, attempt: Attempt, *, domain: str | None = "data.json.extract") -> Attempt:
    """Writes a whole attempt."""
    start(ledger, attempt, domain=domain)
    ledger.write(attempts.end_batch(attempt, run_id=ledger.run_id, backend="scripted", steps=True))
    return attempt
