"""Folding and cutting of words: how texts are compared in every table and test. Pure, cached."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise
from typing import Final

_WORD = re.compile(r"\w+")
_PLAIN: Final = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ı": "i", "ß": "ss", "æ": "ae", "œ": "oe"})


@lru_cache(maxsize=20_000)
def fold(text: str) -> str:
    """Words in lower case without marks or punctuation, one blank between them: how names are compared."""
    return " ".join(_WORD.findall(_unmarked(text.casefold()).translate(_PLAIN)))


def titled(text: str) -> str:
    """Each run of letters with a capital first and the rest small."""
    return re.sub(r"[^\W\d_]+", lambda word: word[0][0].upper() + word[0][1:].lower(), text)


def unmarked(text: str) -> str:
    """The text without diacritics, case kept."""
    return _unmarked(text).translate(_PLAIN).replace("Ø", "O").replace("Ł", "L").replace("Æ", "AE").replace("Đ", "D")


def _unmarked(text: str) -> str:
    if text.isascii():
        return text
    return "".join(mark for mark in unicodedata.normalize("NFKD", text) if not unicodedata.combining(mark))


@lru_cache(maxsize=4096)
def word_set(text: str) -> frozenset[str]:
    """What a keyword can be: folded words, pairs of neighbours, and the stems ``abcde*`` of long words."""
    words = fold(text).split()
    stems = (word[:5] + "*" for word in words if len(word) > 5)
    pairs = (f"{first} {second}" for first, second in pairwise(words))
    return frozenset((*words, *stems, *pairs))
