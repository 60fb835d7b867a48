"""What a protocol's settings may hold: every kind, and what it cannot be."""

from __future__ import annotations

from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from metaagent.records import Remedy
from metaagent.remedies import apply, settings
from metaagent.remedies.fixers import BUILT_IN
from metaagent.remedies.json.fields.form import MOST_PARTS, program_flaw
from metaagent.remedies.settings import (
    MOST_POOLED,
    MOST_RUNGS,
    STEPS,
    check_settings,
    domain_flaw,
    model_flaw,
    rule_flaw,
)
from metaagent.remedies.sql.views import RANKS
from metaagent.validators.base import names as validators

SOLVED = {"task": "T1", "group": "", "goal": "Read it", "inputs": {"text": "note"}, "artifact": "{}"}
UPPER = {"fields": [{"path": "name", "branches": [{"when": None, "then": ["upper", ["own"]]}]}]}
REFERENCE = "What the library `house` has. Import what you use: from house import rounded\n- Money.\n  rounded(value)"

GOOD = [
    Remedy("option", "options", {"num_predict": 900, "temperature": 0, "stop": ["END", "\n"], "constrained": True}),
    Remedy("option", "options", {"num_ctx": 8192, "repeat_penalty": 1.1, "temperature": 0.7}),
    Remedy("option", "notes", {"fields": ["status"]}),
    Remedy("rule", "dates", {"text": "Dates are ISO dates.", "trigger": {"any": ["date"], "none": []}}),
    Remedy("rule", "library.house", {"text": REFERENCE}),
    Remedy("rule", "placebo", {"text": "The river lies still.", "tokens": 16}),
    Remedy("exemplar", "nearest", {"pool": [SOLVED, {**SOLVED, "group": None}], "count": 4, "cap": 1200}),
    Remedy("strategy", "ladder", {"rungs": ["conversational", "fresh", "sample"], "on": "public"}),
    Remedy("route", "prompt", {"goal": "Read it.\n\nTwice.", "trigger": {}}),
    Remedy("route", "model", {"model": "qwen2.5-coder:1.5b"}),
    Remedy("check", "python.static", {"select": ["E9"]}),
    Remedy("check", "json.parse"),
    Remedy("fixer", "text.fence"),
    Remedy("fixer", "json.fields", {"program": UPPER}),
    Remedy("fixer", "sql.views", {"steps": [{"do": "keep", "table": "orders", "where": "paid = 1"}], "rank": 1}),
    Remedy("fixer", "sql.views", {"steps": [{"do": "ties", "by": "id"}], "schema": "CREATE TABLE t (a)"}),
    Remedy("fixer", "python.library", {"name": "house", "members": {"Money": "house.money"}}),
    Remedy("fixer", "python.rewrites", {"rules": [{"kind": "replace", "find": "round(A)", "give": "rounded(A)"}]}),
    Remedy("fixer", "somebody.elses", {"whatever": [1, {"x": None}]}),
]


@pytest.mark.parametrize("remedy", GOOD, ids=lambda one: f"{one.kind} {one.name}")
def test_what_learning_makes_holds(remedy: Remedy) -> None:
    check_settings(remedy)


