"""The comparison of two tables: properties first, then the rules one by one."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent.records import ErrorKind
from metaagent.validators.sql_compare import Table, cells_equal, compare

CELLS = (
    st.none() | st.integers(-(10**12), 10**12) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
)
TABLES = st.integers(1, 4).flatmap(
    lambda width: st.tuples(
        st.just(tuple(f"c{number}" for number in range(width))),
        st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=8),
    )
)


def table(columns: Any, rows: Any, **options: Any) -> Table:
    return Table(columns, tuple(rows), width=len(columns or rows[0]), **options)


@given(TABLES, st.booleans(), st.randoms(use_true_random=False))
def test_a_table_equals_itself_and_without_order_any_shuffle_of_it(
    found: tuple[tuple[str, ...], list[list[Any]]], ordered: bool, rng: random.Random
) -> None:
    columns, rows = found
    expected = table(columns, rows, ordered=ordered)
    shuffled = rows if ordered else rng.sample(rows, len(rows))
    assert compare(expected, columns, shuffled) == (expected.units, ())


@given(TABLES, TABLES, st.booleans())
def test_all_units_hold_exactly_where_nothing_is_found(
    one: tuple[tuple[str, ...], list[list[Any]]], other: tuple[tuple[str, ...], list[list[Any]]], ordered: bool
) -> None:
    expected = table(*one, ordered=ordered)
    held, findings = compare(expected, *other)
    assert 0 <= held <= expected.units
    assert (held == expected.units) == (not findings)
    assert len(findings) <= 7


@given(TABLES, st.data())
def test_a_row_more_less_or_changed_is_found(
    found: tuple[tuple[str, ...], list[list[Any]]], data: st.DataObject
) -> None:
    columns, rows = found
    extra = data.draw(st.lists(CELLS, min_size=len(columns), max_size=len(columns)))
    expected = table(columns, rows)
    assert compare(expected, columns, [*rows, extra])[1]
    if rows:
        assert compare(expected, columns, rows[1:])[1]
        place = data.draw(st.integers(0, len(rows) - 1))
        changed = [row if n != place else [*row[:-1], "something else"] for n, row in enumerate(rows)]
        assert compare(expected, columns, changed)[1]


@given(CELLS, CELLS)
def test_equality_of_cells_is_symmetric(one: Any, other: Any) -> None:
    assert cells_equal(one, other, 1e-9) == cells_equal(other, one, 1e-9)


@pytest.mark.parametrize(
    ("got", "expected", "equal"),
    [
        (7, 7.0, True),
        (0.1 + 0.2, 0.3, True),
        (74230.4583, 74230.46, False),
        (10**12, 10**12 + 1, False),
        ("7", 7, False),
        (None, 0, False),
        (None, "", False),
        (None, None, True),
        ("Rome", "rome", False),
        ("Rome ", "Rome", False),
        ({"$": "inf"}, 1e308, False),
        (float("inf"), 1.0, False),
        (10**400, 1.5, False),
        (True, 1, False),
    ],
)
def test_cells(got: Any, expected: Any, equal: bool) -> None:
    assert cells_equal(got, expected, 1e-9) is equal


def test_a_multiset_counts_how_often_a_row_stands() -> None:
    expected = table(("a",), [[1], [1], [2]])
    held, findings = compare(expected, ["a"], [[1], [2], [2]])
    assert held == 3
    assert [(f.message, f.location, f.expected, f.got) for f in findings] == [
        ("wrong value in 'a'", "row 2", "[1]", "[2]")
    ]


def test_rows_that_are_near_each_other_find_their_partners() -> None:
    rows = [[1.0], [1.0 + 1.5e-9], [1.0 - 1.5e-9]]
    near = [[1.0 + 0.8e-9], [1.0 - 0.8e-9], [1.0 - 2e-9]]
    assert compare(table(("a",), rows), ["a"], near)[1] == ()


def test_another_order_is_said_as_such() -> None:
    expected = table(("a",), [[1], [2], [3]], ordered=True)
    held, findings = compare(expected, ["a"], [[1], [3], [2]])
    assert (held, [f.message for f in findings]) == (2, ["the rows stand in another order"])


@pytest.mark.parametrize(
    ("columns", "rows", "message", "held"),
    [
        (["b", "a"], [["x", 1]], "the columns stand in another order", 1),
        (["A", "B"], [[1, "x"]], None, 3),
        (["a", "c"], [[1, "x"]], "wrong column names", 2),
        (["a", "b", "c"], [[1, "x", 0]], "3 columns instead of 2", 2),
        (["a"], [[1]], "1 columns instead of 2", 1),
        (["a", "a"], [[1, "x"]], "wrong column names", 2),
    ],
)
def test_columns(columns: list[str], rows: Any, message: str | None, held: int) -> None:
    got, findings = compare(table(("a", "b"), [[1, "x"]]), columns, rows)
    assert got == held
    assert [f.message for f in findings if f.kind is ErrorKind.SCHEMA] == ([message] if message else [])


def test_without_names_only_the_number_of_columns_counts() -> None:
    expected = table(None, [[1, 2]])
    assert compare(expected, ["x", "y"], [[1, 2]]) == (3, ())
    assert compare(expected, ["x"], [[1]])[0] == 0


def test_many_rows_are_few_units_and_few_findings() -> None:
    rows = [[number] for number in range(1000)]
    expected = table(("a",), rows)
    assert expected.units == 51
    held, findings = compare(expected, ["a"], [[-1 - number] for number in range(1000)])
    assert (held, len(findings)) == (1, 5)
    assert compare(expected, ["a"], rows[:-1])[0] == 1 + 49
