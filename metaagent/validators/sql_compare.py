"""Comparing the result of a query with the expected one. Pure.

Columns: the expected names in their order; capitals do not matter. Rows: in order where that is asked for, else as a
multiset (each as often as expected). Cells: NULL equals only NULL; a text equals the same text, character by character;
numbers are equal when their values are (7 and 7.0), two integers exactly, others within ``tolerance`` of the larger
one; a text never equals a number, so '7' is not 7.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from metaagent.records import ErrorKind, Finding
from metaagent.validators.compare import match
from metaagent.validators.jsontext import json_text

MAX_ROW_UNITS: Final = 50
"""Rows count for at most so many units, so that one large result does not outweigh all else."""
MAX_SHOWN: Final = 5
TOLERANCE: Final = 1e-9

Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Table:
    """``columns`` None: names do not matter, ``width`` does."""

    columns: tuple[str, ...] | None
    rows: tuple[Row, ...]
    ordered: bool = False
    tolerance: float = TOLERANCE
    width: int = 0

    @property
    def units(self) -> int:
        return self.column_units + self.row_units

    @property
    def column_units(self) -> int:
        return self.width

    @property
    def row_units(self) -> int:
        return max(1, min(len(self.rows), MAX_ROW_UNITS))


def compare(expected: Table, columns: Sequence[str], rows: Sequence[Row]) -> tuple[int, tuple[Finding, ...]]:
    """How many of the expected table's units hold, and what does not. All hold only where nothing was found."""
    held, findings = _columns(expected, columns)
    places = _places(expected, columns)
    if places is None:
        return held, tuple(findings)
    projected = [[row[place] for place in places] for row in rows]
    equal, wrong = (_in_order if expected.ordered else _as_multiset)(expected, projected)
    if len(rows) != len(expected.rows):
        much = "many" if len(rows) > len(expected.rows) else "few"
        count = f"too {much} rows: {len(rows)} instead of {len(expected.rows)}"
        wrong.insert(0, Finding(ErrorKind.ASSERTION, count, "rows", str(len(expected.rows)), str(len(rows))))
    return held + _row_units(expected, equal, whole=not wrong), (*findings, *wrong)


def _row_units(expected: Table, equal: int, *, whole: bool) -> int:
    """The share of the rows' units; the last one holds only where nothing is wrong."""
    if whole:
        return expected.row_units
    share = expected.row_units * equal // max(1, len(expected.rows))
    return min(share, expected.row_units - 1)


def _columns(expected: Table, columns: Sequence[str]) -> tuple[int, list[Finding]]:
    if expected.columns is None:
        if len(columns) == expected.width:
            return expected.width, []
        message = f"{len(columns)} columns instead of {expected.width}"
        return 0, [_schema(message, expected.width, list(columns))]
    wanted, got = [name.lower() for name in expected.columns], [name.lower() for name in columns]
    if wanted == got:
        return len(wanted), []
    held = sum(one == other for one, other in zip(wanted, got, strict=False))
    if sorted(wanted) == sorted(got):
        message = "the columns stand in another order"
    elif len(wanted) != len(got):
        message = f"{len(got)} columns instead of {len(wanted)}"
    else:
        message = "wrong column names"
    return min(held, len(wanted) - 1), [_schema(message, list(expected.columns), list(columns))]


def _schema(message: str, expected: Any, got: Any) -> Finding:
    return Finding(ErrorKind.SCHEMA, message, "columns", json_text(expected), json_text(got))


def _places(expected: Table, columns: Sequence[str]) -> list[int] | None:
    """For each expected column, where it stands: by name where all are there, else by place, else nowhere."""
    if expected.columns is not None:
        got = [name.lower() for name in columns]
        wanted = [name.lower() for name in expected.columns]
        if wanted != got and len(set(wanted)) == len(wanted) and all(got.count(name) == 1 for name in wanted):
            return [got.index(name) for name in wanted]
    return list(range(expected.width)) if len(columns) == expected.width else None


def cells_equal(got: Any, expected: Any, tolerance: float) -> bool:
    if isinstance(got, bool) or isinstance(expected, bool):
        return got is expected
    if isinstance(got, (int, float)) and isinstance(expected, (int, float)):
        if got == expected:
            return True
        if isinstance(got, int) and isinstance(expected, int):
            return False
        try:
            return math.isclose(got, expected, rel_tol=tolerance, abs_tol=1e-12 if tolerance else 0.0)
        except OverflowError:
            return False
    return type(got) is type(expected) and bool(got == expected)


