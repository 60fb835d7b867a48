"""The probes of a bootstrap (probes.yaml), and the checks of their answers. Pure; no check asks a model."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from metaagent.records import ArtifactForm, Brief, Check, Message

_BUILT_IN: Final = Path(__file__).with_name("probes.yaml")
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
CAPABILITIES: Final = ("reasoning", "coding", "creative", "analytical", "tool_call", "json")


@dataclass(frozen=True, slots=True)
class Probe:
    """One call: the messages, the most tokens of its reply, and the checks, each a kind with what it asks for."""

    name: str
    messages: tuple[Message, ...]
    tokens: int
    checks: tuple[tuple[str, Any], ...]
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class SelfTest:
    """A small task for an agent, rendered with its role's own prompts."""

    name: str
    domain: str
    brief: Brief
    tokens: int
    checks: tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class ProbeSet:
    version: int
    generation: Probe
    roles: Probe
    capabilities: Mapping[str, Probe] = field(default_factory=dict)
    self_tests: Mapping[str, SelfTest] = field(default_factory=dict)


@lru_cache(maxsize=1)
def load_probes() -> ProbeSet:
    import yaml  # heavy, and not needed to list agents

    data = yaml.safe_load(_BUILT_IN.read_text(encoding="utf-8"))
    return ProbeSet(
        data["version"],
        _probe("generation", data["generation"]),
        _probe("roles", data["roles"]),
        {name: _probe(name, fields) for name, fields in data["capabilities"].items()},
        {name: _self_test(name, fields) for name, fields in data["self_tests"].items()},
    )


def failing(checks: Sequence[tuple[str, Any]], text: str) -> str:
    """Why the text does not do, by the first check that does not hold; empty where all hold. Code is for ``cases``."""
    for kind, wanted in checks:
        if kind != "cases" and (why := _CHECKS[kind](text, wanted)):
            return why
    return ""


def cases(checks: Sequence[tuple[str, Any]]) -> tuple[Check, ...]:
    """The checks that have to run what was written, as key checks for a judge with a sandbox."""
    return tuple(Check("python.cases", False, wanted) for kind, wanted in checks if kind == "cases")


def code_in(text: str) -> str:
    """What was written, without a code fence around it."""
    from metaagent.remedies.text.fence import fix

    return fix(text, Brief("", "", "", None, {}, ArtifactForm("python")), {}) or text


def _words(text: str, wanted: Any) -> str:
    least, most = wanted
    count = len(_WORD.findall(text))
    return "" if least <= count <= most else f"{count} words, not {least} to {most}"


def _contains(text: str, wanted: Any) -> str:
    there = {word.casefold() for word in _WORD.findall(text)}
    missing = [word for word in wanted if word.casefold() not in there]
    return f"lacks {', '.join(missing)}" if missing else ""


def _last_number(text: str, wanted: Any) -> str:
    numbers = _NUMBER.findall(text.replace(",", ""))
    if not numbers:
        return "names no number"
    return "" if float(numbers[-1]) == float(wanted) else f"ends with {numbers[-1]}"


def _choice(text: str, wanted: Any) -> str:
    there = {word.casefold() for word in _WORD.findall(text)}
    named = [choice for choice in wanted["of"] if choice.casefold() in there]
    return "" if named == [wanted["is"]] else f"names {' and '.join(named) or 'none of the choices'}"


def _fields(text: str, wanted: Any) -> str:
    value = json_in(text)
    if not isinstance(value, dict):
        return "is not one JSON object"
    wrong = [name for name in wanted if not _same(value.get(name), wanted[name])]
    extra = [name for name in value if name not in wanted]
    return f"wrong in {', '.join([*wrong, *map(str, extra)])}" if wrong or extra else ""


def _same(got: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        same_names = isinstance(got, dict) and got.keys() == wanted.keys()
        return same_names and all(_same(got[name], wanted[name]) for name in wanted)
    return type(got) is type(wanted) and bool(got == wanted)


def json_in(text: str) -> Any:
    """The JSON value that the text is, a fence around it forgiven; None for anything else."""
    from metaagent.remedies.text.fence import fix

    bare = text.strip()
    if bare.startswith("```"):
        bare = fix(bare, Brief("", "", "", None, {}, ArtifactForm("json")), {}) or bare
    try:
        return json.loads(bare)
    except (ValueError, RecursionError):
        return None


_CHECKS: Final = {
    "words": _words,
    "contains": _contains,
    "last_number": _last_number,
    "choice": _choice,
    "fields": _fields,
}


def _probe(name: str, fields: Mapping[str, Any]) -> Probe:
    system = [Message("system", fields["system"].strip())] if "system" in fields else []
    messages = (*system, Message("user", fields["user"].strip()))
    return Probe(name, messages, fields["tokens"], _pairs(fields["checks"]), fields.get("schema"))


def _self_test(name: str, fields: Mapping[str, Any]) -> SelfTest:
    form = ArtifactForm("json" if "schema" in fields else fields.get("format", "text"), fields.get("schema"))
    goal = fields["goal"].strip()
    brief = Brief("", goal, goal, fields["domain"], fields.get("inputs", {}), form)
    return SelfTest(name, fields["domain"], brief, fields["tokens"], _pairs(fields["checks"]))


def _pairs(checks: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, Any], ...]:
    return tuple(pair for check in checks for pair in check.items())
