from __future__ import annotations

from typing import Any

import pytest

from metaagent.records import Check, Outcome, Verdict
from metaagent.validators import OptionsError, get, judge

LONG = "word " * 2_000_000


def said(name: str, text: str, **options: Any) -> Verdict:
    return judge(text, (Check(name, True, options),))[0]


@pytest.mark.parametrize(
    ("name", "options", "good", "bad"),
    [
        ("text.length", {"words": {"min": 2, "max": 3}}, ["a b", " a  b c "], ["a", "a b c d", LONG]),
        ("text.length", {"chars": {"max": 3}}, ["", "abc"], ["abcd"]),
        ("text.length", {"lines": {"min": 2, "max": 2}}, ["a\nb", "a\nb\n"], ["", "a", "a\nb\nc", "a\u2028b"]),
        ("text.contains", {"all": ["a", "b"]}, ["ba"], ["a", "B A", ""]),
        ("text.contains", {"any": ["a", "b"]}, ["a", "b"], ["c"]),
        ("text.contains", {"all": ["STRASSE"], "ignore_case": True}, ["Straße"], ["Weg"]),
        ("text.contains", {"regex": r"\bRE-\d+"}, ["see RE-1"], ["see RE-", LONG]),
        ("text.forbids", {"any": ["TODO"]}, ["done"], ["a TODO"]),
        ("text.forbids", {"any": ["todo"], "ignore_case": True}, ["done"], ["a TODO"]),
        ("text.forbids", {"regex": ["a+b", "c"]}, ["d"], ["aab", "c"]),
        ("text.expected", {"value": "Dear  Ann,\nhello"}, ["Dear Ann, hello\n"], ["dear Ann, hello", ""]),
        ("text.expected", {"value": "yes", "ignore_case": True}, [" YES "], ["no"]),
    ],
)
def test_texts(name: str, options: dict[str, Any], good: list[str], bad: list[str]) -> None:
    for text in good:
        assert said(name, text, **options).outcome is Outcome.PASS, text
    for text in bad:
        verdict = said(name, text, **options)
        assert verdict.outcome is Outcome.FAIL, text[:50]
        assert verdict.held == verdict.checked - len(verdict.findings)


def test_each_part_is_a_unit_and_a_finding_names_it() -> None:
    verdict = said("text.contains", "a\nb", all=["a", "x"], any=["b", "y"], regex=["z"])
    assert (verdict.checked, verdict.held) == (4, 2)
    assert [finding.expected for finding in verdict.findings] == ['"x"', '"z"']


def test_a_forbidden_part_is_located() -> None:
    (finding,) = said("text.forbids", "fine\nnot TODO", any=["TODO"]).findings
    assert (finding.location, finding.got) == ("line 2", '"TODO"')


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("text.length", {}),
        ("text.length", {"words": 5}),
        ("text.length", {"words": {"min": 5, "max": 4}}),
        ("text.length", {"words": {"most": 4}}),
        ("text.length", {"word": {"max": 4}}),
        ("text.contains", {}),
        ("text.contains", {"all": [""]}),
        ("text.contains", {"all": 3}),
        ("text.contains", {"all": ["a"], "ignore_case": "yes"}),
        ("text.forbids", {"regex": "("}),
        ("text.expected", {"value": " "}),
    ],
)
def test_options_that_do_not_hold_are_refused(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(OptionsError):
        get(name)(options)
