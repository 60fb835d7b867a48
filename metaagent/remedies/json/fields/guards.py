"""Guards: the tests that decide which branch of a program holds. Lists, like expressions; they never raise.

``["word", w]`` the text has the keyword; ``["own-word", w]`` the value has it, ``["title-word", w]`` the task's
title; ``["shape", source, s]`` the look of a value (``Aa 9``); ``["equals", source, v]``; ``["trait", name]`` a
stated property of the value; ``["beside", side, w]`` the word next to the value in the text; ``["settled", name...]``
these fields needed no mending, ``["mostly-settled", name...]`` more than half of them; ``["and", g...]``, ``["not",
g]``. A source is ``own``, ``field:NAME`` or ``fixed:NAME``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final

from metaagent.remedies.json.fields import stock
from metaagent.remedies.json.fields.evaluate import NOTHING, Scope, mentions
from metaagent.remedies.json.fields.names import bare, is_firm, is_public, legal_form, parts_of
from metaagent.remedies.json.fields.spans import beside, locate
from metaagent.remedies.json.fields.words import fold, word_set

Guard = Sequence[Any]

GUARDS: Final = {
    **dict.fromkeys(("and", "not", "word", "own-word", "title-word", "settled", "mostly-settled", "trait"), 1),
    **dict.fromkeys(("beside", "shape", "equals"), 2),
}
"""Every name that a guard may begin with, and how many parameters it needs at least."""


def holds(guard: Guard, scope: Scope) -> bool:
    """Whether the guard holds; False where it cannot be told."""
    try:
        return _holds(guard, scope, 0)
    except Exception:  # noqa: BLE001 - the contract: a program may come from anywhere
        return False


def _holds(guard: Guard, scope: Scope, depth: int) -> bool:
    name = guard[0]
    if depth > 6:
        return False
    if name == "and":
        return all(_holds(part, scope, depth + 1) for part in guard[1:])
    if name == "not":
        return not _holds(guard[1], scope, depth + 1)
    if name == "word":
        return bool(guard[1] in word_set(scope.text))
    if name == "settled":
        return all(_settled(field, scope) for field in guard[1:])
    if name == "mostly-settled":
        return 2 * sum(_settled(field, scope) for field in guard[1:]) > len(guard) - 1
    if name == "title-word":
        return bool(guard[1] in word_set(scope.title))
    if name == "own-word":
        return isinstance(scope.own, str) and guard[1] in word_set(scope.own)
    if name == "beside":
        return isinstance(scope.own, str) and bool(beside(guard[1], scope.own, scope.text) == guard[2])
    if name == "trait":
        return bool(TRAITS[guard[1]](scope.own, scope))
    value = source(guard[1], scope)
    if name == "shape":
        return bool(shape(value) == guard[2])
    return name == "equals" and value is not NOTHING and type(value) is type(guard[2]) and bool(value == guard[2])


def _settled(name: str, scope: Scope) -> bool:
    """Whether the mending left the field as the reply had it: it keeps the conventions already."""
    return bool(scope.fields.get(name, NOTHING) == scope.fixed.get(name, NOTHING))


def source(name: str, scope: Scope) -> Any:
    kind, _, key = name.partition(":")
    if kind == "own":
        return scope.own
    return (scope.fixed if kind == "fixed" else scope.fields).get(key, NOTHING)


def shape(value: Any) -> str:
    """The look of a value: runs of letters as A, a or Aa, digits as 9, marks as they are; words repeat at most
    twice."""
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, (int, float)):
        return ("-" if value < 0 else "") + ("int" if isinstance(value, int) else "float")
    return _shape(value) if isinstance(value, str) else type(value).__name__


@lru_cache(maxsize=8192)
def _shape(text: str) -> str:
    made = re.sub(r"[^\W\d_]+", _letters, text[:120])
    made = re.sub(r"\d+", "9", made)
    made = re.sub(r"\s+", " ", made)
    return re.sub(r"(.{1,3} ?)\1{2,}", r"\1\1", made)[:40]


def _letters(match: re.Match[str]) -> str:
    word = match[0]
    return "A" if word.isupper() else "a" if word.islower() else "Aa"


def _words(low: int, high: int) -> Callable[[Any, Scope], bool]:
    return lambda own, _: isinstance(own, str) and low <= len(bare(own).split()) <= high


def _has(marks: str) -> Callable[[Any, Scope], bool]:
    return lambda own, _: isinstance(own, str) and any(mark in own for mark in marks)


def _number(test: Callable[[float], bool]) -> Callable[[Any, Scope], bool]:
    return lambda own, _: isinstance(own, (int, float)) and not isinstance(own, bool) and test(own)


def _text(test: Callable[[str], bool]) -> Callable[[Any, Scope], bool]:
    return lambda own, _: isinstance(own, str) and bool(own) and test(own)


def _after_is_legal(own: Any, scope: Scope) -> bool:
    place = locate(own, scope.text) if isinstance(own, str) else None
    following = re.match(r"[\s,]*[^\n,;:()]{1,12}", scope.text[place[1] :]) if place else None
    words = following[0].strip(" ,").split() if following else []
    return any(bool(legal_form("x " + " ".join(words[:count]).rstrip("."))) for count in (1, 2, 3) if words[:count])


def _before_is_title(own: Any, scope: Scope) -> bool:
    return isinstance(own, str) and beside("left", own, scope.text) in stock.listed("titles")


def _starts_with_title(own: Any, _: Scope) -> bool:
    words = fold(own).split() if isinstance(own, str) else []
    return len(words) > 1 and words[0] in stock.listed("titles")


def _quoted_number(own: Any, scope: Scope) -> bool:
    return bool(re.search(rf"(?<![\d.,]){re.escape(str(own))}(?![\d]|[.,]\d)", scope.text))


TRAITS: Final[dict[str, Callable[[Any, Scope], bool]]] = {
    "is null": lambda own, _: own is None,
    "is empty": lambda own, _: own in ("", [], None),
    "is a text": lambda own, _: isinstance(own, str),
    "has a digit": _text(lambda own: any(map(str.isdigit, own))),
    "has a lower-case letter": _text(lambda own: any(map(str.islower, own))),
    "has an upper-case letter": _text(lambda own: any(map(str.isupper, own))),
    "is in capitals": _text(str.isupper),
    "has a blank": _text(lambda own: " " in own.strip()),
    "has one word": _words(1, 1),
    "has two words": _words(2, 2),
    "has two or three words": _words(2, 3),
    "has three words or more": _words(3, 99),
    "has four words or more": _words(4, 99),
    "has a comma": _has(","),
    "has a point": _has("."),
    "has a dash": _has("-–"),
    "has a slash": _has("/"),
    "has a bracket": _has("([{"),
    "has an ampersand": _has("&"),
    "has an apostrophe": _has("'’"),
    "has a colon": _has(":"),
    "has a plus": _has("+"),
    "is a whole number": _number(lambda own: own == int(own)),
    "is a fraction": _number(lambda own: own != int(own)),
    "is negative": _number(lambda own: own < 0),
    "is below 1": _number(lambda own: abs(own) < 1),
    "is below 24": _number(lambda own: abs(own) < 24),
    "is below 1000": _number(lambda own: abs(own) < 1000),
    "is a multiple of 100": _number(lambda own: own % 100 == 0),
    "stands in the text": lambda own, scope: own not in (None, "", []) and str(own) in scope.text,
    "stands in the text as a plain number": lambda own, s: not isinstance(own, bool) and _quoted_number(own, s),
    "ends in a legal form": _text(is_firm),
    "has a legal form after it": _after_is_legal,
    "starts with a title": _starts_with_title,
    "has a title before it": _before_is_title,
    "starts with a given name": _text(lambda own: fold(bare(own)).split(" ")[0] in stock.listed("given")),
    "reads like a person's name": _text(lambda own: parts_of(own) is not None),
    "names a public body": _text(is_public),
    "names a country": _text(lambda own: bool(mentions("country", own))),
    "names a city": _text(lambda own: bool(mentions("city", own))),
}
