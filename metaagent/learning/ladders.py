"""Which rung to climb first in a domain, and which next: learned from how often each solved a mine task. Pure.

A further rung's worth is the share of the failures that a public check knew of which it then solved: a Beta posterior
whose prior is what it solved in prototypes, over its calls. Climbs of neighbours in the taxonomy count less, as trials
do (bandit.py). Which rung comes first is changed only where Wilson's intervals of the two shares do not overlap: the
tasks of the two are not the same ones, and the trial that follows compares them in pairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from metaagent.learning.bandit import weight
from metaagent.records import Rung
from metaagent.statistics import wilson

RUNGS = (Rung.CONVERSATIONAL, Rung.FRESH, Rung.SAMPLE)
"""The ladder that is tried where nothing is known."""
PRIOR_TRIES = 10.0
SOLVED: Mapping[Rung, float] = {Rung.FRESH: 5 / 37, Rung.SAMPLE: 3 / 37, Rung.PLAN: 3 / 37}
"""The share of known failures that a rung solved (shared measurements, n = 37); a plan was not measured, and is taken
for a sample. Counts as ``PRIOR_TRIES`` climbs."""
CALLS: Mapping[Rung, int] = {Rung.CONVERSATIONAL: 1, Rung.FRESH: 1, Rung.SAMPLE: 1, Rung.PLAN: 2}
"""Model calls of a rung."""
FIRST = (Rung.CONVERSATIONAL, Rung.PLAN)


@dataclass(frozen=True, slots=True)
class Climb:
    """One rung of one attempt at a mine task. ``first``: nothing failed before it; else a public check knew that."""

    domain: str
    rung: Rung
    first: bool
    solved: bool


@dataclass(frozen=True, slots=True)
class Step:
    """What is known of a rung in one place of the ladder. ``tried`` and ``solved`` count this domain alone;
    ``expected`` is the share that it solves, which starts from ``prior`` (a first rung has none); ``value`` is what the
    further rungs are ordered by, None for a first one."""

    rung: Rung
    first: bool
    tried: int
    solved: int
    prior: float | None
    expected: float | None
    value: float | None


def steps(domain: str, climbs: Iterable[Climb]) -> list[Step]:
    """The rungs in the order in which to climb them: those that may come first, then the further ones."""
    known = list(climbs)
    first = [_first(rung, domain, known) for rung in FIRST]
    if _planning_pays(first):
        first.reverse()
    further = [_further(rung, domain, known) for rung in SOLVED]
    return [*first, *sorted(further, key=lambda step: -(step.value or 0.0))]


def ladder_of(found: Sequence[Step]) -> tuple[Rung, ...]:
    """As many rungs as the usual ladder has: the better first one, and the further ones that promise most."""
    first = next(step.rung for step in found if step.first)
    return (first, *[step.rung for step in found if not step.first][: len(RUNGS) - 1])


def _first(rung: Rung, domain: str, climbs: Sequence[Climb]) -> Step:
    own = [climb.solved for climb in climbs if climb.first and climb.rung is rung and climb.domain == domain]
    return Step(rung, True, len(own), sum(own), None, sum(own) / len(own) if own else None, None)


def _planning_pays(first: Sequence[Step]) -> bool:
    usual, planned = (wilson(step.solved, step.tried) for step in first)
    return bool(first[0].tried and first[1].tried) and planned.low > usual.high


def _further(rung: Rung, domain: str, climbs: Sequence[Climb]) -> Step:
    good, tries = PRIOR_TRIES * SOLVED[rung], PRIOR_TRIES
    mine = [climb for climb in climbs if not climb.first and climb.rung is rung]
    for climb in mine:
        share = weight(domain, climb.domain)
        tries += share
        good += share * climb.solved
    own = [climb.solved for climb in mine if climb.domain == domain]
    return Step(rung, False, len(own), sum(own), SOLVED[rung], good / tries, good / tries / CALLS[rung])
