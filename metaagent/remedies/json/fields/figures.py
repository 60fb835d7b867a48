"""Numbers: read from texts of any locale, scaled, rounded and written; measures with units. Exact, by Decimal."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache
from typing import Final

from metaagent.remedies.json.fields.stock import units
from metaagent.remedies.json.fields.words import fold

Number = int | float
LIMIT: Final = Decimal(10) ** 30
"""No number here is as large: one of many digits would take long to write out."""

_GROUPED = r"\d{1,3}(?:[ \u00a0\u202f'’.,]\d{3})+(?:[.,]\d{1,3}|,-|,–|,—)?"
_NUMBER = re.compile(rf"(?<![\w.,])[-−–(+]?\s?(?:{_GROUPED}|\d+(?:[.,]\d+)?(?:,-|,–|,—)?)(?![\d])")
_LOOSE = re.compile(r"[-−–]?\s?(?:\d{1,3}(?:[ \u00a0\u202f'’.,]\d{2,3})+(?!\d)(?:[.,]\d{1,2})?|\d+(?:[.,]\d+)?)")
_UNIT = re.compile(r"(-?\d[\d.,\u00a0 ]*)\s*([^\W\d_]{1,12}[²³]?|%|°\s?[CF]|[\"'″′])")


def plain(value: Decimal) -> Number:
    """As a JSON number: an integer where it is one."""
    return int(value) if value == value.to_integral_value() else float(value)


def exact(value: object) -> Decimal | None:
    """A JSON number, or a text that holds exactly one, as Decimal."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        made = Decimal(repr(value))
        return made if made.is_finite() and abs(made) < LIMIT else None
    return read_number(value) if isinstance(value, str) else None


@lru_cache(maxsize=8192)
def read_number(text: str, mark: str = "auto") -> Decimal | None:
    """The one number of a text; None where there is none or more. ``mark`` is the decimal mark, or ``auto``."""
    if len(text) > 200:
        return None
    found = list(_LOOSE.finditer(text))
    return parse(found[0][0], mark) if len(found) == 1 else None


@lru_cache(maxsize=8192)
def numbers(text: str) -> tuple[tuple[int, int, Decimal], ...]:
    """Every number that stands alone in the text, with its start and end."""
    found = []
    for match in _NUMBER.finditer(text):
        value = parse(match[0])
        if value is not None:
            found.append((match.start(), match.end(), value))
    return tuple(found)


def parse(text: str, mark: str = "auto") -> Decimal | None:
    """A written number. Of two kinds of marks the last is the decimal mark; a lone one before three digits parts
    thousands."""
    body = re.sub(r"[\s\u00a0\u202f'’(+]", "", text).replace("−", "-").replace("–", "-").replace("—", "-")
    body = re.sub(r"[.,]-*$", "", body.rstrip("-")) if not body.startswith("-") else body
    if mark == "auto":
        mark = _mark(body)
    other = "." if mark == "," else ","
    body = body.replace(other, "").replace(mark, ".")
    try:
        value = Decimal(body)
    except InvalidOperation:
        return None
    return value if value.is_finite() and abs(value) < LIMIT else None


def _mark(body: str) -> str:
    point, comma = body.rfind("."), body.rfind(",")
    if point >= 0 and comma >= 0:
        return "." if point > comma else ","
    lone = "." if point >= 0 else ","
    if body.count(lone) > 1 or re.fullmatch(rf"-?[1-9]\d{{0,2}}[{lone}]\d{{3}}", body):
        return "," if lone == "." else "."
    return lone


def rounded(value: Decimal, places: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def written(value: Decimal, form: str) -> str | None:
    """A number as text. ``form`` is the look of zero with its separators: ``0``, ``0.00``, ``#,##0.00``, ``# ##0``; a
    dash for decimals (``0,-``) stands for a whole number's, others have two."""
    found = re.fullmatch(r"(#[,. '])?(?:##)?0(?:([.,])(0+|-))?", form)
    if found is None or abs(value) >= Decimal(10) ** 15:
        return None
    if found[3] == "-":
        whole_one = value == value.to_integral_value()
        text = written(value, form[:-2] if whole_one else form[:-1] + "00")
        return None if text is None else text + (form[-2:] if whole_one else "")
    group, mark, zeros = found[1][1] if found[1] else "", found[2] or "", len(found[3] or "")
    if not zeros and value != value.to_integral_value():
        return None
    text = f"{rounded(value, zeros):,f}"
    whole, _, rest = text.partition(".")
    return whole.replace(",", group) + (mark + rest if zeros else "")


@lru_cache(maxsize=4096)
def measure(text: str) -> tuple[Decimal, str] | None:
    """The first number with a known unit: its value in the base unit of its kind, and the kind. 5 ft 10 in adds up."""
    total, kind = Decimal(0), ""
    for number, unit in _UNIT.findall(text[:200]):
        known = units().get(fold(unit))
        value = parse(number.strip())
        if known is None or value is None or (kind and known[0] != kind):
            continue
        total, kind = total + value * known[1], known[0]
    return (total, kind) if kind else None
