"""The two comparisons against slow and obvious ones, and against SQLite itself."""

from __future__ import annotations

import copy
import itertools
import json
import sqlite3
from collections import Counter
from typing import Any

from hypothesis import assume, example, given
from hypothesis import strategies as st

from metaagent.validators.compare import Comparison, Rule, Rules, equal, size
from metaagent.validators.sql_compare import Table, cells_equal, compare
from metaagent.validators.sql_runner import result, value
from tests.validators.test_compare import documents, scalars

EXACT = st.none() | st.integers(-3, 3) | st.text(alphabet="ab7", max_size=2)
WIDTH = st.integers(1, 3)


def rows(cells: st.SearchStrategy[Any], width: int, most: int = 5) -> st.SearchStrategy[list[list[Any]]]:
    return st.lists(st.lists(cells, min_size=width, max_size=width), max_size=most)


def of(found: list[list[Any]], width: int, **options: Any) -> Table:
    return Table(tuple(f"c{n}" for n in range(width)), tuple(found), width=width, **options)


def names(width: int) -> list[str]:
    return [f"C{n}" for n in range(width)]


@given(WIDTH.flatmap(lambda n: st.tuples(st.just(n), rows(EXACT, n), rows(EXACT, n))), st.booleans())
def test_exact_rows_are_equal_as_lists_or_multisets(
    found: tuple[int, list[list[Any]], list[list[Any]]], ordered: bool
) -> None:
    width, wanted, got = found
    same = wanted == got if ordered else Counter(map(repr, wanted)) == Counter(map(repr, got))
    assert (not compare(of(wanted, width, ordered=ordered), names(width), got)[1]) == same


NEAR = st.sampled_from([1.0, 1.0 + 0.6e-9, 1.0 + 1.2e-9, 1.0 + 1.8e-9, 2.0, 1, None])


@given(st.lists(NEAR, max_size=5), st.lists(NEAR, max_size=5))
@example([1.0, 1.0 + 0.6e-9], [1.0 + 0.6e-9, 1.0 + 1.2e-9])
def test_near_rows_are_equal_where_any_order_of_them_is(wanted: list[Any], got: list[Any]) -> None:
    fits = len(wanted) == len(got) and any(
        all(cells_equal(one, other, 1e-9) for one, other in zip(order, wanted, strict=True))
        for order in itertools.permutations(got)
    )
    assert (not compare(of([[one] for one in wanted], 1), ["c0"], [[one] for one in got])[1]) == fits


@given(st.floats(-1e9, 1e9, allow_nan=False), st.floats(-3e-9, 3e-9))
def test_the_tolerance_is_relative_and_ends_where_it_says(number: float, off: float) -> None:
    assume(abs(number) > 1e-2 and not 0.9e-9 < abs(off) < 1.1e-9)
    assert cells_equal(number * (1 + off), number, 1e-9) == (abs(off) < 1e-9)


CELLS = st.none() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=5)


@given(WIDTH.flatmap(lambda n: st.tuples(st.just(n), rows(CELLS, n))))
def test_what_sqlite_stores_comes_back_equal(found: tuple[int, list[list[Any]]]) -> None:
    width, wanted = found
    assume(not any("\0" in cell or not cell.isprintable() for row in wanted for cell in row if isinstance(cell, str)))
    connection = sqlite3.connect(":memory:")
    columns = ", ".join(f"c{n}" for n in range(width))
    connection.execute(f"CREATE TABLE t ({columns})")
    connection.executemany(f"INSERT INTO t VALUES ({', '.join('?' * width)})", wanted)
    said = result(connection.execute(f"SELECT {columns} FROM t ORDER BY rowid DESC"), {"rows": 100, "bytes": 10**6})
    told = json.loads(json.dumps(said))
    expected = of([[value(cell) for cell in row] for row in wanted], width)
    assert compare(expected, told["columns"], told["rows"]) == (expected.units, ())


@given(st.lists(scalars, max_size=5), st.lists(scalars, max_size=5), st.sampled_from([0, 0.5]))
def test_unordered_lists_are_equal_where_any_order_of_them_is(one: list[Any], other: list[Any], off: float) -> None:
    ordered, unordered = Rules(Rule(tolerance=off)), Rules(Rule(tolerance=off, unordered=True))
    fits = any(equal(list(order), other, ordered) for order in itertools.permutations(one))
    assert equal(one, other, unordered) == fits


def _leaves(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    inner = [leaf for key, item in items for leaf in _leaves(item, (*path, key))]
    return inner or [path]


def _changed(document: Any, path: tuple[Any, ...]) -> Any:
    if not path:
        return "something else entirely"
    document[path[0]] = _changed(document[path[0]], path[1:])
    return document


@given(documents, st.data())
def test_each_changed_leaf_costs_one_unit_and_is_named(document: Any, data: st.DataObject) -> None:
    leaves = _leaves(document)
    assert len(leaves) == size(document)
    chosen = data.draw(st.lists(st.sampled_from(leaves), unique=True, max_size=len(leaves)))
    got = copy.deepcopy(document)
    for leaf in chosen:
        got = _changed(got, leaf)
    comparison = Comparison(Rules())
    held = comparison.held(got, document, "", "", Rule())
    assert held == size(document) - len(chosen)
    assert len({finding.location for finding in comparison.findings}) == len(comparison.findings) == len(chosen)


@given(documents, documents)
def test_a_larger_tolerance_never_makes_unequal(one: Any, other: Any) -> None:
    for less, more in ((0, 0.5), (0.5, 10)):
        assert not equal(one, other, Rules(Rule(tolerance=less))) or equal(one, other, Rules(Rule(tolerance=more)))
