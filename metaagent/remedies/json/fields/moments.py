"""Dates and times: read from words of many languages, written in a stated format. Partial: None where
there is none. A date format is made of YYYY YY MM M DD D, Month Mon MON mon, and ROM (a Roman number), with anything
between; a time format of HH H mm ss hh h, AM am, and DEC (hours with decimals).
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import Final

from metaagent.remedies.json.fields.spoken import spoken_times
from metaagent.remedies.json.fields.stock import month_names, month_numbers, weekday_names
from metaagent.remedies.json.fields.words import fold

_NUMERIC = re.compile(
    r"(?<![\d.,/-])(?:(?P<y>\d{4})\s?(?P<s>[-/.年])\s?(?P<m>\d{1,2})\s?[-/.月]\s?(?P<d>\d{1,2})日?"
    r"|(?P<a>\d{1,2})(?P<t>[-/.]|\.\s)(?P<b>\d{1,2})(?:[-/.]|\.\s)(?P<c>\d{4}|\d{2}|['’]\d{2})"
    r"|(?P<k>(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])))(?![\d/]|-\d|[.,]\d)"
)
_WORD = r"[^\W\d_]{2,24}"
"""Bounded, for it is looked for at every letter: a text may hold a long run of them."""
_NAMED = re.compile(
    rf"(?<!\d)(?P<d1>\d{{1,2}})(?:st|nd|rd|th|er|ème|º|ª|\.)?[\s./-]{{0,2}}(?:de |of |d['’])?(?P<m1>{_WORD})"
    rf"[.,]?[\s,./-]*(?:de[l]? |of )?(?P<y1>\d{{4}}|['’]?\d{{2}}(?![\d:.,]))"
    rf"|(?P<m2>{_WORD})\.?[\s-]+(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?[\s,.-]+(?P<y2>\d{{4}}|['’]\d{{2}})"
    rf"|(?P<y3>\d{{4}})[\s.,-]+(?P<m3>{_WORD})[\s.,-]+(?P<d3>\d{{1,2}})(?!\d)"
)
_ORDINALS: Final = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
    "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth",
    "twentieth", "twenty-first", "twenty-second", "twenty-third", "twenty-fourth", "twenty-fifth", "twenty-sixth",
    "twenty-seventh", "twenty-eighth", "twenty-ninth", "thirtieth", "thirty-first",
)  # fmt: skip
_YEARLESS = re.compile(
    rf"(?<![\d.,/-])(?:(?P<a>\d{{1,2}})[./](?P<b>\d{{1,2}})\.?(?![\d/-]|[.,]\d)"
    rf"|(?P<d1>\d{{1,2}})(?:st|nd|rd|th|er|ème|º|ª|\.)?[\s-]{{0,2}}(?:de |of |d['’])?(?P<m1>{_WORD})"
    rf"|(?P<m2>{_WORD})\.?[\s-]+(?:the )?(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?(?![\d:.,]\d|\d)"
    rf"|(?P<d3>{'|'.join(sorted(_ORDINALS, key=len, reverse=True))}) (?:of )?(?P<m3>{_WORD}))",
    re.IGNORECASE,
)
_FULL_YEAR = re.compile(r"(?<![\d.,/])(?:19|20)\d\d(?![\d/]|[.,]\d)")
UNSHOWN: Final = 2000
"""The year of days whose year no format shows: a leap year."""
_ROMAN: Final = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
_TIME = re.compile(
    r"(?<![\d.,:/-])(?P<h>[01]?\d|2[0-4])\s?(?:[:.hH]\s?(?P<m>[0-5]\d)(?::(?P<s>[0-5]\d))?|h\b|(?=\s?[apAP]\.?\s?[mM]\b)"
    r"|(?=\s?(?:uhr|heures?|horas?|o'clock)\b))(?![\d/]|[.-]\d)\s?(?P<p>[apAP]\.?\s?[mM]\b\.?)?"
)
_COMPACT_TIME = re.compile(r"(?<![\w.,:/-])([01]\d|2[0-3])([0-5]\d)(?![\w/.,-])")
_NAMED_TIMES: Final = {
    "noon": (12, 0, 0),
    "midday": (12, 0, 0),
    "midnight": (0, 0, 0),
    "mittag": (12, 0, 0),
    "midi": (12, 0, 0),
}
_CODES = re.compile(r"ROM|YYYY|YY|Month|MONTH|Mon|MON|mon|MM|M|DDD|DD|D")
_TIME_CODES = re.compile(r"HH|H|mm|ss|hh|h|AM|am|DEC|'[^']*'")
"""A text in quotes stands for itself: ``HH'h'mm`` is 17h45."""


@lru_cache(maxsize=8192)
def dates(text: str, order: str = "dmy") -> tuple[tuple[int, int, date], ...]:
    """Every date of the text with its start and end. ``order`` reads 03/04/2024: ``dmy`` or ``mdy``; where only one of
    the two is a date, that one."""
    found: list[tuple[int, int, date]] = []
    for pattern, read in ((_NUMERIC, _numeric), (_NAMED, _named)):
        at = 0
        while (match := pattern.search(text, at)) is not None:
            day = read(match, order)
            at = match.start() + 1 if day is None else match.end()
            if day is not None:
                found.append((match.start(), match.end(), day))
    return tuple(sorted(found))


def dates_in(value: str, order: str, year: int | str, text: str) -> tuple[tuple[int, int, date], ...]:
    """The dates of a value, and its days without a year as those of ``year``: a number, ``text`` for the year of the
    text beside it, 0 for none."""
    stated = year_of(text) if year == "text" else int(year)
    return days(value, order, stated) if stated else dates(value, order)


@lru_cache(maxsize=8192)
def days(text: str, order: str, year: int) -> tuple[tuple[int, int, date], ...]:
    """As ``dates``, and days without a year as those of this one (14 July, 20.8., third of June)."""
    found = list(dates(text, order))
    at = 0
    while (match := _YEARLESS.search(text, at)) is not None:
        day = _without_year(match, order, year)
        inside = any(match.start() < end and match.end() > start for start, end, _ in found)
        at = match.start() + 1 if day is None or inside else match.end()
        if day is not None and not inside:
            found.append((match.start(), match.end(), day))
    return tuple(sorted(found))


def _without_year(match: re.Match[str], order: str, year: int) -> date | None:
    if match["a"]:
        return _ordered(int(match["a"]), int(match["b"]), year, order)
    for n in "123":
        if match[f"m{n}"]:
            month, said = month_numbers().get(fold(match[f"m{n}"])), match[f"d{n}"].lower()
            day = int(said) if said.isdecimal() else _ORDINALS.index(said) + 1
            return _day(year, month, day) if month else None
    return None


@lru_cache(maxsize=4096)
def year_of(text: str) -> int | None:
    """The year that a text is of: that of its first date, else the first that it names."""
    found = dates(text)
    named = _FULL_YEAR.search(text)
    return found[0][2].year if found else int(named[0]) if named else None


def days_between(text: str, order: str) -> int | None:
    """Whole days from the text's last date but one to its last; None where there are not two, or not in that order."""
    found = dates(text, order)
    length = (found[-1][2] - found[-2][2]).days if len(found) > 1 else 0
    return length if length > 0 else None


