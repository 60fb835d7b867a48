"""Windows of time, as in "between six and eight", "14-15.30", "before 7 a.m.", "ab 10 Uhr": a start, an end, or one of
them. Pure.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import Final

from metaagent.remedies.json.fields.moments import show_time, times
from metaagent.remedies.json.fields.spoken import HOURS, Clock

Window = tuple[Clock | None, Clock | None]

_SHORT: Final = 25
"""In a text of at most so many characters two hours with a dash between them are a window."""
_REACH: Final = 40
"""So many characters before a time hold the word that says what it is."""
_HOURS: Final = {**HOURS, "noon": 12, "midday": 12, "midi": 12, "mittag": 12, "mediodía": 12}
_HOUR = re.compile(
    rf"(?<![\w.,:/€$£-])(?:[01]?\d|2[0-4]|{'|'.join(sorted(_HOURS, key=len, reverse=True))})(?![\w€$£%-]|[.,:]\d)",
    re.IGNORECASE,
)
_DASHED = re.compile(r"(?<![\d/.-])(\d{1,2}(?:[:.h]\d\d)?)-(?=\d{1,2}(?:[:.h]\d\d)?(?![\d/-]))")
_BETWEEN = re.compile(r"\s*(?:[-–—/]|to|till?|until|bis|and|und|à|et|y|a|tot|en)\s*", re.IGNORECASE)
_LEAD = re.compile(r"(?<!\w)(?:between|from|zwischen|von|entre|de|tussen|van|times?|slot)\s*[:.]?\s*$", re.IGNORECASE)
_BEFORE = re.compile(
    r"(?<!\w)(?:before|by|until|till|up to|no later than|at the latest|latest|bis|vor|spätestens|avant|jusqu['’]à"
    r"|antes de(?: las)?|hasta(?: las)?|voor|tot)\s*$",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"(?<!\w)(?:after|from|as of|not before|earliest|ab|nach|von|dès|après|à partir de|a partir de(?: las)?"
    r"|después de(?: las)?|desde(?: las)?|vanaf|na)\s*$",
    re.IGNORECASE,
)
_NOON: Final = (12, 0, 0)


@lru_cache(maxsize=8192)
def window(text: str) -> Window | None:
    """The first window of a text: from one time to another, only until or only from one, or at one. None: no time."""
    text = _DASHED.sub(r"\1–", text)  # a time does not begin behind a hyphen, which stands in codes and dates
    sure = times(text)
    if len(sure) == 1 and sure[0][:2] == (0, len(text)) and len(_bare(text, ())) > 1:
        sure = ()  # a lone noon is a time of the whole text
    found = sorted([*((*one, True) for one in sure), *_bare(text, sure)])
    for (start, end, first, known), (then, _, second, other) in pairwise(found):
        led = _LEAD.search(text, max(0, start - _REACH), start) is not None or len(text) <= _SHORT
        if _BETWEEN.fullmatch(text, end, then) and (known or other or led):
            return _same_half(first, second) if not known else first, second
    for start, _, clock, known in found:
        if _BEFORE.search(text, max(0, start - _REACH), start):
            return None, clock
        if _AFTER.search(text, max(0, start - _REACH), start):
            return clock, None
        if known:
            return clock, clock
    return None


def _bare(text: str, sure: tuple[tuple[int, int, Clock], ...]) -> list[tuple[int, int, Clock, bool]]:
    """Hours without minutes or another word: times only beside another, or behind a word that says so."""
    made = []
    for match in _HOUR.finditer(text):
        if any(match.start() < end and start < match.end() for start, end, _ in sure):
            continue
        said = match[0].lower()
        hour = int(said) if said.isdecimal() else _HOURS[said]
        made.append((match.start(), match.end(), (hour % 24, 0, 0), False))
    return made


def _same_half(first: Clock, second: Clock) -> Clock:
    """Two to three p.m. begins at 14:00."""
    later = (first[0] + 12, *first[1:])
    return later if first < _NOON <= second and later < second else first


def show_window(found: Window, form: str, mark: str, *, twice: bool) -> str:
    """Both times in a format of ``moments.show_time`` with ``mark`` between, nothing for one that is not there; one
    time, where both are the same and not wanted twice."""
    first, last = ("" if clock is None else show_time(clock, form) for clock in found)
    return first if first == last and not twice else f"{first}{mark}{last}"
