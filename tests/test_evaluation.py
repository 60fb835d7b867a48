"""Counts become shares with intervals; what was not counted stays unknown."""

from __future__ import annotations

from typing import Any

import pytest

from metaagent.evaluation import measures
from metaagent.ledger.metrics import Metrics, Percentiles

SECONDS = Percentiles(10, 1.0, 2.0, 3.0, 4.0)


def counts(**more: Any) -> Metrics:
    values: dict[str, Any] = {
        "group": "all", "attempts": 12,
        "passed": 4, "failed": 6, "inconclusive": 1, "interrupted": 1, "passed_first": 3,
        "tasks": 9, "solved": 4, "decided": 8, "score": 0.6, "calls": 20, "prompt_tokens": 900, "reply_tokens": 100,
        "tokens_of_solved": 300, "model_seconds": 9.0, "seconds": 12.0, "cost": 0.5, "interventions": 2,
        "errors": {"assertion": 5, "format": 1}, "latency": SECONDS, "call_latency": SECONDS,
    }  # fmt: skip
    return Metrics(**{**values, **more})


def test_each_share_has_its_own_denominator() -> None:
    found = measures(counts())
    shares = (found.completion, found.solved, found.success, found.first_try, found.errors["assertion"])
    assert [(share.k, share.n) for share in shares] == [(8, 9), (4, 9), (4, 10), (3, 10), (5, 12)]
    assert all(share.low <= share.k / share.n <= share.high for share in shares)


def test_failures_are_paid_by_what_was_solved() -> None:
    assert measures(counts()).tokens_per_solved == pytest.approx(1000 / 4)
    assert measures(counts(solved=0)).tokens_per_solved is None


def test_nothing_judged_is_nothing_known() -> None:
    found = measures(counts(passed=0, failed=0, passed_first=0, latency=Percentiles(0, 0.0, 0.0, 0.0, 0.0)))
    assert (found.success.low, found.success.high, found.success.share) == (0.0, 1.0, None)
    assert found.latency.p50 is None
