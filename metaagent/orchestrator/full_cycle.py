"""Run, watch, learn, measure, evaluate: the whole of it, once. Every stage goes on where an earlier cycle stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from metaagent.inference import warm
from metaagent.learning.splits import Split
from metaagent.learning.trial import Progress
from metaagent.ledger import protocols, trials
from metaagent.ledger.database import Ledger
from metaagent.orchestrator.budget import Budget, Usage, left, share
from metaagent.orchestrator.candidates import subjects
from metaagent.orchestrator.evaluate import Measurement, MeasureOptions, measure_all
from metaagent.orchestrator.events import Observer, Summary
from metaagent.orchestrator.learn import AUTO, Learned, LearnOptions, learn
from metaagent.orchestrator.monitoring import Health, LookOptions, look
from metaagent.orchestrator.session import run
from metaagent.orchestrator.state import RunOptions
from metaagent.records import Protocol, Task
from metaagent.remedies.apply import same_call
from metaagent.workspace import Workspace

MARGIN: Final = 0.1
"""The share of a budget's time that is kept for what cannot be foreseen."""
RUN_SHARE: Final = 1 / 3
"""The share of a budget that the board may use: a long board would leave nothing to learn with, night after night."""


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
    def calls(self) -> int:
        """Model calls of all stages."""
        stages = (self.watched, self.learned, self.measured)
        return self.run.calls + sum(one.calls for stage in stages for one in stage)

    @property
    def status(self) -> int:
        """An interruption or a failure of the run counts; tasks that failed are what the cycle is about."""
        return self.run.status if self.run.status > 1 else 0


@warm.kept()
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
    used = Usage(calls=done.calls, tokens=done.tokens)

    def rest(kept: Usage) -> Budget:
        return left(options.budget, used.plus(kept).plus(Usage(seconds=time.monotonic() - started)))

    margin = Usage(seconds=MARGIN * (options.budget.seconds or 0.0))
    kept = _measuring(workspace, options)
    stage("watch: whether what was promoted before still holds in real work")
    watched = look(workspace, stage, LookOptions(budget=rest(margin.plus(kept)), jobs=options.jobs))
    used = used.plus(_asked(watched))
    stage("learn: errors, patterns, remedies, trials")
    wanted = LearnOptions(options.domain, rest(margin), options.metric, options.jobs, kept=kept)
    learned = learn(workspace, wanted, observe, watch, stage)
    used = used.plus(_asked(learned))
    stage("measure: sealed tasks, without and with what was learned")
    measured = measure_sealed(workspace, options, rest(Usage()), observe)
    return Cycle(done, tuple(watched), tuple(learned), tuple(measured), time.monotonic() - started)


def _asked(stage: Sequence[Health] | Sequence[Learned]) -> Usage:
    """The calls and tokens of a stage; its seconds are the clock's matter."""
    return Usage(calls=sum(one.calls for one in stage), tokens=sum(one.tokens for one in stage))


def _run_options(options: CycleOptions) -> RunOptions:
    return RunOptions(
        limit=options.limit,
        retries=options.retries,
        jobs=options.jobs,
        budget=share(options.budget, RUN_SHARE),
        command="full-cycle",
    )


def _measuring(workspace: Workspace, options: CycleOptions) -> Usage:
    """About what measuring the sealed tasks will take, where what is promoted asks the model in another way."""
    usage = Usage()
    jobs = options.jobs or workspace.config.run.jobs or workspace.config.embedded.slots
    with workspace.open_ledger() as ledger:
        for tasks, active in _sealed(workspace, ledger, options):
            pace = trials.seconds_per_call(ledger, active.model) or 0.0
            tokens = round(len(tasks) * trials.tokens_per_call(ledger, active.model))
            usage = usage.plus(Usage(seconds=len(tasks) * pace / jobs, calls=len(tasks), tokens=tokens))
    return usage


def measure_sealed(workspace: Workspace, options: CycleOptions, budget: Budget, observe: Observer) -> list[Measurement]:
    """The sealed tasks under version 0 and, where another is in force, under that, as far as the budget goes: what is
    lacking is measured next time. Replies come from the cache where both ask the same, so that a protocol of fixers
    alone costs no second call."""
    made: list[Measurement] = []
    started = time.monotonic()

    def rest() -> Budget:
        calls, tokens = sum(one.calls for one in made), sum(one.tokens for one in made if one.calls)
        return left(budget, Usage(calls=calls, tokens=tokens, seconds=time.monotonic() - started))

    def measured(tasks: Sequence[Task], protocol: Protocol, budget: Budget) -> Measurement:
        args = ("full-cycle", protocol.hash, "sealed")
        with workspace.open_ledger() as ledger:
            given = MeasureOptions(jobs=options.jobs, args=args, budget=budget)
            made.append(measure_all(workspace, ledger, tasks, protocol, observe, given))
        return made[-1]

    with workspace.open_ledger() as ledger:
        found = _sealed(workspace, ledger, options)
    for tasks, active in found:
        empty = protocols.empty()
        first = measured(tasks, empty, rest())
        if active.hash != empty.hash:
            free = first.cached and same_call(empty.remedies, active.remedies)
            measured(tasks[: first.tasks], active, Budget() if free else rest())
    return made


def _sealed(workspace: Workspace, ledger: Ledger, options: CycleOptions) -> list[tuple[list[Task], Protocol]]:
    """The sealed tasks of each domain and model, at most ``limit`` of each, with the protocol in force."""
    found = subjects(workspace, ledger, options.domain, Split.SEALED)
    return [(list(one.tasks[: options.limit]), protocols.active(ledger, one.domain, one.model)) for one in found]
