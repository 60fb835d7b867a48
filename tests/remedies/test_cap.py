"""What a protocol adds to prompts is counted whole, and never less than nothing."""

from __future__ import annotations

from typing import Any

import pytest

from metaagent.records import Protocol, Remedy
from metaagent.remedies.cap import added_tokens, fresh_tokens, over_cap


def rule(text: str) -> Remedy:
    return Remedy("rule", "r", {"text": text})


def shown(**settings: Any) -> Remedy:
    return Remedy("exemplar", "nearest", {"pool": [], **settings})


def tokens(*remedies: Remedy) -> int:
    return added_tokens(Protocol(remedies=remedies))


def test_a_negative_cap_takes_nothing_away() -> None:
    assert tokens(rule("x" * 40_000), shown(cap=-(10**6))) == tokens(rule("x" * 40_000)) == 13_333


def test_goals_that_replace_the_tasks_own_are_counted() -> None:
    long, short = Remedy("route", "prompt", {"goal": "Z" * 40_000}), Remedy("route", "prompt", {"goal": "Z" * 300})
    assert over_cap(tokens(long)) and tokens(long, short) == tokens(long)
    assert (tokens(short), tokens(Remedy("route", "model", {"model": "m"}))) == (100, 0)


def test_a_character_of_three_bytes_is_a_token() -> None:
    assert tokens(rule("漢" * 900)) == 900
    solved = {"task": "T", "inputs": {"text": "漢" * 50}, "artifact": "漢"}
    assert tokens(shown(cap=1000, pool=[solved])) == 3000
    assert tokens(shown(cap=1000, pool=[{**solved, "inputs": {"text": "plain"}, "artifact": "{}"}])) == 1000


def test_notes_are_counted_with_what_they_add_to_the_form() -> None:
    one = tokens(Remedy("option", "notes", {"fields": ["status"]}))
    many = tokens(Remedy("option", "notes", {"fields": [f"field{number}" for number in range(200)]}))
    assert 20 < one < 40 and over_cap(many)
    assert tokens(Remedy("option", "options", {"num_predict": 900})) == 0


@pytest.mark.parametrize(("trigger", "fresh"), [({}, 0), ({"any": ["vat"]}, 100)])
def test_what_holds_for_every_task_is_read_once(trigger: dict[str, Any], fresh: int) -> None:
    remedies = (Remedy("route", "prompt", {"goal": "Z" * 300, "trigger": trigger}),)
    assert fresh_tokens(Protocol(remedies=remedies)) == fresh
