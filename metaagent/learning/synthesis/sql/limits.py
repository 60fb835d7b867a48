"""What a step is limited to: words of the question and tables that the statement reads, where it harms or helps. Pure.

``unless`` is grown while it saves more than it costs; ``only`` is the other way round, for a step that few tasks want.
A word or table must speak for two content groups. Words that the step itself is about are in ``unless`` from the start,
unless that costs something.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from metaagent.learning.synthesis.sql.references import stem

_MAX_UNLESS: Final = 4
_MAX_ONLY: Final = 3
_WORTH: Final = 0.2
_CLEAR: Final = 1.0
_SEVERAL: Final = 3
_SMALL: Final = 0.02


@dataclass(frozen=True, slots=True)
class Effect:
    """What a step does to one item: ``change`` of its value, weighted, and what may tell such items apart."""

    change: float
    group: str
    features: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Limited:
    limits: Mapping[str, Any]
    gain: float


def features(words: str, reads: Collection[str]) -> frozenset[tuple[str, str]]:
    """``("words", beginning)`` and ``("reads", table)``."""
    found = {("words", stem(word)) for word in re.findall(r"[a-z]{4,}", words)}
    return frozenset(found | {("reads", table) for table in reads})


def limited(effects: Sequence[Effect], own: Collection[str]) -> Limited:
    """The limits under which the step brings most. ``own``: words that the step itself is about."""
    told = [effect for effect in effects if abs(effect.change) > _SMALL]
    unless, kept = _unless(told, own)
    only, chosen = _only(told)
    if chosen > kept + _CLEAR and _rather_few(told, only):
        return Limited({"only": only}, chosen)
    return Limited({"unless": unless} if unless else {}, kept)


def _rather_few(effects: Sequence[Effect], only: Mapping[str, Sequence[str]]) -> bool:
    """Whether the step harms more groups outside of ``only`` than it helps there, and several."""
    taken = {(kind, name) for kind, names in only.items() for name in names}
    outside = [effect for effect in effects if not taken & effect.features]
    helped = {effect.group for effect in outside if effect.change > 0}
    harmed = {effect.group for effect in outside if effect.change < 0}
    return len(harmed) >= _SEVERAL and len(harmed) > len(helped)


def _unless(effects: Sequence[Effect], own: Collection[str]) -> tuple[dict[str, list[str]], float]:
    left = list(effects)
    taken: dict[str, list[str]] = {}
    for word in dict.fromkeys(own):
        inside = [effect for effect in left if ("words", word) in effect.features]
        if sum(effect.change for effect in inside) <= 0:  # who speaks of it means it, where nothing says otherwise
            taken.setdefault("words", []).append(word)
            left = [effect for effect in left if effect not in inside]
    for _ in range(_MAX_UNLESS):
        best: tuple[float, tuple[str, str]] | None = None
        for feature in sorted({one for effect in left if effect.change < 0 for one in effect.features}):
            inside = [effect for effect in left if feature in effect.features]
            harmed = {effect.group for effect in inside if effect.change < 0}
            saved = -sum(effect.change for effect in inside)
            if len(harmed) >= 2 and saved > _WORTH and (best is None or saved > best[0]):
                best = (saved, feature)
        if best is None:
            break
        taken.setdefault(best[1][0], []).append(best[1][1])
        left = [effect for effect in left if best[1] not in effect.features]
    return taken, sum(effect.change for effect in left)


def _only(effects: Sequence[Effect]) -> tuple[dict[str, list[str]], float]:
    outside, total = list(effects), 0.0
    taken: dict[str, list[str]] = {}
    for _ in range(_MAX_ONLY):
        best: tuple[float, tuple[str, str]] | None = None
        for feature in sorted({one for effect in outside if effect.change > 0 for one in effect.features}):
            inside = [effect for effect in outside if feature in effect.features]
            helped = {effect.group for effect in inside if effect.change > 0}
            brought = sum(effect.change for effect in inside)
            if len(helped) >= 2 and brought > _WORTH and (best is None or brought > best[0]):
                best = (brought, feature)
        if best is None:
            break
        taken.setdefault(best[1][0], []).append(best[1][1])
        total += best[0]
        outside = [effect for effect in outside if best[1] not in effect.features]
    return taken, total
