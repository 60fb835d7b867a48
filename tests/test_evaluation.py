"""What attempts come to: counted by tasks where attempts depend on each other, by attempts elsewhere."""

from __future__ import annotations

from typing import Any

from metaagent.evaluation import measure


def row(id: str, task: str, outcome: str, **more: Any) -> dict[str, Any]:
    values = {
        "agent": "agent:executor:main",
        "domain": "data.json.extract",
        "model": "m",
        "protocol": "v0",
        "passed_first": outcome == "pass",
        "seconds": 1.0,
        "calls": 1,
        "prompt_tokens": 100,
        "reply_tokens": 10,
        "cost": 0.5,
    }
    return {"id": id, "task_id": task, "outcome": outcome, **values, **more}


ATTEMPTS = [
    row("1", "A", "fail", seconds=4.0),
    row("2", "A", "pass", passed_first=False, seconds=2.0),
    row("3", "B", "pass", agent="agent:coding:two"),
    row("4", "C", "inconclusive", domain=None),
    row("5", "D", "interrupted", seconds=99.0, calls=0, prompt_tokens=0, reply_tokens=0, cost=0.0),
]
EVENTS = [
    {"attempt_id": "1", "kind": "assertion"},
    {"attempt_id": "1", "kind": "assertion"},
    {"attempt_id": "2", "kind": "format"},
    {"attempt_id": "4", "kind": "infrastructure"},
]


def test_tasks_and_attempts_are_counted_apart() -> None:
    (whole,) = measure(ATTEMPTS, EVENTS, [{"task_id": "A"}, {"task_id": "elsewhere"}])
    assert (whole.completion.k, whole.completion.n) == (2, 4)
    assert (whole.first_try.k, whole.first_try.n) == (1, 4)
    assert (whole.success.k, whole.success.n) == (2, 3)
    assert (whole.inconclusive, whole.interrupted, whole.interventions) == (1, 1, 1)


def test_an_error_kind_counts_once_for_an_attempt() -> None:
    (whole,) = measure(ATTEMPTS, EVENTS, [])
    assert {kind: (share.k, share.n) for kind, share in whole.errors.items()} == {
        "assertion": (1, 5),
        "format": (1, 5),
        "infrastructure": (1, 5),
    }


def test_tokens_of_failures_are_paid_by_what_was_solved() -> None:
    (whole,) = measure(ATTEMPTS, EVENTS, [])
    assert whole.tokens_per_solved == 440 / 2
    assert whole.cost == 2.0
    assert (whole.latency.p50, whole.latency.longest) == (1.0, 4.0)


def test_groups_follow_the_whole_largest_first() -> None:
    names = [(group.name, group.attempts) for group in measure(ATTEMPTS, EVENTS, [], "agent")]
    assert names == [("all", 5), ("agent:executor:main", 4), ("agent:coding:two", 1)]
    assert [group.name for group in measure(ATTEMPTS, EVENTS, [], "domain")] == ["all", "data.json.extract", "(none)"]


def test_nothing_comes_to_nothing_known() -> None:
    (whole,) = measure([], [], [])
    assert (whole.completion.low, whole.completion.high) == (0.0, 1.0)
    assert whole.tokens_per_solved is None
    assert whole.latency.p50 is None
