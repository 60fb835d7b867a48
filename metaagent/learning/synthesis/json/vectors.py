"""Candidate expressions with their values on every row: built level by level, equal ones kept once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from metaagent.learning.synthesis.json.rows import Row, same
from metaagent.remedies.json.fields.evaluate import NOTHING, Expression, apply, evaluate


@dataclass(frozen=True, slots=True, eq=False)
class Vector:
    """An expression on all rows. Bit n of a mask is row n: ``applies`` it gives a value, ``hits`` the wanted one."""

    expression: Expression
    values: tuple[Any, ...]
    applies: int
    hits: int
    size: float
    near: float

    @property
    def constant(self) -> bool:
        return self.expression[0] in ("const", "keywords", "table", "grams")


class Vectors:
    """All expressions tried for one field; a second expression with the values of a first is dropped unless smaller."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self.wrong = sum(1 << n for n, row in enumerate(rows) if not row.right)
        self.right = sum(1 << n for n, row in enumerate(rows) if row.right)
        self.all: dict[Any, Vector] = {}
        self.tried: dict[str, Vector] = {}

    def add(self, expression: Expression, values: Sequence[Any] | None = None) -> Vector | None:
        """The vector of an expression where it is new and applies somewhere."""
        name = json.dumps(expression, ensure_ascii=False, default=str)
        if name in self.tried:
            return None
        got = tuple(values) if values is not None else tuple(evaluate(expression, row.scope) for row in self.rows)
        vector = self._vector(expression, got)
        self.tried[name] = vector
        if not vector.applies:
            return None
        key = tuple(map(_key, got))
        known = self.all.get(key)
        if known is not None and known.size <= vector.size:
            return None
        self.all[key] = vector
        return vector if known is None else None

    def get(self, expression: Expression) -> Vector:
        """The vector of an expression, new or not."""
        name = json.dumps(expression, ensure_ascii=False, default=str)
        if name not in self.tried:
            self.add(expression)
        return self.tried[name]

    def grow(self, vector: Vector, name: str, *parameters: Any) -> Vector | None:
        """One more operator on top."""
        return self.add([name, *parameters, vector.expression], self.applied(vector, name, *parameters))

    def applied(self, vector: Vector, name: str, *parameters: Any) -> list[Any]:
        """What one more operator makes of the values."""
        return [self._apply(name, parameters, value, row) for value, row in zip(vector.values, self.rows, strict=True)]

    @staticmethod
    def _apply(name: str, parameters: Sequence[Any], value: Any, row: Row) -> Any:
        if value is NOTHING:
            return NOTHING
        try:
            return apply(name, parameters, value, row.scope)
        except Exception:  # noqa: BLE001 - operators are partial; evaluate() says the same of whole expressions
            return NOTHING

    def _vector(self, expression: Expression, values: tuple[Any, ...]) -> Vector:
        applies = hits = 0
        near = 0.0
        for n, (value, row) in enumerate(zip(values, self.rows, strict=True)):
            if value is NOTHING:
                continue
            applies |= 1 << n
            if same(value, row.expected):
                hits |= 1 << n
                near += not row.right
            elif not row.right:
                near += likeness(value, row.expected)
        return Vector(expression, values, applies, hits, size(expression), near)

    def best(self, count: int, among: Iterable[Vector] | None = None) -> list[Vector]:
        """Those nearest to what is wanted on the wrong rows."""
        vectors = self.all.values() if among is None else among
        return sorted(vectors, key=lambda v: (-v.near, v.size))[:count]


def _key(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, (list, dict)):
        return json.dumps(value, default=str)
    return (type(value).__name__, value)


_SIZES: Final = {
    "own": 0.2, "field": 1.0, "fixed": 0.8, "text": 1.2, "const": 0.6, "extended": 2.0, "camel": 1.5, "groups": 1.7,
    "boundary": 1.5, "luhn": 2.0, "unpad": 1.3, "sentence": 1.2, "minor": 0.7, "major": 0.8,
    "tokens": 2.2, "token": 1.8, "pick": 2.2, "head": 1.6, "tail": 1.6, "part": 1.6, "after": 1.6,
}  # fmt: skip


def size(expression: Any) -> float:
    """How much an expression says: its operators, and more for constants and for reading text."""
    if not isinstance(expression, (list, tuple)):
        return 0.0
    name = expression[0] if expression else ""
    own = _SIZES.get(name, 1.0)
    if name in ("prefix", "suffix", "mask", "without-prefix", "without-suffix"):
        own += 0.15 * len(str(expression[1]))
    elif name == "const":
        own += 0.05 * len(str(expression[1]))
    elif name in ("drop", "table", "grams", "keywords"):
        own += 1.0
    elif (name == "date" and len(expression) > 5) or (name == "person" and len(expression) > 3):
        own += 0.3
    return own + sum(size(part) for part in expression[1:] if isinstance(part, (list, tuple)))


_LONG: Final = 100


def likeness(value: Any, wanted: Any) -> float:
    """How near a value is to the wanted one, below 1: a guide for the beam only."""
    if not isinstance(value, str) or not isinstance(wanted, (str, int, float)) or not value:
        return 0.3 if isinstance(value, list) and isinstance(wanted, list) and _reordered(value, wanted) else 0.0
    wanted = str(wanted)
    if not wanted:
        return 0.0
    if value in wanted or wanted in value:
        return 0.85 * min(len(value), len(wanted)) / max(len(value), len(wanted))
    low, other = value.lower(), wanted.lower()
    if low in other or other in low:
        return 0.75 * min(len(low), len(other)) / max(len(low), len(other))
    limit = min(len(low), len(other))
    ahead = next((n for n in range(limit) if low[n] != other[n]), limit)
    behind = next((n for n in range(limit - ahead) if low[-1 - n] != other[-1 - n]), limit - ahead)
    return 0.6 * (ahead + behind) / max(len(low), len(other))


def _reordered(value: Sequence[Any], wanted: Sequence[Any]) -> bool:
    """Whether the items are the same in another order; of long lists it is not asked, for it is asked very often."""
    return len(value) == len(wanted) <= _LONG and sorted(map(str, value)) == sorted(map(str, wanted))
