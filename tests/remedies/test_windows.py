"""Windows of time: read from what people write, written in a house's form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent.remedies.json.fields.evaluate import Scope, evaluate
from metaagent.remedies.json.fields.windows import window

WRITTEN = ["window", "DEC", "/", "twice", ["own"]]


def shown(text: str, expression: list[object] = WRITTEN) -> object:
    return evaluate(expression, Scope(text, {}, "", {}))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("6-8 in the morning", "6/8"),
        ("4:00–5:30", "4/5.5"),
        ("6-7.30", "6/7.5"),
        ("9-10:30 am", "9/10.5"),
        ("2–3.30 pm", "14/15.5"),
        ("between two and three p.m.", "14/15"),
        ("half past four to six in the morning", "4.5/6"),
        ("between 10 and noon", "10/12"),
        ("Saturday before 6.30 a.m.", "/6.5"),
        ("avant 7 h du matin", "/7"),
        ("bis 12", "/12"),
        ("after five pm", "17/"),
        ("ab 10 Uhr", "10/"),
        ("from 14:00", "14/"),
        ("quarter to eight in the morning", "7.75/7.75"),
        ("8 sacks at 17.90 for 12 May, Thursday, between six and eight in the morning", "6/8"),
    ],
)
def test_a_window_is_read(text: str, wanted: str) -> None:
    assert shown(text) == wanted


@pytest.mark.parametrize("text", ["not given", "2 dogs and 3 cats in the big house", "order mc-12-3", "call 0170-55"])
def test_what_is_no_window_gives_nothing(text: str) -> None:
    assert window(text) is None


def test_it_is_written_as_the_house_does() -> None:
    assert shown("2-3:30 pm", ["window", "HH:mm", " - ", "once", ["own"]]) == "14:00 - 15:30"
    assert shown("11:30", ["window", "HH:mm", "-", "once", ["own"]]) == "11:30"
    assert shown("after 11:30", ["window", "H:mm", "-", "once", ["own"]]) == "11:30-"


@given(st.text(alphabet="0123456789:.-–/ aptobfrneqhu", max_size=60))
def test_any_text_gives_times_of_a_day_or_nothing(text: str) -> None:
    found = window(text)
    assert found is None or (found != (None, None) and all(one is None or 0 <= one[0] < 24 for one in found))


def test_the_word_that_says_what_a_time_is_stands_near_it() -> None:
    assert shown("from" + " " * 60 + "14:00") == "14/14"
    assert shown(f"{'item 7 of box ' * 400}until 14:00") == "/14"
