"""Dates and times of other SQL dialects, said in SQLite. Pure functions from parts to expressions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sqlglot import exp

NUMBERS: Final[Mapping[str, str]] = {
    "YEAR": "%Y", "MONTH": "%m", "DAY": "%d", "HOUR": "%H", "MINUTE": "%M", "SECOND": "%S", "WEEK": "%W",
    "DOY": "%j", "DAYOFYEAR": "%j", "DOW": "%w", "EPOCH": "%s", "YYYY": "%Y", "YY": "%Y", "MM": "%m", "DD": "%d",
    "HH": "%H", "MI": "%M", "SS": "%S", "DAYOFMONTH": "%d", "WK": "%W", "WW": "%W",
}  # fmt: skip
"""Parts of a date that are numbers -> the code of strftime."""
TRUNCATED: Final[Mapping[str, str]] = {
    "YEAR": "%Y-01-01", "MONTH": "%Y-%m-01", "DAY": "%Y-%m-%d", "HOUR": "%Y-%m-%d %H:00:00",
    "MINUTE": "%Y-%m-%d %H:%M:00", "SECOND": "%Y-%m-%d %H:%M:%S",
}  # fmt: skip
_MYSQL: Final[Mapping[str, str]] = {"%i": "%M", "%s": "%S", "%T": "%H:%M:%S", "%e": "%d", "%c": "%m", "%k": "%H"}
_PATTERNS: Final = (
    ("YYYY", "%Y"), ("yyyy", "%Y"), ("HH24", "%H"), ("MM", "%m"), ("DD", "%d"),
    ("dd", "%d"), ("HH", "%H"), ("MI", "%M"), ("SS", "%S"), ("ss", "%S"), ("mm", "%M"), ("WW", "%W"),
)  # fmt: skip
_UNITS: Final[Mapping[str, tuple[float, str]]] = {
    "SECOND": (1 / 86400, "seconds"), "MINUTE": (1 / 1440, "minutes"), "HOUR": (1 / 24, "hours"), "DAY": (1, "days"),
    "WEEK": (7, "days"), "MONTH": (0, "months"), "QUARTER": (0, "months"), "YEAR": (0, "years"),
}  # fmt: skip
_PER_DAY: Final = {"SECOND": 86400, "MINUTE": 1440, "HOUR": 24}


def strftime(pattern: str, when: exp.Expr, *modifiers: str) -> exp.Expr:
    from sqlglot import exp

    texts = [exp.Literal.string(text) for text in modifiers]
    return exp.Anonymous(this="STRFTIME", expressions=[exp.Literal.string(pattern), when, *texts])


def part(unit: str, when: exp.Expr) -> exp.Expr | None:
    """A part of a date as the number that other dialects give; the day of the week counts from 1, Sunday."""
    from sqlglot import exp

    unit = unit.upper()
    if unit == "QUARTER":
        months = _plus(part("MONTH", when), 2)
        return exp.Paren(this=exp.Div(this=months, expression=exp.Literal.number(3), typed=True))
    if unit in ("ISOWEEK", "WEEKOFYEAR"):  # by the Thursday of the week; %V is not in every SQLite of today
        day = strftime("%j", when, "-3 days", "weekday 4")
        before = exp.Paren(this=exp.Sub(this=day, expression=exp.Literal.number(1)))
        return exp.Paren(this=_plus(exp.Div(this=before, expression=exp.Literal.number(7), typed=True), 1))
    if unit == "DAYOFWEEK":
        return exp.Paren(this=_plus(part("DOW", when), 1))
    if unit not in NUMBERS:
        return None
    return exp.Cast(this=strftime(NUMBERS[unit], when), to=exp.DataType.build("INTEGER"))


def _plus(left: exp.Expr | None, number: int) -> exp.Expr:
    from sqlglot import exp

    return exp.Paren(this=exp.Add(this=left, expression=exp.Literal.number(number)))


def truncated(unit: str, when: exp.Expr) -> exp.Expr | None:
    from sqlglot import exp

    unit = unit.upper()
    if unit == "WEEK":
        days = [exp.Literal.string(text) for text in ("-6 days", "weekday 1")]
        return exp.Anonymous(this="DATE", expressions=[when, *days])
    return strftime(TRUNCATED[unit], when) if unit in TRUNCATED else None


def mysql_format(pattern: str) -> str:
    """DATE_FORMAT's codes as strftime's, the few that differ."""
    for theirs, ours in _MYSQL.items():
        pattern = pattern.replace(theirs, "\0" + ours[1:] if len(ours) == 2 else ours)
    return pattern.replace("\0", "%")


def to_char_format(pattern: str) -> str | None:
    """TO_CHAR's or FORMAT's pattern as strftime's; None where it is a number's or holds a part that SQLite has not."""
    made, rest = "", pattern.replace('"', "")
    while rest:
        for theirs, ours in _PATTERNS:
            if rest.startswith(theirs):
                made, rest = made + ours, rest[len(theirs) :]
                break
        else:
            if rest[0].isalnum() and rest[0] not in "TW":
                return None
            made, rest = made + rest[0], rest[1:]
    return made if "%" in made else None


def shifted(when: exp.Expr, amount: str, unit: str, sign: int) -> exp.Expr | None:
    """``when`` plus or minus an interval. ``amount`` is a whole number."""
    from sqlglot import exp

    unit = unit.upper().removesuffix("S")
    try:
        count = int(amount) * sign
    except ValueError:
        return None
    if unit not in _UNITS:
        return None
    count *= {"WEEK": 7, "QUARTER": 3}.get(unit, 1)
    function = "DATETIME" if unit in _PER_DAY else "DATE"
    return exp.Anonymous(this=function, expressions=[when, exp.Literal.string(f"{count:+d} {_UNITS[unit][1]}")])


def difference(unit: str, later: exp.Expr, earlier: exp.Expr) -> exp.Expr | None:
    """Whole units between two dates, as DATEDIFF counts them."""
    from sqlglot import exp

    def days(when: exp.Expr) -> exp.Expr:
        return exp.Anonymous(this="JULIANDAY", expressions=[when.copy()])

    unit = unit.upper().removesuffix("S")
    if unit in ("YEAR", "MONTH"):
        years = exp.Sub(this=part("YEAR", later.copy()), expression=part("YEAR", earlier.copy()))
        if unit == "YEAR":
            return exp.Paren(this=years)
        months = exp.Sub(this=part("MONTH", later.copy()), expression=part("MONTH", earlier.copy()))
        twelve = exp.Mul(this=exp.Paren(this=years), expression=exp.Literal.number(12))
        return exp.Paren(this=exp.Add(this=twelve, expression=exp.Paren(this=months)))
    if unit not in (*_PER_DAY, "DAY", "WEEK"):
        return None
    gap: exp.Expr = exp.Paren(this=exp.Sub(this=days(later), expression=days(earlier)))
    if unit in _PER_DAY:
        gap = exp.Mul(this=gap, expression=exp.Literal.number(_PER_DAY[unit]))
    if unit == "WEEK":
        gap = exp.Div(this=gap, expression=exp.Literal.number(7))
    return exp.Cast(this=gap, to=exp.DataType.build("INTEGER"))
