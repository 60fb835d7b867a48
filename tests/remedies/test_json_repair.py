"""json.repair: what models write nearly right is read as it was meant; nothing raises, nothing good is touched."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent.records import ArtifactForm, Brief
from metaagent.remedies.fixers import find_fixer


def brief(form: str = "json") -> Brief:
    return Brief("T-1", "a task", "do it", None, {}, ArtifactForm(form))


def mend(text: str) -> Any:
    made = find_fixer("json.repair")(text, brief(), {})
    return None if made is None else json.loads(made)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1,}', {"a": 1}),
        ("[1, 2, 3,]", [1, 2, 3]),
        ("{'a': 'x', 'b': True, 'c': None}", {"a": "x", "b": True, "c": None}),
        ("{a: 1, b-c: 'it''s'}", {"a": 1, "b-c": "it''s"}),
        ('{"a": 1 // one\n, /* two */ "b": 2}', {"a": 1, "b": 2}),
        ('{"a": [1, {"b": "cut of', {"a": [1, {"b": "cut of"}]}),
        ('{"a": 1, "b', {"a": 1}),
        ('{"a": 1, "b":', {"a": 1, "b": None}),
        ('{"a": "say "hi" to them"}', {"a": 'say "hi" to them'}),
        ('{"a": "x"\n "b": "y"}', {"a": "x", "b": "y"}),
        ('{"a": "line\nbreak"}', {"a": "line\nbreak"}),
        ("{“a”: “b”}", {"a": "b"}),
        ('{"a": +5, "b": .5, "c": 1_000}', {"a": 5, "b": 0.5, "c": 1000}),
        ('Here: {"a": 1} and that is all', {"a": 1}),
        ('{"a": 3 pieces, "b": undefined}', {"a": "3 pieces", "b": None}),
        ('{"when": 2024-01-02, "id": 007x}', {"when": "2024-01-02", "id": "007x"}),
        ('{"a": [1, 2}', {"a": [1, 2]}),
    ],
)
def test_it_reads_what_was_meant(text: str, value: Any) -> None:
    assert mend(text) == value


@pytest.mark.parametrize("text", ["", "no JSON here", '{"a": 1}', "12", "[]", "{", "[" * 500])
def test_it_abstains(text: str) -> None:
    assert mend(text) is None


def test_other_formats_are_left_alone() -> None:
    assert find_fixer("json.repair")("{'a': 1,}", brief("python"), {}) is None


@given(st.text(alphabet="{}[]\"',:ab1 \n\\u-.#/", max_size=80))
def test_it_never_raises_and_gives_json(text: str) -> None:
    made = find_fixer("json.repair")(text, brief(), {})
    assert made is None or isinstance(json.loads(made), (dict, list))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-999, 999) | st.text(alphabet='ab" \\,:{}é', max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=4), inner, max_size=3),
)


@given(st.dictionaries(st.text(alphabet="abc", min_size=1, max_size=3), _JSON, min_size=1, max_size=3))
def test_a_comma_too_many_costs_nothing(value: dict[str, Any]) -> None:
    text = json.dumps(value)
    assert mend(text[:-1] + ",}") == value