def _numeric(match: re.Match[str], order: str) -> date | None:
    if match["k"]:
        return _day(int(match["k"][:4]), int(match["k"][4:6]), int(match["k"][6:]))
    if match["y"]:
        return _day(int(match["y"]), int(match["m"]), int(match["d"]))
    return _ordered(int(match["a"]), int(match["b"]), _year(match["c"]), order)


def _ordered(first: int, second: int, year: int, order: str) -> date | None:
    """Day and month, or month and day, as ``order`` reads them; where only one of the two is a date, that one."""
    european, american = _day(year, second, first), _day(year, first, second)
    return (american or european) if order == "mdy" else (european or american)


def _named(match: re.Match[str], order: str) -> date | None:  # noqa: ARG001
    for n in "123":
        if match[f"m{n}"]:
            month = month_numbers().get(fold(match[f"m{n}"]))
            return _day(_year(match[f"y{n}"]), month, int(match[f"d{n}"])) if month else None
    return None


def _year(text: str) -> int:
    digits = text.strip("'’")
    year = int(digits)
    return year if len(digits) == 4 else year + (2000 if year < 70 else 1900)


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def show_date(day: date, form: str) -> str:
    return _CODES.sub(lambda match: _date_part(day, match[0]), form)


def _date_part(day: date, code: str) -> str:
    name = month_names()[day.month - 1]
    parts = {
        "YYYY": f"{day.year:04d}", "YY": f"{day.year % 100:02d}", "MM": f"{day.month:02d}", "M": str(day.month),
        "DD": f"{day.day:02d}", "D": str(day.day), "Month": name, "MONTH": name.upper(), "Mon": name[:3],
        "MON": name[:3].upper(), "mon": name[:3].lower(), "DDD": weekday_names()[day.weekday()][:3],
        "ROM": _ROMAN[day.month - 1],
    }  # fmt: skip
    return parts[code]


@lru_cache(maxsize=8192)
def times(text: str) -> tuple[tuple[int, int, tuple[int, int, int]], ...]:
    """Every time of day with its start and end, also one that is told in words."""
    found = list(spoken_times(text))
    told = [(m.start(), m.end(), read) for m in _TIME.finditer(text) if (read := _clock(m)) is not None]
    found += [one for one in told if not any(one[0] < end and start < one[1] for start, end, _ in found)]
    found.sort()
    if not found:
        found = [(m.start(), m.end(), (int(m[1]), int(m[2]), 0)) for m in _COMPACT_TIME.finditer(text)]
    if not found and len(text) < 40:
        word = fold(text)
        found = [(0, len(text), value) for name, value in _NAMED_TIMES.items() if name in word.split()]
    return tuple(found)


def _clock(match: re.Match[str]) -> tuple[int, int, int] | None:
    hour, minute, second = int(match["h"]), int(match["m"] or 0), int(match["s"] or 0)
    half = (match["p"] or "").lower()[:1]
    if half and not 1 <= hour <= 12:
        return None
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    return (hour, minute, second) if hour < 24 else None


def stepped(clock: tuple[int, int, int], way: str, step: int) -> tuple[int, int, int]:
    """To the next whole ``step`` minutes: ``way`` up, down, near; as it is for another. The day may end at 24:00."""
    if way not in ("up", "down", "near"):
        return clock
    seconds, unit = clock[0] * 3600 + clock[1] * 60 + clock[2], step * 60
    count = {"up": -(-seconds // unit), "down": seconds // unit, "near": (2 * seconds + unit) // (2 * unit)}[way]
    return (count * unit // 3600, count * unit % 3600 // 60, 0)


def show_time(clock: tuple[int, int, int], form: str) -> str:
    hour, minute, second = clock
    half = "PM" if hour >= 12 else "AM"
    twelve = hour % 12 or 12
    parts = {
        "HH": f"{hour:02d}", "H": str(hour), "mm": f"{minute:02d}", "ss": f"{second:02d}", "hh": f"{twelve:02d}",
        "h": str(twelve), "AM": half, "am": half.lower(), "DEC": f"{hour + minute / 60:.4g}",
    }  # fmt: skip
    return _TIME_CODES.sub(lambda match: parts.get(match[0], match[0][1:-1]), form)