def rows_equal(got: Row, expected: Row, tolerance: float) -> bool:
    return len(got) == len(expected) and all(
        cells_equal(one, other, tolerance) for one, other in zip(got, expected, strict=True)
    )


def _in_order(expected: Table, rows: Sequence[Row]) -> tuple[int, list[Finding]]:
    pairs = list(zip(rows, expected.rows, strict=False))
    wrong = [n for n, (got, want) in enumerate(pairs) if not rows_equal(got, want, expected.tolerance)]
    if wrong and len(rows) == len(expected.rows) and _as_multiset(expected, rows)[0] == len(rows):
        first = wrong[0]
        want, got = json_text(expected.rows[first]), json_text(rows[first])
        found = Finding(ErrorKind.ASSERTION, "the rows stand in another order", f"row {first + 1}", want, got)
        return len(pairs) - len(wrong), [found]
    findings = [_wrong(expected, n, rows[n], expected.rows[n]) for n in wrong[:MAX_SHOWN]]
    findings += _left_over(expected, range(len(pairs), len(expected.rows)), rows[len(pairs) :])
    return len(pairs) - len(wrong), findings[:MAX_SHOWN]


def _as_multiset(expected: Table, rows: Sequence[Row]) -> tuple[int, list[Finding]]:
    free = Counter(map(_key, rows))
    missing: list[int] = []
    for number, row in enumerate(expected.rows):
        key = _key(row)
        if free[key] > 0:
            free[key] -= 1
        else:
            missing.append(number)
    spare: list[Row] = []
    for row in rows:
        key = _key(row)
        if free[key] > 0:
            free[key] -= 1
            spare.append(row)
    wanted = [expected.rows[n] for n in missing]

    def same(got: Row, want: Row) -> bool:
        return rows_equal(got, want, expected.tolerance)

    near = match(spare, wanted, same)
    if len(near) == len(spare) == len(missing):
        return len(expected.rows), []
    if len(spare) == len(missing) <= MAX_SHOWN and len(match(rows, expected.rows, same)) == len(rows):
        return len(expected.rows), []  # rows that are equal took each other's partners
    if near:
        spare, missing = _without_matched(expected, spare, missing, near)
    return len(expected.rows) - len(missing), _differences(expected, missing, spare)


def _without_matched(
    expected: Table, spare: list[Row], missing: list[int], near: set[int]
) -> tuple[list[Row], list[int]]:
    """What is left when each matched row took one spare row that is equal within the tolerance."""
    for index in sorted(near):
        want = expected.rows[missing[index]]
        place = next((n for n, got in enumerate(spare) if rows_equal(got, want, expected.tolerance)), None)
        if place is not None:
            del spare[place]
    return spare, [number for index, number in enumerate(missing) if index not in near]


def _differences(expected: Table, missing: Sequence[int], spare: list[Row]) -> list[Finding]:
    """The first missing rows, each beside the spare row that is most like it."""
    findings, left = [], list(spare[:200])
    for number in missing[:MAX_SHOWN]:
        want = expected.rows[number]
        if not left:
            findings += _left_over(expected, [number], ())
            continue
        likeness = [sum(cells_equal(a, b, expected.tolerance) for a, b in zip(row, want, strict=True)) for row in left]
        findings.append(_wrong(expected, number, left.pop(likeness.index(max(likeness))), want))
    if len(missing) < len(spare):
        findings += _left_over(expected, (), left)
    return findings[:MAX_SHOWN]


def _wrong(expected: Table, number: int, got: Row, want: Row) -> Finding:
    names = expected.columns or [str(place + 1) for place in range(expected.width)]
    pairs = zip(names, got, want, strict=True)
    differ = [name for name, one, other in pairs if not cells_equal(one, other, expected.tolerance)]
    message = "wrong value in " + ", ".join(f"'{name}'" for name in differ)
    return Finding(ErrorKind.ASSERTION, message, f"row {number + 1}", json_text(want), json_text(got))


def _left_over(expected: Table, missing: Sequence[int], spare: Sequence[Row]) -> list[Finding]:
    found = [Finding(ErrorKind.ASSERTION, "missing row", f"row {n + 1}", json_text(expected.rows[n])) for n in missing]
    found += [Finding(ErrorKind.ASSERTION, "unexpected row", "", None, json_text(row)) for row in spare]
    return found[:MAX_SHOWN]


def _key(row: Row) -> tuple[Any, ...]:
    """Equal for rows that are equal without any tolerance: 1 and 1.0 have one key, 1 and '1' and NULL have not."""
    return tuple((0, cell) if isinstance(cell, (int, float)) else (1, str(type(cell)), str(cell)) for cell in row)
