"""Go, no-go, or not enough evidence: by the stated rules."""

from __future__ import annotations

from dataclasses import replace

import pytest

from metaagent.learning.report import Interval
from metaagent.learning.verdict import Facts, Verdict, decide

GOOD = Facts(
    completed=60, patterns=9, reproducible=6, noise=0.1, failing=30, fewer_errors=Interval(0.5, 0.3, 0.7), sealed=20,
    cost_per_task=0.001, cost_basis="seconds", seconds_per_task=4.0,
)  # fmt: skip


def test_all_rules_hold() -> None:
    decision = decide(GOOD)
    assert decision.verdict is Verdict.GO
    assert all(rule.holds for rule in decision.rules)


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({"completed": 9}, Verdict.NOT_ENOUGH),
        ({"reproducible": 4}, Verdict.NOT_ENOUGH),
        ({"fewer_errors": Interval(None)}, Verdict.NOT_ENOUGH),
        ({"fewer_errors": Interval(0.5, -0.1, 0.8)}, Verdict.NOT_ENOUGH),
        ({"fewer_errors": Interval(0.1, 0.05, 0.2)}, Verdict.NOT_ENOUGH),
        ({"fewer_errors": Interval(-0.1, -0.3, 0.1)}, Verdict.NO_GO),
        ({"fewer_errors": Interval(0.0, 0.0, 0.0)}, Verdict.NO_GO),
        ({"sealed": 9}, Verdict.NOT_ENOUGH),
        ({"sealed": 9, "fewer_errors": Interval(0.0, 0.0, 0.0)}, Verdict.NOT_ENOUGH),
        ({"noise": 0.6}, Verdict.NO_GO),
        ({"noise": 0.6, "failing": 9, "reproducible": 4}, Verdict.NOT_ENOUGH),
        ({"noise": 1.0, "failing": 1, "completed": 5, "fewer_errors": Interval(None)}, Verdict.NOT_ENOUGH),
        ({"noise": 1.0, "failing": 10, "completed": 10, "fewer_errors": Interval(None)}, Verdict.NO_GO),
        ({"cost_per_task": 5.5}, Verdict.NO_GO),
        ({"cost_per_task": 2.0}, Verdict.NOT_ENOUGH),
        ({"cost_per_task": None, "seconds_per_task": None}, Verdict.GO),
        ({"seconds_per_task": 121.0}, Verdict.NOT_ENOUGH),
    ],
)
def test_what_changed(changed: dict[str, object], verdict: Verdict) -> None:
    decision = decide(replace(GOOD, **changed))  # type: ignore[arg-type]
    assert decision.verdict is verdict, decision.why
    assert decision.why


def test_of_few_sealed_tasks_nothing_holds() -> None:
    rule = decide(replace(GOOD, fewer_errors=Interval(1.0, 0.9, 1.0), sealed=1)).rules[2]
    assert (rule.measured, rule.holds) == ("not measured enough: 100.0% (90.0% to 100.0%), n = 1 of 10", None)
