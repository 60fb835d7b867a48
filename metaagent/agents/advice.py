"""What advisers are asked and how their answers are checked. Pure: each question is messages and a schema for the
reply; each reading returns None where the answer is of no use. Advice is shown to a person, or chosen from a list; none
of it judges an artifact, and none of it enters the prompt of an attempt.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metaagent.agents.prompts import (
    Feedback,
    findings_text,
    form_text,
    goal_text,
    harmless,
    inputs_text,
    system_message,
)
from metaagent.agents.roles import text_template
from metaagent.records import Brief, ErrorKind, Message, Role, Strategy

NO_DOMAIN = "none"
MAX_ARTIFACT = 6000
"""Characters of an artifact that an adviser sees; a window of 4,096 tokens holds it with the task."""
MAX_WORDS = 400
"""Characters of a comment, a concern or an analysis; longer ones are of no use to the person who looks."""
MAX_CONCERNS = 8
STRATEGIES = (Strategy.CONVERSATIONAL, Strategy.REASONING)

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=\S)")


@dataclass(frozen=True, slots=True)
class Question:
    """A call to make: send the messages with the schema as the reply's format."""

    messages: tuple[Message, ...]
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Comment:
    """Advice on an artifact, for the person in REVIEW."""

    text: str
    concerns: tuple[str, ...] = ()


def domains_of(roles: Iterable[Role], used: Iterable[str | None] = ()) -> tuple[str, ...]:
    """The domains there are: those that roles have skills for and those that tasks use, sorted."""
    named = {domain for role in roles for domain in role.skills}
    return tuple(sorted((named | {domain for domain in used if domain}) - {""}))


def ask_domain(role: Role, brief: Brief, domains: Collection[str]) -> Question:
    """The analyzer chooses the domain of a task that has none, from those there are."""
    choices = sorted(domains)
    values = {"goal": goal_text(brief), "inputs": inputs_text(brief.inputs), "domains": "\n".join(choices)}
    return _question(role, "advice_domain", values, {"domain": {"enum": [*choices, NO_DOMAIN]}})


def read_domain(reply: str, domains: Collection[str]) -> str | None:
    """One of ``domains``, or None where the answer names none of them."""
    answer = _field(reply, "domain")
    return answer if isinstance(answer, str) and answer in domains and answer != NO_DOMAIN else None


def ask_why(role: Role, brief: Brief, known: Feedback, kinds: Sequence[ErrorKind]) -> Question:
    """The analyzer words why a task failed, from the findings of public checks and the kinds of errors alone."""
    facts = [findings_text(known.public)] if known.public else []
    if kinds:
        facts.append("Kinds of errors: " + ", ".join(dict.fromkeys(kind.value for kind in kinds)))
    if known.rejected:
        facts.append("An answer was rejected when it was compared with what is expected.")
    values = {"goal": goal_text(brief), "facts": "\n".join(facts) or "None is known."}
    return _question(role, "advice_why", values, {"why": _text_schema()})


def read_why(reply: str) -> str | None:
    """At most two sentences on one line. Show it to a person; it is a model's guess and goes into no prompt."""
    words = _words(_field(reply, "why"))
    return None if words is None else " ".join(_SENTENCE_END.split(words)[:2])


def ask_comment(role: Role, brief: Brief, artifact: str) -> Question:
    """Validator and qa comment on an artifact whose task has no validators."""
    values = {
        "goal": goal_text(brief),
        "form": form_text(brief.artifact),
        "inputs": inputs_text(brief.inputs),
        "artifact": harmless(_shortened(artifact)),
    }
    concerns = {"type": "array", "items": _text_schema(), "maxItems": MAX_CONCERNS}
    return _question(role, "advice_comment", values, {"comment": _text_schema(), "concerns": concerns})


def read_comment(reply: str) -> Comment | None:
    text = _words(_field(reply, "comment"))
    concerns = _field(reply, "concerns")
    if text is None or not isinstance(concerns, list):
        return None
    usable = [words for words in map(_words, concerns) if words is not None]
    return Comment(text, tuple(usable[:MAX_CONCERNS])) if len(usable) == len(concerns) else None


def ask_strategy(role: Role, brief: Brief) -> Question:
    """The orchestrator plans how a task is done where the task leaves it open. The inputs are left out: the answer
    holds for all tasks of a set, and may be kept for them."""
    values = {"goal": goal_text(brief), "form": form_text(brief.artifact)}
    return _question(role, "advice_strategy", values, {"strategy": {"enum": [choice.value for choice in STRATEGIES]}})


def read_strategy(reply: str) -> Strategy | None:
    answer = _field(reply, "strategy")
    return next((choice for choice in STRATEGIES if choice.value == answer), None)


def _question(role: Role, text: str, values: Mapping[str, str], properties: Mapping[str, Any]) -> Question:
    content = text_template(text).render(values).strip("\n")
    schema = {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }
    return Question((system_message(role), Message("user", content)), schema)


def _text_schema() -> dict[str, Any]:
    """Without bounds on its length, which make slow grammars: the length is checked when the answer is read."""
    return {"type": "string"}


def _field(reply: str, name: str) -> Any:
    """The field of a reply that is one JSON object; None where it is not, or has no such field."""
    try:
        value = json.loads(reply)
    except (ValueError, RecursionError):
        return None
    return value.get(name) if isinstance(value, dict) else None


def _words(value: object) -> str | None:
    """Text on one line, of a length that a person reads; None for anything else."""
    if not isinstance(value, str):
        return None
    line = " ".join(value.split())
    return line if 0 < len(line) <= MAX_WORDS and any(char.isalpha() for char in line) else None


def _shortened(artifact: str) -> str:
    """The beginning and the end of a long artifact, with the gap named."""
    if len(artifact) <= MAX_ARTIFACT:
        return artifact
    half = MAX_ARTIFACT // 2
    gap = len(artifact) - 2 * half
    return f"{artifact[:half]}\n[{gap} characters left out]\n{artifact[-half:]}"
