"""Templates are strict, and values are never looked at."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent.agents.templates import TemplateError, check_template, compile_template


def test_braces_are_doubled() -> None:
    assert compile_template('{{"a": {b}}}').render({"b": "1"}) == '{"a": 1}'


def test_values_may_hold_anything() -> None:
    assert compile_template("<{text}>").render({"text": "{goal} {0} {{ }} %s $x"}) == "<{goal} {0} {{ }} %s $x>"


@given(st.text(), st.text())
def test_every_value_comes_out_as_it_went_in(goal: str, text: str) -> None:
    assert compile_template("a {goal} b {text}").render({"goal": goal, "text": text}) == f"a {goal} b {text}"


@given(st.text())
def test_a_literal_survives_doubling(text: str) -> None:
    assert compile_template(text.replace("{", "{{").replace("}", "}}")).render({}) == text


def test_a_missing_value_raises_and_is_named() -> None:
    with pytest.raises(TemplateError, match=r"\{goal\}") as caught:
        compile_template("{goal}").render({"text": "x"})
    assert caught.value.placeholder == "goal"


@pytest.mark.parametrize("text", ["{a.b}", "{a[0]}", "{0}", "{}", "{a!r}", "{a:>3}", "{a b}"])
def test_only_plain_names_are_placeholders(text: str) -> None:
    with pytest.raises(TemplateError, match="not a placeholder"):
        compile_template(text)


@pytest.mark.parametrize("text", ["{", "}", "a { b", "a } b", "{a"])
def test_an_unpaired_brace_is_named(text: str) -> None:
    with pytest.raises(TemplateError, match="unpaired brace"):
        compile_template(text)


@given(st.text(alphabet="{}ab.:! "))
def test_any_text_compiles_or_raises_a_template_error(text: str) -> None:
    try:
        names = compile_template(text).names
    except TemplateError:
        return
    assert all(name.isidentifier() for name in names)


def test_check_names_the_unknown_and_the_missing() -> None:
    allowed = frozenset({"goal", "inputs"})
    check_template("{goal} {inputs}", allowed=allowed, required=allowed)
    with pytest.raises(TemplateError, match=r"unknown placeholder \{gaol\}; known here: \{goal\}, \{inputs\}"):
        check_template("{gaol}", allowed=allowed)
    with pytest.raises(TemplateError, match=r"\{inputs\} is missing") as caught:
        check_template("{goal}", allowed=allowed, required=allowed)
    assert caught.value.placeholder == "inputs"
