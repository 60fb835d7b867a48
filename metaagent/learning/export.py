"""What was learned, for other tools: a protocol as text for a prompt, as a Modelfile, or as JSON. Pure.

What a form cannot carry is said in it rather than left out in silence: a system prompt cannot run a fixer, so it gets
the fixer's readable lines, as conventions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metaagent.records import Protocol, Remedy
from metaagent.remedies.apply import OPTIONS

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
    return json.dumps(body, ensure_ascii=False, indent=2) + "\n"


def as_system_prompt(export: Export) -> str:
    """Conventions and rules as plain lines, then a few solved tasks."""
    lines = [*_conventions(export), *_rules(export.protocol)]
    parts = ["\n".join(lines)] if lines else []
    parts += [f"Example.\n{_asked(one)}\nAnswer:\n{one['artifact']}" for one in _examples(export.protocol)]
    return "\n\n".join(parts or ["Nothing was learned yet."]) + "\n"


def as_markdown(export: Export, title: str) -> str:
    """A section for AGENTS.md or CLAUDE.md."""
    protocol = export.protocol
    lines = [f"## {title}", "", f"From metaagent, for `{protocol.domain or 'any domain'}` on `{protocol.model}`,"]
    lines += [f"protocol v{protocol.version} ({protocol.hash[:12]}). {export.standing}", ""]
    lines += [f"- {line}" for line in (*_conventions(export), *_rules(protocol))] or ["- Nothing was learned yet."]
    for one in _examples(protocol):
        lines += ["", "Example:", "", *_fenced(_asked(one)), "", *_fenced(str(one["artifact"]))]
    return "\n".join(lines) + "\n"


def as_modelfile(export: Export) -> str:
    """An Ollama Modelfile: FROM, PARAMETER for options, SYSTEM for rules and conventions, MESSAGE for solved tasks.
    (Format: Ollama's documentation of the Modelfile.)"""
    lines = [f"FROM {export.base_model}"]
    for remedy in export.protocol.remedies:
        if remedy.kind == "option" and not remedy.settings.get("trigger"):
            lines += _parameters(remedy)
    told = [*_conventions(export), *_rules(export.protocol)]
    if told:
        lines.append(f"SYSTEM {_quoted(chr(10).join(told))}")
    for one in _examples(export.protocol):
        lines.append(f"MESSAGE user {_quoted(_asked(one))}")
        lines.append(f"MESSAGE assistant {_quoted(str(one['artifact']))}")
    return "\n".join(lines) + "\n"


FORMS: dict[str, Callable[[Export], str]] = {
    "json": as_json,
    "system-prompt": as_system_prompt,
    "agents-md": lambda export: as_markdown(export, "How answers are wanted here"),
    "claude-md": lambda export: as_markdown(export, "How answers are wanted here"),
    "modelfile": as_modelfile,
}


def read_json(text: str) -> tuple[str, str, list[Remedy]]:
    """(domain, model, remedies) of an exported protocol. Raises ValueError that says what does not hold."""
    body = json.loads(text)
    if not isinstance(body, dict) or body.get("schema") != SCHEMA:
        raise ValueError(f"not an exported protocol: its schema is not {SCHEMA!r}")
    domain, model, remedies = body.get("domain"), body.get("model"), body.get("remedies")
    if not isinstance(domain, str) or not isinstance(model, str) or not isinstance(remedies, list):
        raise ValueError("domain and model must be texts, remedies a list")
    return domain, model, [_remedy(one, number) for number, one in enumerate(remedies, 1)]


def _remedy(one: Any, number: int) -> Remedy:
    if not isinstance(one, dict) or not isinstance(one.get("kind"), str) or not isinstance(one.get("name"), str):
        raise ValueError(f"remedy {number} needs a kind and a name")
    if not isinstance(one.get("settings", {}), dict):
        raise ValueError(f"remedy {number}: settings must be a mapping")
    return Remedy(one["kind"], one["name"], one.get("settings", {}))


def _conventions(export: Export) -> list[str]:
    return list(export.readable)


def _rules(protocol: Protocol) -> list[str]:
    """Rules without a trigger as they are; one with a trigger says what it is about."""
    found = []
    for remedy in protocol.remedies:
        if remedy.kind == "rule":
            about = (remedy.settings.get("trigger") or {}).get("any")
            text = str(remedy.settings["text"])
            found.append(f"Where it is about {', '.join(about)}: {text}" if about else text)
    return found


def _examples(protocol: Protocol) -> Sequence[Mapping[str, Any]]:
    pools = [remedy.settings["pool"] for remedy in protocol.remedies if remedy.kind == "exemplar"]
    return [one for pool in pools for one in pool][:MOST_EXAMPLES]


def _asked(one: Mapping[str, Any]) -> str:
    return "\n".join(one["inputs"].values()) if one["inputs"] else str(one.get("goal", ""))


def _parameters(remedy: Remedy) -> list[str]:
    lines = []
    for name, value in sorted(remedy.settings.items()):
        if name == "stop":
            lines += [f"PARAMETER stop {json.dumps(str(word), ensure_ascii=False)}" for word in value]
        elif name in OPTIONS - {"constrained"}:
            lines.append(f"PARAMETER {name} {value}")
    return lines


def _quoted(text: str) -> str:
    """A Modelfile's long text; three quotes inside would end it."""
    return '"""' + text.replace('"""', "'''") + '"""'


def _fenced(text: str) -> list[str]:
    fence = "````" if "```" in text else "```"
    return [fence, *text.splitlines(), fence]
