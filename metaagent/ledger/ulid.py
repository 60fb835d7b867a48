"""ULIDs (https://github.com/ulid/spec): 48 bits of milliseconds, 80 random bits, 26 characters, sortable by time.

Monotonic within a process: two made in one millisecond differ by one, so that rows keep the order they were made in.
"""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_SHIFTS = tuple(range(120, -1, -10))
_RANDOM_BITS = 80


class UlidMaker:
    """Makes strictly increasing ULIDs, also when the clock stands still or steps back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def __call__(self) -> str:
        milliseconds = time.time_ns() // 1_000_000
        with self._lock:
            if milliseconds > self._last >> _RANDOM_BITS:
                # The top random bit stays free, so that counting up cannot run into the time.
                noise = int.from_bytes(os.urandom(10), "big") >> 1
                self._last = (milliseconds << _RANDOM_BITS) | noise
            else:
                self._last += 1
            value = self._last
        return "".join([_PAIRS[(value >> shift) & 1023] for shift in _SHIFTS])


new_ulid = UlidMaker()


def ulid_floor(moment: datetime) -> str:
    """The smallest ULID of that millisecond: ``id >= ulid_floor(t)`` selects rows made at ``t`` or later."""
    value = int(moment.timestamp() * 1000) << _RANDOM_BITS
    return "".join([_PAIRS[(value >> shift) & 1023] for shift in _SHIFTS])


def ulid_time(ulid: str) -> datetime:
    """When it was made, to the millisecond."""
    milliseconds = 0
    for character in ulid[:10]:
        milliseconds = milliseconds * 32 + _ALPHABET.index(character)
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
