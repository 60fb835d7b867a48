"""Which kind of remedy to try first in a domain: a bandit over kinds, learned from the ledger's own trials. Pure.

A kind's worth is the share of its candidates that were promoted: a Beta posterior whose prior comes from what such
remedies brought in prototypes, to which trials of the same domain count whole, and those of neighbours in the taxonomy
count less the farther they are. The order is by the upper confidence bound (Auer, Cesa-Bianchi and Fischer 2002), so
that a kind nobody tried is not forgotten, over the cost of a trial in model calls for a pair.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log, sqrt

PRIORS: Mapping[str, tuple[float, float]] = {
    "fixer": (2.0, 1.0),
    "exemplar": (2.0, 1.0),
    "option": (1.0, 2.0),
    "check": (1.0, 2.0),
    "strategy": (1.0, 2.0),
    "route": (1.0, 3.0),
    "rule": (0.5, 3.5),
}
"""kind -> (successes, failures) before anything was tried here."""
CALLS: Mapping[str, float] = {
    "fixer": 1.0,
    "check": 2.5,
    "strategy": 2.5,
    "exemplar": 2.0,
    "option": 2.0,
    "rule": 2.0,
    "route": 2.0,
}
"""Model calls for a pair: a fixer shares its reply with the control."""
NEIGHBOUR = 0.5
"""The weight of a trial one step away in the taxonomy; it halves with each further step."""


@dataclass(frozen=True, slots=True)
class Pull:
    """One trial that ended: its domain, the kinds of its remedies, and whether it was promoted."""

    domain: str
    kinds: tuple[str, ...]
    promoted: bool


@dataclass(frozen=True, slots=True)
class Arm:
    """``prior`` is the share expected before anything was tried; ``tried`` and ``promoted`` count this domain alone;
    ``expected`` is the posterior mean with neighbours and prior; ``value`` is what arms are ordered by."""

    kind: str
    prior: float
    tried: int
    promoted: int
    expected: float
    calls: float
    value: float


def arms(domain: str, pulls: Iterable[Pull], kinds: Sequence[str] = tuple(PRIORS)) -> list[Arm]:
    """The kinds in the order in which to try them, the best first."""
    known = list(pulls)
    total = sum(weight(domain, pull.domain) for pull in known)
    return sorted((_arm(kind, domain, known, total) for kind in kinds), key=lambda arm: (-arm.value, arm.kind))


def _arm(kind: str, domain: str, pulls: Sequence[Pull], total: float) -> Arm:
    good, bad = PRIORS.get(kind, (1.0, 1.0))
    prior = good / (good + bad)
    weighed = tried = promoted = 0.0
    for pull in pulls:
        if kind not in pull.kinds:
            continue
        share = weight(domain, pull.domain)
        weighed += share
        good += share * pull.promoted
        bad += share * (not pull.promoted)
        tried += pull.domain == domain
        promoted += pull.domain == domain and pull.promoted
    expected = good / (good + bad)
    bonus = sqrt(2 * log(1 + total) / (1 + weighed)) / 4 if total else 0.0
    calls = CALLS.get(kind, 2.0)
    return Arm(kind, prior, int(tried), int(promoted), expected, calls, (expected + bonus) / calls)


def weight(domain: str, other: str) -> float:
    """1 for the same domain, less for each step between two in the taxonomy; 0 where they share no beginning."""
    distance = steps(domain, other)
    return 0.0 if distance is None else NEIGHBOUR**distance


def steps(domain: str, other: str) -> int | None:
    """How many steps up and down the taxonomy lie between two domains; None where they share nothing."""
    if domain == other:
        return 0
    one, two = domain.split("."), other.split(".")
    shared = next((i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))
    return len(one) + len(two) - 2 * shared if shared else None


def neighbours(domain: str, others: Iterable[str], farthest: int = 2) -> list[str]:
    """The domains to which what was learned here is offered, the nearest first."""
    near = [(distance, other) for other in others if (distance := steps(domain, other)) and distance <= farthest]
    return [other for _, other in sorted(near)]
