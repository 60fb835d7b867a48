"""The trend of a pattern over the attempts that could have shown it, in their order. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt

SURE = 0.01
_Z = 2.5758293035489004  # the 99.5% point of the normal distribution
_SEEN = 3  # times, before it can be gone or new
_LEAST = 10  # attempts: a shorter stretch, or a smaller half, says nothing


def trend(affected: Sequence[bool], since_fix: int | None = None) -> str:
    """One word: gone, recurring, new, rising, falling or steady. ``since_fix``: the index of the first attempt after
    the latest fix.

    Gone: the stretch without it at the end is twice as long as any before, and would have had a chance below 1% at the
    rate it had. New: the same at the beginning. Tasks of a kind are often tried one after the other, so a chance alone
    says too much. Recurring: seen before a recorded fix, and again after it.
    """
    if not any(affected):
        return "gone"
    if _stopped(affected):
        return "gone"
    if since_fix is not None and any(affected[:since_fix]) and any(affected[since_fix:]):
        return "recurring"
    if _stopped(affected[::-1]):
        return "new"
    return _slope(affected)


def _stopped(affected: Sequence[bool]) -> bool:
    """Whether it is not seen any more at the end of the sequence."""
    places = [i for i, hit in enumerate(affected) if hit]
    stretch = len(affected) - 1 - places[-1]
    if len(places) < _SEEN or stretch < _LEAST:
        return False
    longest = max(later - earlier - 1 for earlier, later in pairwise(places))
    rate = len(places) / (places[-1] - places[0] + 2)
    return stretch > 2 * longest and (1 - rate) ** stretch < SURE


def _slope(affected: Sequence[bool]) -> str:
    """The later half against the earlier, by a two-sided test of two shares at 99%."""
    half = len(affected) // 2
    if half < _LEAST:
        return "steady"
    early, late = affected[:half], affected[half:]
    p, q, both = sum(early) / len(early), sum(late) / len(late), sum(affected) / len(affected)
    error = sqrt(both * (1 - both) * (1 / len(early) + 1 / len(late)))
    if error == 0 or abs(q - p) < _Z * error:
        return "steady"
    return "rising" if q > p else "falling"
