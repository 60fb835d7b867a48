"""When a host that failed is left out, and when it is tried again. Pure: values in, values out, the clock passed in.

in ──failed──► out ──the pause is over──► due ──asked──► probing ──answered──► in
                ▲                                           │
                └───────────── failed: a longer pause ──────┘
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

FIRST_PAUSE = 5.0
LONGEST_PAUSE = 300.0
_MOST_DOUBLINGS = 32


class State(StrEnum):
    """``in``: gets calls. ``out``: left alone. ``due``: would be probed now. ``probing``: is being probed."""

    IN = "in"
    OUT = "out"
    DUE = "due"
    PROBING = "probing"


@dataclass(frozen=True, slots=True)
class Breaker:
    """``failures`` in a row; ``until`` is when the pause ends, ``None`` while the host is in. Times in seconds."""

    failures: int = 0
    until: float | None = None
    probed: bool = False
    reason: str = ""


def state(breaker: Breaker, now: float) -> State:
    if breaker.until is None:
        return State.IN
    if breaker.probed:
        return State.PROBING
    return State.DUE if now >= breaker.until else State.OUT


def failed(breaker: Breaker, now: float, reason: str) -> Breaker:
    """After a call or a probe failed. The pause doubles with each failure in a row; calls that were on their way when
    the host went out, and fail after it, say nothing new."""
    if breaker.until is not None and not breaker.probed:
        return breaker
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(breaker.failures, _MOST_DOUBLINGS))
    return Breaker(breaker.failures + 1, now + pause, False, reason)


def probing(breaker: Breaker) -> Breaker:
    """A probe begins, in its time or before it (where no other host is left)."""
    return replace(breaker, probed=breaker.until is not None)


def answered(breaker: Breaker) -> Breaker:
    """After anything came from the host: it is in, and its past is forgotten."""
    return Breaker() if breaker.failures else breaker
