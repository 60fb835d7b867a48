"""Regular expressions come to an end, and to the answer of ``re``."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent.records import Check, ErrorKind, Outcome
from metaagent.validators import expressions, judge
from metaagent.validators.expressions import _HOPELESS, _degree, search
from metaagent.validators.protocol import CannotJudgeError

SLOW = r"(a+)+$"
HOSTILE = "a" * 60 + "!"


@pytest.mark.parametrize(
    ("pattern", "degree"),
    [
        (r"\d{4}-\d{2}-\d{2}", 0),
        (r"[A-Z]{2}\d+", 1),
        (r"-?\d{1,3}(,\d{3})*(\.\d+)?", 2),
        (r".*x.*y", 2),
        (r"^\s*total:\s*\d+", 3),
        (r"(foo|bar) \w+", 1),
        (SLOW, _HOPELESS),
        (r"(a|a)*b", _HOPELESS),
        (r"(\w+\s?)*", _HOPELESS),
        (r"(.{1,30}){1,30}$", _HOPELESS),
        ("a?" * 30 + "a" * 30, _HOPELESS),
        ("(a|b|ab)" * 20, _HOPELESS),
    ],
)
def test_what_may_take_long_is_known_by_its_form(pattern: str, degree: int) -> None:
    assert _degree(pattern, re.compile(pattern).flags) == degree


@pytest.mark.parametrize("whole", [False, True])
def test_one_without_an_end_is_ended(monkeypatch: pytest.MonkeyPatch, whole: bool) -> None:
    monkeypatch.setattr(expressions, "SECONDS", 0.5)
    with pytest.raises(CannotJudgeError, match="write it without nested repeats"):
        search(re.compile(SLOW), HOSTILE, whole=whole)


@pytest.mark.parametrize(("text", "span"), [("xaa", (1, 3)), ("b", None), ("\udc80aa", (1, 3)), ("\0a", (1, 2))])
def test_in_a_process_it_comes_to_the_same(text: str, span: tuple[int, int] | None) -> None:
    assert search(re.compile(SLOW), text) == span


@given(st.text(alphabet="ab-1 \n", max_size=30), st.sampled_from([r"a+b", r"[a-b]{2}", r"^a.*b$", r"(?i)A|B-", r"\d?"]))
def test_it_answers_as_re_does(text: str, pattern: str) -> None:
    expression = re.compile(pattern)
    for whole, tried in ((False, expression.search), (True, expression.fullmatch)):
        found = tried(text)
        assert search(expression, text, whole=whole) == (found.span() if found else None)


SCHEMA = {"type": "object", "properties": {"a": {"type": "string", "pattern": SLOW}}}
KEYS = {"type": "object", "patternProperties": {SLOW: {"type": "string"}}, "additionalProperties": False}


@pytest.mark.parametrize(
    ("artifact", "check"),
    [
        (json.dumps({"a": HOSTILE}), Check("json.format", True, {"a": SLOW})),
        (json.dumps({"a": HOSTILE}), Check("json.schema", True, {"schema": SCHEMA})),
        (json.dumps({"a": HOSTILE, "b": 1}), Check("json.schema", True, {"schema": {**SCHEMA, "minProperties": 3}})),
        (json.dumps({HOSTILE: "x"}), Check("json.schema", True, {"schema": KEYS})),
        (json.dumps({HOSTILE: "x"}), Check("json.schema", True, {"schema": dict(reversed(KEYS.items()))})),
        (HOSTILE, Check("text.contains", True, {"regex": SLOW})),
        (HOSTILE, Check("text.forbids", True, {"regex": [SLOW]})),
        ("a" * 1_000_000, Check("text.contains", True, {"regex": "a+b"})),
    ],
)
def test_no_check_waits_for_an_expression(monkeypatch: pytest.MonkeyPatch, artifact: str, check: Check) -> None:
    monkeypatch.setattr(expressions, "SECONDS", 0.5)
    (found,) = judge(artifact, (check,))
    assert (found.outcome, found.findings[0].kind) == (Outcome.INCONCLUSIVE, ErrorKind.INFRASTRUCTURE)
    assert "took more than 0.5 s" in found.findings[0].message
