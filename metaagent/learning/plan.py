"""What a trial would cost and how likely it is to see what is there, before anything is spent. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from metaagent.learning.gate import MOST_CANDIDATES, Terms, power, standing

EFFECTS = ((0.60, 0.0), (0.25, 0.05), (0.12, 0.02))
"""Shares of gains and losses that power is stated for: a systematic remedy, one of 20 points, one of 10."""


@dataclass(frozen=True, slots=True)
class Chance:
    """The chance of a promotion within the pairs, where that share of tasks is gained and lost."""

    gains: float
    losses: float
    power: float


@dataclass(frozen=True, slots=True)
class Noise:
    """The last A/A trial of the domain and model: of ``tasks`` so many outcomes flipped by themselves, and so many
    replies changed. ``afresh``: because of what was seen of that engine the control is asked anew in every pair."""

    time: str
    tasks: int
    flips: int
    changed: int
    afresh: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """``seconds`` is None where the ledger holds no call of this model yet. ``calls_per_pair`` is 1 where one reply
    serves both arms. ``noise`` is None without an A/A trial; it decides nothing."""

    k: int
    discoveries: int
    alpha: float
    threshold: float
    wins_needed: int
    pairs: int
    calls_per_pair: int
    calls: int
    seconds_per_call: float | None
    seconds: float | None
    chances: tuple[Chance, ...]
    decided: int
    noise: Noise | None
    said: tuple[str, ...]


def plan(
    terms: Terms,
    *,
    one_call: bool,
    rungs: int,
    seconds_per_call: float | None,
    jobs: int,
    decided: int,
    noise: Noise | None = None,
    said: Sequence[str] = (),
) -> Plan:
    """``rungs``: the most calls that one attempt may take; ``seconds_per_call``: a call's wall time with ``jobs`` at
    once."""
    per_pair = rungs * (1 if one_call else 2)
    calls = terms.pairs * per_pair
    statements = list(said)
    if decided > MOST_CANDIDATES:
        statements.append(
            f"this gate set has decided {decided} candidates, more than {MOST_CANDIDATES}: add tasks before trusting it"
        )
    if noise is not None and noise.afresh and noise.flips:
        statements.append(
            f"{noise.flips} of {noise.tasks} outcomes flipped by themselves in the last A/A trial: "
            "the control is measured afresh in every pair"
        )
    return Plan(
        k=terms.k,
        discoveries=terms.discoveries,
        alpha=terms.alpha,
        threshold=terms.threshold,
        wins_needed=standing([], terms).wins_needed,
        pairs=terms.pairs,
        calls_per_pair=per_pair,
        calls=calls,
        seconds_per_call=seconds_per_call,
        seconds=None if seconds_per_call is None else calls * seconds_per_call / max(1, jobs),
        chances=tuple(Chance(g, loss, power(terms.pairs, g, loss, terms.threshold)) for g, loss in EFFECTS),
        decided=decided,
        noise=noise,
        said=tuple(statements),
    )
