"""The guards that the search may choose from, each as a mask over the rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from metaagent.learning.synthesis.json.rows import Row
from metaagent.remedies.json.fields.evaluate import NOTHING
from metaagent.remedies.json.fields.guards import TRAITS, Guard, holds, shape, source
from metaagent.remedies.json.fields.spans import beside
from metaagent.remedies.json.fields.words import word_set


@dataclass(frozen=True, slots=True)
class Condition:
    """A guard with the rows on which it holds. ``lexical`` ones are many, and must beat chance."""

    guard: Guard
    mask: int
    size: float
    lexical: bool = False


def conditions(
    rows: Sequence[Row], fields: Sequence[str], enumerations: Sequence[str], mended: Sequence[str] = ()
) -> list[Condition]:
    """Every guard that holds on some rows of two groups at least and not on all; the simplest of equal ones."""
    made = [*_traits(rows), *_shapes(rows, fields), *_equal(rows, fields, enumerations)]
    made += _settled(rows, mended)
    made += [Condition(["not", t.guard], _all(rows) & ~t.mask, t.size + 0.2) for t in made if t.guard[0] == "trait"]
    made += _lexical(rows)
    kept: dict[tuple[int, bool], Condition] = {}
    for test in made:
        if test.mask and test.mask != _all(rows):
            known = kept.get((test.mask, test.lexical))
            if known is None or known.size > test.size:
                kept[test.mask, test.lexical] = test
    return list(kept.values())


def _settled(rows: Sequence[Row], mended: Sequence[str]) -> list[Condition]:
    """Whether fields that were mended before this one needed it: errors come together in a reply. Most of several
    fields tell it better than one."""
    guards = [["settled", name] for name in mended] if len(mended) < 3 else [["mostly-settled", *mended]]
    guards += [["settled", *mended]] if len(mended) > 1 else []
    found = [Condition(guard, _mask(rows, guard), 0.5) for guard in guards]
    return [*found, *(Condition(["not", c.guard], _all(rows) & ~c.mask, c.size) for c in found)]


def _all(rows: Sequence[Row]) -> int:
    return (1 << len(rows)) - 1


def _mask(rows: Sequence[Row], guard: Guard) -> int:
    return sum(1 << n for n, row in enumerate(rows) if holds(guard, row.scope))


def _traits(rows: Sequence[Row]) -> list[Condition]:
    return [Condition(["trait", name], _mask(rows, ["trait", name]), 0.6) for name in TRAITS]


def _shapes(rows: Sequence[Row], fields: Sequence[str]) -> list[Condition]:
    made: list[Condition] = []
    for name in ("own", *(f"field:{field}" for field in fields)):
        masks: dict[str, int] = defaultdict(int)
        for n, row in enumerate(rows):
            value = source(name, row.scope)
            if value is not NOTHING:
                masks[shape(value)] |= 1 << n
        made += [Condition(["shape", name, look], mask, 0.8 if name == "own" else 1.2) for look, mask in masks.items()]
    return made


def _equal(rows: Sequence[Row], fields: Sequence[str], enumerations: Sequence[str]) -> list[Condition]:
    made: list[Condition] = []
    names = ("own", *(f"field:{field}" for field in fields), *(f"fixed:{field}" for field in enumerations))
    for name in names:
        masks: dict[Any, int] = defaultdict(int)
        for n, row in enumerate(rows):
            value = source(name, row.scope)
            if isinstance(value, (str, int, float, bool, type(None))):
                masks[type(value).__name__, value] |= 1 << n
        if len(masks) <= 40:
            made += [Condition(["equals", name, value], mask, 1.0) for (_, value), mask in masks.items()]
    return made


def _lexical(rows: Sequence[Row]) -> list[Condition]:
    masks: dict[tuple[str, ...], int] = defaultdict(int)
    groups: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for n, row in enumerate(rows):
        found: set[tuple[str, ...]] = {("word", word) for word in word_set(row.scope.text)}
        found |= {("title-word", word) for word in word_set(row.scope.title)}
        if isinstance(row.own, str):
            found |= {("own-word", word) for word in word_set(row.own)}
            found |= {
                ("beside", side, word) for side in ("left", "right") if (word := beside(side, row.own, row.scope.text))
            }
        for key in found:
            if key[-1].isdigit():
                continue
            masks[key] |= 1 << n
            groups[key].add(row.group)
    several = sorted((key for key in masks if len(groups[key]) >= 2), key=_plainest)
    return [Condition(list(key), masks[key], 1.2, True) for key in several]


def _plainest(key: tuple[str, ...]) -> tuple[object, ...]:
    """Whole words before pairs and stems: of those that hold on the same rows the first is kept."""
    return key[-1].endswith("*"), " " in key[-1], key
