"""Arms, comparisons and what they may say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent.learning.report import arms, compare, difference, forgetting, generalization, reduction
from metaagent.ledger.measured import Measurement

ZERO, ONE = "hash0", "hash1"
NAMES = {ZERO: "v0", ONE: "v1"}


def one(task: str, protocol: str = ZERO, passed: bool = False, score: float = 0.5, **fields: Any) -> Measurement:
    given: dict[str, Any] = {
        "attempt_id": "a", "task_hash": "h", "time": "", "family": "f", "split": "sealed", "domain": "d", "model": "m",
        "retries": 0, "units": 4, "wrong": frozenset() if passed else frozenset({"a", "b"}), "calls": 1, "tokens": 10,
        "seconds": 2.0, "cost": 0.0,
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
    assert found.low is not None and found.high is not None and 0 <= found.low < 0.375 < found.high <= 1
    assert difference([]).value is None


def test_generalization_is_gain_over_gain() -> None:
    seen = [(one("A"), one("A", ONE, passed=True))]
    unseen = [(one("B"), one("B", ONE, passed=True)), (one("C"), one("C", ONE))]
    assert generalization(seen, unseen) == pytest.approx(0.5)
    assert generalization([(one("A"), one("A", ONE))], unseen) is None


def test_forgetting_is_the_net_loss_of_what_was_solved() -> None:
    solved, failed = one("A", passed=True), one("A")
    assert forgetting([(solved, failed), (solved, solved), (failed, solved)]).k == 0
    found = forgetting([(solved, failed), (solved, failed), (failed, solved), (solved, solved)])
    assert (found.k, found.n) == (1, 3)


def test_an_answer_that_fails_as_a_whole_breaks_what_was_right_and_was_never_right_itself() -> None:
    """Code that does not load has one place for all of its cases."""
    whole = {"wrong": frozenset({"line 1"}), "score": 0.0}
    [broken] = compare([one("A", wrong=frozenset({"c"}), score=0.75), one("A", ONE, **whole)], ZERO, NAMES)
    assert broken.broken == 1.0
    [mended] = compare([one("A", **whole), one("A", ONE, wrong=frozenset({"c"}), score=0.75)], ZERO, NAMES)
    assert mended.broken is None
