"""Comparing a JSON value with the expected one: pure, total, and symmetric in what it calls equal.

Numbers are equal by value (1 and 1.0), never across types (1 is not true and not "1"). Objects need the same keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, DecimalException
from typing import Any, Final

from metaagent.records import ErrorKind, Finding
from metaagent.validators.jsontext import json_text, kind_of
from metaagent.validators.paths import child

MAX_MATCHED: Final = 200
"""Lists longer than this are matched by greed where the order does not count: the exact matching is cubic."""
MAX_EXTRA: Final = 20
MAX_GREEDY_TEXT: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Rule:
    """How one field is compared. ``tolerance`` is absolute and inclusive."""

    tolerance: float = 0
    unordered: bool = False
    ignore_case: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """``default``, and what holds from a path on downwards. Paths name list items by index or as ``[*]``."""

    default: Rule = Rule()
    by_path: Mapping[str, Rule] = field(default_factory=dict)

    def at(self, path: str, general: str, inherited: Rule) -> Rule:
        if not self.by_path:
            return inherited
        return self.by_path.get(path) or self.by_path.get(general) or inherited


def size(expected: Any) -> int:
    """How many things a comparison with this value checks: its leaves, an empty list or object counting as one."""
    if isinstance(expected, dict):
        return sum(map(size, expected.values())) or 1
    if isinstance(expected, list):
        return sum(map(size, expected)) or 1
    return 1


def numbers_equal(got: float, expected: float, tolerance: float) -> bool:
    if got == expected:
        return True
    if not tolerance:
        return False
    try:  # in decimal, so that 12.35 is within 0.01 of 12.34 as written
        return abs(_decimal(got) - _decimal(expected)) <= _decimal(tolerance)
    except DecimalException:
        return False


def _decimal(value: float) -> Decimal:
    return Decimal(value) if isinstance(value, int) else Decimal(repr(value))


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def scalars_equal(got: Any, expected: Any, rule: Rule) -> bool:
    if is_number(expected):
        return is_number(got) and numbers_equal(got, expected, rule.tolerance)
    if isinstance(expected, str):
        if not isinstance(got, str):
            return False
        return got == expected or (rule.ignore_case and got.casefold() == expected.casefold())
    return type(got) is type(expected) and bool(got == expected)


def equal(got: Any, expected: Any, rules: Rules | None = None, path: str = "") -> bool:
    comparison = Comparison(rules or Rules())
    rule = comparison.rules.at(path, path, comparison.rules.default)
    return comparison.held(got, expected, path, path, rule) == size(expected) and not comparison.findings


class Comparison:
    """Collects the findings of one comparison. ``held`` answers how many leaves of the expected value hold."""

    __slots__ = ("findings", "rules")

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.findings: list[Finding] = []

    def held(self, got: Any, expected: Any, path: str, general: str, rule: Rule) -> int:
        if isinstance(expected, dict):
            return self._object(got, expected, path, general, rule)
        if isinstance(expected, list):
            return self._list(got, expected, path, general, rule)
        if scalars_equal(got, expected, rule):
            return 1
        self._wrong(got, expected, path)
        return 0

    def missing(self, expected: Any, path: str) -> None:
        self.findings.append(Finding(ErrorKind.SCHEMA, "missing field", path, json_text(expected), None))

    def _wrong(self, got: Any, expected: Any, path: str, message: str = "wrong value") -> None:
        if kind_of(got) != kind_of(expected):
            message = f"{kind_of(got)} instead of {kind_of(expected)}"
        self.findings.append(Finding(ErrorKind.ASSERTION, message, path, json_text(expected), json_text(got)))

    def _object(self, got: Any, expected: dict[str, Any], path: str, general: str, rule: Rule) -> int:
        if not isinstance(got, dict):
            self._wrong(got, expected, path)
            return 0
        held = 0
        for name, value in expected.items():
            where, what = child(path, name), child(general, name)
            if name in got:
                held += self.held(got[name], value, where, what, self.rules.at(where, what, rule))
            else:
                self.missing(value, where)
        return self._extra(got, expected, path, held if expected else 1)

    def _extra(self, got: dict[str, Any], expected: dict[str, Any], path: str, held: int) -> int:
        extra = [name for name in got if name not in expected]
        for name in extra[:MAX_EXTRA]:
            finding = Finding(ErrorKind.ASSERTION, "unexpected field", child(path, name), None, json_text(got[name]))
            self.findings.append(finding)
        return min(held, size(expected) - 1) if extra else held

    def _list(self, got: Any, expected: list[Any], path: str, general: str, rule: Rule) -> int:
        if not isinstance(got, list):
            self._wrong(got, expected, path)
            return 0
        if rule.unordered:
            return self._unordered(got, expected, path, general, rule)
        if len(got) == len(expected):
            return self._items(got, expected, path, general, rule) if expected else 1
        held = Comparison(self.rules)._items(got, expected, path, general, rule)
        self._wrong(got, expected, path, "wrong number of items")
        return min(held, size(expected) - 1)

    def _items(self, got: Sequence[Any], expected: Sequence[Any], path: str, general: str, rule: Rule) -> int:
        held, what = 0, child(general, None)
        for index, (mine, theirs) in enumerate(zip(got, expected, strict=False)):
            where = child(path, index)
            held += self.held(mine, theirs, where, what, self.rules.at(where, what, rule))
        return held

    def _unordered(self, got: list[Any], expected: list[Any], path: str, general: str, rule: Rule) -> int:
        what = child(general, None)
        below = self.rules.at(what, what, rule)

        def same(mine: Any, theirs: Any) -> bool:
            inner = Comparison(self.rules)
            return inner.held(mine, theirs, what, what, below) == size(theirs) and not inner.findings

        matched = match(got, expected, same)
        if len(got) == len(matched) == len(expected):
            return size(expected)
        self._wrong(got, expected, path, "wrong items")
        return min(sum(size(expected[index]) for index in matched), size(expected) - 1)


def match(got: Sequence[Any], expected: Sequence[Any], same: Callable[[Any, Any], bool]) -> set[int]:
    """Indexes of expected items that get a partner of their own: as many as possible, up to ``MAX_MATCHED`` items."""
    if max(len(got), len(expected)) > MAX_MATCHED:
        return _greedy(got, expected, same)
    edges = [[g for g, mine in enumerate(got) if same(mine, theirs)] for theirs in expected]
    partner: dict[int, int] = {}

    def place(index: int, tried: set[int]) -> bool:
        for g in edges[index]:
            if g not in tried:
                tried.add(g)
                if g not in partner or place(partner[g], tried):
                    partner[g] = index
                    return True
        return False

    return {index for index in range(len(expected)) if place(index, set())}


def _greedy(got: Sequence[Any], expected: Sequence[Any], same: Callable[[Any, Any], bool]) -> set[int]:
    """Equal texts first, by hash; then each remaining item with the first that fits, up to a bounded number."""
    left: dict[str, list[int]] = {}
    for index, mine in enumerate(got):
        left.setdefault(json_text(mine, MAX_GREEDY_TEXT), []).append(index)
    matched = {index for index, theirs in enumerate(expected) if _take(left, json_text(theirs, MAX_GREEDY_TEXT))}
    free = sorted(index for indexes in left.values() for index in indexes)[:MAX_MATCHED]
    for index, theirs in enumerate(expected):
        if index not in matched:
            found = next((g for g in free if same(got[g], theirs)), None)
            if found is not None:
                free.remove(found)
                matched.add(index)
    return matched


def _take(left: dict[str, list[int]], text: str) -> bool:
    if left.get(text):
        left[text].pop()
        return True
    return False
