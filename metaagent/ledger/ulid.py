"""ULIDs (https://github.com/ulid/spec): 48 bits of milliseconds, 80 random bits, 26 characters, sortable by time.

Monotonic within a process: two made in one millisecond differ by one, so that rows keep the order they were made in.
"""

from __future__ import annotations

import os
import re
import threading
import time
from datetime import UTC, datetime

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_RANDOM_BITS = 80
_LOW_BITS = 20
_LOW_MASK = (1 << _LOW_BITS) - 1
_POOL_BYTES = 2560
_FORM = re.compile(f"[0-6][{_ALPHABET}]{{25}}")
"""Those of the last millennia are left out: there must be room after each."""


def _milliseconds(ulid: str) -> int:
    milliseconds = 0
    for character in ulid[:10]:
        milliseconds = milliseconds * 32 + _ALPHABET.index(character)
    return milliseconds


def _encode(value: int, bits: int) -> str:
    return "".join([_PAIRS[(value >> shift) & 1023] for shift in range(bits - 10, -1, -10)])


class UlidMaker:
    """Makes strictly increasing ULIDs, also when the clock stands still or steps back.

    Made nine times per attempt: the random bytes come from the system in pools (a system call gives up the interpreter
    lock), and within a millisecond only the last 20 bits are encoded anew.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._milliseconds = 0
        self._high = 0
        self._low = _LOW_MASK
        self._prefix = ""
        self._pool = b""
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._after_fork)

    def __call__(self) -> str:
        milliseconds = time.time_ns() // 1_000_000
        with self._lock:
            if milliseconds > self._milliseconds:
                self._start(milliseconds)
            elif self._low == _LOW_MASK:
                self._high, self._low = self._high + 1, 0
                self._prefix = _encode(self._high, 110)
            else:
                self._low += 1
            return self._prefix + _PAIRS[self._low >> 10] + _PAIRS[self._low & 1023]

    def after(self, ulid: str) -> None:
        """From now on they are larger than this one, whichever process made it: the clock may have stepped back since.
        What is no ULID changes nothing."""
        if not _FORM.fullmatch(ulid):
            return
        milliseconds = _milliseconds(ulid)
        with self._lock:
            if milliseconds >= max(self._milliseconds, time.time_ns() // 1_000_000):
                self._start(milliseconds + 1)

    def _start(self, milliseconds: int) -> None:
        if not self._pool:
            self._pool = os.urandom(_POOL_BYTES)
        # The top random bit stays free, so that counting up cannot run into the time.
        noise = int.from_bytes(self._pool[:10], "big") >> 1
        self._pool = self._pool[10:]
        self._milliseconds = milliseconds
        self._high, self._low = ((milliseconds << _RANDOM_BITS) | noise) >> _LOW_BITS, noise & _LOW_MASK
        self._prefix = _encode(self._high, 110)

    def _after_fork(self) -> None:
        """A child must not go on with its parent's bytes."""
        self._lock = threading.Lock()
        self._milliseconds, self._low, self._pool = 0, _LOW_MASK, b""


new_ulid = UlidMaker()


def ulid_floor(moment: datetime) -> str:
    """The smallest ULID of that millisecond: ``id >= ulid_floor(t)`` selects rows made at ``t`` or later."""
    return _encode(int(moment.timestamp() * 1000) << _RANDOM_BITS, 130)


def ulid_time(ulid: str) -> datetime:
    """When it was made, to the millisecond."""
    return datetime.fromtimestamp(_milliseconds(ulid) / 1000, UTC)
