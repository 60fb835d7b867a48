"""How near a result is to the expected one: 1 for a pass, else under one half, growing as rows and numbers come near.

A search needs the slope: a sum of cents that lacks one filter is wrong, yet nearer than without any. Rows are aligned
by their texts, else by their place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from metaagent.learning.synthesis.sql.batch import Rows
from metaagent.validators.sql_compare import Table, cells_equal, compare

NEARLY: Final = 0.5
_STEEP: Final = 4.0
_MAX_ROWS: Final = 120


def value(expected: Table, result: Rows) -> float:
    """1.0 exactly where the check would pass."""
    if result.error is not None:
        return 0.0
    held, findings = compare(expected, result.columns, result.rows)
    if not findings and held == expected.units:
        return 1.0
    return NEARLY * _nearness(expected, result)


def _nearness(expected: Table, result: Rows) -> float:
    width = len(result.columns)
    if width != expected.width:
        return 0.05
    want, got = expected.rows[:_MAX_ROWS], result.rows[:_MAX_ROWS]
    if not want and not got:
        return 0.9
    texts = [place for place in range(width) if any(isinstance(row[place], str) for row in want)]
    pairs = _by_texts(want, got, texts) if texts and not expected.ordered else list(zip(want, got, strict=False))
    alike = sum(_row(one, other, expected.tolerance) for one, other in pairs)
    rows = 2 * alike / (len(want) + len(got))
    names = _names(expected, result)
    return 0.1 + 0.1 * names + 0.75 * rows


def _names(expected: Table, result: Rows) -> float:
    if expected.columns is None:
        return 1.0
    same = sum(one.lower() == other.lower() for one, other in zip(expected.columns, result.columns, strict=True))
    return same / max(1, len(expected.columns))


def _by_texts(
    want: Sequence[Sequence[Any]], got: Sequence[Sequence[Any]], texts: Sequence[int]
) -> list[tuple[Sequence[Any], Sequence[Any]]]:
    waiting: dict[tuple[Any, ...], list[Sequence[Any]]] = {}
    for row in got:
        waiting.setdefault(tuple(row[place] for place in texts), []).append(row)
    pairs, left = [], []
    for row in want:
        same = waiting.get(tuple(row[place] for place in texts))
        if same:
            pairs.append((row, same.pop(0)))
        else:
            left.append(row)
    spare = [row for rows in waiting.values() for row in rows]
    return pairs + list(zip(left, spare, strict=False))


def _row(want: Sequence[Any], got: Sequence[Any], tolerance: float) -> float:
    return sum(_cell(one, other, tolerance) for one, other in zip(want, got, strict=True)) / len(want)


def _cell(want: Any, got: Any, tolerance: float) -> float:
    if cells_equal(got, want, tolerance):
        return 1.0
    if type(want) in (int, float) and type(got) in (int, float) and want * got > 0:
        return 0.8 * math.exp(-_STEEP * abs(math.log(got / want)))
    return 0.0
