from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent.errors import UsageError
from metaagent.orchestrator.budget import Budget, Usage, left, parse_budget, share, spent, used_up, used_up_inside
from metaagent.records import Limits


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("10m", Budget(seconds=600)),
        ("90s", Budget(seconds=90)),
        ("1.5h", Budget(seconds=5400)),
        ("200calls", Budget(calls=200)),
        ("50ktokens", Budget(tokens=50_000)),
        ("1.5mtokens", Budget(tokens=1_500_000)),
        ("10m, 200 calls,50kTokens", Budget(600, 200, 50_000)),
    ],
)
def test_what_a_budget_may_look_like(text: str, budget: Budget) -> None:
    assert parse_budget(text) == budget


@pytest.mark.parametrize("text", ["", "10", "calls", "-5calls", "10m,", "ten minutes", "5kcall", "1e3calls", "10x"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_budget(text)
    assert "--budget 10m" in (caught.value.mend or "")


@given(st.text(max_size=20))
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        parse_budget(text)
    except UsageError:
        return


@pytest.mark.parametrize(
    ("budget", "usage", "stops"),
    [
        (Budget(), Usage(10, 1e9, 10**9, 10**9, 1e9), False),
        (Budget(seconds=10), Usage(seconds=9.9), False),
        (Budget(seconds=10), Usage(seconds=10), True),
        (Budget(calls=3), Usage(calls=2), False),
        (Budget(calls=3), Usage(calls=3), True),
        (Budget(tokens=3), Usage(tokens=4), True),
    ],
)
def test_a_budget_is_spent_when_it_is_reached(budget: Budget, usage: Usage, stops: bool) -> None:
    assert (spent(budget, usage) is not None) is stops


@pytest.mark.parametrize(
    ("limits", "usage", "says"),
    [
        (Limits(attempts=3), Usage(2), None),
        (Limits(attempts=3), Usage(3), "3 attempts"),
        (Limits(None, seconds=5), Usage(9, 5.0), "5 seconds"),
        (Limits(None, tokens=100), Usage(9, tokens=99), None),
        (Limits(None, tokens=100), Usage(9, tokens=100), "100 tokens"),
        (Limits(None, cost=0.5), Usage(9, cost=0.5), "0.5"),
        (Limits(None), Usage(99, 1e9, 10**9, 10**9, 1e9), None),
    ],
)
def test_what_a_task_may_use_up(limits: Limits, usage: Usage, says: str | None) -> None:
    reason = used_up(limits, usage)
    assert (reason is None) == (says is None)
    assert says is None or says in str(reason)


@given(st.integers(0, 9), st.floats(0, 9), st.integers(0, 9), st.floats(0, 9))
def test_inside_an_attempt_the_number_of_attempts_plays_no_part(
    attempts: int, seconds: float, tokens: int, cost: float
) -> None:
    limits, usage = Limits(1, 5, 5, 5), Usage(attempts, seconds, tokens, 0, cost)
    assert used_up_inside(limits, usage) == used_up_inside(limits, replace(usage, attempts=0))
    if attempts == 0:
        assert used_up(limits, usage) == used_up_inside(limits, usage)


def test_usage_adds_up_field_by_field() -> None:
    assert Usage(1, 2, 3, 4, 5).plus(Usage(10, 20, 30, 40, 50)) == Usage(11, 22, 33, 44, 55)


budgets = st.builds(
    Budget,
    st.none() | st.floats(0, 100),
    st.none() | st.integers(0, 100),
    st.none() | st.integers(0, 100),
)
usages = st.builds(Usage, seconds=st.floats(0, 200), calls=st.integers(0, 200), tokens=st.integers(0, 200))


@given(budgets, usages)
def test_what_is_left_of_a_budget_is_spent_exactly_where_the_budget_is(budget: Budget, usage: Usage) -> None:
    assert (spent(left(budget, usage), Usage()) is None) == (spent(budget, usage) is None)
    assert left(Budget(), usage) == Budget()


def test_a_share_of_a_budget() -> None:
    assert share(Budget(90.0, 10, 0), 1 / 3) == Budget(30.0, 4, 0)
    assert share(Budget(), 1 / 3) == Budget()
