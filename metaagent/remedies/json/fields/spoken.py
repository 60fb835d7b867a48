"""Times of day that are told in words: half past four, quarter to eight, halb acht, huit heures et demie, three in the
afternoon. Pure.

Without a word for the half of the day an hour is taken as it is said.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

Clock = tuple[int, int, int]

_ENGLISH: Final = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6,
    "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
}  # fmt: skip
HOURS: Final = _ENGLISH | {
    word: hour
    for words in (
        "ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf",
        "une deux trois quatre cinq six sept huit neuf dix onze douze",
        "una dos tres cuatro cinco seis siete ocho nueve diez once doce",
        "een twee drie vier vijf zes zeven acht negen tien elf twaalf",
    )
    for hour, word in enumerate(words.split(), 1)
}
_MINUTES: Final = {
    "five": 5, "ten": 10, "quarter": 15, "twenty": 20, "twenty-five": 25,
    "fünf": 5, "zehn": 10, "viertel": 15, "vijf": 5, "tien": 10, "kwart": 15,
}  # fmt: skip
_FRENCH: Final = {"et demie": 30, "et quart": 15, "moins le quart": -15}


def _any(words: dict[str, int]) -> str:
    return "|".join(sorted(words, key=len, reverse=True))


_HOUR: Final = rf"(?:[01]?\d|2[0-4]|{_any(HOURS)})"
_TOLD: Final = re.compile(
    rf"(?<![\w.,:/-])(?:half past (?P<past>{_HOUR})|half (?P<short>{_any(_ENGLISH)})|(?:halb|half) (?P<until>{_HOUR})"
    rf"|(?:an? )?(?P<some>{_any(_MINUTES)}) (?P<way>past|after|to|before|vor|nach|voor|over) (?P<near>{_HOUR})"
    rf"|(?P<hour>{_HOUR}) (?:o['’]?clock|uhr|heures?)(?: (?P<more>{_any(_FRENCH)}))?"
    rf"|(?P<bare>{_HOUR}))(?![\w-]|[.,:]\d)",
    re.IGNORECASE,
)
_HALF: Final = re.compile(
    r"[\s,]{1,2}(?:(?P<later>in the (?:afternoon|evening)|at night|tonight|p\.?m\b\.?|nachmittags?|abends?"
    r"|de l['’]après-midi|du soir|de la (?:tarde|noche))"
    r"|in the morning|a\.?m\b\.?|morgens|früh|vormittags|du matin|de la mañana)",
    re.IGNORECASE,
)
_NOON: Final = 12 * 60


@lru_cache(maxsize=8192)
def spoken_times(text: str) -> tuple[tuple[int, int, Clock], ...]:
    """Every such time with its start and end."""
    found = []
    for match in _TOLD.finditer(text):
        half = _HALF.match(text, match.end())
        if half is None and match["bare"]:
            continue
        clock = _clock(match, half)
        if clock is not None:
            found.append((match.start(), half.end() if half is not None else match.end(), clock))
    return tuple(found)


def _clock(match: re.Match[str], half: re.Match[str] | None) -> Clock | None:
    said = next(text for name in ("past", "short", "until", "near", "hour", "bare") if (text := match[name])).lower()
    hour = int(said) if said.isdecimal() else HOURS[said]
    minutes = hour * 60 + _shift(match)
    if half is not None and hour > 12:
        return None
    if half is not None:
        minutes = minutes % _NOON + (_NOON if half["later"] else 0)
    return (minutes // 60, minutes % 60, 0) if 0 <= minutes < 2 * _NOON else None


def _shift(match: re.Match[str]) -> int:
    """Minutes after the hour that is said."""
    if match["past"] or match["short"]:
        return 30
    if match["until"]:
        return -30
    if match["some"]:
        count = _MINUTES[match["some"].lower()]
        return count if match["way"].lower() in ("past", "after", "nach", "over") else -count
    return _FRENCH.get((match["more"] or "").lower(), 0)
