"""Arms, comparisons and what they may say."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent.learning.gate import net_interval
from metaagent.learning.report import arms, compare, difference, forgetting, generalization, reduction
from metaagent.ledger.measured import Measurement
from metaagent.statistics import wilson

ZERO, ONE = "hash0", "hash1"
NAMES = {ZERO: "v0", ONE: "v1"}


def one(task: str, protocol: str = ZERO, passed: bool = False, score: float = 0.5, **fields: Any) -> Measurement:
    given: dict[str, Any] = {
        "attempt_id": "a", "task_hash": "h", "time": "", "family": "f", "split": "sealed", "domain": "d", "model": "m",
        "digest": "", "asked": True, "retries": 0, "units": 4, "calls": 1, "tokens": 10, "seconds": 2.0, "cost": 0.0,
        "wrong": frozenset() if passed else frozenset({"a", "b"}),
    }  # fmt: skip
    reached = 1.0 if passed else score
    return Measurement(task_id=task, protocol=protocol, passed=passed, score=reached, **{**given, **fields})


def test_the_latest_measurement_of_a_task_counts() -> None:
    [arm] = arms([one("A"), one("B"), one("A", passed=True)], NAMES)
    assert (arm.name, arm.n, arm.failed.k, arm.error_rate) == ("v0", 2, 1, 0.25)


def test_retries_make_an_arm_of_their_own() -> None:
    found = arms([one("A"), one("A", retries=2, calls=3)], NAMES)
    assert [(arm.name, arm.calls_per_task) for arm in found] == [("v0", 1), ("v0, 2 retries", 3)]


def test_a_comparison_takes_the_tasks_that_both_have() -> None:
    zero = [one("A"), one("B"), one("C", passed=True), one("D")]
    better = [
        one("A", ONE, passed=True),
        one("B", ONE, wrong=frozenset({"c"}), score=0.75),
        one("C", ONE),
        one("X", ONE),
    ]
    [found] = compare(zero + better, ZERO, NAMES)
    assert (found.name, found.n, found.gains, found.losses) == ("v1", 3, 1, 1)
    assert found.fewer_failed.value == 0.0
    assert found.fewer_errors.value == pytest.approx(0.25)
    assert found.broken == pytest.approx(3 / 8)  # of 2 + 2 + 4 right units, one of B's and two of C's are wrong now


def test_nothing_to_compare_with() -> None:
    assert compare([one("A", ONE)], ZERO, NAMES) == []
    assert reduction([]).value is None
    assert reduction([(0.0, 0.0)]).value is None


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=30))
def test_an_interval_is_the_same_again_and_ordered(pairs: list[tuple[float, float]]) -> None:
    found = reduction(pairs, draws=50)
    assert found == reduction(pairs, draws=50)
    if found.low is not None and found.high is not None:
        assert found.low <= found.high


def test_a_difference_is_in_points_of_all() -> None:
    found = difference([(1.0, 0.0), (1.0, 1.0), (0.0, 0.0), (0.5, 0.0)])
    assert found.value == pytest.approx(0.375)
    assert found.low is not None and found.high is not None and -0.375 < found.low < 0.375 < found.high <= 1
    assert difference([]).value is None


def test_generalization_is_gain_over_gain() -> None:
    seen = [(one("A"), one("A", ONE, passed=True))]
    unseen = [(one("B"), one("B", ONE, passed=True)), (one("C"), one("C", ONE))]
    assert generalization(seen, unseen) == pytest.approx(0.5)
    assert generalization([(one("A"), one("A", ONE))], unseen) is None


def solving(protocol: str, **passed: bool) -> dict[str, Measurement]:
    return {task: one(task, protocol, passed=did) for task, did in passed.items()}


def test_forgetting_is_of_what_an_earlier_version_solved_whatever_is_gained_elsewhere() -> None:
    zero = solving(ZERO, A=True, B=True, C=False, D=False, E=False)
    found = forgetting([zero], solving(ONE, A=False, B=True, C=True, D=True, E=True))
    assert (found.tasks, found.lost, found.regained, found.net) == (2, 1, 0, 0.5)
    assert (found.low, found.high) == net_interval(1, 0, 2)


def test_forgetting_is_less_what_the_best_version_had_lost_and_is_back() -> None:
    zero = solving(ZERO, A=True, B=False, C=False, D=False)
    best = solving(ONE, A=False, B=True, C=True, D=False)
    found = forgetting([zero, best], solving("hash2", A=True, B=False, C=True, D=True))
    assert (found.tasks, found.lost, found.regained, found.net) == (3, 1, 1, 0.0)


def test_before_there_was_another_version_nothing_is_forgotten() -> None:
    assert forgetting([], solving(ZERO, A=True)).tasks == 0


@pytest.mark.parametrize(("n", "least"), [(1, -2.0), (6, 0.2), (10, 0.55), (18, 0.75), (30, 0.85)])
def test_where_all_is_mended_the_interval_does_not_collapse(n: int, least: float) -> None:
    found = reduction([(1.0, 0.0)] * n)
    low = wilson(n, n).low
    assert found.low is not None
    assert (found.value, found.high) == (1.0, 1.0)
    assert least < found.low < low + 0.05  # about what Wilson's says of the share that is mended


def test_where_nothing_changed_the_interval_has_two_sides() -> None:
    found = reduction([(1.0, 1.0)] * 12)
    assert found.low is not None and found.high is not None and found.low < -0.1 < 0.1 < found.high


@pytest.mark.parametrize("n", [6, 12, 30])
@pytest.mark.parametrize(
    ("failing", "mended", "broken"),
    [(0.8, 0.95, 0.0), (0.95, 0.02, 0.0), (0.8, 0.4, 0.05), (0.3, 0.9, 0.02), (0.5, 0.0, 0.05)],
)
def test_the_interval_covers_the_truth_as_often_as_it_says(
    n: int, failing: float, mended: float, broken: float
) -> None:
    """120 seeded samples of tasks; 95% nominal, less what the number of samples leaves open."""
    chance = random.Random(f"{n} {failing} {mended}")
    true = mended - (1 - failing) * broken / failing
    covered = 0
    for _ in range(120):
        before = [chance.random() < failing for _ in range(n)]
        after = [chance.random() >= mended if failed else chance.random() < broken for failed in before]
        found = reduction([(float(b), float(a)) for b, a in zip(before, after, strict=True)], draws=200)
        covered += found.low is None or found.high is None or found.low <= true <= found.high
    assert covered >= 0.88 * 120


def test_usual_intervals_stay_about_what_a_plain_bootstrap_says() -> None:
    """38 of 57 failed tasks of 73 mended, one broken: 52 to 77% without pseudo-tasks; 5 of 14 of 18: 13 to 62%."""
    many = reduction([(1.0, 1.0)] * 19 + [(1.0, 0.0)] * 38 + [(0.0, 1.0)] + [(0.0, 0.0)] * 15)
    assert (many.low, many.high) == (pytest.approx(0.52, abs=0.02), pytest.approx(0.77, abs=0.02))
    few = reduction([(1.0, 1.0)] * 9 + [(1.0, 0.0)] * 5 + [(0.0, 0.0)] * 4)
    assert (few.low, few.high) == (pytest.approx(0.11, abs=0.03), pytest.approx(0.62, abs=0.02))


def test_an_answer_that_fails_as_a_whole_breaks_what_was_right_and_was_never_right_itself() -> None:
    """Code that does not load has one place for all of its cases."""
    whole = {"wrong": frozenset({"line 1"}), "score": 0.0}
    [broken] = compare([one("A", wrong=frozenset({"c"}), score=0.75), one("A", ONE, **whole)], ZERO, NAMES)
    assert broken.broken == 1.0
    [mended] = compare([one("A", **whole), one("A", ONE, wrong=frozenset({"c"}), score=0.75)], ZERO, NAMES)
    assert mended.broken is None