@pytest.mark.parametrize(
    ("kind", "name", "given", "said"),
    [
        ("option", "options", {"temperature": "hot"}, "temperature must be a number from 0 to 2"),
        ("option", "options", {"temperature": float("nan")}, "temperature must be"),
        ("option", "options", {"temperature": 2.5}, "temperature must be"),
        ("option", "options", {"temperature": True}, "temperature must be"),
        ("option", "options", {"num_ctx": -5}, "num_ctx must be a whole number"),
        ("option", "options", {"num_ctx": 10**12}, "num_ctx must be"),
        ("option", "options", {"num_ctx": "4096\nADAPTER /etc/passwd"}, "num_ctx must be"),
        ("option", "options", {"num_predict": 1.5}, "num_predict must be"),
        ("option", "options", {"stop": "END"}, "stop must be a list"),
        ("option", "options", {"stop": ["x"] * 99}, "stop must be a list"),
        ("option", "options", {"constrained": "no"}, "constrained must be true or false"),
        ("option", "options", {"bogus": 1}, "no setting 'bogus'"),
        ("option", "options", {}, "needs num_predict or"),
        ("option", "notes", {"fields": ["x"] * 5000}, "fields must be"),
        ("rule", "r", {"text": 17}, "text must be a text"),
        ("rule", "r", {"text": " "}, "text must be a text"),
        ("rule", "r", {"text": "be good\n## Heading"}, "one line"),
        ("rule", "r", {"text": "be good\n- # Heading"}, "one line"),
        ("rule", "r", {"text": "\x1b[31mred"}, "control characters"),
        ("rule", "r", {"text": "\u202egood"}, "control characters"),
        ("rule", "r", {"text": "t", "trigger": 5}, "trigger must have"),
        ("rule", "r", {"text": "t", "trigger": {"any": 5}}, "trigger must have"),
        ("rule", "r", {"text": "t", "trigger": {"some": ["x"]}}, "trigger must have"),
        ("rule", "r\n## Heading", {"text": "t"}, "must be a word"),
        ("exemplar", "nearest", {"pool": [SOLVED], "cap": -1}, "cap must be"),
        ("exemplar", "nearest", {"pool": [SOLVED], "cap": "1000"}, "cap must be"),
        ("exemplar", "nearest", {"pool": [SOLVED], "count": -1}, "count must be"),
        ("exemplar", "nearest", {"pool": [{"x": 1}]}, "pool must hold"),
        ("exemplar", "nearest", {"pool": [{**SOLVED, "inputs": {"x" * 9000: ""}}]}, "pool must hold"),
        ("exemplar", "nearest", {"pool": [SOLVED] * (MOST_POOLED + 1)}, "at most 5000"),
        ("exemplar", "nearest", {}, "needs pool"),
        ("strategy", "ladder", {"rungs": ["fresh"] * (MOST_RUNGS + 1)}, "at most 11 rungs"),
        ("strategy", "ladder", {"rungs": ["jump"]}, "one of conversational"),
        ("strategy", "ladder", {"rungs": ["fresh"], "on": "never"}, "on must be one of any, public"),
        ("route", "prompt", {}, "needs goal or model"),
        ("route", "model", {"model": "m\nSYSTEM x"}, "model must be"),
        ("check", "no.such", {}, "unknown check"),
        ("check", "user", {"path": "../evil.py"}, "unknown option"),
        ("check", "json.expected", {"value": 1}, "cannot be a public check"),
        ("check", "json.schema", {"schema": {"$ref": "#"}}, "no references"),
        ("check", "json.schema", {"schema": {"allOf": [{}], "unevaluatedProperties": False}}, "no references"),
        ("check", "text.contains", {"all": ["x" * 30_000]}, "at most 20000 characters"),
        ("charm", "x", {}, "cannot do"),
        ("fixer", "text.fence", {"anything": 1}, "no setting 'anything'"),
        ("fixer", "text.fence", {"rank": "first"}, "rank must be"),
        ("fixer", "json.fields", {}, "needs program"),
        ("fixer", "json.fields", {"program": 17}, "program must have"),
        ("fixer", "sql.views", {}, "needs steps"),
        ("fixer", "sql.views", {"steps": {}}, "steps must be a list"),
        ("fixer", "sql.views", {"steps": [{"do": "ties", "by": "id"}] * 65}, "at most 64 steps"),
        ("fixer", "sql.views", {"steps": [{"do": "keep", "table": "t", "where": "1" * 2001}]}, "such a where"),
        ("fixer", "sql.joins", {"schema": "CREATE TABLE (" * 20_000}, "at most 200000 characters"),
        ("fixer", "sql.views", {"steps": [{"do": "drop"}]}, "whose do is one of"),
        ("fixer", "sql.views", {"steps": [{"do": "keep", "table": "t"}]}, "must say where"),
        ("fixer", "sql.views", {"steps": [{"do": "ties", "by": {}}]}, "must not have such a by"),
        ("fixer", "sql.views", {"steps": [{"do": "form", "is": "{}", "columns": "id"}]}, "such a columns"),
        ("fixer", "sql.views", {"steps": [{"do": "key", "only": {"words": "x"}}]}, "under only"),
        ("fixer", "python.library", {"members": {"x": "os; import sys"}}, "names to modules"),
        ("fixer", "python.rewrites", {"rules": {}}, "rules must be a list"),
        ("fixer", "python.rewrites", {"rules": [{"kind": "spell"}]}, "whose kind is one of"),
        ("fixer", "python.rewrites", {"rules": [{"kind": "whole"}]}, "must say give"),
        ("fixer", "python.rewrites", {"rules": [{"kind": "whole", "give": "-" * 3000 + "1"}]}, "more than 2000"),
        ("fixer", "python.rewrites", {"rules": [{"kind": "whole", "give": "1"}] * 65}, "at most 64 rules"),
        ("fixer", "python.rewrites", {"rules": [{"kind": "result", "if": "odd", "give": "1"}]}, "ask for 'odd'"),
        ("fixer", "python.rewrites", {"rules": [], "library": 5}, "name of a module"),
        ("fixer", "python.rewrites", {"rules": [], "library": {"name": "os\nx"}}, "name of a module"),
        ("fixer", "python.library", {"name": "os\nx", "members": {}}, "module's name"),
        ("fixer", "python.imports", {"modules": ["os, sys"]}, "modules' names"),
    ],
)
def test_what_cannot_work_is_named(kind: str, name: str, given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check_settings(Remedy(kind, name, given))


KEYS = st.sampled_from(
    [
        "trigger",
        "any",
        "all",
        "none",
        "pool",
        "count",
        "cap",
        "task",
        "inputs",
        "artifact",
        "text",
        "rungs",
        "on",
        "goal",
        "model",
        "fields",
        "path",
        "branches",
        "when",
        "then",
        "program",
        "steps",
        "do",
        "table",
        "where",
        "columns",
        "is",
        "by",
        "unless",
        "only",
        "words",
        "reads",
        "rules",
        "kind",
        "if",
        "give",
        "find",
        "library",
        "name",
        "members",
        "modules",
        "rank",
        "schema",
        "stop",
        "temperature",
        "num_ctx",
        "select",
        "minimum",
        "pattern",
        "value",
        "options",
    ]
)
PLACES = [
    *(("fixer", name) for name in BUILT_IN),
    *(("check", name) for name in validators()),
    *(("option", "options"), ("option", "notes"), ("rule", "r"), ("route", "x"), ("strategy", "l"), ("exemplar", "e")),
]
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.sampled_from(sorted(STEPS))
ANY = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3))


