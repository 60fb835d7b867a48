"""How much a protocol may add to a prompt: a hard cap, whatever it was learned from. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from metaagent.records import Protocol, Remedy
from metaagent.remedies.apply import MOST_RULES, NOTES
from metaagent.remedies.exemplars import CAP, CHARACTERS_PER_TOKEN, FIXED
from metaagent.remedies.json.notes import LONGEST, MARK

MOST_TOKENS = 2000
"""Unbounded playbooks are the commonest complaint about peers. This is about half of the default window."""


def text_tokens(text: str) -> float:
    """About how many tokens a text takes, by its bytes in UTF-8: a character of Chinese or Japanese is about one token,
    and has three bytes where a Latin letter has one."""
    return len(text.encode("utf-8", "surrogatepass")) / CHARACTERS_PER_TOKEN


def added_tokens(protocol: Protocol) -> int:
    """About how many tokens the protocol adds to a prompt at most: its longest rules, the caps of its exemplars, its
    notes in the form that is asked for, and the longest goal that it puts in place of a task's own."""
    kinds: dict[str, list[float]] = {}
    for remedy in protocol.remedies:
        kinds.setdefault(remedy.kind, []).append(_tokens(remedy))
    rules = sorted(kinds.get("rule", ()), reverse=True)[:MOST_RULES]
    goal = max(kinds.get("route", ()), default=0.0)
    return round(sum(rules) + sum(kinds.get("exemplar", ())) + sum(kinds.get("option", ())) + goal)


def _tokens(remedy: Remedy) -> float:
    """What one remedy adds, 0 or more."""
    if remedy.kind == "rule":
        return text_tokens(str(remedy.settings.get("text", "")))
    if remedy.kind == "route":
        return text_tokens(str(remedy.settings.get("goal") or ""))
    if remedy.kind == "option":
        fields = remedy.settings.get("fields", ()) if remedy.name == NOTES else ()
        return sum(text_tokens(json.dumps(_note(str(name)), ensure_ascii=False)) for name in fields)
    return _shown(remedy.settings) if remedy.kind == "exemplar" else 0.0


def _note(field: str) -> dict[str, Any]:
    """What a note adds to a form: its property, and its name among those that are required."""
    return {f"{field}{MARK}": {"type": "string", "maxLength": LONGEST}, "required": [f"{field}{MARK}"]}


def _shown(settings: Mapping[str, Any]) -> float:
    """An exemplar's cap, which counts characters, for the densest text of its pool."""
    dense = [_density(one) for one in settings.get("pool", ()) if isinstance(one, Mapping)]
    return max(0, int(settings.get("cap", CAP))) * max([1.0, *dense])


def _density(one: Mapping[str, Any]) -> float:
    """Bytes a character of what is shown of a solved task."""
    inputs = one.get("inputs") or {"goal": str(one.get("goal", ""))}
    text = "".join([*map(str, inputs.values()), str(one.get("artifact", ""))])
    return len(text.encode("utf-8", "surrogatepass")) / max(1, len(text))


def fresh_tokens(protocol: Protocol) -> int:
    """About how many of them an engine reads anew for each task: fixed exemplars, and what else holds for every task,
    stand in the prefix that it caches."""
    return added_tokens(replace(protocol, remedies=tuple(one for one in protocol.remedies if not _shared(one))))


def _shared(remedy: Remedy) -> bool:
    if remedy.kind == "exemplar":
        return remedy.name == FIXED
    return remedy.kind in ("rule", "option", "route") and not remedy.settings.get("trigger")


def over_cap(tokens: int) -> bool:
    return tokens > MOST_TOKENS
