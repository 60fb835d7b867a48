"""Arithmetic of counts and times: intervals instead of bare percentages. Pure, and imports nothing of ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt

Z95 = 1.959963984540054  # the 97.5% point of the normal distribution


@dataclass(frozen=True, slots=True)
class Proportion:
    """``k`` of ``n``, with the Wilson score interval (Wilson 1927, JASA 22) at 95%. Nothing counted: 0 to 1."""

    k: int
    n: int
    low: float
    high: float

    @property
    def share(self) -> float | None:
        return self.k / self.n if self.n else None


def wilson(k: int, n: int, z: float = Z95) -> Proportion:
    """The interval of ``k`` successes in ``n`` tries; raises ValueError unless 0 <= k <= n."""
    if not 0 <= k <= n:
        raise ValueError(f"{k} of {n} is not a share")
    if n == 0:
        return Proportion(0, 0, 0.0, 1.0)
    p, zz = k / n, z * z
    centre = (p + zz / (2 * n)) / (1 + zz / n)
    half = z / (1 + zz / n) * sqrt(p * (1 - p) / n + zz / (4 * n * n))
    low = 0.0 if k == 0 else max(0.0, centre - half)
    high = 1.0 if k == n else min(1.0, centre + half)
    return Proportion(k, n, low, high)


def percentile(values: Sequence[float], share: float) -> float | None:
    """The nearest-rank percentile: a value that really occurred. None where there are no values."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(1, ceil(share * len(ordered))) - 1]
