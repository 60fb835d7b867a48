from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent.orchestrator.strategies import SAMPLE_TEMPERATURE, ladder, seed, temperature
from metaagent.records import Rung, Strategy
from tests.orchestrator.values import AGENT


@pytest.mark.parametrize(
    ("strategy", "retries", "rungs"),
    [
        (None, 0, [Rung.CONVERSATIONAL]),
        (None, 2, [Rung.CONVERSATIONAL, Rung.FRESH, Rung.SAMPLE]),
        (Strategy.CONVERSATIONAL, 3, [Rung.CONVERSATIONAL, Rung.FRESH, Rung.SAMPLE, Rung.PLAN]),
        (Strategy.CONVERSATIONAL, 5, [*Rung, Rung.SAMPLE, Rung.SAMPLE]),
        (Strategy.REASONING, 2, [Rung.PLAN, Rung.FRESH, Rung.SAMPLE]),
        (Strategy.DETERMINISTIC, 1, [Rung.CONVERSATIONAL, Rung.FRESH]),
    ],
)
def test_the_ladder(strategy: Strategy | None, retries: int, rungs: list[Rung]) -> None:
    assert list(ladder(strategy, retries)) == rungs


@given(st.sampled_from([None, *Strategy]), st.integers(0, 30))
def test_a_ladder_has_one_rung_more_than_retries_and_a_longer_one_begins_alike(
    strategy: Strategy | None, retries: int
) -> None:
    rungs = ladder(strategy, retries)
    assert len(rungs) == retries + 1
    assert ladder(strategy, retries + 1)[:-1] == rungs


@pytest.mark.parametrize("rung", Rung)
def test_only_a_sample_is_warm(rung: Rung) -> None:
    assert temperature(rung, AGENT) == (SAMPLE_TEMPERATURE if rung is Rung.SAMPLE else 0.0)
    hot = replace(AGENT, temperature=1.2)
    assert temperature(rung, hot) == 1.2


@given(st.text(), st.integers(0, 20), st.integers(1, 20))
def test_a_seed_has_31_bits_and_is_the_same_each_time(task_id: str, rung: int, number: int) -> None:
    assert 0 <= seed(task_id, rung, number) < 2**31
    assert seed(task_id, rung, number) == seed(task_id, rung, number)


def test_rungs_tasks_and_later_attempts_draw_anew() -> None:
    drawn = {seed(task, rung, number) for task in ("A", "B") for rung in range(4) for number in (1, 2, 3)}
    assert len(drawn) == 24
