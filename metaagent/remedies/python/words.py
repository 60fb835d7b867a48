"""What the rewrites of Python answers read from a task's own text: its words, and the ranges that it states. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from metaagent.records import Brief
from metaagent.remedies.trigger import own_words

_WORD = re.compile(r"[^\W\d_]+")
_NUMBER = r"(-?\d+(?:\.\d+)?)"
_RANGE = re.compile(rf"(?:from|between)\s+{_NUMBER}\s+(?:to|and|until|up to)\s+{_NUMBER}(?![\w.]*\d)")
_SHORT = 3


def words(brief: Brief) -> frozenset[str]:
    """The words of the task in lower case, those inside of names too, without a plural s."""
    return split(own_words(brief))


@lru_cache(maxsize=512)
def split(text: str) -> frozenset[str]:
    """The words in a text, or in a name, as triggers know them."""
    return frozenset(stem(word) for word in _WORD.findall(text))


def stem(word: str) -> str:
    return word.removesuffix("s") if len(word) > _SHORT and not word.endswith("ss") else word


def applies(rule: Mapping[str, Any], found: frozenset[str]) -> bool:
    """Whether a rule's ``when`` holds for a task of these words: one of ``any`` where given, none of ``none``."""
    when = rule.get("when") or {}
    return (not when.get("any") or any(word in found for word in when["any"])) and not any(
        word in found for word in when.get("none", ())
    )


def ranges(brief: Brief, parameters: Iterable[str]) -> dict[str, tuple[str, str]]:
    """The parameter that each range in the text is about, as (low, high): the one named nearest to a word of the
    range's own sentence."""
    text, names = own_words(brief), list(parameters)
    found: dict[str, tuple[str, str]] = {}
    for match in _RANGE.finditer(text):
        name = _subject(text, match, names)
        if name is not None:
            found.setdefault(name, (match[1], match[2]))
    return found


def _subject(text: str, match: re.Match[str], names: list[str]) -> str | None:
    start = max(text.rfind(mark, 0, match.start()) for mark in (". ", "\n", "; ")) + 1
    before = [stem(word) for word in _WORD.findall(text[start : match.start()])]
    for word in reversed(before):
        for name in names:
            if word in {stem(part) for part in name.lower().split("_")}:
                return name
    tokens = [stem(word) for word in re.findall(r"\w+", text[:start])]
    for word in (one for one in before if len(one) > _SHORT):
        places = [number for number, token in enumerate(tokens) if token == word]
        near = [
            (min(abs(place - number) for place in places), name)
            for name in names
            for number, token in enumerate(tokens)
            if token == stem(name.lower()) and places
        ]
        if near:
            return min(near)[1]
    return names[0] if len(names) == 1 else None
