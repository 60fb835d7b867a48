from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent.inference import watch
from tests.inference.values import request

PROSE = """The harbour master wrote to say that the third crane is out of service until the end of the month, and that
ships which were booked for it will be moved to the old quay. He asks us to tell our captains, since the old quay is
shallow: nothing that draws more than six metres may lie there at low water. The fee stays as it is."""


@pytest.mark.parametrize("unit", [" ", "\n", "0, ", "and so on, ", "x" * 30 + "y", PROSE[:200], PROSE[:390]])
def test_a_loop_is_seen(unit: str) -> None:
    assert watch.repeats(PROSE + unit * max(6, 240 // len(unit) + 1))


@pytest.mark.parametrize("text", ["", "short", PROSE, "-" * 200, PROSE + "-" * 100, PROSE + "0, " * 60, PROSE * 3])
def test_ordinary_text_is_no_loop(text: str) -> None:
    assert not watch.repeats(text)


def test_rows_that_differ_are_no_loop() -> None:
    assert not watch.repeats("\n".join(f'{{"row": {number}, "value": 0}}' for number in range(200)))


@given(st.text(min_size=1, max_size=watch.LONGEST_UNIT), st.text(max_size=50), st.integers(6, 12))
def test_every_unit_is_found_wherever_the_reply_is_cut(unit: str, before: str, times: int) -> None:
    times = max(times, watch.REPEATED_CHARACTERS // len(unit) + 2)
    looped = before + unit * times
    assert watch.repeats(looped)


@given(st.text(max_size=3000))
def test_any_text_is_judged(text: str) -> None:
    watch.repeats(text)
    watch.stuck(text)


def test_a_reply_that_broke_off_stuck() -> None:
    assert watch.stuck("The list:" + "\n" * 31)
    assert watch.stuck("x" + " the" * 30)
    assert not watch.stuck(PROSE)
    assert not watch.stuck("")


def test_a_prompt_smaller_than_the_window_in_bytes_was_not_cut() -> None:
    assert watch.truncated(request("x" * 900, num_ctx=1024), 900, 1, 4.0) is False


@pytest.mark.parametrize(("count", "verdict"), [(None, None), (2048, True), (4096, True), (9800, False)])
def test_a_long_prompt_is_judged_by_its_count(count: int | None, verdict: bool | None) -> None:
    assert watch.truncated(request(num_ctx=4096), 40_000, count, 4.0) is verdict


def test_a_prompt_that_fills_the_window_to_its_last_token_was_cut() -> None:
    """One that is hardly too long: its count is not low at all."""
    assert watch.truncated(request(num_ctx=512), 2100, 512, 4.0) is True
    assert watch.truncated(request(num_ctx=512), 2000, 490, 4.0) is False


def test_a_low_count_of_a_prompt_that_should_fit_proves_nothing() -> None:
    assert watch.truncated(request(num_ctx=4096), 10_000, 30, 4.0) is None


@pytest.mark.parametrize(("count", "kept"), [(5, 5), (0, None), (-1, None), (11, None), (None, None), (True, None)])
def test_plausible_counts(count: int | None, kept: int | None) -> None:
    assert watch.plausible_count(count, 10) == kept
