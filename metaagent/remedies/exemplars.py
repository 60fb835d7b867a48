"""Exemplars: solved tasks shown before the one that is asked for, the nearest by their words or always the same. Pure.

Settings of an exemplar remedy: ``pool``, a list of mappings with ``task``, ``group``, ``goal``, ``inputs`` and
``artifact``; ``count``, how many to show; ``cap``, about how many tokens they may add. What is shown is never of the
task's own content group, and never has its inputs: that would be its answer.

The nearest ones tell more; fixed ones are read once by an engine that caches prompts' beginnings, and cost next to
nothing from then on.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from metaagent.records import Brief

NEAREST, FIXED = "nearest", "fixed"
"""The names of exemplar remedies: how they choose what to show."""
COUNT = 4
CAP = 1200
CHARACTERS_PER_TOKEN = 3.0
"""A cautious estimate: code and many European languages take about this many characters a token."""

_WORD = re.compile(r"[^\W\d_]+|\d+")


@dataclass(frozen=True, slots=True)
class Example:
    """A solved task as a prompt shows it."""

    task: str
    group: str
    goal: str
    inputs: Mapping[str, str]
    artifact: str

    @property
    def text(self) -> str:
        """What tells this task from others of its set."""
        return "\n".join(self.inputs.values()) if self.inputs else self.goal


@dataclass(frozen=True, slots=True)
class _Pool:
    examples: tuple[Example, ...]
    vectors: tuple[Mapping[str, float], ...]
    rarity: Mapping[str, float]


def nearest(settings: Mapping[str, Any], brief: Brief) -> tuple[Example, ...]:
    """The examples to show, the nearest last: what stands next to the question weighs most with a small model."""
    pool = _pool(settings)
    vector = _vector(brief.own_text, pool.rarity)
    scored = [
        (cosine(vector, other), -index)
        for index, (example, other) in enumerate(zip(pool.examples, pool.vectors, strict=True))
        if _another(example, brief)
    ]
    best = sorted(scored, reverse=True)[: int(settings.get("count", COUNT))]
    chosen = _within([pool.examples[-index] for _, index in best], int(settings.get("cap", CAP)))
    return tuple(reversed(chosen))


def fixed(settings: Mapping[str, Any], brief: Brief) -> tuple[Example, ...]:
    """The first of the pool in their order, the same before every task; for a task that is one of them, or of the group
    of one, the next takes its place."""
    others = [example for example in _pool(settings).examples if _another(example, brief)]
    return tuple(_within(others[: int(settings.get("count", COUNT))], int(settings.get("cap", CAP))))


def _another(example: Example, brief: Brief) -> bool:
    """Whether an example is not of the task that is asked, nor of its group, nor the same text."""
    same_group = bool(brief.group) and example.group == brief.group
    return example.task != brief.task_id and not same_group and example.text != brief.own_text


def _within(examples: Sequence[Example], cap: int) -> list[Example]:
    """The first examples that together stay under the cap, in tokens; one that is too long makes room for the next."""
    kept, used = list[Example](), 0.0
    for example in examples:
        cost = (len(example.text) + len(example.artifact)) / CHARACTERS_PER_TOKEN
        if used + cost <= cap:
            kept.append(example)
            used += cost
    return kept


_pools: dict[int, tuple[Mapping[str, Any], _Pool]] = {}
"""By identity of the settings, which are kept with it so that the id is not used again."""


def _pool(settings: Mapping[str, Any]) -> _Pool:
    known = _pools.get(id(settings))
    if known is not None and known[0] is settings:
        return known[1]
    examples = tuple(
        Example(
            str(one["task"]), str(one.get("group") or ""), str(one.get("goal", "")), one["inputs"], str(one["artifact"])
        )
        for one in settings["pool"]
    )
    rarity = _rarity(example.text for example in examples)
    made = _Pool(examples, tuple(_vector(example.text, rarity) for example in examples), rarity)
    if len(_pools) >= 64:
        _pools.clear()
    _pools[id(settings)] = (settings, made)
    return made


def features(text: str) -> list[str]:
    """Words in lower case (each number counts as one and the same) and pairs of neighbours."""
    words = ["0" if word.isdigit() else word for word in _WORD.findall(text.lower())]
    return words + [f"{a} {b}" for a, b in pairwise(words)]


def _rarity(texts: Iterable[str]) -> dict[str, float]:
    """Inverse document frequency, smoothed: ln((1 + n) / (1 + df)) + 1."""
    seen: Counter[str] = Counter()
    count = 0
    for text in texts:
        count += 1
        seen.update(set(features(text)))
    return {feature: math.log((1 + count) / (1 + number)) + 1 for feature, number in seen.items()}


def vectors(texts: Sequence[str]) -> list[dict[str, float]]:
    """Unit vectors of texts by the words that they share."""
    rarity = _rarity(texts)
    return [_vector(text, rarity) for text in texts]


def _vector(text: str, rarity: Mapping[str, float]) -> dict[str, float]:
    """TF-IDF with the pool's rarities, of unit length; what the pool never saw cannot match and is left out."""
    counts = Counter(feature for feature in features(text) if feature in rarity)
    weights = {feature: (1 + math.log(number)) * rarity[feature] for feature, number in counts.items()}
    length = math.sqrt(sum(weight * weight for weight in weights.values()))
    return {feature: weight / length for feature, weight in weights.items()} if length else {}


def cosine(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """The likeness of two unit vectors, 0 to 1."""
    if len(one) > len(other):
        one, other = other, one
    return sum(weight * other.get(feature, 0.0) for feature, weight in one.items())
