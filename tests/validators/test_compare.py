from __future__ import annotations

import copy
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from metaagent.records import ErrorKind
from metaagent.validators.compare import (
    MAX_MATCHED,
    Comparison,
    Rule,
    Rules,
    equal,
    match,
    numbers_equal,
    scalars_equal,
    size,
)

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)
rules = st.builds(Rule, st.sampled_from([0, 0.01, 1, 5.5]), st.booleans(), st.booleans()).map(Rules)


@given(documents, documents, rules)
def test_what_is_equal_is_so_both_ways(one: Any, other: Any, settings: Rules) -> None:
    assert equal(one, other, settings) == equal(other, one, settings)


@given(documents, rules)
def test_everything_equals_its_copy(document: Any, settings: Rules) -> None:
    assert equal(copy.deepcopy(document), document, settings)


@given(documents, documents, rules)
def test_held_never_exceeds_what_is_checked_and_all_held_means_no_finding(
    got: Any, expected: Any, settings: Rules
) -> None:
    comparison = Comparison(settings)
    held = comparison.held(got, expected, "", "", settings.default)
    assert 0 <= held <= size(expected)
    assert (held == size(expected)) == (not comparison.findings)


@given(documents, documents)
def test_without_rules_equal_means_the_same_json(got: Any, expected: Any) -> None:
    assert equal(got, expected) == (_tagged(got) == _tagged(expected))


def _tagged(value: Any) -> Any:
    """A value whose Python equality is that of JSON: true is not 1."""
    if isinstance(value, bool) or value is None:
        return (type(value), value)
    if isinstance(value, dict):
        return {name: _tagged(item) for name, item in value.items()}
    return [_tagged(item) for item in value] if isinstance(value, list) else value


@given(st.integers(-(10**6), 10**6), st.integers(0, 500), st.integers(0, 500))
def test_tolerance_is_inclusive_in_decimal(cents: int, difference: int, tolerance: int) -> None:
    expected, got = cents / 100, (cents + difference) / 100
    assert numbers_equal(got, expected, tolerance / 100) == (difference <= tolerance)


@given(st.lists(scalars, max_size=6), st.randoms(use_true_random=False))
def test_unordered_lists_equal_their_shuffles(items: list[Any], rng: random.Random) -> None:
    shuffled = list(items)
    rng.shuffle(shuffled)
    assert equal(shuffled, items, Rules(Rule(unordered=True)))


def test_matching_finds_the_best_pairs_where_greed_would_not() -> None:
    close = Rules(Rule(tolerance=1, unordered=True))
    assert equal([2, 1], [1, 2], close)
    assert equal([1.5, 3], [2.5, 1], close)
    assert match([1, 2], [2, 2], lambda a, b: a == b) == {0}


def test_long_unordered_lists_are_matched_by_greed() -> None:
    items = [{"n": n, "name": str(n)} for n in range(MAX_MATCHED * 3)]
    unordered = Rules(Rule(unordered=True))
    assert equal(list(reversed(items)), items, unordered)
    assert not equal([*items[1:], {"n": -1}], items, unordered)


def test_types_do_not_mix() -> None:
    assert not scalars_equal(1, True, Rule())
    assert not scalars_equal(True, 1, Rule())
    assert not scalars_equal("1", 1, Rule())
    assert not scalars_equal(0, None, Rule())
    assert scalars_equal(1.0, 1, Rule())


def test_huge_numbers_compare_without_overflow() -> None:
    assert not numbers_equal(10**4000, 1.5, 0.01)
    assert numbers_equal(10**4000, 10**4000, 0)
    assert not numbers_equal(1e308, -1e308, 1)


def test_case_is_ignored_only_where_asked() -> None:
    assert equal("ACME Straße", "acme strasse", Rules(Rule(ignore_case=True)))
    assert not equal("ACME", "acme")


def test_findings_name_the_place() -> None:
    comparison = Comparison(Rules())
    got = {"lines": [{"amount": 1}, {"amount": 3, "extra": 0}]}
    expected = {"lines": [{"amount": 1}, {"amount": 2, "tax": 7}]}
    assert comparison.held(got, expected, "", "", Rule()) == 1
    found = {finding.location: finding for finding in comparison.findings}
    assert set(found) == {"lines[1].amount", "lines[1].tax", "lines[1].extra"}
    assert found["lines[1].amount"].kind is ErrorKind.ASSERTION
    assert (found["lines[1].amount"].got, found["lines[1].amount"].expected) == ("3", "2")
    assert found["lines[1].tax"].kind is ErrorKind.SCHEMA


def test_a_list_of_the_wrong_length_holds_what_fits_from_its_start() -> None:
    comparison = Comparison(Rules())
    assert comparison.held(["a", "b", "x"], ["a", "b"], "tags", "tags", Rule()) == 1
    assert [finding.message for finding in comparison.findings] == ["wrong number of items"]


def test_rules_reach_from_a_path_downwards() -> None:
    settings = Rules(Rule(), {"lines[*].amount": Rule(tolerance=1), "lines[0].amount": Rule(tolerance=5)})
    got = {"lines": [{"amount": 14}, {"amount": 10.5}, {"amount": 12}]}
    comparison = Comparison(settings)
    assert comparison.held(got, {"lines": [{"amount": 10}] * 3}, "", "", settings.default) == 2
    assert [finding.location for finding in comparison.findings] == ["lines[2].amount"]
