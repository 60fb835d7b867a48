from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent.validators.python_values import problem, same

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3)
        | st.lists(inner, max_size=3).map(lambda items: {"$": "tuple", "args": [items]})
        | st.lists(inner, max_size=3).map(lambda items: {"$": "set", "args": [items]})
    ),
    max_leaves=12,
)


@given(VALUES)
def test_a_value_is_the_same_as_itself_and_holds(value: Any) -> None:
    assert same(value, value)
    assert problem(value, None) is None


@given(VALUES, VALUES)
def test_sameness_is_symmetric(one: Any, other: Any) -> None:
    assert same(one, other) == same(other, one)


def wrapped(name: str, *args: Any) -> dict[str, Any]:
    return {"$": name, "args": list(args)}


@pytest.mark.parametrize(
    ("got", "expected", "equal"),
    [
        (1, True, False),
        (True, 1, False),
        (2.0, 2, True),
        (0.1 + 0.2, 0.3, True),
        (10**20, 10**20 + 1, False),
        (10**400, 1.0, False),
        (float("inf"), 1.0, False),
        ("1", 1, False),
        (None, False, False),
        ([1], wrapped("tuple", [1]), False),
        (wrapped("set", [1, 2]), wrapped("set", [2, 1]), True),
        (wrapped("set", [1, 1]), wrapped("set", [2, 1]), False),
        (wrapped("frozenset", [1]), wrapped("set", [1]), False),
        (wrapped("dict", [[1, "a"], [2, "b"]]), wrapped("dict", [[2, "b"], [1, "a"]]), True),
        (wrapped("set"), wrapped("set", [1]), False),
        (wrapped("set", 1), wrapped("set", [1]), False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": 1}, {"a": 1, "b": None}, False),
        (wrapped("house.Money", 5, "EUR"), wrapped("house.Money", 5, "USD"), False),
        (wrapped("?", "x"), wrapped("house.Ok", "x"), False),
    ],
)
def test_rules(got: Any, expected: Any, equal: bool) -> None:
    assert same(got, expected) is equal


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"$": "os.system", "args": ["ls"]}, "no name that a value may have"),
        ([{"x": {"$": "house.Money", "args": []}}], None),
        ({"$": "other.Money", "args": []}, "no name"),
        ({"$": "tuple"}, "must be like"),
        ({"$": "tuple", "args": [], "more": 1}, "must be like"),
    ],
)
def test_values_of_a_case(value: Any, said: str | None) -> None:
    found = problem(value, "house")
    assert found is None if said is None else said in str(found)
