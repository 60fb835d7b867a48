"""Run, watch, learn, measure, evaluate: the whole of it, once. Every stage goes on where an earlier cycle stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from metaagent.learning.splits import Split
from metaagent.learning.trial import Progress
from metaagent.ledger import protocols, trials
from metaagent.ledger.database import Ledger
from metaagent.orchestrator.budget import Budget
from metaagent.orchestrator.candidates import subjects
from metaagent.orchestrator.evaluate import Measurement, MeasureOptions, measure_all
from metaagent.orchestrator.events import Observer, Summary
from metaagent.orchestrator.learn import AUTO, Learned, LearnOptions, learn
from metaagent.orchestrator.monitoring import Health, look
from metaagent.orchestrator.session import run
from metaagent.orchestrator.state import RunOptions
from metaagent.records import Protocol, Task
from metaagent.workspace import Workspace


@dataclass(frozen=True, slots=True)
class CycleOptions:
    """``limit``: at most so many attempts at the board and sealed tasks measured; ``budget`` is for the whole."""

    limit: int | None = None
    retries: int = 0
    domain: str | None = None
    budget: Budget = field(default_factory=Budget)
    metric: str = AUTO
    jobs: int | None = None


@dataclass(frozen=True, slots=True)
class Cycle:
    """What one cycle came to, stage by stage; what was learned and what it is worth stand in the ledger."""

    run: Summary
    watched: tuple[Health, ...]
    learned: tuple[Learned, ...]
    measured: tuple[Measurement, ...]
    seconds: float

    @property
    def status(self) -> int:
        """An interruption or a failure of the run counts; tasks that failed are what the cycle is about."""
        return self.run.status if self.run.status > 1 else 0


def full_cycle(
    workspace: Workspace,
    options: CycleOptions,
    observe: Observer,
    watch: Callable[[Progress], None],
    stage: Callable[[str], None],
) -> Cycle:
    """``stage`` is told what begins, and what each stage has to say. Raises what the stages raise."""
    started = time.monotonic()
    stage("run: the tasks of the board")
    done = run(workspace, _run_options(options), observe)
    if done.status > 1:
        return Cycle(done, (), (), (), time.monotonic() - started)
    kept = 0.0 if options.budget.seconds is None else _measuring(workspace, options)
    stage("watch: whether what was promoted before still holds in real work")
    watched = look(workspace, stage, dry_run=_left(options.budget, time.monotonic() - started + kept).seconds == 0)
    stage("learn: errors, patterns, remedies, trials")
    left = _left(options.budget, time.monotonic() - started + kept)
    learned = learn(workspace, LearnOptions(options.domain, left, options.metric, options.jobs), observe, watch, stage)
    stage("measure: sealed tasks, without and with what was learned")
    measured = measure_sealed(workspace, options, observe)
    return Cycle(done, tuple(watched), tuple(learned), tuple(measured), time.monotonic() - started)


def _run_options(options: CycleOptions) -> RunOptions:
    return RunOptions(
        limit=options.limit, retries=options.retries, jobs=options.jobs, budget=options.budget, command="full-cycle"
    )


def _left(budget: Budget, seconds: float) -> Budget:
    """What is left of a budget after so many seconds; a tenth of the whole is kept for what cannot be foreseen."""
    if budget.seconds is None:
        return budget
    return replace(budget, seconds=max(0.0, 0.9 * budget.seconds - seconds))


def _measuring(workspace: Workspace, options: CycleOptions) -> float:
    """About how many seconds measuring the sealed tasks will take, where something is promoted that asks the model in
    another way: what is not kept for that, learning may spend."""
    seconds = 0.0
    jobs = options.jobs or workspace.config.run.jobs or workspace.config.embedded.slots
    with workspace.open_ledger() as ledger:
        for tasks, active in _sealed(workspace, ledger, options):
            seconds += len(tasks) * (trials.seconds_per_call(ledger, active.model) or 0.0) / jobs
    return seconds


def measure_sealed(workspace: Workspace, options: CycleOptions, observe: Observer) -> list[Measurement]:
    """The sealed tasks under version 0 and, where another is in force, under that. Replies come from the cache where
    both ask the same, so that a protocol of fixers alone costs no second call."""
    made: list[Measurement] = []
    with workspace.open_ledger() as ledger:
        for tasks, active in _sealed(workspace, ledger, options):
            versions = {protocol.hash: protocol for protocol in (protocols.empty(), active)}
            for digest, protocol in versions.items():
                args = MeasureOptions(jobs=options.jobs, args=("full-cycle", digest, "sealed"))
                made.append(measure_all(workspace, ledger, tasks, protocol, observe, args))
    return made


def _sealed(workspace: Workspace, ledger: Ledger, options: CycleOptions) -> list[tuple[list[Task], Protocol]]:
    """The sealed tasks of each domain and model, at most ``limit`` of each, with the protocol in force."""
    found = subjects(workspace, ledger, options.domain, Split.SEALED)
    return [(list(one.tasks[: options.limit]), protocols.active(ledger, one.domain, one.model)) for one in found]
