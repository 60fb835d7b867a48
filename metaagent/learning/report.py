"""What learning came to, on tasks it has not seen: arms on the same sealed tasks, compared pair by pair. Pure.

An arm is one protocol version at one number of retries. Every comparison is with zero-shot (version 0, one call) on the
tasks that both arms measured; intervals are percentile bootstraps over tasks (Efron 1979; 2,000 draws, seeded, so that
the same ledger gives the same page).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from metaagent.ledger.measured import Measurement
from metaagent.statistics import Proportion, wilson

DRAWS = 2000


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its 95% interval; ``value`` None where nothing can be said."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Arm:
    """One protocol at one number of retries over ``n`` tasks. ``error_rate`` is the mean share of units that failed."""

    name: str
    protocol: str
    retries: int
    n: int
    failed: Proportion
    error_rate: float
    calls_per_task: float
    tokens_per_task: float
    seconds_per_task: float | None
    cost_per_task: float


@dataclass(frozen=True, slots=True)
class Compared:
    """An arm against zero-shot on the ``n`` tasks that both have. Reductions are relative: 0.6 is 60% fewer.
    ``broken``: the share of units that were right zero-shot and are wrong now."""

    name: str
    n: int
    gains: int
    losses: int
    fewer_failed: Interval
    fewer_errors: Interval
    broken: float | None


def arms(measured: Iterable[Measurement], names: Mapping[str, str]) -> list[Arm]:
    """By protocol and retries, zero-shot first; the latest measurement of a task counts. ``names``: hash -> v3."""
    groups = grouped(measured)
    return [_arm(key, list(tasks.values()), names) for key, tasks in groups.items()]


def grouped(measured: Iterable[Measurement]) -> dict[tuple[str, int], dict[str, Measurement]]:
    """(protocol, retries) -> task -> its latest measurement (the input's order is that of time)."""
    groups: dict[tuple[str, int], dict[str, Measurement]] = {}
    for one in measured:
        groups.setdefault((one.protocol, one.retries), {})[one.task_id] = one
    return groups


def compare(measured: Iterable[Measurement], zero: str, names: Mapping[str, str], draws: int = DRAWS) -> list[Compared]:
    """Every arm but zero-shot (the protocol ``zero`` without retries) against it."""
    groups = grouped(measured)
    control = groups.get((zero, 0), {})
    return [
        _compared(label(key, names), [(control[task], tasks[task]) for task in sorted(tasks) if task in control], draws)
        for key, tasks in groups.items()
        if key != (zero, 0) and any(task in control for task in tasks)
    ]


def label(key: tuple[str, int], names: Mapping[str, str]) -> str:
    protocol, retries = key
    name = names.get(protocol, protocol[:12])
    return name if not retries else f"{name}, {retries} retries"


def reduction(pairs: Sequence[tuple[float, float]], draws: int = DRAWS) -> Interval:
    """By how much less the second of each pair is in sum, relative to the first, with its interval."""
    before = sum(first for first, _ in pairs)
    if not pairs or before <= 0:
        return Interval(None)
    value = 1 - sum(second for _, second in pairs) / before
    chance = random.Random(0)
    drawn = sorted(found for _ in range(draws) if (found := _draw(pairs, chance)) is not None)
    if not drawn:
        return Interval(value)
    return Interval(value, drawn[int(0.025 * len(drawn))], drawn[min(int(0.975 * len(drawn)), len(drawn) - 1)])


def difference(pairs: Sequence[tuple[float, float]], draws: int = DRAWS) -> Interval:
    """By how much less the second of each pair is on average, with its interval; 0.1 is ten points of a share."""
    if not pairs:
        return Interval(None)
    falls = [first - second for first, second in pairs]
    chance = random.Random(0)
    drawn = sorted(sum(chance.choices(falls, k=len(falls))) / len(falls) for _ in range(draws))
    return Interval(sum(falls) / len(falls), drawn[int(0.025 * draws)], drawn[min(int(0.975 * draws), draws - 1)])


def _draw(pairs: Sequence[tuple[float, float]], chance: random.Random) -> float | None:
    picked = chance.choices(pairs, k=len(pairs))
    before = sum(first for first, _ in picked)
    return 1 - sum(second for _, second in picked) / before if before > 0 else None


def generalization(
    seen: Sequence[tuple[Measurement, Measurement]], unseen: Sequence[tuple[Measurement, Measurement]]
) -> float | None:
    """The gain on content groups that learning never saw over the gain on those it learned from; gains are falls of
    the error rate. None where there was no gain on what it learned from."""
    known, new = _fall(seen), _fall(unseen)
    return new / known if known is not None and new is not None and known > 0 else None


def forgetting(pairs: Sequence[tuple[Measurement, Measurement]]) -> Proportion:
    """Of the tasks that the best version before this one passed, the share that fails now less what came back (never
    below none): ``pairs`` are (best so far, now)."""
    lost = sum(before.passed and not now.passed for before, now in pairs)
    won = sum(now.passed and not before.passed for before, now in pairs)
    solved = sum(before.passed for before, _ in pairs)
    return wilson(min(max(lost - won, 0), solved), solved)


def _fall(pairs: Sequence[tuple[Measurement, Measurement]]) -> float | None:
    if not pairs:
        return None
    return sum(after.score - before.score for before, after in pairs) / len(pairs)


def _arm(key: tuple[str, int], tasks: Sequence[Measurement], names: Mapping[str, str]) -> Arm:
    n = len(tasks)
    timed = [task.seconds for task in tasks if task.seconds is not None]

    def mean(of: Callable[[Measurement], float]) -> float:
        return sum(of(task) for task in tasks) / n

    return Arm(
        name=label(key, names),
        protocol=key[0],
        retries=key[1],
        n=n,
        failed=wilson(sum(not task.passed for task in tasks), n),
        error_rate=mean(lambda task: 1 - task.score),
        calls_per_task=mean(lambda task: task.calls),
        tokens_per_task=mean(lambda task: task.tokens),
        seconds_per_task=sum(timed) / len(timed) if timed else None,
        cost_per_task=mean(lambda task: task.cost),
    )


def _right(one: Measurement) -> int:
    """How many of its units hold. A failure of the whole (code that does not load) has one place and no unit."""
    return round(one.score * one.units)


def _broken(before: Measurement, after: Measurement) -> int:
    """How many units held before and fail now: all of them where nothing holds now, else those at new places."""
    return _right(before) if not _right(after) else min(_right(before), len(after.wrong - before.wrong))


def _compared(name: str, pairs: Sequence[tuple[Measurement, Measurement]], draws: int) -> Compared:
    right = sum(_right(before) for before, _ in pairs)
    broken = sum(_broken(before, after) for before, after in pairs)
    return Compared(
        name=name,
        n=len(pairs),
        gains=sum(after.passed and not before.passed for before, after in pairs),
        losses=sum(before.passed and not after.passed for before, after in pairs),
        fewer_failed=reduction([(float(not b.passed), float(not a.passed)) for b, a in pairs], draws),
        fewer_errors=reduction([(1 - b.score, 1 - a.score) for b, a in pairs], draws),
        broken=broken / right if right > 0 else None,
    )
