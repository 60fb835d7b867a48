"""How much a protocol may add to a prompt: a hard cap, whatever it was learned from. Pure."""

from __future__ import annotations

from dataclasses import replace

from metaagent.records import Protocol, Remedy
from metaagent.remedies.apply import MOST_RULES
from metaagent.remedies.exemplars import CAP, CHARACTERS_PER_TOKEN, FIXED

MOST_TOKENS = 2000
"""Unbounded playbooks are the commonest complaint about peers. This is about half of the default window."""


def added_tokens(protocol: Protocol) -> int:
    """About how many tokens the protocol adds to a prompt at most: its longest rules, and the caps of its exemplars."""
    rules = sorted((len(str(r.settings.get("text", ""))) for r in protocol.remedies if r.kind == "rule"), reverse=True)
    examples = sum(int(r.settings.get("cap", CAP)) for r in protocol.remedies if r.kind == "exemplar")
    return round(sum(rules[:MOST_RULES]) / CHARACTERS_PER_TOKEN) + examples


def fresh_tokens(protocol: Protocol) -> int:
    """About how many of them an engine reads anew for each task: fixed exemplars, and rules that hold for every task,
    stand in the prefix that it caches."""
    return added_tokens(replace(protocol, remedies=tuple(one for one in protocol.remedies if not _shared(one))))


def _shared(remedy: Remedy) -> bool:
    if remedy.kind == "exemplar":
        return remedy.name == FIXED
    return remedy.kind == "rule" and not remedy.settings.get("trigger")


def over_cap(tokens: int) -> bool:
    return tokens > MOST_TOKENS
