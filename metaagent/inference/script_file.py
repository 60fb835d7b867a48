"""The YAML file behind ``backend: scripted:FILE``: a mapping with ``rules`` and ``default``, or just the list of rules.

    rules:
      - match: "invoice (INV-\\d+)"        # a regular expression searched in the whole prompt
        reply: '{"id": "x"}'              # or json: {...}; or replies: [first, second, then this one each time]
      - contains: "be brief"              # plain text
        agent: agent:executor:main        # only for this agent
        error: overloaded                 # a failure instead of a reply (metaagent.inference.base.REPLY_REASONS)
        delay: 0.2                        # seconds before it comes
    default: "I do not know."

The first rule that matches wins; a rule with neither ``match`` nor ``contains`` matches every prompt. A prompt without
a rule and without a default fails with reason ``no_rule``. ``slots`` (8) says how many calls may run at once.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from metaagent.errors import ConfigError
from metaagent.inference.base import REPLY_REASONS, ChatRequest
from metaagent.inference.scripted import SLOTS, Answer, Script, ScriptedBackend


class RuleForm(BaseModel):
    """One rule as written."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    match: str | None = None
    contains: str | None = None
    agent: str | None = None
    reply: str | None = None
    json_: Any = Field(default=None, alias="json")
    replies: list[str] | None = Field(default=None, min_length=1)
    error: str | None = None
    delay: float = Field(default=0.0, ge=0)
    finish: Literal["stop", "length"] = "stop"

    @field_validator("match")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        try:
            re.compile(pattern or "")
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from None
        return pattern

    @model_validator(mode="after")
    def _one_outcome(self) -> RuleForm:
        if sum(value is not None for value in (self.reply, self.json_, self.replies, self.error)) != 1:
            raise ValueError("a rule needs exactly one of reply, json, replies, error")
        if self.error is not None and self.error not in REPLY_REASONS:
            raise ValueError(f"unknown error {self.error!r}; one of {', '.join(REPLY_REASONS)}")
        return self

    def answers(self) -> list[Answer]:
        if self.error is not None:
            return [Answer(error=self.error, delay=self.delay)]
        texts = [json.dumps(self.json_, ensure_ascii=False)] if self.json_ is not None else self.replies
        return [Answer(text, finish=self.finish, delay=self.delay) for text in texts or [self.reply or ""]]


class ScriptForm(BaseModel):
    """The file as written."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    rules: list[RuleForm] = []
    default: str | None = None
    slots: int = Field(default=SLOTS, ge=1)


class _Rule:
    """A rule at work. ``answers`` are used in turn; the last one stays."""

    __slots__ = ("agent", "answers", "contains", "pattern", "used")

    def __init__(self, form: RuleForm) -> None:
        self.pattern = re.compile(form.match) if form.match is not None else None
        self.contains = form.contains
        self.agent = form.agent
        self.answers = form.answers()
        self.used = 0

    def answer(self) -> Answer:
        answer = self.answers[min(self.used, len(self.answers) - 1)]
        self.used += 1
        return answer


def read_script(path: Path) -> ScriptedBackend:
    """The backend that a script file describes; ``ConfigError`` names the line or the rule that does not hold."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read the script {path}: {error.strerror}", mend="metaagent config show") from None
    document = _parse(path, data)
    try:
        form = ScriptForm.model_validate({"rules": document} if isinstance(document, list) else document or {})
    except ValidationError as error:
        raise ConfigError(f"{path}: {_first_problem(error)}", mend=f"edit {path}") from None
    script = _follow(
        [_Rule(rule) for rule in form.rules], Answer(error="no_rule") if form.default is None else form.default
    )
    return ScriptedBackend(script, slots=form.slots, digest=hashlib.sha256(data).hexdigest())


def _parse(path: Path, data: bytes) -> Any:
    try:
        return yaml.safe_load(data.decode())
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start})", mend=f"edit {path}") from None
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"{path}{line}: {error.problem or 'not YAML'}", mend=f"edit {path}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not YAML: {error}", mend=f"edit {path}") from None


def _follow(rules: Sequence[_Rule], default: str | Answer) -> Script:
    table = [(rule.contains, rule.pattern, rule.agent, rule) for rule in rules]

    def script(request: ChatRequest) -> str | Answer:
        prompt = "\n\n".join([message.content for message in request.messages])
        for contains, pattern, agent, rule in table:  # written out: a file may have a rule for each of many tasks
            if contains is not None and contains not in prompt:
                continue
            if (agent is None or agent == request.agent) and (pattern is None or pattern.search(prompt)):
                return rule.answer()
        return default

    return script


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    place = " ".join(str(part + 1) if isinstance(part, int) else str(part) for part in problem["loc"])
    return f"{place}: {problem['msg']}" if place else problem["msg"]
