"""Versions of the board: which one a person started from, and which one ``board undo`` brings back.

A version written by the tool is named by its stamp. What a person saved carries the stamp of the version it was loaded
from, so it is recorded as ``STAMP+TIME``: a later save from the same editor is compared with the closest of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

CANDIDATES = 50


class Version(Protocol):
    """One recorded board. ``author`` is tool, person or undo."""

    @property
    def stamp(self) -> str: ...
    @property
    def data(self) -> bytes: ...
    @property
    def author(self) -> str: ...


class History(Protocol):
    """Where versions are kept; ``latest`` is the one recorded last, whoever wrote it. Newest first in ``recent``."""

    def latest(self) -> Version | None: ...
    def by_stamp(self, stamp: str) -> bytes | None: ...
    def recent(self, n: int) -> Sequence[Version]: ...
    def record(self, stamp: str, data: bytes, author: str) -> None: ...


@dataclass(frozen=True, slots=True)
class MemoryVersion:
    stamp: str
    data: bytes
    author: str


class MemoryHistory:
    """A History without a disk: for a board outside of a workspace, and for tests."""

    def __init__(self) -> None:
        self.versions: list[MemoryVersion] = []

    def latest(self) -> MemoryVersion | None:
        return self.versions[-1] if self.versions else None

    def by_stamp(self, stamp: str) -> bytes | None:
        return next((version.data for version in reversed(self.versions) if version.stamp == stamp), None)

    def recent(self, n: int) -> list[MemoryVersion]:
        return self.versions[: -n - 1 : -1]

    def record(self, stamp: str, data: bytes, author: str) -> None:
        self.versions.append(MemoryVersion(stamp, data, author))


def format_stamp(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03}Z"


def parse_stamp(stamp: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def next_stamp(now: datetime, known: Iterable[str | None]) -> str:
    """A stamp later than every one in ``known``: unique for each write even when the clock stands still or steps back.

    A known stamp far in the future (a wrong clock, a person's joke) is not followed."""
    now = now.astimezone(UTC).replace(microsecond=now.microsecond // 1000 * 1000)
    latest = now
    for stamp in known:
        time = parse_stamp(root(stamp)) if stamp else None
        if time is not None and latest <= time < now + timedelta(days=1):
            latest = time.astimezone(UTC).replace(microsecond=time.microsecond // 1000 * 1000) + timedelta(
                milliseconds=1
            )
    return format_stamp(latest)


def root(stamp: str) -> str:
    """The stamp in the board's own text: that of the tool's version which a person's version was made from."""
    return stamp.partition("+")[0]


def person_stamp(carried: str | None, now: datetime) -> str:
    return f"{root(carried) if carried else 'none'}+{format_stamp(now)}"


@dataclass(frozen=True, slots=True)
class Base:
    """What a saved board is compared with. ``guessed``: its stamp was missing or unknown, this is the closest."""

    data: bytes
    guessed: bool


def find_base(history: History, latest: Version, stamp: str | None, data: bytes, *, crossed: bool = False) -> Base:
    """The version that the person who saved ``data`` had loaded.

    A save with the stamp of the latest version goes on from it, so that what was typed and taken back is gone. Unless
    saves ``crossed`` (one was found in a file of ours): then the latest one may be of another editor.
    """
    if stamp and root(latest.stamp) == stamp and not crossed:
        return Base(latest.data, False)
    recent = history.recent(CANDIDATES)
    named = [version.data for version in recent if stamp and root(version.stamp) == stamp]
    if stamp and not named:
        found = history.by_stamp(stamp)
        named = [found] if found is not None else []
    if named:
        return Base(closest(data, named), False)
    return Base(closest(data, [version.data for version in recent] or [latest.data]), True)


def closest(data: bytes, candidates: Sequence[bytes]) -> bytes:
    """The candidate with the fewest differing lines; the first of equals."""
    mine = Counter(data.splitlines())
    return min(candidates, key=lambda candidate: _distance(mine, Counter(candidate.splitlines())))


def _distance(one: Counter[bytes], other: Counter[bytes]) -> int:
    return (one - other).total() + (other - one).total()


def before_latest(history: History, keep: int = 200) -> Version | None:
    """The newest version that differs from the latest in more than its stamp."""
    recent = history.recent(keep)
    if not recent:
        return None
    now = _without_stamp(recent[0].data)
    return next((version for version in recent[1:] if _without_stamp(version.data) != now), None)


def _without_stamp(data: bytes) -> list[bytes]:
    return [line for line in data.splitlines() if not line.startswith(b"Last Updated:")]
