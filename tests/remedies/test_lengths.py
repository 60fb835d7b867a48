"""Lengths of time: told in figures and words of several languages, rounded and written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent.remedies.json.fields.evaluate import NOTHING, Scope, evaluate
from metaagent.remedies.json.fields.lengths import minutes, stepped


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("2h 15", 135),
        ("2 h 15 min", 135),
        ("1 h 5", 65),
        ("1:5", None),
        ("1:30", 90),
        ("PT1H30M", 90),
        ("2,5 Std.", 150),
        ("three days", 3 * 1440),
        ("fünf Tage, 1 Stunde", 5 * 1440 + 60),
        ("a half-day", 720),
        ("ein halber Tag", 720),
        ("une demi-journée", 720),
        ("deux jours et demi", 2.5 * 1440),
        ("2½ hours", 150),
        ("zweieinhalb Stunden", 150),
        ("an hour and a half", 90),
        ("a quarter of an hour", 15),
        ("2 weeks", 14 * 1440),
        ("day", None),
        ("10 o'clock", None),
        ("13 October 2025", None),
        ("3 nights", None),
    ],
)
def test_a_length_is_read_as_it_is_told(text: str, length: float | None) -> None:
    assert minutes(text) == length


@given(
    st.integers(0, 100_000).map(lambda n: n / 10), st.sampled_from(["up", "down", "near"]), st.sampled_from([5, 15, 60])
)
def test_rounding_ends_on_a_step_within_one(length: float, way: str, step: int) -> None:
    made = stepped(length, way, step)
    assert made % step == 0 and abs(made - length) < step
    assert {"up": made >= length, "down": made <= length, "near": abs(made - length) <= step / 2}[way]


def test_an_expression_rounds_and_abstains_where_there_is_no_length() -> None:
    rounded = ["written", "0.0", ["duration", "hours", "up", 30, ["own"]]]
    assert evaluate(rounded, Scope("2 h 15", {}, "")) == "2.5"
    assert evaluate(rounded, Scope("soon", {}, "")) is NOTHING


@given(st.text(max_size=60))
def test_no_text_breaks_it(text: str) -> None:
    length = minutes(text)
    assert length is None or length >= 0
