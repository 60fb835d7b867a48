"""Tasks that resemble each other by their words."""

from __future__ import annotations

from metaagent.learning.similar import Similar, nearest

TEXTS = {"A": "invoice of Müller", "B": "INVOICE of müller!", "C": "invoice of Meier", "D": "a poem", "E": ""}


def test_the_nearest_first_and_nothing_without_a_common_word() -> None:
    assert nearest(TEXTS, {"A"}, {"B", "C", "D", "E", "F"}, 3) == [Similar("B", "A", 1.0), Similar("C", "A", 0.5)]
    assert nearest(TEXTS, {"A"}, {"B", "C"}, 1) == [Similar("B", "A", 1.0)]
    assert nearest(TEXTS, set(), {"B"}, 3) == []
