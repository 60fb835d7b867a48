"""Lengths of time: read from "2h 15", "90 min", "three days", "half an hour", "zweieinhalb Stunden", PT1H30M;
written as a number of a unit, as ISO or H:MM. Pure; None where there is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from metaagent.remedies.json.fields import stock
from metaagent.remedies.json.fields.spoken import HOURS
from metaagent.remedies.json.fields.words import unmarked

_COUNTS: Final[dict[str, float]] = {
    **{unmarked(word): count for word, count in HOURS.items()},
    **dict.fromkeys(("a", "an", "ein", "eine", "einen", "einem", "un", "uno"), 1),
    "anderthalb": 1.5,
    "eineinhalb": 1.5,
    "zweieinhalb": 2.5,
    "dreieinhalb": 3.5,
    "viereinhalb": 4.5,
}
_AND_HALF: Final = r"(?: 1/2| and a half| et demie?| und eine? halbe?)"
_HALF: Final = r"1/2|half(?:[ -]an?)?|an? half|(?:a )?quarter of an|(?:ein(?:e|en|er)? )?halbe[nrs]?|(?:une? )?demie?"
_ISO = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_CLOCK = re.compile(r"\s*(\d{1,3})\s?(?::\s?(?=\d\d)|h\s?)(\d{1,2})\s*(?:h|hours|min)?\s*")
_UNITS: Final = {"minutes": 1.0, "seconds": 1 / 60, "hours": 60.0, "days": 1440.0}


@lru_cache(maxsize=4096)
def minutes(text: str) -> float | None:
    """The length of time that a text states, in minutes: its parts added up."""
    iso = _ISO.fullmatch(text.strip())
    if iso and any(iso.groups()):
        days, hours, mins, seconds = (int(part or 0) for part in iso.groups())
        return days * 1440 + hours * 60 + mins + seconds / 60
    clock = _CLOCK.fullmatch(text)
    if clock:
        return int(clock[1]) * 60.0 + int(clock[2])
    plain = unmarked(text.replace("½", " 1/2"))
    parts = [_count(match) * stock.lengths()[match["unit"].lower()] for match in _parts().finditer(plain)]
    return sum(parts) if parts else None


@lru_cache(maxsize=1)
def _parts() -> re.Pattern[str]:
    """A count, or a half, and its unit."""
    count = rf"(?:(?<![\d.,:/-])(?P<digits>\d+(?:[.,]\d+)?)|(?<!\w)(?P<word>{_any(_COUNTS)}))(?P<more>{_AND_HALF})?"
    return re.compile(
        rf"(?:(?<!\w)(?P<half>{_HALF})|{count})[\s-]*(?P<unit>{_any(stock.lengths())})(?![^\W\d_])(?P<behind>{_AND_HALF})?",
        re.IGNORECASE,
    )


def _any(words: Iterable[str]) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


def _count(match: re.Match[str]) -> float:
    """How many of its unit a part names."""
    if match["half"]:
        return 0.25 if "quarter" in match["half"].lower() else 0.5
    count = float(match["digits"].replace(",", ".")) if match["digits"] else _COUNTS[match["word"].lower()]
    return count + (0.5 if match["more"] or match["behind"] else 0.0)


def stepped(length: float, way: str, step: int) -> float:
    """To the next whole ``step`` minutes: ``way`` up, down or near (a half goes up)."""
    whole, rest = divmod(length, step)
    more = {"up": rest > 0, "down": False, "near": 2 * rest >= step}[way]
    return (whole + more) * step


def show(length: float, form: str) -> str | int | float | None:
    """A length of time as minutes, seconds, hours or days (numbers), ``iso``, ``h:mm``, ``hh:mm`` or ``XhYm``."""
    if form in _UNITS:
        value = round(length / _UNITS[form], 4)
        return int(value) if value == int(value) else value
    if length != int(length):
        return None
    hours, rest = divmod(int(length), 60)
    if form == "iso":
        return "PT" + (f"{hours}H" if hours else "") + (f"{rest}M" if rest or not hours else "")
    return {"h:mm": f"{hours}:{rest:02d}", "hh:mm": f"{hours:02d}:{rest:02d}", "XhYm": f"{hours}h{rest}m"}.get(form)
