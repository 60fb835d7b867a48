"""What a ledger says of learning, by domain and model: arms on sealed tasks, what was kept and lost, what it cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from metaagent.learning import placebo
from metaagent.learning.ablation import Without, kinds, less, plural
from metaagent.learning.gate import Forgetting
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
from metaagent.ledger import digests, measured, protocols, splits
from metaagent.ledger.database import Ledger
from metaagent.ledger.measured import Measurement, Spending
from metaagent.records import Protocol

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
class LeftOut:
    """Sealed tasks of which some result does not count: the task ``changed`` since, or is gone; or the model that it is
    of goes by the same name, but has another content (``other_model``)."""

    changed: int = 0
    other_model: int = 0

    def __bool__(self) -> bool:
        return bool(self.changed or self.other_model)


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
    forgotten: Forgetting
    decision: Decision
    ablation: tuple[Without, ...] = ()
    unseen_arms: tuple[Arm, ...] = ()
    unseen_compared: tuple[Compared, ...] = ()
    left_out: LeftOut = LeftOut()


def summaries(ledger: Ledger, tasks: Mapping[str, str], patterns: Callable[[str, str], PatternCounts]) -> list[Summary]:
    """One for each domain and model that was measured, the most measured first. ``tasks``: id -> hash of those that
    there are now."""
    groups: dict[tuple[str, str], list[Measurement]] = {}
    for one in measured.measurements(ledger):
        groups.setdefault((one.domain, one.model), []).append(one)
    newest = digests.newest(ledger)
    sifted = {key: _sifted(found, tasks, newest) for key, found in groups.items()}
    ordered = sorted(sifted.items(), key=lambda item: (-len(item[1][0]), item[0]))
    names = _names(ledger)
    return [_summary(ledger, *key, *found, names, patterns(*key)) for key, found in ordered]


def sealed_measurements(
    ledger: Ledger, tasks: Mapping[str, str], domain: str, model: str
) -> dict[str, dict[str, Measurement]]:
    """Protocol hash -> task id -> its latest measurement without retries, of the sealed tasks of a domain and model;
    ``tasks`` as above."""
    of_here = [one for one in measured.measurements(ledger) if (one.domain, one.model) == (domain, model)]
    counting, _ = _sifted(of_here, tasks, digests.newest(ledger))
    groups = grouped(one for one in counting if one.split == Split.SEALED)
    return {protocol: tasks for (protocol, retries), tasks in groups.items() if not retries}


def _names(ledger: Ledger) -> dict[str, str]:
    """hash -> how an arm is called."""
    placebos = {one.hash: placebo.label(one.remedies) for one in protocols.named(ledger, placebo.NAME)}
    return {**measured.names(ledger), **{digest: name for digest, name in placebos.items() if name is not None}}


def _distinct(names: Mapping[str, str], used: Collection[str], domains: Mapping[str, str]) -> dict[str, str]:
    """The names, with the domain where two of the versions that are used would be called the same; with the hash where
    those are of one domain, for two models."""
    known = {digest: names[digest] for digest in used if digest in names}
    shared = Counter(known.values())
    told = {one: f"{domains.get(one) or 'any domain'}:{name}" for one, name in known.items() if shared[name] > 1}
    twice = Counter(told.values())
    return {**names, **{one: f"{name} {one[:12]}" if twice[name] > 1 else name for one, name in told.items()}}


def _lesser(active: Protocol, names: Mapping[str, str]) -> dict[str, str]:
    """hash -> how what is in force less one kind of remedy is called."""
    whole = names.get(active.hash, active.hash[:12])
    place = (active.domain, active.model)
    return {
        protocols.protocol_hash(*place, less(active, kind)): f"{whole} without {plural(kind)}" for kind in kinds(active)
    }


def _sifted(
    found: Iterable[Measurement], tasks: Mapping[str, str], newest: Mapping[str, str]
) -> tuple[list[Measurement], LeftOut]:
    """Those that count, of tasks as they are now and of the model as it was last met (what was judged by other rules is
    another task's evidence), and how many sealed tasks lack the result of some arm for it."""
    counting: list[Measurement] = []
    changed: list[Measurement] = []
    of_another: list[Measurement] = []
    for one in found:
        if tasks.get(one.task_id) != one.task_hash:
            changed.append(one)
        elif one.digest and one.digest != newest[one.model]:
            of_another.append(one)
        else:
            counting.append(one)
    return counting, LeftOut(_lacking(changed, counting), _lacking(of_another, counting))


def _lacking(retired: Iterable[Measurement], counting: Iterable[Measurement]) -> int:
    """The sealed tasks that an arm has a retired result of and no other."""
    there = {(one.task_id, one.protocol, one.retries) for one in counting}
    lacking = (one for one in retired if (one.task_id, one.protocol, one.retries) not in there)
    return len({one.task_id for one in lacking if one.split == Split.SEALED})


def _summary(
    ledger: Ledger,
    domain: str,
    model: str,
    found: Sequence[Measurement],
    left_out: LeftOut,
    names: Mapping[str, str],
    counts: PatternCounts,
) -> Summary:
    zero = protocols.empty().hash
    active = protocols.active(ledger, domain, model)
    used = {active.hash, *(one.protocol for one in found)}
    names = _distinct({**names, zero: "v0"}, used, {row["hash"]: row["domain"] for row in protocols.versions(ledger)})
    names = {**names, **_lesser(active, names), zero: "v0"}
    sealed = [one for one in found if one.split == Split.SEALED]
    compared = compare(sealed, zero, names)
    mined = splits.families(ledger, Split.MINE, domain)
    unseen = [one for one in sealed if one.family and one.family not in mined]
    now = next((one for one in compared if (one.protocol, one.retries) == (active.hash, 0)), None)
    groups = grouped(found)
    facts = Facts(
        completed=_completed(ledger, domain, model),
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
        forgotten=forgetting(
            [groups[(one, 0)] for one in protocols.earlier(ledger, active) if (one, 0) in groups],
            groups.get((active.hash, 0), {}),
        ),
        decision=decide(facts),
        unseen_arms=tuple(arms(unseen, names)),
        unseen_compared=tuple(compare(unseen, zero, names)),
        left_out=left_out,
    )


def _pairs(
    groups: dict[tuple[str, int], dict[str, Measurement]], before: str, after: str, split: str | None = None
) -> list[tuple[Measurement, Measurement]]:
    first, second = groups.get((before, 0), {}), groups.get((after, 0), {})
    shared = [task for task in sorted(first) if task in second and split in (None, first[task].split)]
    return [(first[task], second[task]) for task in shared] if before != after else []


def _completed(ledger: Ledger, domain: str, model: str) -> int:
    row = ledger.one(
        f"""SELECT count(DISTINCT a.task_id) FROM attempts a JOIN outcomes o ON o.attempt_id = a.id
           WHERE o.outcome IN ('pass', 'fail') AND coalesce(a.domain, '') = ? AND a.model = ? AND {digests.PRESENT}""",
        (domain, model, digests.as_json(digests.newest(ledger))),
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
    """First tries of runs by ISO week, the oldest first: what an improvement looks like in daily work."""
    rows = ledger.query(
        """SELECT substr(a.time, 1, 10) AS day, count(*) AS attempts, sum(NOT o.passed_first) AS failed
           FROM attempts a JOIN outcomes o ON o.attempt_id = a.id
           WHERE a.purpose = 'run' AND o.outcome IN ('pass', 'fail') GROUP BY day ORDER BY day"""
    )
    attempts: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for row in rows:
        week = f"{date.fromisoformat(row['day']):%G-W%V}"
        attempts[week] += row["attempts"]
        failed[week] += row["failed"]
    return [Week(week, attempts[week], failed[week]) for week in attempts]


def spent(ledger: Ledger) -> Spending:
    """What learning itself cost so far."""
    return measured.spending(ledger)
