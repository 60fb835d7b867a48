"""A protocol and a task in, what the attempt does differently out."""

from __future__ import annotations

from typing import Any

import pytest

from metaagent.errors import MetaagentError, NotFoundError
from metaagent.records import ArtifactForm, Brief, Protocol, Remedy, Rung
from metaagent.remedies.apply import MOST_RULES, Applied, apply, same_call
from metaagent.remedies.fixers import BUILT_IN, find_fixer, fix
from metaagent.remedies.trigger import fires

BRIEF = Brief(
    "T-1", "Report", "Count what is asked for", "data.sql", {"text": "Orders cancelled in May"}, ArtifactForm()
)


def made(*remedies: Remedy) -> Applied:
    return apply(Protocol(1, "data.sql", "m", remedies), BRIEF)


def rule(text: str, **settings: Any) -> Remedy:
    return Remedy("rule", text, {"text": text, **settings})


def upper(text: str, _brief: Brief, settings: Any) -> str | None:
    return text.upper() if settings.get("on", True) else None


def breaks(_text: str, _brief: Brief, _settings: Any) -> str | None:
    raise ValueError("odd")


@pytest.fixture(autouse=True)
def fixers(monkeypatch: pytest.MonkeyPatch) -> None:
    find_fixer.cache_clear()  # another test may have planted a fixer of that name
    monkeypatch.setitem(BUILT_IN, "test.upper", f"{__name__}:upper")
    monkeypatch.setitem(BUILT_IN, "test.breaks", f"{__name__}:breaks")


def test_version_0_changes_nothing() -> None:
    assert made() == Applied(BRIEF)


@pytest.mark.parametrize(
    ("trigger", "fired"),
    [
        ({}, True),
        ({"any": ["cancelled"]}, True),
        ({"any": ["cancel"]}, False),
        ({"any": ["refunded", "in may"]}, True),
        ({"all": ["orders", "refunded"]}, False),
        ({"none": ["cancelled"]}, False),
        ({"none": ["refunded"], "any": ["orders"]}, True),
    ],
)
def test_a_trigger_looks_for_whole_words_in_what_varies(trigger: dict[str, list[str]], fired: bool) -> None:
    assert fires({"trigger": trigger}, BRIEF) is fired
    assert made(rule("x", trigger=trigger)).rules == (("x",) if fired else ())


def test_rules_are_few() -> None:
    assert made(*[rule(f"rule {number}") for number in range(9)]).rules == tuple(f"rule {n}" for n in range(MOST_RULES))


def test_options_checks_ladder_and_route() -> None:
    applied = made(
        Remedy("option", "options", {"num_predict": 900, "no such": 1}),
        Remedy("option", "options", {"temperature": 0.3}),
        Remedy("check", "text.contains", {"any": ["x"], "trigger": {}}),
        Remedy("strategy", "ladder", {"rungs": ["conversational", "fresh"], "on": "public"}),
        Remedy("route", "prompt", {"goal": "Another goal"}),
        Remedy("route", "model", {"model": "larger"}),
    )
    assert applied.options == {"num_predict": 900, "temperature": 0.3}
    assert [(check.validator, check.public, check.options) for check in applied.checks] == [
        ("text.contains", True, {"any": ["x"]})
    ]
    assert (applied.rungs, applied.public_only) == ((Rung.CONVERSATIONAL, Rung.FRESH), True)
    assert (applied.brief.goal, applied.model) == ("Another goal", "larger")


def test_a_kind_that_is_not_known_is_refused_not_ignored() -> None:
    with pytest.raises(MetaagentError, match="holds the charm 'x', which this version cannot do"):
        made(Remedy("charm", "x"))


def test_fixers_follow_each_other_and_a_broken_one_is_left_out() -> None:
    remedies = (Remedy("fixer", "test.breaks"), Remedy("rule", "r", {"text": "r"}), Remedy("fixer", "test.upper"))
    found = fix(remedies, "abc", BRIEF)
    assert [(one.name, one.text) for one in found] == [("test.breaks", "abc"), ("test.upper", "ABC")]
    assert found[0].error == "ValueError: odd"
    assert fix((Remedy("fixer", "test.upper"),), "ABC", BRIEF) == []  # what changes nothing is no step
    assert fix((Remedy("fixer", "test.upper", {"on": False}),), "abc", BRIEF) == []
    assert fix((Remedy("fixer", "test.upper", {"trigger": {"any": ["June"]}}),), "abc", BRIEF) == []
    with pytest.raises(NotFoundError, match="no fixer is named 'nobody'"):
        fix((Remedy("fixer", "nobody"),), "abc", BRIEF)


def test_protocols_that_differ_in_fixers_alone_share_their_calls() -> None:
    upper_fixer, a_rule = Remedy("fixer", "test.upper"), rule("r")
    assert same_call((), (upper_fixer,))
    assert same_call((a_rule,), (upper_fixer, a_rule))
    assert not same_call((), (a_rule,))
    ladder = Remedy("strategy", "ladder", {"rungs": ["conversational", "fresh"]})
    assert not same_call((ladder,), (ladder, upper_fixer))  # a fixed answer may end the ladder earlier
