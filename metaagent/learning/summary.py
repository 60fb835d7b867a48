"""What a ledger says of learning, by domain and model: arms on sealed tasks, what was kept and lost, what it cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from metaagent.learning import placebo
from metaagent.learning.ablation import Without, kinds, less, plural
from metaagent.learning.report import (
    Arm,
    Compared,
    Interval,
    arms,
    compare,
    forgetting,
    generalization,
    grouped,
)
from metaagent.learning.splits import Split
from metaagent.learning.verdict import Decision, Facts, decide
from metaagent.ledger import measured, protocols, splits
from metaagent.ledger.database import Ledger
from metaagent.ledger.measured import Measurement, Spending
from metaagent.records import Protocol
from metaagent.statistics import Proportion

WATTS = 45.0
DOLLARS_PER_KWH = 0.30
"""What a local call costs where no price is configured: a laptop at work, and household electricity."""


@dataclass(frozen=True, slots=True)
class PatternCounts:
    """``noise``: the share of error events that no reproducible pattern holds; None without error events. ``failing``:
    the tasks that have some."""

    patterns: int
    reproducible: int
    noise: float | None
    failing: int


@dataclass(frozen=True, slots=True)
class Week:
    """Runs of one week (ISO year and week of the attempt): tasks tried and failed at first try."""

    week: str
    attempts: int
    failed: int


@dataclass(frozen=True, slots=True)
class Summary:
    """``in_force`` is the name of the version; ``forgotten`` compares it with the best version before it, on all tasks
    that both measured; ``generalization``: gain on sealed over gain on mine; ``ablation``: what each kind of remedy in
    force contributes, where that was asked for (``orchestrator/ablation.py``: it replays). ``unseen_arms`` and
    ``unseen_compared`` are the same for sealed tasks of families that learning has never seen a task of."""

    domain: str
    model: str
    in_force: str
    sealed: int
    arms: tuple[Arm, ...]
    compared: tuple[Compared, ...]
    generalization: float | None
    forgotten: Proportion
    decision: Decision
    ablation: tuple[Without, ...] = ()
    unseen_arms: tuple[Arm, ...] = ()
    unseen_compared: tuple[Compared, ...] = ()


def summaries(ledger: Ledger, patterns: Callable[[str, str], PatternCounts]) -> list[Summary]:
    """One for each domain and model that was measured, the most measured first."""
    groups: dict[tuple[str, str], list[Measurement]] = {}
    for one in _current(measured.measurements(ledger)):
        groups.setdefault((one.domain, one.model), []).append(one)
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    names = _names(ledger)
    return [_summary(ledger, *key, found, names, patterns(*key)) for key, found in ordered]


def sealed_measurements(ledger: Ledger, domain: str, model: str) -> dict[str, dict[str, Measurement]]:
    """Protocol hash -> task id -> its latest measurement without retries, of the sealed tasks of a domain and model."""
    of_here = [one for one in _current(measured.measurements(ledger)) if (one.domain, one.model) == (domain, model)]
    groups = grouped(one for one in of_here if one.split == Split.SEALED)
    return {protocol: tasks for (protocol, retries), tasks in groups.items() if not retries}


def _names(ledger: Ledger) -> dict[str, str]:
    """hash -> how an arm is called."""
    placebos = {one.hash: placebo.label(one.remedies) for one in protocols.named(ledger, placebo.NAME)}
    return {**measured.names(ledger), **{digest: name for digest, name in placebos.items() if name is not None}}


def _lesser(active: Protocol, names: Mapping[str, str]) -> dict[str, str]:
    """hash -> how what is in force less one kind of remedy is called."""
    whole = names.get(active.hash, active.hash[:12])
    place = (active.domain, active.model)
    return {
        protocols.protocol_hash(*place, less(active, kind)): f"{whole} without {plural(kind)}" for kind in kinds(active)
    }


def _current(found: Iterable[Measurement]) -> list[Measurement]:
    """Those of each task's newest content: what was judged by other rules is another task's evidence."""
    rows = list(found)
    newest = {row.task_id: row.task_hash for row in rows}
    return [row for row in rows if row.task_hash == newest[row.task_id]]


def _summary(
    ledger: Ledger,
    domain: str,
    model: str,
    found: Sequence[Measurement],
    names: dict[str, str],
    counts: PatternCounts,
) -> Summary:
    zero = protocols.empty().hash
    active = protocols.active(ledger, domain, model)
    names = {**names, **_lesser(active, names), zero: "v0"}
    sealed = [one for one in found if one.split == Split.SEALED]
    compared = compare(sealed, zero, names)
    mined = splits.families(ledger, Split.MINE, domain)
    unseen = [one for one in sealed if one.family and one.family not in mined]
    now = next((one for one in compared if one.name == names.get(active.hash, "")), None)
    groups = grouped(found)
    facts = Facts(
        completed=_completed(ledger, domain),
        patterns=counts.patterns,
        reproducible=counts.reproducible,
        noise=counts.noise,
        failing=counts.failing,
        fewer_errors=now.fewer_errors if now else Interval(None),
        sealed=now.n if now else 0,
        cost_per_task=_cost(found),
        cost_basis=_basis(found),
        seconds_per_task=_seconds(found),
    )
    return Summary(
        domain=domain,
        model=model,
        in_force=names.get(active.hash, active.hash[:12]),
        sealed=len({one.task_id for one in sealed}),
        arms=tuple(arms(sealed, names)),
        compared=tuple(compared),
        generalization=generalization(
            _pairs(groups, zero, active.hash, Split.MINE), _pairs(groups, zero, active.hash, Split.SEALED)
        ),
        forgotten=forgetting(_against_best(groups, zero, active.hash)),
        decision=decide(facts),
        unseen_arms=tuple(arms(unseen, names)),
        unseen_compared=tuple(compare(unseen, zero, names)),
    )


def _pairs(
    groups: dict[tuple[str, int], dict[str, Measurement]], before: str, after: str, split: str | None = None
) -> list[tuple[Measurement, Measurement]]:
    first, second = groups.get((before, 0), {}), groups.get((after, 0), {})
    shared = [task for task in sorted(first) if task in second and split in (None, first[task].split)]
    return [(first[task], second[task]) for task in shared] if before != after else []


def _against_best(
    groups: dict[tuple[str, int], dict[str, Measurement]], zero: str, active: str
) -> list[tuple[Measurement, Measurement]]:
    """Each task of the version in force with the best that any version before it did on it."""
    best: dict[str, Measurement] = {}
    for (protocol, retries), tasks in groups.items():
        if retries == 0 and protocol != active:
            for task, one in tasks.items():
                if task not in best or one.score > best[task].score:
                    best[task] = one
    now = groups.get((active, 0), {}) if active != zero else {}
    return [(best[task], now[task]) for task in sorted(now) if task in best]


def _completed(ledger: Ledger, domain: str) -> int:
    row = ledger.one(
        """SELECT count(DISTINCT a.task_id) FROM attempts a JOIN outcomes o ON o.attempt_id = a.id
           WHERE o.outcome IN ('pass', 'fail') AND coalesce(a.domain, '') = ?""",
        (domain,),
    )
    return int(row[0]) if row else 0


def _seconds(found: Sequence[Measurement]) -> float | None:
    timed = [one.seconds for one in found if one.seconds is not None]
    return sum(timed) / len(timed) if timed else None


def _cost(found: Sequence[Measurement]) -> float | None:
    """By configured prices where there are some, else by time and electricity."""
    if any(one.cost for one in found):
        return sum(one.cost for one in found) / len(found)
    seconds = _seconds(found)
    return None if seconds is None else seconds / 3600 * WATTS / 1000 * DOLLARS_PER_KWH


def _basis(found: Sequence[Measurement]) -> str:
    if any(one.cost for one in found):
        return "by configured prices"
    return f"seconds at {WATTS:g} W and {DOLLARS_PER_KWH:.2f} a kWh"


def weeks(ledger: Ledger) -> list[Week]:
    """First tries of runs by week, the oldest first: what an improvement looks like in daily work."""
    rows = ledger.query(
        """SELECT strftime('%Y-W%W', a.time) AS week, count(*) AS attempts, sum(NOT o.passed_first) AS failed
           FROM attempts a JOIN outcomes o ON o.attempt_id = a.id
           WHERE a.purpose = 'run' AND o.outcome IN ('pass', 'fail') GROUP BY week ORDER BY week"""
    )
    return [Week(row["week"], row["attempts"], row["failed"]) for row in rows]


def spent(ledger: Ledger) -> Spending:
    """What learning itself cost so far."""
    return measured.spending(ledger)
