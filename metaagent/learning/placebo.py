"""Placebos: remedies that say nothing. What a prompt of another length does by itself must not pass for learning. Pure.

A placebo of a protocol is one rule line of neutral sentences, about as long as what the protocol adds to a prompt at
most. It holds nothing about any task, asks for nothing, and is the same for the same protocol.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from metaagent.records import Protocol, Remedy
from metaagent.remedies.cap import MOST_TOKENS, added_tokens
from metaagent.remedies.exemplars import CHARACTERS_PER_TOKEN

NAME = "placebo"
FEWEST_TOKENS = 16
"""About one sentence: what stands in for a protocol that adds nothing to prompts."""

_THINGS = (
    "river",
    "orchard",
    "ferry",
    "lantern",
    "meadow",
    "harbour",
    "bridge",
    "heron",
    "chimney",
    "hillside",
    "mill",
)
_DOINGS = (
    "lies still",
    "can be seen from afar",
    "is quiet",
    "looks much as ever",
    "rests in the sun",
    "stays as it is",
)
_TIMES = (
    "in the morning",
    "at noon",
    "towards evening",
    "on most days",
    "in early spring",
    "after the rain",
    "in autumn",
)


def neutral_text(tokens: int, first: int = 0) -> str:
    """Whole sentences of about so many tokens in all, one at least; ``first`` says with which of them to begin."""
    wanted, text = round(tokens * CHARACTERS_PER_TOKEN), ""
    for sentence in (_sentence(number) for number in count(first)):
        text = f"{text} {sentence}".strip()
        if len(text) >= wanted:
            return text
    raise AssertionError  # there is always another sentence


def _sentence(number: int) -> str:
    """The lists' lengths have no common factor, so that sentences repeat after 462 at the earliest."""
    return f"The {_THINGS[number % 11]} {_DOINGS[number % 6]} {_TIMES[number % 7]}."


def placebo(protocol: Protocol) -> tuple[Remedy, ...]:
    """The remedies of a protocol's placebo, to be recorded for the same domain and model."""
    tokens = min(max(added_tokens(protocol), FEWEST_TOKENS), MOST_TOKENS)
    return (Remedy("rule", NAME, {"text": neutral_text(tokens), "tokens": tokens}),)


def label(remedies: Sequence[Remedy]) -> str | None:
    """How an arm under these remedies is called where they are a placebo."""
    if [(remedy.kind, remedy.name) for remedy in remedies] != [("rule", NAME)]:
        return None
    return f"placebo of {remedies[0].settings['tokens']} tokens"
