"""Measures a set of tasks under one protocol, without touching the board. Replies come from the cache where they can,
so that an interrupted measurement goes on where it stopped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from metaagent.agents.roster import find_agent
from metaagent.errors import MetaagentError, UsageError
from metaagent.inference.gateway import Gateway
from metaagent.inference.select import open_backend
from metaagent.ledger import attempts, protocols, replies, runs
from metaagent.ledger.database import Ledger
from metaagent.ledger.ulid import new_ulid
from metaagent.ledger.writer import Statement
from metaagent.orchestrator.attempt import Assignment, Hands, attempt
from metaagent.orchestrator.crew import Crew, muster
from metaagent.orchestrator.events import Notice, Observer, Planned, Started, result_of
from metaagent.orchestrator.judging import Judge, judge_with
from metaagent.orchestrator.snapshot import default_limits
from metaagent.records import Agent, Attempt, Limits, Protocol, Purpose, Step, Task
from metaagent.tasks.index import SpecIndex
from metaagent.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a measurement came to; the counts by agent, domain and kind of error are read from the ledger by run.
    ``status`` is the exit status: 0 done, whatever was measured."""

    run_id: str
    tasks: int
    passed: int
    passed_first: int
    seconds: float
    busy: float
    calls: int
    tokens: int
    status: int = 0


@dataclass(slots=True)
class _Bench:
    """``protocol`` None: the one in force for each task's domain and model."""

    workspace: Workspace
    observe: Observer
    ledger: Ledger
    run_id: str
    gateway: Gateway
    crew: Crew
    protocol: Protocol | None
    agent: str | None
    retries: int
    judge: Judge
    made: list[Attempt] = field(default_factory=list)


def evaluate(
    workspace: Workspace,
    set_name: str,
    protocol: str | None,
    observe: Observer,
    *,
    agent: str | None = None,
    retries: int = 0,
    limit: int | None = None,
    jobs: int | None = None,
) -> Measurement:
    """Attempt every task of a set once, with purpose ``evaluate``. ``protocol`` is ``0`` or the beginning of a hash;
    ``retries`` 0 measures the first try alone.

    Raises NotFoundError for an unknown set, protocol or agent, BackendError where no model answers.
    """
    config = workspace.config
    with workspace.open_ledger() as ledger:
        found = SpecIndex(workspace.root, default_limits(config)).set(set_name)
        tasks = list(found.tasks())[:limit]
        chosen = None if protocol is None else protocols.load(ledger, protocol)
        crew = muster(config, ledger, {})
        only = find_agent(crew.agents, agent).id if agent else None
        run_id = runs.start(ledger, "evaluate", [set_name, protocol or "active"])
        backend = open_backend(config, workspace.root, notice=lambda text: observe(Notice(text)))

        async def measure() -> Measurement:
            gateway = Gateway(backend, config.deadlines, replies.LedgerReplyCache(ledger) if config.cache else None)
            judge = judge_with(workspace, ledger, notice=lambda text: observe(Notice(text)))
            bench = _Bench(workspace, observe, ledger, run_id, gateway, crew, chosen, only, retries, judge)
            return await _measure(bench, tasks, jobs or config.run.jobs or backend.slots)

        return asyncio.run(measure())


async def _measure(bench: _Bench, tasks: Sequence[Task], jobs: int) -> Measurement:
    started, status = time.monotonic(), "interrupted"
    bench.observe(Planned(len(tasks), 0))
    try:
        await _all(bench, tasks, jobs)
        status = "done"
        return _measurement(bench, time.monotonic() - started)
    except* MetaagentError as group:
        status = "failed"
        raise group.exceptions[0] from group
    finally:
        runs.end(bench.ledger, bench.run_id, status, {"tasks": len(bench.made)})
        await bench.gateway.close()


async def _all(bench: _Bench, tasks: Iterable[Task], jobs: int) -> None:
    """``jobs`` workers share one iterator; the first failure of infrastructure ends all of them."""
    left = iter(tasks)
    async with asyncio.TaskGroup() as group:
        for _ in range(jobs):
            group.create_task(_work(bench, left))


async def _work(bench: _Bench, left: Iterator[Task]) -> None:
    for task in left:
        await _one(bench, task)


async def _one(bench: _Bench, task: Task) -> None:
    agent = _agent(bench, task)
    protocol = bench.protocol or protocols.active(bench.ledger, task.domain, agent.model)
    attempt_id, rows = new_ulid(), list[Statement]()

    def keep(_attempt: str, step: Step) -> None:
        rows.extend(attempts.step_batch(attempt_id, step, bench.run_id))

    bench.observe(Started(task.id, task.title, agent.id))
    assignment = Assignment(
        id=attempt_id,
        task=replace(task, limits=Limits(attempts=None)),
        agent=agent,
        role=bench.crew.roles[agent.role],
        protocol=protocol,
        settings=bench.workspace.config.model(agent.model),
        purpose=Purpose.EVALUATE,
        retries=bench.retries,
    )
    started = datetime.now(UTC)
    made = await attempt(assignment, Hands(bench.gateway.chat, bench.judge, keep, lambda: datetime.now(UTC), new_ulid))
    start = attempts.start_batch(
        attempt_id, bench.run_id, task, agent, protocol.hash, Purpose.EVALUATE, 1, started, ledger=bench.ledger
    )
    end = attempts.end_batch(made, run_id=bench.run_id, backend=bench.gateway.backend.name)
    await asyncio.wrap_future(bench.ledger.submit([*start, *rows, *end]))
    bench.made.append(made)
    bench.observe(result_of(task, made, None, made.reason, None))


def _agent(bench: _Bench, task: Task) -> Agent:
    agent = bench.crew.choose(replace(task, assignees=()), bench.agent)
    if agent is None:
        raise UsageError(f"no agent may do {task.id}", mend="metaagent agent list")
    return agent


def _measurement(bench: _Bench, seconds: float) -> Measurement:
    made = bench.made
    return Measurement(
        run_id=bench.run_id,
        tasks=len(made),
        passed=sum(one.outcome == "pass" for one in made),
        passed_first=sum(one.passed_first for one in made),
        seconds=seconds,
        busy=bench.gateway.busy.seconds / seconds if seconds else 0.0,
        calls=sum(one.calls for one in made),
        tokens=sum(one.prompt_tokens + one.reply_tokens for one in made),
    )
