"""Looks after promotions: the detector over real attempts, and on an alarm the paired confirmation that decides."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from metaagent.errors import MetaagentError
from metaagent.inference.gateway import Gateway
from metaagent.inference.select import open_backend
from metaagent.learning.gate import evidence
from metaagent.learning.monitor import Watch, watch, worse
from metaagent.ledger import alarms, protocols, replies, runs
from metaagent.ledger.database import Ledger, Row
from metaagent.orchestrator.budget import Budget, Usage, left, spent
from metaagent.orchestrator.crew import muster
from metaagent.orchestrator.judging import judge_with
from metaagent.orchestrator.measure import Journal, Stand, agent_for, measure
from metaagent.orchestrator.trials import all_tasks, with_model
from metaagent.records import Outcome, Protocol, Purpose, Task
from metaagent.statistics import wilson
from metaagent.workspace import Workspace

MOST_PAIRS = 60
"""Tasks of one confirmation, those attempted last."""
LEAST_PAIRS: Final = next(count for count in range(1, MOST_PAIRS) if worse(count, 0))
"""With fewer whole pairs not even wins alone would show that the version before is better."""
NO_BOUND: Final = Budget()


@dataclass(frozen=True, slots=True)
class Health:
    """One promotion that is in force. ``gains`` and ``losses`` of a confirmation are those of the version before;
    ``verdict`` is ``quiet``, ``alarm`` (not settled yet, ``why`` says more), ``keep`` or ``rollback``. ``calls`` and
    ``tokens`` are what the confirmation asked the model for now."""

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
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Alarm:
    """What a confirmation is about: the alarm, and the activation by which the version came in force."""

    id: str
    promotion: str
    now: Protocol
    former: Protocol


def look(
    workspace: Workspace, notice: Callable[[str], None], *, budget: Budget = NO_BOUND, dry_run: bool = False
) -> list[Health]:
    """The health of every promotion in force. An alarm is recorded, and confirmed in pairs as far as the budget goes,
    unless ``dry_run``: then nothing is written and no model is asked. A confirmation that was interrupted, or has too
    few whole pairs to show anything, is open still, and goes on next time."""
    found: list[Health] = []
    started = time.monotonic()
    with workspace.open_ledger() as ledger:
        for row in alarms.promotions(ledger):
            used = Usage(calls=sum(one.calls for one in found), tokens=sum(one.tokens for one in found))
            rest = left(budget, replace(used, seconds=time.monotonic() - started))
            found.append(_one(workspace, ledger, row, notice, rest, dry_run))
    return found


def _one(
    workspace: Workspace, ledger: Ledger, row: Row, notice: Callable[[str], None], budget: Budget, dry_run: bool
) -> Health:
    attempts = alarms.real_attempts(ledger, row["id"], row["protocol"], row["model"])
    failed, decided = alarms.failures_at_gate(ledger, row["candidate_id"], row["pairs"])
    first_only = json.loads(row["settings"]).get("retries") == 0  # then a trial's error is a first try that failed
    errors = [not one["passed_first"] if first_only else one["outcome"] == "fail" for one in attempts]
    seen = watch(errors, wilson(failed, decided).high)
    health = Health(row["domain"], row["model"], row["protocol"], seen, "quiet")
    waiting = alarms.open_alarm(ledger, row["id"])
    if waiting is None and not seen.alarms:
        return health
    if dry_run:
        return replace(health, verdict="alarm")
    if waiting is None:
        at = seen.alarms[0]
        alarm = alarms.put_alarm(
            *(ledger, row["id"], row["protocol"], at, sum(errors[:at]), seen.bound, seen.value, attempts[-1]["id"])
        )
    else:
        alarm = waiting["id"]
    now = protocols.load(ledger, row["protocol"])
    about = _Alarm(alarm, row["id"], now, protocols.before(ledger, now))
    latest = dict.fromkeys(one["task_id"] for one in reversed(attempts))
    known = {task.id: task for task in all_tasks(workspace)}
    tasks = [known[name] for name in latest if name in known][:MOST_PAIRS]
    return _confirmed(workspace, ledger, health, about, tasks, budget, notice)


def _confirmed(
    workspace: Workspace,
    ledger: Ledger,
    health: Health,
    alarm: _Alarm,
    tasks: Sequence[Task],
    budget: Budget,
    notice: Callable[[str], None],
) -> Health:
    """The version in force and the one before it on the tasks that were attempted last, both afresh, in pairs."""
    counted, used = asyncio.run(_pairs(workspace, ledger, alarm, tasks, budget, notice))
    value = evidence(counted.gains, counted.losses)
    found = replace(
        health,
        verdict="alarm",
        pairs=counted.pairs,
        gains=counted.gains,
        losses=counted.losses,
        inconclusive=counted.broken,
        evidence=value,
        calls=used.calls,
        tokens=used.tokens,
    )
    if worse(counted.gains, counted.losses):
        wins = f"in pairs the version before wins {counted.gains} to {counted.losses}"
        why = f"an alarm after {health.watch.attempts} attempts; {wins}"
        activation = alarms.roll_back(ledger, alarm.id, alarm.promotion, alarm.former, counted, value, why)
        if activation is None:
            return replace(found, why="another version was put in force meanwhile; it stays")
        found = replace(found, verdict="rollback", activation=activation)
    elif counted.pairs < len(tasks):
        return replace(found, why=f"the budget ended after {counted.pairs} of {len(tasks)} pairs")
    elif (whole := counted.pairs - counted.broken) < LEAST_PAIRS:
        return replace(found, why=f"{whole} whole pairs; fewer than {LEAST_PAIRS} show nothing")
    else:
        alarms.keep(ledger, alarm.id, counted, value)
        found = replace(found, verdict="keep")
    replies.forget(ledger, f"{_journal(alarm)}:")
    return found


def _journal(alarm: _Alarm) -> str:
    return f"alarm:{alarm.id}"


async def _pairs(
    workspace: Workspace,
    ledger: Ledger,
    alarm: _Alarm,
    tasks: Sequence[Task],
    budget: Budget,
    notice: Callable[[str], None],
) -> tuple[alarms.Pairs, Usage]:
    """What the pairs came to that there was a budget for, and what they took."""
    config = workspace.config
    run_id = runs.start(ledger, "learn monitor", [alarm.now.hash])
    backend = open_backend(config, workspace.root, notice=notice)
    gateway = Gateway(backend, config.deadlines, None)
    crew, judge = with_model(muster(config, ledger, {}), alarm.now.model), judge_with(workspace, ledger, notice=notice)
    stand = Stand(workspace, ledger, run_id, gateway, crew, judge, Purpose.TRIAL)
    journal = Journal(ledger, gateway, _journal(alarm))
    outcomes: list[tuple[Outcome, Outcome]] = []
    left_over, started = iter(tasks), time.monotonic()

    def may_begin() -> bool:
        return spent(budget, replace(journal.spent, seconds=time.monotonic() - started)) is None

    async def work() -> None:
        while may_begin() and (task := next(left_over, None)) is not None:
            agent = agent_for(stand, task)
            one = await measure(stand, task, agent, alarm.now, journal.chat)
            other = await measure(stand, task, agent, alarm.former, journal.chat)
            outcomes.append((one.outcome, other.outcome))

    status = "interrupted"
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(config.run.jobs or backend.slots):
                group.create_task(work())
        status = "done"
    except* MetaagentError as failed:
        status = "failed"
        raise failed.exceptions[0] from failed
    finally:
        runs.end(ledger, run_id, status, {"tasks": len(outcomes)})
        await gateway.close()
    whole = [pair for pair in outcomes if Outcome.INCONCLUSIVE not in pair]
    gains = sum(other is Outcome.PASS and one is Outcome.FAIL for one, other in whole)
    losses = sum(one is Outcome.PASS and other is Outcome.FAIL for one, other in whole)
    return alarms.Pairs(len(outcomes), gains, losses, len(outcomes) - len(whole)), journal.spent
