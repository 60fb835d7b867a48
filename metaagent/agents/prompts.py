"""Renders the messages of a model call. Pure: a role, a brief and what earlier answers taught go in, messages come out.

Order, for prefix caching: the system prompt, the goal and the form (with the schema) are byte-identical for all tasks
of one set; then what a protocol adds (rules; solved tasks, as turns of the conversation); then the task's inputs; then,
on a retry, what public checks found. Nothing here can reach key checks: a
Brief has no field for them, and `feedback` drops everything but the fact of a rejection.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from metaagent.agents.roles import text_template
from metaagent.agents.templates import compile_template
from metaagent.records import ArtifactForm, Brief, ErrorKind, Finding, Message, Outcome, Role, Verdict
from metaagent.remedies.exemplars import Example

MAX_FINDINGS = 8
"""More than this many findings crowd a small model's prompt; the rest is counted."""
MAX_VALUE = 200
"""Characters of a got or expected value, or of a message, in a prompt."""
MAX_PLAN = 2000
"""Characters of a plan that go into the write call."""

# What would break the transport (NUL, lone surrogates) or the chat format (marks that templates are made of). All else,
# control characters included, reaches the model as it stands.
_BREAKS_TRANSPORT = re.compile("[\x00\ud800-\udfff]")
_CHAT_MARK = re.compile(r"<(?=[|｜]|(?:start|end)_of_turn>)")
_CHAT_MARK_PROBES = ("<|", "<｜", "_of_turn>")


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a retry may know of earlier answers: findings of public checks, and whether a key check rejected one.
    Make it with `feedback`; a finding of a key check must never get into ``public``."""

    public: tuple[Finding, ...] = ()
    rejected: bool = False

    def __bool__(self) -> bool:
        return bool(self.public) or self.rejected


def feedback(verdicts: Iterable[Verdict]) -> Feedback:
    """Keeps the findings of failed public checks, each once, in order; of failed key checks only that one failed.
    Checks that broke say nothing about the answer and are left out."""
    public: dict[Finding, None] = {}
    rejected = False
    for verdict in verdicts:
        if verdict.outcome is not Outcome.FAIL:
            continue
        if not verdict.public:
            rejected = True
            continue
        for finding in verdict.findings:
            if finding.kind is not ErrorKind.INFRASTRUCTURE:
                public[finding] = None
    return Feedback(tuple(public), rejected)


@dataclass(frozen=True, slots=True)
class Additions:
    """What a protocol adds to a prompt: solved tasks, the nearest last, and rules, a line each."""

    examples: tuple[Example, ...] = ()
    rules: tuple[str, ...] = ()


NOTHING = Additions()


def render(
    role: Role,
    brief: Brief,
    *,
    added: Additions = NOTHING,
    feedback: Feedback | None = None,
    plan: str | None = None,
) -> tuple[Message, ...]:
    """The call that writes the artifact. Without feedback and plan: the conversational rung. With feedback: a fresh
    prompt, the old answer left out. With a plan: the conversation that made the plan, and the request to write; a
    blank plan counts as none."""
    if plan is None or not plan.strip():
        return _messages(role, brief, added, _feedback_text(feedback))
    write = _text("write", {"form": _form(brief.artifact, short=True)})
    return (
        *render_plan(role, brief, added=added, feedback=feedback),
        Message("assistant", harmless(plan.strip()[:MAX_PLAN])),
        Message("user", write),
    )


def render_plan(
    role: Role, brief: Brief, *, added: Additions = NOTHING, feedback: Feedback | None = None
) -> tuple[Message, ...]:
    """The call that makes a plan: the same prefix and inputs as `render`, and the request for a plan at its end.
    Send it without a schema; the reply is prose."""
    return _messages(role, brief, added, _feedback_text(feedback), _text("plan", {}))


def system_message(role: Role) -> Message:
    return _system(role.system, role.name, role.purpose)


def goal_text(brief: Brief) -> str:
    """The goal, or the title of a task that is one line on the board."""
    return harmless((brief.goal or brief.title).strip())


def inputs_text(inputs: Mapping[str, str]) -> str:
    template = text_template("input")
    return harmless("\n\n".join([template.render({"name": name, "text": text}) for name, text in inputs.items()]))


def form_text(artifact: ArtifactForm) -> str:
    return _form(artifact)


def findings_text(findings: tuple[Finding, ...]) -> str:
    """One line for each finding, the first `MAX_FINDINGS` of them."""
    lines = [_finding_line(finding) for finding in findings[:MAX_FINDINGS]]
    if len(findings) > MAX_FINDINGS:
        lines.append(_text("findings_more", {"count": str(len(findings) - MAX_FINDINGS)}))
    return "\n".join(lines)


def harmless(text: str) -> str:
    """The text, unable to break a request or the chat format: NUL and lone surrogates become U+FFFD, and a chat
    template's marks (``<|im_end|>``) get a space after their ``<``."""
    if _BREAKS_TRANSPORT.search(text):
        text = _BREAKS_TRANSPORT.sub("\ufffd", text)
    if any(probe in text for probe in _CHAT_MARK_PROBES):
        text = _CHAT_MARK.sub("< ", text)
    return text


