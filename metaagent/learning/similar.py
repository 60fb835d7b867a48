"""Which tasks resemble those of a pattern: by the words that their inputs share. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Similar:
    """A task, the one of the pattern it resembles most, and the share of words that the two have in common."""

    task_id: str
    to: str
    overlap: float


def words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.casefold()))


def nearest(texts: Mapping[str, str], affected: Collection[str], others: Collection[str], limit: int) -> list[Similar]:
    """Of ``others``, those most similar to any of the affected tasks, by Jaccard's index of their words."""
    models = {task: words(texts[task]) for task in sorted(affected) if texts.get(task)}
    found = []
    for task in sorted(others):
        own = words(texts.get(task, ""))
        best = max(((_overlap(own, model), name) for name, model in models.items()), default=(0.0, ""))
        if best[0] > 0:
            found.append(Similar(task, best[1], best[0]))
    return sorted(found, key=lambda one: (-one.overlap, one.task_id))[:limit]


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    both = len(one & other)
    return both / (len(one) + len(other) - both) if both else 0.0
