"""Patterns: groups of error events with one signature, with three numbers and a trend. Pure: events in, patterns out.

Grouping is the probability that a group is pure, by the route it was made on. Recurrence is the share of attempts
affected, of those where it could have been seen; attempts are counted, never lines. (The third number, the cause, comes
with an insight.) A pattern is derived and made anew each time; a person's edits are facts, and hold.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import comb

from metaagent.learning.edits import Edit, apply_edits, labels
from metaagent.learning.fingerprints.fingerprint import Failure, Group, Miner
from metaagent.learning.fingerprints.readers import index_free
from metaagent.learning.fingerprints.shapes import shape
from metaagent.learning.trend import trend
from metaagent.statistics import Proportion, wilson

LEAST_EVENTS = 3
LEAST_TASKS = 3
"""In each of two random halves of the mine tasks, for a pattern to be reproducible: in most of all draws of halves. A
single draw would let a coin decide about patterns of six to ten tasks."""

PURITY: Mapping[str, Proportion] = {
    "exact": wilson(602, 605),
    "merged": wilson(20, 21),
    "person": Proportion(1, 1, 1.0, 1.0),
}
"""Pure groups of all, by route: tests/benchmarks/bench_fingerprint.py on public log sets. A person's: taken as said."""

_PLACE = re.compile(r"(?<=[a-z]) \d+")


@dataclass(frozen=True, slots=True)
class Event:
    """What mining reads of one error event. ``count`` above 1: that many failures of another tool, counted before."""

    id: str
    time: str
    attempt_id: str
    task_id: str | None
    failure: Failure
    domain: str | None = None
    validator: str = ""
    expected: str | None = None
    got: str | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Exposure:
    """One attempt that could have shown errors of these validators. ``task_id`` None: a report of another tool."""

    attempt_id: str
    time: str
    task_id: str | None
    validators: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Pattern:
    """``id`` is that of the group; ``events`` counts failures, ``attempts`` affected ones of those exposed;
    ``reproducible`` is None where no tasks are known; ``expected`` and ``got`` are of the latest event. ``event_ids``
    are in the order of time."""

    id: str
    kind: str
    validator: str
    template: str
    label: str | None
    group: Group
    route: str
    grouping: Proportion
    events: int
    attempts: Proportion
    tasks: tuple[str, ...]
    reproducible: bool | None
    trend: str
    first: str
    last: str
    expected: str | None
    got: str | None
    event_ids: tuple[str, ...]


def native(
    kind: str, validator: str, location: str, message: str, expected: str | None = None, got: str | None = None
) -> Failure:
    """An error event of a validator: its place without indexes, its message, and in what way the values differ; never
    the values themselves."""
    place = _PLACE.sub("", index_free(location))
    return Failure(kind, tuple(filter(None, (validator, place, shape(expected, got)))), message)


def mine(
    events: Iterable[Event],
    exposures: Sequence[Exposure],
    edits: Sequence[Edit] = (),
    fixes: Mapping[str, Sequence[str]] | None = None,
    *,
    least: int = LEAST_EVENTS,
) -> list[Pattern]:
    """The patterns of at least so many events, those that affect most attempts first. ``fixes``: by domain, the times
    when a protocol was put in force."""
    miner = Miner()
    numbered: defaultdict[int, list[Event]] = defaultdict(list)
    for event in sorted(events, key=lambda event: (event.time, event.id)):
        number = miner.failure(event.failure)
        miner.signatures[number].count += event.count - 1
        numbered[number].append(event)
    gathered: defaultdict[str, list[Event]] = defaultdict(list)
    groups = apply_edits(miner.signatures, miner.groups(), edits)
    for number, group in enumerate(groups):
        gathered[group.id] += numbered[number]
    by_id = {group.id: group for group in groups}
    named = labels(miner.signatures, groups, edits)
    show = _Measure(exposures, fixes or {})
    found = [show.pattern(by_id[key], members) for key, members in gathered.items()]
    kept = [replace(pattern, label=named.get(pattern.id)) for pattern in found if pattern.events >= least]
    return sorted(kept, key=lambda pattern: (-pattern.attempts.k, -pattern.events, pattern.id))


class _Measure:
    """What is the same for all patterns of one ledger: who was exposed, and in which order."""

    def __init__(self, exposures: Sequence[Exposure], fixes: Mapping[str, Sequence[str]]) -> None:
        self._ordered = sorted(exposures, key=_when)
        self._fixes = fixes
        self._tasks = {one.task_id for one in exposures if one.task_id is not None}

    def pattern(self, group: Group, members: Sequence[Event]) -> Pattern:
        members = sorted(members, key=lambda event: (event.time, event.id))
        affected = {event.attempt_id for event in members}
        validator = Counter(event.validator for event in members).most_common(1)[0][0]
        exposed = self._exposed(members, affected, validator)
        tasks = tuple(sorted({event.task_id for event in members if event.task_id is not None}))
        return Pattern(
            id=group.id,
            kind=group.kind,
            validator=validator,
            template=group.template,
            label=None,
            group=group,
            route=group.route,
            grouping=PURITY[group.route],
            events=sum(event.count for event in members),
            attempts=wilson(len(affected), len(exposed)),
            tasks=tasks,
            reproducible=self._reproducible(tasks) if tasks else None,
            trend=trend([one.attempt_id in affected for one in exposed], self._since_fix(members, exposed)),
            first=members[0].time,
            last=members[-1].time,
            expected=members[-1].expected,
            got=members[-1].got,
            event_ids=tuple(event.id for event in members),
        )

    def _exposed(self, members: Sequence[Event], affected: Collection[str], validator: str) -> list[Exposure]:
        """In the order of time: the attempts that the validator judged, or all of them for what no validator says; and
        those affected, whatever became of them."""
        foreign = members[0].task_id is None
        found = {
            one.attempt_id: one
            for one in self._ordered
            if (one.task_id is None) == foreign
            and (not validator or validator in one.validators or one.attempt_id in affected)
        }
        for event in members:
            if event.attempt_id not in found:
                found[event.attempt_id] = Exposure(event.attempt_id, event.time, event.task_id)
        return sorted(found.values(), key=_when)

    def _reproducible(self, tasks: Sequence[str]) -> bool:
        return in_both_halves(len(self._tasks.intersection(tasks)), len(self._tasks)) > 0.5

    def _since_fix(self, members: Sequence[Event], exposed: Sequence[Exposure]) -> int | None:
        """The first exposed attempt after the latest fix in the pattern's domains; None: there was no fix."""
        domains = {event.domain for event in members if event.domain}
        times = [time for domain in domains for time in _of_domain(self._fixes, domain)]
        if not times:
            return None
        return sum(one.time < max(times) for one in exposed)


def _when(one: Exposure) -> tuple[str, str]:
    return one.time, one.attempt_id


def _of_domain(fixes: Mapping[str, Sequence[str]], domain: str) -> list[str]:
    """A fix holds for its domain and all below it."""
    return [time for fixed, times in fixes.items() for time in times if f"{domain}.".startswith(f"{fixed}.")]


def in_both_halves(affected: int, tasks: int) -> float:
    """The chance that of two random halves of the tasks each has at least ``LEAST_TASKS`` affected ones (the
    hypergeometric distribution)."""
    half = tasks // 2
    draws = range(max(LEAST_TASKS, half - (tasks - affected)), min(affected - LEAST_TASKS, half) + 1)
    return sum(comb(affected, k) * comb(tasks - affected, half - k) for k in draws) / comb(tasks, half)