def _messages(role: Role, brief: Brief, added: Additions, *endings: str) -> tuple[Message, ...]:
    """Without examples one user message. With them a conversation: the first turn has goal and form, so that all tasks
    of a set share that prefix; each example is a turn that was answered; the last turn is the task itself."""
    rules = _rules_text(added.rules)
    if not added.examples:
        last = _task_text(role, brief, brief.inputs, rules)
        return (system_message(role), Message("user", "\n\n".join([last, *filter(None, endings)])))
    first, *others = added.examples
    turns = [Message("user", _task_text(role, replace(brief, title=""), first.inputs, "", first.goal))]
    turns.append(Message("assistant", harmless(first.artifact)))
    for example in others:
        turns += [Message("user", _turn_text(brief, example)), Message("assistant", harmless(example.artifact))]
    own = inputs_text(brief.inputs) if brief.inputs else goal_text(brief)
    turns.append(Message("user", "\n\n".join(filter(None, [rules, own, *endings]))))
    return (system_message(role), *turns)


def _task_text(role: Role, brief: Brief, inputs: Mapping[str, str], rules: str, goal: str = "") -> str:
    """The role's task template. An example's own goal stands there only where its task has no inputs to tell it by."""
    values = {
        "goal": harmless(goal) if goal and not inputs else goal_text(brief),
        "form": _form(brief.artifact),
        "inputs": "\n\n".join(filter(None, [rules, inputs_text(inputs)])),
        "title": harmless(brief.title),
    }
    return compile_template(role.task).render(values).strip("\n")


def _turn_text(brief: Brief, example: Example) -> str:
    return inputs_text(example.inputs) if example.inputs else harmless(example.goal or goal_text(brief))


def _rules_text(rules: Sequence[str]) -> str:
    return "\n".join(harmless(rule) for rule in rules)


@lru_cache(maxsize=256)
def _system(system: str, name: str, purpose: str) -> Message:
    return Message("system", compile_template(system).render({"role": name, "purpose": purpose}).strip("\n"))


def _text(name: str, values: Mapping[str, str]) -> str:
    return text_template(name).render(values)


def _form(artifact: ArtifactForm, *, short: bool = False) -> str:
    if artifact.format == "json":
        if artifact.schema is None or short:
            return _text("form_json", {})
        return _schema_form(artifact.schema)
    if artifact.format == "text":
        return _text("form_text", {})
    return _text("form_other", {"format": harmless(artifact.format)})


_schema_forms: dict[int, tuple[Mapping[str, Any], str]] = {}
"""By identity, for schemas cannot be hashed; the schema is kept with its text so that its id is not used again."""


def _schema_form(schema: Mapping[str, Any]) -> str:
    known = _schema_forms.get(id(schema))
    if known is not None and known[0] is schema:
        return known[1]
    compact = json.dumps(schema, ensure_ascii=False, separators=(",", ":"), default=dict)
    kind = "object" if schema.get("type", "object") == "object" else "value"
    text = harmless(_text("form_schema", {"kind": kind, "schema": compact}))
    if len(_schema_forms) >= 256:
        _schema_forms.clear()
    _schema_forms[id(schema)] = (schema, text)
    return text


def _feedback_text(known: Feedback | None) -> str:
    if not known:
        return ""
    parts = []
    if known.public:
        parts.append(_text("failed", {"findings": findings_text(known.public)}))
    if known.rejected:
        parts.append(_text("rejected", {}))
    return "\n\n".join(parts)


def _finding_line(finding: Finding) -> str:
    values = {
        "message": _short(finding.message),
        "where": _optional("finding_where", "location", finding.location or None),
        "got": _optional("finding_got", "got", finding.got),
        "expected": _optional("finding_expected", "expected", finding.expected),
    }
    return harmless(_text("finding", values))


def _optional(name: str, placeholder: str, value: str | None) -> str:
    return "" if value is None else _text(name, {placeholder: _short(value)})


def _short(text: str) -> str:
    line = " ".join(text.splitlines())
    return line if len(line) <= MAX_VALUE else line[: MAX_VALUE - 1] + "…"
