"""A ledger with real rows: one attempt that failed twice and then passed, one that failed, one that still runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from metaagent.ledger import attempts, runs, splits
from metaagent.ledger.database import Ledger
from metaagent.records import (
    Agent,
    Attempt,
    ErrorEvent,
    ErrorKind,
    Outcome,
    Purpose,
    Reply,
    Step,
    Task,
    Verdict,
)

START = datetime(2026, 2, 2, 10, 0, tzinfo=UTC)
AGENT = Agent("agent:executor:main", "executor", "tiny")
PASSED, FAILED, RUNNING = (f"01KG00000000000000000000{end}" for end in ("AA", "BB", "CC"))
PROMPT = "[system]\nYou write JSON.\n\n[user]\nExtract the customer.\n\ntext: Rechnung an Müller\x1b[2J"


def reply(text: str, **more: object) -> Reply:
    values: dict[str, object] = {"finish": "stop", "prompt_tokens": 50, "reply_tokens": 9, "seconds": 0.4}
    return Reply(text, "tiny", "sha256:0", "scripted", **{**values, "model_seconds": 0.3, **more})  # type: ignore[arg-type]


def verdict(validator: str, public: bool, outcome: Outcome, held: int, checked: int) -> Verdict:
    return Verdict(validator, public, outcome, checked, held)


WEIGHED = {
    "state": {'"due"': -0.5, '"open"': -1.25, "dispute\x1b[2J": -3.0, '"held"': -9.0, "x": -9.5},
    "sure": {"true": -0.01, "false": -4.6},
}


def steps() -> tuple[Step, ...]:
    """Two rungs: invalid JSON; then a wrong value."""
    parse = verdict("json.parse", True, Outcome.FAIL, 0, 1)
    held = verdict("json.parse", True, Outcome.PASS, 1, 1)
    wrong = verdict("json.expected", False, Outcome.FAIL, 1, 2)
    return (
        Step(1, "model", "conversational", START, 0.4, PROMPT, reply("Sure! {")),
        Step(2, "validation", "checks", START, 0.0, verdicts=(parse,)),
        Step(
            3,
            "model",
            "fresh",
            START,
            0.4,
            PROMPT + "\n\nIt was not JSON.",
            reply('{"customer": "Muller"}', logprobs=WEIGHED),
        ),
        Step(4, "validation", "checks", START, 0.0, verdicts=(held, wrong)),
    )


def events(attempt_id: str, task_id: str) -> tuple[ErrorEvent, ...]:
    return (
        ErrorEvent(f"{attempt_id[:-1]}1", attempt_id, 2, task_id, ErrorKind.FORMAT, "not JSON", "json.parse"),
        ErrorEvent(
            f"{attempt_id[:-1]}2", attempt_id, 4, task_id, ErrorKind.ASSERTION, "is not what was expected",
            "json.expected", False, "customer", '"Müller"', '"Muller"',
        ),
    )  # fmt: skip


def attempt(attempt_id: str, task: Task, outcome: Outcome, number: int) -> Attempt:
    failed = outcome is not Outcome.PASS
    return Attempt(
        id=attempt_id, task_id=task.id, task_hash=task.hash, agent_id=AGENT.id, model="tiny", digest="sha256:0",
        protocol="", purpose=Purpose.RUN, number=number, started=START, outcome=outcome,
        ended=START + timedelta(seconds=2),
        score=0.5 if failed else 1.0, reason="json.expected: customer" if failed else "every check held", rungs=2,
        passed_first=False, calls=2, prompt_tokens=100, reply_tokens=18, model_seconds=0.6, cost=0.0,
        artifact='{"customer": "Muller"}', steps=steps(), events=events(attempt_id, task.id),
    )  # fmt: skip


@pytest.fixture
def recorded(workspace: Path) -> Path:
    """The workspace with a ledger: PASSED and FAILED have ended, RUNNING has not. Start times are those of START."""
    (workspace / ".metaagent").mkdir()
    with Ledger.open(workspace / ".metaagent" / "ledger.db") as ledger:
        run_id = runs.start(ledger, "run", [])
        for attempt_id, task_id, outcome in (
            (PASSED, "TASK-007", Outcome.PASS),
            (FAILED, "TASK-005", Outcome.FAIL),
            (RUNNING, "TASK-003", None),
        ):
            task = Task(task_id, f"Title of {task_id}", hash=f"hash-{task_id}", domain="data.json.extract")
            ledger.write(attempts.start_batch(attempt_id, run_id, task, AGENT, "", Purpose.RUN, 1, START))
            if outcome is not None:
                made = attempt(attempt_id, task, outcome, 1)
                ledger.write(
                    attempts.end_batch(made, run_id=run_id, artifact=f"{task_id}/{attempt_id}.json", steps=True)
                )
    return workspace


@pytest.fixture
def mined(recorded: Path) -> Path:
    """The same, with every task of it in the mine split."""
    with Ledger.open(recorded / ".metaagent" / "ledger.db") as ledger:
        ids = [f"TASK-00{number}" for number in (3, 5, 7)]
        entries = [splits.Entry(task, f"hash-{task}", task, "", "data.json.extract") for task in ids]
        splits.divide(ledger, "", entries, lambda _: dict.fromkeys(ids, "mine"), "salt")
    return recorded
