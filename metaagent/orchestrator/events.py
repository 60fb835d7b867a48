"""What a run tells whoever watches it, as values. The observer is a plain function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from metaagent.records import Attempt, Outcome, Status, Task


@dataclass(frozen=True, slots=True)
class Planned:
    """Before the first attempt: how many tasks are ready, how many wait for others."""

    ready: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Started:
    task_id: str
    title: str
    agent_id: str


@dataclass(frozen=True, slots=True)
class Result:
    """One task's end in this run; ``status`` is the section of the board that it goes to, None in a measurement."""

    task_id: str
    title: str
    agent_id: str
    attempt_id: str
    outcome: Outcome
    status: Status | None
    reason: str
    score: float
    rungs: int
    passed_first: bool
    seconds: float
    calls: int
    tokens: int
    artifact: Path | None


def result_of(task: Task, made: Attempt, status: Status | None, reason: str, artifact: Path | None) -> Result:
    """What a watcher is told of an attempt that ended."""
    return Result(
        task_id=task.id,
        title=task.title,
        agent_id=made.agent_id,
        attempt_id=made.id,
        outcome=made.outcome,
        status=status,
        reason=reason,
        score=made.score,
        rungs=made.rungs,
        passed_first=made.passed_first,
        seconds=(made.ended - made.started).total_seconds(),
        calls=made.calls,
        tokens=made.prompt_tokens + made.reply_tokens,
        artifact=artifact,
    )


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person should know; ``urgent`` ones are shown even when quiet."""

    text: str
    urgent: bool = False


Event = Planned | Started | Result | Notice
Observer = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Summary:
    """What a whole run came to. ``busy`` is the share of its working time that the model was busy; ``stopped`` says why
    it ended before everything was done, ``status`` is the exit status."""

    run_id: str
    results: tuple[Result, ...]
    tasks: int
    passed: int
    passed_first: int
    failed: int
    review: int
    inconclusive: int
    calls: int
    tokens: int
    seconds: float
    busy: float
    conflicts: int
    stopped: str | None
    status: int
    artifacts: Path
