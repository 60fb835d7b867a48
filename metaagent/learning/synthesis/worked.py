"""The time that a search has worked: seconds of processor, not of the wall, so that a busy machine finds as much."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable

PATIENCE = 4
"""So many times a search's seconds may pass by the wall."""


def worked() -> float:
    """Processor seconds of this process and of its children that ended, such as runs in a sandbox."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def limit(seconds: float) -> Callable[[], bool]:
    """Whether the time from now on is over, worked or, ``PATIENCE`` times as long, by the wall."""
    begun, started = worked(), time.monotonic()
    return lambda: worked() - begun > seconds or time.monotonic() - started > PATIENCE * seconds
