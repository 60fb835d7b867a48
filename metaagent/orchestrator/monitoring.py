"""Looks after promotions: the detector over real attempts, and on an alarm the paired confirmation that decides."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from metaagent.errors import MetaagentError
from metaagent.inference.gateway import Gateway
from metaagent.inference.select import open_backend
from metaagent.learning.gate import evidence
from metaagent.learning.monitor import Watch, watch, worse
from metaagent.ledger import alarms, protocols, replies, runs
from metaagent.ledger.database import Ledger, Row
from metaagent.orchestrator.crew import muster
from metaagent.orchestrator.judging import judge_with
from metaagent.orchestrator.measure import Journal, Stand, agent_for, measure
from metaagent.orchestrator.trials import all_tasks, with_model
from metaagent.records import Outcome, Protocol, Purpose, Task
from metaagent.statistics import wilson
from metaagent.workspace import Workspace

MOST_PAIRS = 60
"""Tasks of one confirmation, those attempted last."""


@dataclass(frozen=True, slots=True)
class Health:
    """One promotion that is in force. ``gains`` and ``losses`` of a confirmation are those of the version before;
    ``verdict`` is ``quiet``, ``alarm`` (not confirmed yet), ``keep`` or ``rollback``."""

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

    @property
    def calls(self) -> int:
        """Model calls that the confirmation took: both versions of every task, each asked once."""
        return 2 * self.pairs


def look(workspace: Workspace, notice: Callable[[str], None], *, dry_run: bool = False) -> list[Health]:
    """The health of every promotion in force. An alarm is recorded, and confirmed at once unless ``dry_run``: then
    nothing is written and no model is asked."""
    with workspace.open_ledger() as ledger:
        return [_one(workspace, ledger, row, notice, dry_run) for row in alarms.promotions(ledger)]


def _one(workspace: Workspace, ledger: Ledger, row: Row, notice: Callable[[str], None], dry_run: bool) -> Health:
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
    return _confirmed(workspace, ledger, health, alarm, [one["task_id"] for one in reversed(attempts)], notice)


def _confirmed(
    workspace: Workspace,
    ledger: Ledger,
    health: Health,
    alarm: str,
    latest: Sequence[str],
    notice: Callable[[str], None],
) -> Health:
    """The version in force and the one before it on the tasks that were attempted last, both afresh, in pairs."""
    now = protocols.load(ledger, health.protocol)
    former = protocols.before(ledger, now)
    place = {task_id: at for at, task_id in reversed(list(enumerate(latest)))}
    tasks = sorted((task for task in all_tasks(workspace) if task.id in place), key=lambda task: place[task.id])
    counts = asyncio.run(_pairs(workspace, ledger, alarm, now, former, tasks[:MOST_PAIRS], notice))
    pairs, gains, losses, broken = counts
    value, activation = evidence(gains, losses), None
    if worse(gains, losses):
        why = f"an alarm after {health.watch.attempts} attempts; in pairs the version before wins {gains} to {losses}"
        activation = protocols.put_in_force(ledger, former, "rollback", why)
    verdict = "rollback" if activation else "keep"
    alarms.confirm(ledger, alarm, counts, value, verdict, activation)
    return replace(
        health,
        verdict=verdict,
        pairs=pairs,
        gains=gains,
        losses=losses,
        inconclusive=broken,
        evidence=value,
        activation=activation,
    )


async def _pairs(
    workspace: Workspace,
    ledger: Ledger,
    alarm: str,
    now: Protocol,
    former: Protocol,
    tasks: Sequence[Task],
    notice: Callable[[str], None],
) -> tuple[int, int, int, int]:
    """(pairs, gains of the version before, losses, pairs that broke)."""
    config = workspace.config
    run_id = runs.start(ledger, "learn monitor", [now.hash])
    backend = open_backend(config, workspace.root, notice=notice)
    gateway = Gateway(backend, config.deadlines, None)
    crew, judge = with_model(muster(config, ledger, {}), now.model), judge_with(workspace, ledger, notice=notice)
    stand = Stand(workspace, ledger, run_id, gateway, crew, judge, Purpose.TRIAL)
    journal = Journal(ledger, gateway, f"alarm:{alarm}")
    outcomes: list[tuple[Outcome, Outcome]] = []
    left = iter(tasks)

    async def work() -> None:
        for task in left:
            agent = agent_for(stand, task)
            one = await measure(stand, task, agent, now, journal.chat)
            other = await measure(stand, task, agent, former, journal.chat)
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
    replies.forget(ledger, f"alarm:{alarm}:")
    whole = [pair for pair in outcomes if Outcome.INCONCLUSIVE not in pair]
    gains = sum(other is Outcome.PASS and one is Outcome.FAIL for one, other in whole)
    losses = sum(one is Outcome.PASS and other is Outcome.FAIL for one, other in whole)
    return len(outcomes), gains, losses, len(outcomes) - len(whole)
