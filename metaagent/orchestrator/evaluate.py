"""Measures a set of tasks under one protocol, without touching the board. Replies come from the cache where they can,
so that an interrupted measurement goes on where it stopped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from metaagent.agents.roster import find_agent
from metaagent.errors import MetaagentError
from metaagent.inference.gateway import Gateway
from metaagent.inference.select import open_backend
from metaagent.learning.divide import divide, rule_of
from metaagent.learning.placebo import NAME as PLACEBO
from metaagent.learning.placebo import placebo as placebo_remedies
from metaagent.ledger import protocols, replies, runs
from metaagent.ledger.database import Ledger
from metaagent.orchestrator.budget import Budget, Usage, spent
from metaagent.orchestrator.crew import muster
from metaagent.orchestrator.events import Notice, Observer, Planned, Started, result_of
from metaagent.orchestrator.judging import judge_with
from metaagent.orchestrator.measure import Stand, agent_for, measure
from metaagent.orchestrator.snapshot import default_limits
from metaagent.records import Attempt, Protocol, Purpose, Task
from metaagent.tasks.index import SpecIndex
from metaagent.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a measurement came to; the counts by agent, domain and kind of error are read from the ledger by run.
    ``status`` is the exit status: 0 done, whatever was measured; ``cached``: the same asked again is answered
    from the cache."""

    run_id: str
    tasks: int
    passed: int
    passed_first: int
    seconds: float
    busy: float
    calls: int
    tokens: int
    cached: bool
    status: int = 0


@dataclass(slots=True)
class _Bench:
    """``protocol`` None: the one in force for each task's domain and model; ``placebo``: not that one, its placebo."""

    stand: Stand
    observe: Observer
    protocol: Protocol | None
    placebo: bool = False
    budget: Budget = field(default_factory=Budget)
    began: float = field(default_factory=time.monotonic)
    made: list[Attempt] = field(default_factory=list)

    def used(self) -> Usage:
        """What was spent so far; replies from the cache cost nothing."""
        asked = [one for one in self.made if one.calls]
        return Usage(
            seconds=time.monotonic() - self.began,
            calls=sum(one.calls for one in asked),
            tokens=sum(one.prompt_tokens + one.reply_tokens for one in asked),
        )


def evaluate(
    workspace: Workspace,
    set_name: str,
    protocol: str | None,
    observe: Observer,
    *,
    split: str | None = None,
    agent: str | None = None,
    retries: int = 0,
    limit: int | None = None,
    jobs: int | None = None,
) -> Measurement:
    """Attempt every task of a set once, with purpose ``evaluate``. ``protocol`` is ``0``, the beginning of a hash,
    or ``placebo``: in place of what is in force a neutral line about as long (learning/placebo.py);
    ``split`` leaves only that part of the set; ``retries`` 0 measures the first try alone.

    Raises NotFoundError for an unknown set, protocol or agent, BackendError where no model answers.
    """
    config = workspace.config
    with workspace.open_ledger() as ledger:
        tasks = list(SpecIndex(workspace.root, default_limits(config)).set(set_name).tasks())
        if split is not None:
            found = divide(ledger, tasks, rule_of(config.learning))
            tasks = [task for task in tasks if found[task.id] == split]
        placebo = protocol == PLACEBO
        chosen = None if protocol is None or placebo else protocols.load(ledger, protocol)
        options = MeasureOptions(agent, retries, jobs, (set_name, protocol or "active", split or "all"), placebo)
        return measure_all(workspace, ledger, tasks[:limit], chosen, observe, options)


@dataclass(frozen=True, slots=True)
class MeasureOptions:
    """``agent`` None: the best one for each task. ``args`` are noted with the run. ``placebo``: in place of each
    protocol its placebo. No task is begun once the ``budget`` is spent."""

    agent: str | None = None
    retries: int = 0
    jobs: int | None = None
    args: tuple[str, ...] = ()
    placebo: bool = False
    budget: Budget = field(default_factory=Budget)


def measure_all(
    workspace: Workspace,
    ledger: Ledger,
    tasks: Sequence[Task],
    protocol: Protocol | None,
    observe: Observer,
    options: MeasureOptions,
) -> Measurement:
    """Attempt each task once. ``protocol`` None: the one in force for it. Raises BackendError without a model."""
    config = workspace.config
    crew = muster(config, ledger, {})
    only = find_agent(crew.agents, options.agent).id if options.agent else None
    run_id = runs.start(ledger, "evaluate", (*options.args, f"retries={options.retries}"))
    backend = open_backend(config, workspace.root, notice=lambda text: observe(Notice(text)))

    async def measured() -> Measurement:
        gateway = Gateway(backend, config.deadlines, replies.LedgerReplyCache(ledger) if config.cache else None)
        judge = judge_with(workspace, ledger, notice=lambda text: observe(Notice(text)))
        stand = Stand(workspace, ledger, run_id, gateway, crew, judge, Purpose.EVALUATE, only, options.retries)
        bench = _Bench(stand, observe, protocol, options.placebo, options.budget)
        return await _measure(bench, tasks, options.jobs or config.run.jobs or backend.slots)

    return asyncio.run(measured())


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
        runs.end(bench.stand.ledger, bench.stand.run_id, status, {"tasks": len(bench.made)})
        await bench.stand.gateway.close()


async def _all(bench: _Bench, tasks: Iterable[Task], jobs: int) -> None:
    """``jobs`` workers share one iterator; the first failure of infrastructure ends all of them."""
    left = iter(tasks)
    async with asyncio.TaskGroup() as group:
        for _ in range(jobs):
            group.create_task(_work(bench, left))


async def _work(bench: _Bench, left: Iterator[Task]) -> None:
    for task in left:
        if spent(bench.budget, bench.used()):
            return
        await _one(bench, task)


async def _one(bench: _Bench, task: Task) -> None:
    agent = agent_for(bench.stand, task)
    protocol = bench.protocol or protocols.active(bench.stand.ledger, task.domain, agent.model)
    if bench.placebo:
        protocol = _placebo_of(bench.stand.ledger, protocol)
    bench.observe(Started(task.id, task.title, agent.id))
    made = await measure(bench.stand, task, agent, protocol)
    bench.made.append(made)
    bench.observe(result_of(task, made, None, made.reason, None))


def _placebo_of(ledger: Ledger, protocol: Protocol) -> Protocol:
    note = f"placebo of {protocol.hash[:12]}"
    return protocols.record(ledger, protocol.domain, protocol.model, placebo_remedies(protocol), note=note)


def _measurement(bench: _Bench, seconds: float) -> Measurement:
    made = bench.made
    return Measurement(
        run_id=bench.stand.run_id,
        tasks=len(made),
        passed=sum(one.outcome == "pass" for one in made),
        passed_first=sum(one.passed_first for one in made),
        seconds=seconds,
        busy=bench.stand.gateway.busy.seconds / seconds if seconds else 0.0,
        calls=sum(one.calls for one in made),
        tokens=sum(one.prompt_tokens + one.reply_tokens for one in made),
        cached=bench.stand.gateway.caches,
    )
