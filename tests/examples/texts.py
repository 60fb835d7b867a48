"""What stands in a text of the examples, however it is written there."""

from __future__ import annotations

import re
import unicodedata

DIGITS = ("oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SPOKEN = {"zero": "0"} | {word: str(digit) for digit, word in enumerate(DIGITS)}


def plain(text: str) -> str:
    """Small letters without accents."""
    decomposed = unicodedata.normalize("NFD", text.translate(str.maketrans("łøıŁØ", "loiLO")))
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).lower()


def written(text: str) -> str:
    """The letters and digits of a text in one piece, spoken digits written."""
    doubled = re.sub(r"\bdouble (\w+)", r"\1 \1", plain(text))
    return re.sub(r"[^a-z0-9]", "", re.sub(r"[a-z]+", lambda word: SPOKEN.get(word[0], word[0]), doubled))


def says(text: str, words: str) -> bool:
    return re.search(rf"\b(?:{words})\b", text, re.IGNORECASE) is not None
