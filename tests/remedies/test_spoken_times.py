"""Times of day that are told in words."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent.remedies.json.fields.moments import times


def clocks(text: str) -> list[tuple[int, int]]:
    return [(hour, minute) for _, _, (hour, minute, _) in times(text)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("half past four to six in the morning", [(4, 30), (6, 0)]),
        ("at quarter to eight, or a quarter past nine in the evening", [(7, 45), (21, 15)]),
        ("ten past six p.m.", [(18, 10)]),
        ("twenty-five to twelve", [(11, 35)]),
        ("three in the afternoon", [(15, 0)]),
        ("twelve o'clock", [(12, 0)]),
        ("half past twelve p.m.", [(12, 30)]),
        ("half five", [(5, 30)]),
        ("um halb acht, viertel nach neun abends", [(7, 30), (21, 15)]),
        ("fünf vor zwölf", [(11, 55)]),
        ("20 Uhr", [(20, 0)]),
        ("huit heures et demie", [(8, 30)]),
        ("neuf heures moins le quart du matin", [(8, 45)]),
        ("om half vijf", [(4, 30)]),
        ("9 du matin", [(9, 0)]),
        ("2:30 pm", [(14, 30)]),
        ("at 14.30, then 4 pm", [(14, 30), (16, 0)]),
        ("I have three dogs, half of one is mine", []),
        ("15 March in the morning", []),
        ("a quarter to the house", []),
        ("13 in the afternoon", []),
    ],
)
def test_times_told_in_words_are_read(text: str, told: list[tuple[int, int]]) -> None:
    assert clocks(text) == told


@given(st.text(alphabet="halfpstquroing 0123456789:.,-'", max_size=60))
def test_any_text_gives_times_of_a_day_that_stand_apart(text: str) -> None:
    found = times(text)
    assert all(0 <= hour < 24 and 0 <= minute < 60 for _, _, (hour, minute, _) in found)
    assert all(before[1] <= after[0] for before, after in pairwise(found))
