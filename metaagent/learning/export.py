"""What was learned, for other tools: a protocol as text for a prompt, as a Modelfile, or as JSON. Pure.

What a ledger holds may have come from anywhere: no form lets it end a line, a quotation or a fence that it stands in,
and control characters go.

What a form cannot carry is said in it rather than left out in silence: a system prompt cannot run a fixer, so it gets
the fixer's readable lines, as conventions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metaagent.ledger.protocols import protocol_hash
from metaagent.records import Protocol, Remedy
from metaagent.remedies.settings import CONTROL, OPTIONS, rule_flaw

SCHEMA = "metaagent/protocol@1"
MOST_EXAMPLES = 4
"""So many solved tasks a text that stands before every task may hold: a small model gets lost in more."""


@dataclass(frozen=True, slots=True)
class Export:
    """``readable`` are the lines that learning wrote of the protocol's fixers; ``base_model`` is what an Ollama
    Modelfile builds on; ``standing`` says what is known of the version (``learning/standing.py``)."""

    protocol: Protocol
    readable: tuple[str, ...]
    base_model: str
    standing: str


def as_json(export: Export) -> str:
    """The whole protocol, as `metaagent protocol import` reads it."""
    protocol = export.protocol
    body = {
        "schema": SCHEMA,
        "domain": protocol.domain,
        "model": protocol.model,
        "version": protocol.version,
        "hash": protocol.hash,
        "standing": export.standing,
        "readable": list(export.readable),
        "remedies": [{"kind": r.kind, "name": r.name, "settings": dict(r.settings)} for r in protocol.remedies],
    }
    text = json.dumps(body, ensure_ascii=False, indent=2)
    return "\n".join(CONTROL.sub(_escaped, line) for line in text.split("\n")) + "\n"


def as_system_prompt(export: Export) -> str:
    """Conventions and rules as plain lines, then a few solved tasks."""
    lines = [*_conventions(export), *_rules(export.protocol)]
    parts = ["\n".join(lines)] if lines else []
    parts += [f"Example.\n{_asked(one)}\nAnswer:\n{_answer(one)}" for one in _examples(export.protocol)]
    return "\n\n".join(parts or ["Nothing was learned yet."]) + "\n"


def as_markdown(export: Export, title: str) -> str:
    """A section for AGENTS.md or CLAUDE.md."""
    protocol = export.protocol
    place = f"`{_named(protocol.domain) or 'any domain'}` on `{_named(protocol.model)}`"
    lines = [f"## {title}", "", f"From metaagent, for {place},"]
    lines += [f"protocol v{protocol.version} ({protocol.hash[:12]}). {export.standing}", ""]
    lines += [f"- {line}" for line in (*_conventions(export), *_rules(protocol))] or ["- Nothing was learned yet."]
    for one in _examples(protocol):
        lines += ["", "Example:", "", *_fenced(_asked(one)), "", *_fenced(_answer(one))]
    return "\n".join(lines) + "\n"


def as_modelfile(export: Export) -> str:
    """An Ollama Modelfile: FROM, PARAMETER for options, SYSTEM for rules and conventions, MESSAGE for solved tasks.
    (Format: Ollama's documentation of the Modelfile.)"""
    lines = [f"FROM {_one_line(export.base_model)}"]
    for remedy in export.protocol.remedies:
        if remedy.kind == "option" and not remedy.settings.get("trigger"):
            lines += _parameters(remedy)
    told = [*_conventions(export), *_rules(export.protocol)]
    if told:
        lines.append(f"SYSTEM {_quoted(chr(10).join(told))}")
    for one in _examples(export.protocol):
        lines.append(f"MESSAGE user {_quoted(_asked(one))}")
        lines.append(f"MESSAGE assistant {_quoted(_answer(one))}")
    return "\n".join(lines) + "\n"


FORMS: dict[str, Callable[[Export], str]] = {
    "json": as_json,
    "system-prompt": as_system_prompt,
    "agents-md": lambda export: as_markdown(export, "How answers are wanted here"),
    "claude-md": lambda export: as_markdown(export, "How answers are wanted here"),
    "modelfile": as_modelfile,
}


def read_json(text: str) -> tuple[str, str, list[Remedy]]:
    """(domain, model, remedies) of an exported protocol. Raises ValueError that says what does not hold, also where the
    hash that it states is another than that of what it holds; it need not state one."""
    body = parsed(text)
    if not isinstance(body, dict) or body.get("schema") != SCHEMA:
        raise ValueError(f"not an exported protocol: its schema is not {SCHEMA!r}")
    domain, model, given = body.get("domain"), body.get("model"), body.get("remedies")
    if not isinstance(domain, str) or not isinstance(model, str) or not isinstance(given, list):
        raise ValueError("domain and model must be texts, remedies a list")
    version = body.get("version", 0)
    if not isinstance(version, int) or isinstance(version, bool) or version < 0:
        raise ValueError("its version must be a whole number, 0 or more")
    remedies = [_remedy(one, number) for number, one in enumerate(given, 1)]
    if body.get("hash") not in (None, protocol_hash(domain, model, remedies)):
        raise ValueError("its hash is not that of what it holds; it was changed after it was exported")
    return domain, model, remedies


def parsed(text: str) -> Any:
    """What a JSON text holds. Raises ValueError also for what Python reads and no other tool, file or database takes:
    NaN, infinite numbers, half of a surrogate pair."""
    body = json.loads(text, parse_constant=_no_number)
    try:
        json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError("it holds half of a surrogate pair, which is no text") from error
    return body


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number that JSON has")


def _remedy(one: Any, number: int) -> Remedy:
    if not isinstance(one, dict) or not isinstance(one.get("kind"), str) or not isinstance(one.get("name"), str):
        raise ValueError(f"remedy {number} needs a kind and a name")
    if not isinstance(one.get("settings", {}), dict):
        raise ValueError(f"remedy {number}: settings must be a mapping")
    return Remedy(one["kind"], one["name"], one.get("settings", {}))


def _conventions(export: Export) -> list[str]:
    return [_one_line(line) for line in export.readable]


def _rules(protocol: Protocol) -> list[str]:
    """Rules without a trigger as they are; one with a trigger says what it is about."""
    found = []
    for remedy in protocol.remedies:
        if remedy.kind == "rule":
            about = (remedy.settings.get("trigger") or {}).get("any")
            text = _rule(str(remedy.settings["text"]))
            found.append(f"Where it is about {_one_line(', '.join(about))}: {text}" if about else text)
    return found


def _rule(text: str) -> str:
    """As it is where it is a rule of today, which may be a list; else what it says in one line."""
    return _one_line(text) if rule_flaw(text) else text


def _examples(protocol: Protocol) -> Sequence[Mapping[str, Any]]:
    pools = [remedy.settings["pool"] for remedy in protocol.remedies if remedy.kind == "exemplar"]
    return [one for pool in pools for one in pool][:MOST_EXAMPLES]


def _asked(one: Mapping[str, Any]) -> str:
    return _plain("\n".join(one["inputs"].values()) if one["inputs"] else str(one.get("goal", "")))


def _answer(one: Mapping[str, Any]) -> str:
    return _plain(str(one["artifact"]))


def _parameters(remedy: Remedy) -> list[str]:
    """What holds of an option's settings, as Ollama takes it."""
    lines = []
    for name, value in sorted(remedy.settings.items()):
        if name not in OPTIONS or name == "constrained" or OPTIONS[name](value):
            continue
        if name == "stop":
            lines += [f"PARAMETER stop {_quoted(word)}" for word in map(_plain, value) if word]
        else:
            lines.append(f"PARAMETER {name} {value}")
    return lines


def _plain(text: str) -> str:
    """The text without control characters; line breaks and tabs stay."""
    return CONTROL.sub(lambda found: found[0] if found[0] in "\n\t" else "", text)


def _one_line(text: str) -> str:
    return " ".join(_plain(text).split())


def _named(text: str) -> str:
    """A name as it stands between backquotes."""
    return _one_line(text).replace("`", "'")


def _escaped(found: re.Match[str]) -> str:
    """A character as JSON writes it in ASCII."""
    return json.dumps(found[0])[1:-1]


def _quoted(text: str) -> str:
    """A Modelfile's long text, which knows no escapes; three quotes inside would end it."""
    return '"""' + text.replace('"""', "'''") + '"""'


def _fenced(text: str) -> list[str]:
    """Between fences that are longer than any in the text."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [fence, *text.splitlines(), fence]
