"""A/A trials: what is in force against itself, everything asked twice. What flips is noise; it decides nothing."""

from __future__ import annotations

import asyncio
from collections import Counter
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
from metaagent.orchestrator.trials import all_tasks, engine_key, engine_of, inside, steady, with_model
from metaagent.records import Attempt, Outcome, Protocol, Purpose, Task
from metaagent.workspace import Workspace

Chosen = tuple[Task, Protocol]
"""A task, and what is in force for it."""


@dataclass(frozen=True, slots=True)
class Flips:
    """``flips`` of ``tasks`` had another outcome the second time, ``changed`` another reply. ``protocols``: the hashes
    of what was in force for these tasks, ``protocol`` for the most of them. ``steady``: with all that was seen before,
    replies of this engine may stand for new ones."""

    model: str
    protocol: str
    tasks: int
    flips: int
    changed: int
    inconclusive: int
    calls: int
    steady: bool
    engine: dict[str, Any]
    protocols: tuple[str, ...]


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
    """Twice each mine task under what is in force for it, the cache off, the two attempts apart by a whole pass."""
    config = workspace.config
    with workspace.open_ledger() as ledger:
        found = divide(ledger, everything := all_tasks(workspace), rule_of(config.learning))
        tasks = [task for task in everything if found[task.id] is Split.MINE and inside(task.domain, domain)][:limit]
        if not tasks:
            raise UsageError("there is no mine task to measure on", mend="metaagent task list")
        of_domain = {name: protocols.active(ledger, name, model) for name in {task.domain for task in tasks}}
        chosen = [(task, of_domain[task.domain]) for task in tasks]
        run_id = runs.start(ledger, "learn aa", [domain, model])
        backend = open_backend(config, workspace.root, notice=notice)

        async def measured() -> Flips:
            status, gateway = "interrupted", Gateway(backend, config.deadlines, None)
            crew = with_model(muster(config, ledger, {}), model)
            judge = judge_with(workspace, ledger, notice=notice)
            stand = Stand(workspace, ledger, run_id, gateway, crew, judge, Purpose.TRIAL, None, retries)
            try:
                result = await _twice(stand, chosen, model, jobs or config.run.jobs or backend.slots)
                status = "done"
                return result
            except* MetaagentError as group:
                status = "failed"
                raise group.exceptions[0] from group
            finally:
                runs.end(ledger, run_id, status, {"tasks": len(tasks)})
                await gateway.close()

        return asyncio.run(measured())


async def _twice(stand: Stand, chosen: Sequence[Chosen], model: str, jobs: int) -> Flips:
    engine = await engine_of(stand.gateway, model)
    key = engine_key(engine, model)
    passes = [await _pass(stand, chosen, jobs) for _ in range(2)]
    pairs = [
        (one, other)
        for one, other in zip(*passes, strict=True)
        if Outcome.INCONCLUSIVE not in (one.outcome, other.outcome)
    ]
    used = _used(chosen)
    counts = [_counted([pair for pair in pairs if pair[0].protocol == digest]) for digest in used]
    for digest, counted in zip(used, counts, strict=True):
        trials.put_flips(stand.ledger, key, model, digest, *counted)
    tasks, flips, changed = map(sum, zip(*counts, strict=True))
    return Flips(
        model=model,
        protocol=used[0],
        tasks=tasks,
        flips=flips,
        changed=changed,
        inconclusive=len(chosen) - len(pairs),
        calls=sum(one.calls for made in passes for one in made),
        steady=steady(stand.ledger, key),
        engine=engine,
        protocols=used,
    )


def _used(chosen: Sequence[Chosen]) -> tuple[str, ...]:
    """The hashes of the protocols, that of the most tasks first."""
    return tuple(digest for digest, _ in Counter(protocol.hash for _, protocol in chosen).most_common())


def _counted(pairs: Sequence[tuple[Attempt, Attempt]]) -> tuple[int, int, int]:
    """How many pairs, in how many the outcome flipped, and in how many the reply changed."""
    flips = sum(one.outcome is not other.outcome for one, other in pairs)
    changed = sum(_replies(one) != _replies(other) for one, other in pairs)
    return len(pairs), flips, changed


async def _pass(stand: Stand, chosen: Sequence[Chosen], jobs: int) -> list[Attempt]:
    made: dict[str, Attempt] = {}
    left = iter(chosen)

    async def work() -> None:
        for task, protocol in left:
            made[task.id] = await measure(stand, task, agent_for(stand, task), protocol)

    async with asyncio.TaskGroup() as group:
        for _ in range(jobs):
            group.create_task(work())
    return [made[task.id] for task, _ in chosen]


def _replies(attempt: Attempt) -> list[str]:
    return [step.reply.text for step in attempt.steps if step.reply]