@hypothesis.given(st.sampled_from(PLACES), st.dictionaries(KEYS, ANY, max_size=4))
def test_whatever_the_settings_are_they_hold_or_are_refused(place: tuple[str, str], held: dict[str, Any]) -> None:
    try:
        check_settings(Remedy(*place, held))
    except ValueError:
        return


def test_every_fixer_of_ours_that_needs_nothing_holds_without_settings() -> None:
    learned = {"json.fields", "sql.views", "python.library", "python.rewrites"}
    for name in BUILT_IN.keys() - learned:
        check_settings(Remedy("fixer", name))


def test_every_option_that_is_applied_has_a_test() -> None:
    assert settings.OPTIONS.keys() == apply.OPTIONS


def test_every_kind_that_is_applied_is_known() -> None:
    assert {one.kind for one in GOOD} == set(apply.KINDS)


def test_every_step_of_a_view_has_a_form() -> None:
    assert STEPS.keys() == RANKS.keys()


def program(then: Any, when: Any = None) -> dict[str, Any]:
    return {"fields": [{"path": "name", "branches": [{"when": when, "then": then}]}]}


@pytest.mark.parametrize(
    ("then", "when"),
    [
        (["own"], None),
        (["const", None], ["word", "vat"]),
        (["concat", ["field", "a"], ["const", "-"], ["fixed", "b"]], ["and", ["trait", "is a text"], ["settled", "a"]]),
        (["lookup", "country", "alpha2", ["find", "country", "name", ["text"]]], ["not", ["equals", "own", 5]]),
        (["each", ["upper", ["own"]], ["own"]], ["shape", "field:a", "Aa 9"]),
    ],
)
def test_a_program_that_can_be_run_has_no_flaw(then: Any, when: Any) -> None:
    assert program_flaw(program(then, when)) == ""


def nested(depth: int) -> list[Any]:
    return ["upper", nested(depth - 1)] if depth else ["own"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (17, "list of fields"),
        ({"fields": []}, "list of fields"),
        ({"fields": [{"branches": []}]}, "name the path"),
        ({"fields": [{"path": "a", "branches": []}]}, "list of branches"),
        ({"fields": [{"path": "a", "branches": [{"when": None}]}]}, "what comes then"),
        (program("own"), "begin with an operator"),
        (program(["exec", ["own"]]), "does not exist: 'exec'"),
        (program(["upper"]), "without an expression"),
        (program(["own", 1]), "wrong number"),
        (program(["field", 5]), "without the name of a field"),
        (program(nested(99)), "deeper than"),
        (program(["each", ["each", ["own"], ["text"]], ["own"]]), "no other 'each'"),
        (program(["each", ["own"]]), "one expression in each 'each'"),
        (program(["each", "upper", ["own"]]), "begin with an operator"),
        (program(["replace", "a", "b" * 2001, ["own"]]), "texts of more than 2000"),
        (program(["table", {str(n): n for n in range(MOST_PARTS)}, ["own"]]), f"more than {MOST_PARTS} parts"),
        (program(["own"], 5), "guards that are lists"),
        (program(["own"], ["moon", "full"]), "guard that does not exist: 'moon'"),
        (program(["own"], ["trait", "is nice"]), "trait that does not exist"),
        (program(["own"], ["not"]), "without a guard"),
        (program(["own"], ["beside", "left"]), "too few"),
        (program(["own"], ["word", 5]), "what it is about"),
    ],
)
def test_what_is_no_program_is_said(body: Any, said: str) -> None:
    assert said in program_flaw(body)


def test_names_of_places() -> None:
    assert [bool(domain_flaw(one)) for one in ("", "data.json-x.a_1")] == [False, False]
    assert all(map(domain_flaw, ("../../x", "a\0b", "a\n## b", "A", "a..b", 5)))
    assert not any(map(model_flaw, ("m", "qwen2.5-coder-1.5b", "hf.co/org/Model-GGUF:Q4_K_M")))
    assert all(map(model_flaw, ("", "m\nSYSTEM x", "../m", "a/../b", "m\0", None, "m" * 300)))


def test_a_rule_is_one_line_and_a_reference_is_a_list() -> None:
    assert rule_flaw(REFERENCE) == "" and rule_flaw("Namen in Großbuchstaben – immer.") == ""
    assert rule_flaw("one\ntwo") and rule_flaw("one\r") and rule_flaw("one\n")
