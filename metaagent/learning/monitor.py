"""After a promotion: an e-detector over real attempts, and the paired confirmation that an alarm starts. Pure.

Null hypothesis: the error rate is at most ``bound``, the upper 95% bound of the candidate's errors in its trial. For
each bet b the detector is M_t = (M_(t-1) + 1) (1 + b (x_t - bound) / bound), where x_t is 1 for an error and else 0 (a
Shiryaev-Roberts e-detector; Shin, Ramdas and Rinaldo 2024, JRSS B). The mean over bets is one too. An alarm at M >= c
comes by mistake once in c attempts or less often, in the mean; after it the detector starts again from 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from metaagent.learning.gate import ALPHA, evidence, wins_needed

BETS = (0.1, 0.25, 0.5, 0.75)
MEAN_TIME = 1000.0
"""Attempts between two false alarms, at least, in the mean."""
LEAST_BOUND = 0.01
FEWEST_PAIRS = wins_needed(0, 0, 1 / ALPHA)
"""Fewer pairs than this could never show that the version before is better."""


@dataclass(frozen=True, slots=True)
class Watch:
    """``value`` is the detector after the last attempt; ``alarms`` the positions, from 1, after which it rang."""

    attempts: int
    errors: int
    bound: float
    value: float
    alarms: tuple[int, ...] = ()


def watch(errors: Sequence[bool], bound: float, mean_time: float = MEAN_TIME) -> Watch:
    """The detector over attempts in the order in which they ended."""
    limit = max(bound, LEAST_BOUND)
    state, alarms = [0.0] * len(BETS), list[int]()
    for position, error in enumerate(errors, 1):
        state = [(old + 1) * (1 + bet * (error - limit) / limit) for old, bet in zip(state, BETS, strict=True)]
        if sum(state) / len(state) >= mean_time:
            alarms.append(position)
            state = [0.0] * len(BETS)
    return Watch(len(errors), sum(errors), bound, sum(state) / len(state), tuple(alarms))


def worse(gains: int, losses: int) -> bool:
    """Whether the version before is shown to be better, by pairs in which it is the candidate."""
    return evidence(gains, losses) >= 1 / ALPHA


def enough(pairs: int, broken: int) -> bool:
    """Whether pairs that do not show it may dismiss an alarm: most of them are whole, and they could have shown it."""
    return pairs - broken >= FEWEST_PAIRS and pairs > 2 * broken
