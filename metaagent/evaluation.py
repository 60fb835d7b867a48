"""The counts of ended attempts as shares with intervals. Pure: one group's counts in, its measures out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from metaagent.statistics import Proportion, wilson


class Percentiles(Protocol):
    @property
    def n(self) -> int: ...
    @property
    def p50(self) -> float: ...
    @property
    def p90(self) -> float: ...
    @property
    def p99(self) -> float: ...
    @property
    def max(self) -> float: ...


class Counts(Protocol):
    """What is used of a ``ledger.metrics.Metrics``."""

    @property
    def group(self) -> str: ...
    @property
    def attempts(self) -> int: ...
    @property
    def passed(self) -> int: ...
    @property
    def failed(self) -> int: ...
    @property
    def inconclusive(self) -> int: ...
    @property
    def interrupted(self) -> int: ...
    @property
    def passed_first(self) -> int: ...
    @property
    def tasks(self) -> int: ...
    @property
    def solved(self) -> int: ...
    @property
    def decided(self) -> int: ...
    @property
    def score(self) -> float | None: ...
    @property
    def calls(self) -> int: ...
    @property
    def prompt_tokens(self) -> int: ...
    @property
    def reply_tokens(self) -> int: ...
    @property
    def cost(self) -> float: ...
    @property
    def interventions(self) -> int: ...
    @property
    def errors(self) -> Mapping[str, int]: ...
    @property
    def latency(self) -> Percentiles: ...


@dataclass(frozen=True, slots=True)
class Latency:
    """Wall seconds of an attempt that came to a verdict, by nearest rank. None where there is none."""

    n: int
    p50: float | None
    p90: float | None
    p99: float | None
    max: float | None


@dataclass(frozen=True, slots=True)
class Measures:
    """One group. ``completion``: tasks that came to a verdict, of those tried; ``solved``: tasks that passed at least
    once; ``success`` and ``first_try`` count attempts that came to a verdict; ``errors``, by kind, attempts with at
    least one such error. Attempts at one task depend on each other, so intervals over attempts are a little narrow.

    ``tokens_per_solved`` spreads all tokens, those of failures too, over the tasks that were solved.
    """

    group: str
    attempts: int
    tasks: int
    completion: Proportion
    solved: Proportion
    success: Proportion
    first_try: Proportion
    inconclusive: int
    interrupted: int
    score: float | None
    errors: Mapping[str, Proportion]
    latency: Latency
    calls: int
    prompt_tokens: int
    reply_tokens: int
    tokens_per_solved: float | None
    cost: float
    interventions: int


def measures(counts: Counts) -> Measures:
    judged = counts.passed + counts.failed
    tokens = counts.prompt_tokens + counts.reply_tokens
    return Measures(
        group=counts.group,
        attempts=counts.attempts,
        tasks=counts.tasks,
        completion=wilson(counts.decided, counts.tasks),
        solved=wilson(counts.solved, counts.tasks),
        success=wilson(counts.passed, judged),
        first_try=wilson(min(counts.passed_first, judged), judged),
        inconclusive=counts.inconclusive,
        interrupted=counts.interrupted,
        score=counts.score,
        errors={kind: wilson(count, counts.attempts) for kind, count in counts.errors.items()},
        latency=_latency(counts.latency),
        calls=counts.calls,
        prompt_tokens=counts.prompt_tokens,
        reply_tokens=counts.reply_tokens,
        tokens_per_solved=tokens / counts.solved if counts.solved else None,
        cost=counts.cost,
        interventions=counts.interventions,
    )


def _latency(found: Percentiles) -> Latency:
    if found.n == 0:
        return Latency(0, None, None, None, None)
    return Latency(found.n, found.p50, found.p90, found.p99, found.max)
