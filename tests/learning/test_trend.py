"""Trends: one word for how a pattern goes on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent.learning.trend import trend


def hits(text: str) -> list[bool]:
    return [character == "x" for character in text.replace(" ", "")]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("x", "steady"),
        ("xxxx.xx.xxx", "steady"),
        ("x..x..x...x..x..x..x", "steady"),
        ("xxxxxxxxxx ..........", "gone"),
        (".......... xxxxxxxxxx", "new"),
        ("xx.xxx.xxxxx.xx .............. xxx.xx", "steady"),
        ("xxx.........xxx ..........", "steady"),
        ("xxxxxxxxxx .....", "steady"),
        ("x.....x....x....x....x xxx.xx.xxx.xx.xxx.xxxx", "rising"),
        ("xxx.xx.xxx.xx.xxx.xxx x.....x....x....x....x", "falling"),
        ("x............................x", "steady"),
    ],
)
def test_the_word(text: str, word: str) -> None:
    assert trend(hits(text)) == word


def test_seen_again_after_a_fix() -> None:
    seen = hits("x.x.x.x.x. x.x.x.x.x.")
    assert trend(seen) == "steady"
    assert trend(seen, since_fix=10) == "recurring"
    assert trend(hits("x.x.x.x.x.x.x ............."), since_fix=13) == "gone"


@given(st.lists(st.booleans(), min_size=1, max_size=80), st.none() | st.integers(0, 80))
def test_there_is_always_a_word(seen: list[bool], fix: int | None) -> None:
    assert trend(seen, fix) in {"gone", "recurring", "new", "rising", "falling", "steady"}
