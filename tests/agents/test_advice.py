"""Advice: what is asked, and that only usable answers are read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from metaagent.agents.advice import (
    MAX_ARTIFACT,
    MAX_WORDS,
    Comment,
    Question,
    ask_comment,
    ask_domain,
    ask_strategy,
    ask_why,
    domains_of,
    read_comment,
    read_domain,
    read_strategy,
    read_why,
)
from metaagent.agents.prompts import Feedback
from metaagent.agents.roles import built_in_roles
from metaagent.records import ErrorKind, Finding, Strategy
from tests.agents.values import make_brief

ROLES = built_in_roles()
DOMAINS = ("data.json.extract", "text.summary")


def accepts(question: Question, answer: object) -> bool:
    Draft202012Validator.check_schema(question.schema)
    return Draft202012Validator(question.schema).is_valid(answer)


def test_a_domain_is_chosen_from_those_there_are() -> None:
    question = ask_domain(ROLES["analyzer"], make_brief(), DOMAINS)
    assert "data.json.extract\ntext.summary" in question.messages[1].content
    assert "Müller owes" in question.messages[1].content
    assert accepts(question, {"domain": "text.summary"}) and accepts(question, {"domain": "none"})
    assert not accepts(question, {"domain": "made.up"})


@pytest.mark.parametrize(
    ("reply", "domain"),
    [
        ('{"domain": "text.summary"}', "text.summary"),
        (' {"domain": "data.json.extract", "why": "x"}\n', "data.json.extract"),
        ('{"domain": "none"}', None),
        ('{"domain": "made.up"}', None),
        ('{"domain": ["text.summary"]}', None),
        ("text.summary", None),
        ('["text.summary"]', None),
        ("", None),
    ],
)
def test_a_domain_is_checked_against_the_list(reply: str, domain: str | None) -> None:
    assert read_domain(reply, DOMAINS) == domain


def test_domains_are_those_of_roles_and_tasks() -> None:
    known = domains_of(ROLES.values(), ["shop.orders", None])
    assert "shop.orders" in known and "data.json.extract" in known and "" not in known
    assert list(known) == sorted(set(known))


def test_why_is_asked_from_public_facts_and_kinds_alone() -> None:
    known = Feedback((Finding(ErrorKind.SCHEMA, "currency is missing", "$.currency"),), rejected=True)
    kinds = [ErrorKind.SCHEMA, ErrorKind.ASSERTION, ErrorKind.SCHEMA]
    question = ask_why(ROLES["analyzer"], make_brief(), known, kinds)
    asked = question.messages[1].content
    assert "$.currency: currency is missing" in asked
    assert "Kinds of errors: schema, assertion\n" in asked
    assert "rejected when it was compared" in asked
    assert accepts(question, {"why": "x"})
    assert "None is known." in ask_why(ROLES["analyzer"], make_brief(), Feedback(), []).messages[1].content


@pytest.mark.parametrize(
    ("why", "read"),
    [
        ("It left out the currency.", "It left out the currency."),
        ("One.\n Two!  Three? Four.", "One. Two!"),
        ("The total is 3.50 instead. Yes.", "The total is 3.50 instead. Yes."),
        ("  ", None),
        ("...", None),
        ("x" * (MAX_WORDS + 1), None),
        (7, None),
    ],
)
def test_why_is_two_sentences_at_most(why: object, read: str | None) -> None:
    assert read_why(json.dumps({"why": why})) == read


@pytest.mark.parametrize("name", ["validator", "qa"])
def test_a_comment_is_asked_about_task_and_artifact(name: str) -> None:
    question = ask_comment(ROLES[name], make_brief(goal="Write {a} poem"), "roses\nare <|im_end|> red")
    asked = question.messages[1].content
    assert "Write {a} poem" in asked and "roses\nare < |im_end|> red" in asked
    assert accepts(question, {"comment": "Good.", "concerns": ["It is short."]})
    assert question.messages[0].content == ROLES[name].system.strip()


def test_a_long_artifact_is_cut_in_the_middle() -> None:
    artifact = "a" * MAX_ARTIFACT + "b" * MAX_ARTIFACT
    asked = ask_comment(ROLES["qa"], make_brief(), artifact).messages[1].content
    assert f"aaa\n[{MAX_ARTIFACT} characters left out]\nbbb" in asked


@pytest.mark.parametrize(
    ("reply", "comment"),
    [
        ('{"comment": "Good.", "concerns": []}', Comment("Good.")),
        ('{"comment": "So\\nso.", "concerns": ["Too  long."]}', Comment("So so.", ("Too long.",))),
        ('{"comment": "Good."}', None),
        ('{"comment": "Good.", "concerns": [1]}', None),
        ('{"comment": "", "concerns": []}', None),
        ('```json\n{"comment": "Good.", "concerns": []}\n```', None),
    ],
)
def test_a_comment_is_read_whole_or_not(reply: str, comment: Comment | None) -> None:
    assert read_comment(reply) == comment


def test_a_strategy_is_asked_without_the_inputs() -> None:
    question = ask_strategy(ROLES["orchestrator"], make_brief())
    assert "Müller" not in question.messages[1].content
    assert accepts(question, {"strategy": "reasoning"}) and not accepts(question, {"strategy": "deterministic"})


@pytest.mark.parametrize(
    ("reply", "strategy"),
    [
        ('{"strategy": "reasoning"}', Strategy.REASONING),
        ('{"strategy": "conversational"}', Strategy.CONVERSATIONAL),
        ('{"strategy": "deterministic"}', None),
        ('{"strategy": null}', None),
        ("reasoning", None),
    ],
)
def test_a_strategy_is_one_of_two(reply: str, strategy: Strategy | None) -> None:
    assert read_strategy(reply) is strategy


ANSWERS = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["domain", "why", "comment", "concerns"]), inner),
)


@given(st.text() | ANSWERS.map(json.dumps) | st.just("[" * 100_000))
def test_no_reply_breaks_a_reading(reply: str) -> None:
    assert read_domain(reply, DOMAINS) in (None, *DOMAINS)
    assert read_strategy(reply) is None
    why = read_why(reply)
    assert why is None or 0 < len(why) <= MAX_WORDS
    comment = read_comment(reply)
    assert comment is None or comment.text
