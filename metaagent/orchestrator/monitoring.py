"""Looks after promotions: the detector over real attempts, and on an alarm the paired confirmation that decides."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from metaagent.errors import MetaagentError
from metaagent.inference.gateway import Gateway
from metaagent.inference.select import open_backend
from metaagent.learning.gate import evidence
from metaagent.learning.monitor import FEWEST_PAIRS, Watch, enough, watch, worse
from metaagent.ledger import alarms, protocols, replies, runs
from metaagent.ledger.database import Ledger, Row
from metaagent.orchestrator.budget import Budget, Usage, fits, left
from metaagent.orchestrator.crew import muster
from metaagent.orchestrator.judging import judge_with
from metaagent.orchestrator.measure import Journal, Stand, pair
from metaagent.orchestrator.trials import all_tasks, engine_key, engine_of, most_calls, with_model
from metaagent.records import Outcome, Protocol, Purpose, Task
from metaagent.remedies.apply import same_call
from metaagent.statistics import wilson
from metaagent.workspace import Workspace

MOST_PAIRS = 60
"""Tasks of one confirmation, those attempted last before the alarm."""
Notice = Callable[[str], None]
Pair = tuple[Outcome, Outcome]
"""Of the version in force, and of the one before it."""


@dataclass(frozen=True, slots=True)
class LookOptions:
    """``dry_run``: nothing is written and no model is asked; ``budget``: for all confirmations together."""

    dry_run: bool = False
    budget: Budget = field(default_factory=Budget)
    jobs: int | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """One promotion that is in force. ``gains`` and ``losses`` of a confirmation are those of the version before;
    ``verdict`` is ``quiet``, ``alarm`` (it waits for its confirmation, or for the rest of it), ``keep``, ``rollback``,
    or ``overtaken``: another version was put in force meanwhile. ``calls``, ``tokens``, ``seconds``: of this look."""

    domain: str
    model: str
    protocol: str
    watch: Watch
    verdict: str
    pairs: int = 0
    gains: int = 0
    losses: int = 0
    inconclusive: int = 0
    evidence: float = 1.0
    activation: str | None = None
    calls: int = 0
    tokens: int = 0
    seconds: float = 0.0


def look(workspace: Workspace, notice: Notice, options: LookOptions | None = None) -> list[Health]:
    """The health of every promotion in force. An alarm is recorded, and confirmed as far as the budget goes; it stays
    open until pairs show that the version before is better, or enough whole ones do not."""
    options, began, found = options or LookOptions(), time.monotonic(), list[Health]()
    with workspace.open_ledger() as ledger:
        for row in alarms.promotions(ledger):
            calls, tokens = sum(one.calls for one in found), sum(one.tokens for one in found)
            used = Usage(seconds=time.monotonic() - began, calls=calls, tokens=tokens)
            rest = replace(options, budget=left(options.budget, used))
            found.append(_one(workspace, ledger, row, notice, rest))
    return found


def _one(workspace: Workspace, ledger: Ledger, row: Row, notice: Notice, options: LookOptions) -> Health:
    attempts = alarms.real_attempts(ledger, row["id"], row["protocol"], row["model"])
    failed, decided = alarms.failures_at_gate(ledger, row["candidate_id"], row["pairs"])
    first_only = json.loads(row["settings"]).get("retries") == 0  # then a trial's error is a first try that failed
    errors = [not one["passed_first"] if first_only else one["outcome"] == "fail" for one in attempts]
    seen = watch(errors, wilson(failed, decided).high)
    health = Health(row["domain"], row["model"], row["protocol"], seen, "quiet")
    waiting = alarms.open_alarm(ledger, row["id"])
    if waiting is None and not seen.alarms:
        return health
    if options.dry_run:
        return replace(health, verdict="alarm")
    if waiting is None:
        at, last = seen.alarms[0], attempts[-1]["id"]
        alarm = alarms.put_alarm(
            *(ledger, row["id"], row["protocol"], at, sum(errors[:at]), seen.bound, seen.value, last)
        )
    else:
        alarm, last = waiting["id"], waiting["last_attempt"]
    now = protocols.load(ledger, row["protocol"])
    asked = _Confirmation(
        *(workspace, ledger, alarm, row["id"], now, protocols.before(ledger, now)),
        *_tasks(workspace, attempts, last),
        *(notice, options),
    )
    return _confirmed(asked, health)


def _tasks(workspace: Workspace, attempts: Sequence[Row], last: str) -> tuple[tuple[Task, ...], int]:
    """What was attempted up to the alarm, the latest first, then what was attempted since; and how many of them are
    measured in any case: all of the former, unless they are too few."""
    known = {task.id: task for task in all_tasks(workspace)}
    at = [one["id"] for one in attempts].index(last) + 1
    before = dict.fromkeys(one["task_id"] for one in reversed(attempts[:at]) if one["task_id"] in known)
    since = dict.fromkeys(one["task_id"] for one in attempts[at:] if one["task_id"] in known)
    tasks = tuple(known[name] for name in before | since)[:MOST_PAIRS]
    return tasks, min(len(before), MOST_PAIRS) if len(before) >= FEWEST_PAIRS else len(tasks)


@dataclass(frozen=True, slots=True)
class _Confirmation:
    """An alarm about an activation: the version in force and the one before it on the same tasks, in pairs. The first
    ``certain`` tasks are measured in any case, the others where too few pairs of those are whole."""

    workspace: Workspace
    ledger: Ledger
    alarm: str
    activation: str
    now: Protocol
    former: Protocol
    tasks: tuple[Task, ...]
    certain: int
    notice: Notice
    options: LookOptions

    @property
    def calls_per_pair(self) -> int:
        arms = 1 if same_call(self.now.remedies, self.former.remedies) else 2
        return arms * most_calls(self.now, self.former, 0)


@dataclass(frozen=True, slots=True)
class _Found:
    """What the pairs came to; ``full``: the budget ended before the tasks did."""

    counts: alarms.Counts = (0, 0, 0, 0)
    full: bool = True
    spent: Usage = field(default_factory=Usage)


def _confirmed(asked: _Confirmation, health: Health) -> Health:
    """What the pairs say: the version before is better, the one in force stays, or there is too little to say."""
    room = fits(asked.options.budget, Usage(), asked.calls_per_pair)
    found = asyncio.run(_pairs(asked)) if room else _Found()
    pairs, gains, losses, broken = found.counts
    value, activation = evidence(gains, losses), None
    if worse(gains, losses):
        why = f"an alarm after {health.watch.attempts} attempts; in pairs the version before wins {gains} to {losses}"
        rows = (asked.ledger, asked.alarm, asked.activation)
        activation = alarms.roll_back(*rows, asked.former, found.counts, value, why)
        verdict = "rollback" if activation else "overtaken"
    elif found.full or not enough(pairs, broken):
        verdict = "alarm"
    else:
        alarms.dismiss(asked.ledger, asked.alarm, found.counts, value)
        verdict = "keep"
    if verdict != "alarm":
        replies.forget(asked.ledger, f"alarm:{asked.alarm}:")
    _tell(asked, verdict, found)
    return replace(
        health,
        verdict=verdict,
        pairs=pairs,
        gains=gains,
        losses=losses,
        inconclusive=broken,
        evidence=value,
        activation=activation,
        calls=found.spent.calls,
        tokens=found.spent.tokens,
        seconds=found.spent.seconds,
    )


def _tell(asked: _Confirmation, verdict: str, found: _Found) -> None:
    """Why an alarm stays open, or why a version that is worse was left alone."""
    (pairs, gains, losses, broken), name = found.counts, asked.now.hash[:12]
    if verdict == "overtaken":
        asked.notice(
            f"{name} lost to the version before, {gains} to {losses} in pairs; another was put in force meanwhile, "
            "and stays"
        )
    elif verdict == "alarm" and found.full:
        asked.notice(
            f"the alarm about {name} stays open: the budget ends after {pairs} of {asked.certain} pairs; "
            "it goes on where it stands with the next learn monitor"
        )
    elif verdict == "alarm":
        asked.notice(
            f"the alarm about {name} stays open: {pairs - broken} of {pairs} pairs are whole, and it takes "
            f"{FEWEST_PAIRS} and more than half; next: metaagent learn monitor, or learn rollback --why ..."
        )


async def _pairs(asked: _Confirmation) -> _Found:
    """Measures pairs until the tasks or the budget end. What an earlier look was told is not asked again."""
    workspace, ledger, config, began = asked.workspace, asked.ledger, asked.workspace.config, time.monotonic()
    run_id = runs.start(ledger, "learn monitor", [asked.now.hash])
    gateway = Gateway(open_backend(config, workspace.root, notice=asked.notice), config.deadlines, None)
    crew = with_model(muster(config, ledger, {}), asked.now.model)
    judge = judge_with(workspace, ledger, notice=asked.notice)
    stand = Stand(workspace, ledger, run_id, gateway, crew, judge, Purpose.TRIAL)
    status, outcomes = "interrupted", list[Pair]()
    try:
        engine = hashlib.sha256(engine_key(await engine_of(gateway, asked.now.model), asked.now.model).encode())
        journal = Journal(ledger, gateway, f"alarm:{asked.alarm}:{engine.hexdigest()[:12]}")
        course = _Course(asked, stand, journal, outcomes, began, enumerate(asked.tasks, 1))
        async with asyncio.TaskGroup() as group:
            for _ in range(asked.options.jobs or config.run.jobs or gateway.backend.slots):
                group.create_task(course.work())
        status = "done"
    except* MetaagentError as failed:
        status = "failed"
        raise failed.exceptions[0] from failed
    finally:
        runs.end(ledger, run_id, status, {"tasks": len(outcomes)})
        await gateway.close()
    return _Found(_counted(outcomes), course.full, course.spent())


@dataclass(slots=True)
class _Course:
    """A confirmation at work: its pairs so far, and the tasks that are left, with their numbers."""

    asked: _Confirmation
    stand: Stand
    journal: Journal
    outcomes: list[Pair]
    began: float
    left: Iterator[tuple[int, Task]]
    under_way: int = 0
    full: bool = False

    async def work(self) -> None:
        for number, task in self.left:
            if number > self.asked.certain and self.enough():
                return
            wanted = self.asked.calls_per_pair * (self.under_way + 1)
            self.full = self.full or not fits(self.asked.options.budget, self.spent(), wanted)
            if self.full:
                return
            self.under_way += 1
            now, former = await pair(self.stand, self.journal, task, self.asked.now, self.asked.former)
            self.under_way -= 1
            self.outcomes.append((now.outcome, former.outcome))

    def spent(self) -> Usage:
        return replace(self.journal.spent, seconds=time.monotonic() - self.began)

    def enough(self) -> bool:
        pairs, _, _, broken = _counted(self.outcomes)
        return enough(pairs, broken)


def _counted(outcomes: Sequence[Pair]) -> alarms.Counts:
    gains = sum(one == (Outcome.FAIL, Outcome.PASS) for one in outcomes)
    losses = sum(one == (Outcome.PASS, Outcome.FAIL) for one in outcomes)
    return len(outcomes), gains, losses, sum(Outcome.INCONCLUSIVE in one for one in outcomes)
