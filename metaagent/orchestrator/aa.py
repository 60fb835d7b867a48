"""A/A trials: the same protocol against itself, everything asked twice. What flips is noise; it decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from metaagent.errors import MetaagentError, UsageError
from metaagent.inference.gateway import Gateway
from metaagent.inference.select import open_backend
from metaagent.learning.divide import divide, rule_of
from metaagent.learning.splits import Split
from metaagent.ledger import protocols, runs, trials
from metaagent.orchestrator.crew import muster
from metaagent.orchestrator.judging import judge_with
from metaagent.orchestrator.measure import Stand, agent_for, measure
from metaagent.orchestrator.trials import STEADY, all_tasks, engine_key, engine_of, inside, with_model
from metaagent.records import Attempt, Outcome, Protocol, Purpose, Task
from metaagent.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Flips:
    """``flips`` of ``tasks`` had another outcome the second time, ``changed`` another reply. ``steady``: with all that
    was seen before, replies of this engine may stand for new ones."""

    model: str
    protocol: str
    tasks: int
    flips: int
    changed: int
    inconclusive: int
    calls: int
    steady: bool
    engine: dict[str, Any]


def aa(
    workspace: Workspace,
    domain: str,
    model: str,
    notice: Callable[[str], None],
    *,
    limit: int | None = None,
    jobs: int | None = None,
    retries: int = 0,
) -> Flips:
    """Twice each mine task under the protocol in force, the cache off, the two attempts apart by a whole pass."""
    config = workspace.config
    with workspace.open_ledger() as ledger:
        found = divide(ledger, everything := all_tasks(workspace), rule_of(config.learning))
        tasks = [task for task in everything if found[task.id] is Split.MINE and inside(task.domain, domain)][:limit]
        if not tasks:
            raise UsageError("there is no mine task to measure on", mend="metaagent task list")
        protocol = protocols.active(ledger, domain, model)
        run_id = runs.start(ledger, "learn aa", [domain, model])
        backend = open_backend(config, workspace.root, notice=notice)

        async def measured() -> Flips:
            status, gateway = "interrupted", Gateway(backend, config.deadlines, None)
            crew = with_model(muster(config, ledger, {}), model)
            judge = judge_with(workspace, ledger, notice=notice)
            stand = Stand(workspace, ledger, run_id, gateway, crew, judge, Purpose.TRIAL, None, retries)
            try:
                result = await _twice(stand, tasks, protocol, model, jobs or config.run.jobs or backend.slots)
                status = "done"
                return result
            except* MetaagentError as group:
                status = "failed"
                raise group.exceptions[0] from group
            finally:
                runs.end(ledger, run_id, status, {"tasks": len(tasks)})
                await gateway.close()

        return asyncio.run(measured())


async def _twice(stand: Stand, tasks: Sequence[Task], protocol: Protocol, model: str, jobs: int) -> Flips:
    engine = await engine_of(stand.gateway, model)
    passes = [await _pass(stand, tasks, protocol, jobs) for _ in range(2)]
    pairs = [
        (one, other)
        for one, other in zip(*passes, strict=True)
        if Outcome.INCONCLUSIVE not in (one.outcome, other.outcome)
    ]
    flips = sum(one.outcome is not other.outcome for one, other in pairs)
    changed = sum(_replies(one) != _replies(other) for one, other in pairs)
    key = engine_key(engine, model)
    trials.put_flips(stand.ledger, key, model, protocol.hash, len(pairs), flips, changed)
    seen, flipped, _ = trials.flips(stand.ledger, key)
    return Flips(
        model=model,
        protocol=protocol.hash,
        tasks=len(pairs),
        flips=flips,
        changed=changed,
        inconclusive=len(tasks) - len(pairs),
        calls=sum(one.calls for made in passes for one in made),
        steady=seen >= STEADY and flipped == 0,
        engine=engine,
    )


async def _pass(stand: Stand, tasks: Sequence[Task], protocol: Protocol, jobs: int) -> list[Attempt]:
    made: dict[str, Attempt] = {}
    left = iter(tasks)

    async def work() -> None:
        for task in left:
            made[task.id] = await measure(stand, task, agent_for(stand, task), protocol)

    async with asyncio.TaskGroup() as group:
        for _ in range(jobs):
            group.create_task(work())
    return [made[task.id] for task in tasks]


def _replies(attempt: Attempt) -> list[str]:
    return [step.reply.text for step in attempt.steps if step.reply]
