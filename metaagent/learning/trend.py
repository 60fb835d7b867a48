"""The trend of a pattern over the attempts that could have shown it, in their order. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

SURE = 0.05
_Z = 1.6448536269514722  # the 95% point of the normal distribution
_SEEN = 3  # times, before it can be gone
_LEAST = 10  # attempts, before a difference of the halves is looked at


def trend(affected: Sequence[bool], since_fix: int | None = None) -> str:
    """One word: gone, recurring, new, rising, falling or steady. ``since_fix``: the index of the first attempt after
    the latest fix.

    Gone (new): the stretch without it at the end (at the beginning) would have had a chance below 5% at the rate it had
    before (after). Recurring: seen before a recorded fix, and again after it; or it had been gone, and was seen again.
    """
    if not any(affected):
        return "gone"
    first = next(i for i, hit in enumerate(affected) if hit)
    last = len(affected) - 1 - next(i for i, hit in enumerate(reversed(affected)) if hit)
    if _unlikely(affected[: last + 1], len(affected) - 1 - last):
        return "gone"
    if since_fix is not None and any(affected[:since_fix]) and any(affected[since_fix:]):
        return "recurring"
    if _had_gone(affected[first : last + 1]):
        return "recurring"
    if _unlikely(affected[first:], first):
        return "new"
    return _slope(affected)


def _unlikely(seen: Sequence[bool], without: int) -> bool:
    """Whether so many attempts without it are unlikely, at the rate in ``seen`` (with one more without it)."""
    hits = sum(seen)
    return hits >= _SEEN and without > 0 and (1 - hits / (len(seen) + 1)) ** without < SURE


def _had_gone(affected: Sequence[bool]) -> bool:
    """Whether a stretch without it in between looks as if it had been gone."""
    hits, start = 0, 0
    for i, hit in enumerate(affected):
        if not hit:
            continue
        rate = hits / (start + 1)
        # many stretches are looked at: each must be that much less likely
        if hits >= _SEEN and (1 - rate) ** (i - start) < SURE / len(affected):
            return True
        hits, start = hits + 1, i + 1
    return False


def _slope(affected: Sequence[bool]) -> str:
    """The later half against the earlier, by a two-sided test of two shares at 90%."""
    half = len(affected) // 2
    if half < _LEAST:
        return "steady"
    early, late = affected[:half], affected[half:]
    p, q, both = sum(early) / len(early), sum(late) / len(late), sum(affected) / len(affected)
    error = sqrt(both * (1 - both) * (1 / len(early) + 1 / len(late)))
    if error == 0 or abs(q - p) < _Z * error:
        return "steady"
    return "rising" if q > p else "falling"
