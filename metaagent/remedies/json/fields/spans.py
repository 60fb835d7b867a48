"""Spans of the task's text: pieces of a kind, found where the reply's own value stands or by their place. Pure,
cached."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from metaagent.remedies.json.fields.figures import exact, numbers
from metaagent.remedies.json.fields.moments import dates, times
from metaagent.remedies.json.fields.stock import listed, minor_units, month_numbers, units
from metaagent.remedies.json.fields.words import fold

Span = tuple[int, int]
MAX_TEXT: Final = 20_000
_PATTERNS: Final = {
    "email": re.compile(r"[\w.+-]{1,64}@[\w-]+\.[\w.-]*\w"),
    "url": re.compile(r"https?://[^\s<>\"')]+"),
    "phone": re.compile(r"(?<![\w.,])(?:\+|00|\()?\d[\d\s()./-]{6,18}\d(?!\w)"),
    "quoted": re.compile(r"(?<=[\"“„«])[^\"“”„«»\n]{1,80}(?=[\"”“»])"),
    "capitals": re.compile(r"(?<!\w)[A-Z]{2,6}(?!\w)"),
    "measure": re.compile(r"(?<![\w.,])\d[\d.,]*\s?[^\W\d_]{1,12}(?!\w)"),
    "named": re.compile(
        r"[^\W\d_a-zß-ÿ][^\W\d_]*(?:[ .&'’-]+(?:(?:of|de|la|du|von|van|der|and|&|y|e) )*[^\W\d_a-zß-ÿ][^\W\d_]*)*"
    ),
    "line": re.compile(r"[^\n]+"),
}
_CODE = re.compile(
    r"(?<![\w.,/-])(?:(?P<lead>[^\W\d_]{1,3})[ ])?(?P<core>(?=[\w/.#-]*\d)[^\W_](?:[\w/.#-]*\w)?)"
    r"(?P<more>(?:[ ][\w/-]{1,3}(?![\w.,]\w))*)(?!\w)"
)


@lru_cache(maxsize=8192)
def spans(kind: str, text: str) -> tuple[Span, ...]:
    """Where pieces of this kind stand, in order."""
    text = text[:MAX_TEXT]
    if kind == "number":
        return tuple((start, end) for start, end, _ in numbers(text))
    if kind == "date":
        return tuple((start, end) for start, end, _ in dates(text))
    if kind == "time":
        return tuple((start, end) for start, end, _ in times(text))
    if kind == "code":
        return codes(text)
    return tuple(match.span() for match in _PATTERNS[kind].finditer(text))


def codes(text: str) -> tuple[Span, ...]:
    """Where identifiers stand: a piece with a digit and letters or separators, with the short pieces beside it
    (``cr 108 ca``). What is a date, a time, a plain number or a sum of money is none."""
    taken = [(start, end) for start, end, _ in (*dates(text), *times(text))]
    found: list[Span] = []
    for match in _CODE.finditer(text):
        start, end = match.span("core")
        if any(start < other_end and end > other for other, other_end in taken):
            continue
        lead, core, more = match["lead"], match["core"], match["more"]
        if lead and not core[0].isalpha() and fold(lead) not in _no_lead() and lead.upper() not in minor_units():
            start = match.start("lead")
        for piece in re.finditer(r"[ ]([\w/-]+)", more):
            if fold(piece[1]) in _no_lead() or piece[1].upper() in minor_units() or not piece[1][0].isalnum():
                break
            end = match.start("more") + piece.end()
        if any(start < other_end and end > other for other, other_end in taken):
            start, end = match.span("core")
        piece_text = text[start:end]
        if any(map(str.isalpha, piece_text)) or re.search(r"\d[-/_]\d|\.\d+\.", piece_text):
            found.append((start, end))
    return tuple(found)


@lru_cache(maxsize=1)
def _no_lead() -> frozenset[str]:
    """Words that are no part of an identifier beside one."""
    return (
        listed("particles")
        | frozenset(month_numbers())
        | frozenset(units())
        | frozenset(
            [
                "no",
                "nr",
                "n",
                "ref",
                "inv",
                "invoice",
                "from",
                "dated",
                "about",
                "over",
                "order",
                "nota",
                "rs",
                "kc",
                "zl",
                "ft",
                "kr",
                "r",
                "eur",
                "usd",
                "was",
                "is",
                "be",
                "or",
                "net",
                "term",
            ]
        )
    )


def pick(kind: str, which: int | str, text: str) -> str | None:
    """The piece at a place (0 first, -1 last) or the ``only`` one."""
    found = spans(kind, text)
    if which == "only":
        different = {text[start:end] for start, end in found}
        return different.pop() if len(different) == 1 else None
    if not isinstance(which, int) or not -len(found) <= which < len(found):
        return None
    start, end = found[which]
    return text[start:end].strip()


@lru_cache(maxsize=8192)
def locate(value: str, text: str) -> Span | None:
    """Where a value stands in the text, marks, case and blanks aside."""
    if not value or len(value) > 200:
        return None
    at = text.find(value)
    if at >= 0:
        return at, at + len(value)
    parts = re.findall(r"\w+", value)
    if not parts:
        return None
    match = re.search(r"(?<!\w)" + r"[\W_]*".join(map(re.escape, parts)) + r"(?!\w)", text[:MAX_TEXT], re.IGNORECASE)
    return match.span() if match else None


def near(kind: str, value: object, text: str) -> str | None:
    """The piece of this kind that the value was taken from: it overlaps with it, has its digits or its number."""
    found = [text[start:end].strip() for start, end in _like(kind, value, text)]
    return found[0] if found else None


def recover(kind: str, value: object, text: str) -> str | None:
    """The piece that the value was taken from; where the value is of no such piece, the first of the text."""
    return near(kind, value, text) or pick(kind, 0, text)


def _like(kind: str, value: object, text: str) -> list[Span]:
    pieces = spans(kind, text)
    if kind == "number" and (number := exact(value)) is not None:
        tests: tuple[Callable[[str], bool], ...] = (
            lambda piece: exact(piece) == number,
            lambda piece: _digits(piece) == _digits(str(value)),
            lambda piece: (other := exact(piece)) is not None and int(abs(other)) == int(abs(number)),
        )
        for test in tests:
            if fitting := [span for span in pieces if test(text[span[0] : span[1]])]:
                return fitting
        return []
    place = locate(str(value), text) if isinstance(value, (str, int, float)) else None
    if place is not None:
        return [(start, end) for start, end in pieces if start < place[1] and end > place[0]]
    wanted = fold(str(value)).replace(" ", "")
    return [s for s in pieces if wanted and fold(text[s[0] : s[1]]).replace(" ", "") == wanted]


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text)).strip("0")


def extended(side: str, value: str, text: str) -> str | None:
    """The value with the word before (``left``) or after it (``right``) in the text, or up to the line's ends
    (``line``)."""
    place = locate(value, text)
    if place is None:
        return None
    start, end = place
    before = re.search(r"[^\s,;:()]+[ \t]*$", text[:start]) if side == "left" else None
    after = re.match(r"[ \t]*[^\s,;:()]+", text[end:]) if side == "right" else None
    if side == "line":
        return text[text.rfind("\n", 0, start) + 1 : (text.find("\n", end) + 1 or len(text) + 1) - 1].strip()
    if before is None and after is None:
        return None
    return text[before.start() : end] if before else text[start : end + (after.end() if after else 0)].rstrip(".")


def beside(side: str, value: str, text: str) -> str | None:
    """The folded word before or after the value in the text; empty at an end, None where the value is not in it."""
    place = locate(value, text)
    if place is None:
        return None
    words = fold(text[: place[0]][-40:] if side == "left" else text[place[1] :][:40]).split()
    return (words[-1] if side == "left" else words[0]) if words else ""


def after_label(label: str, text: str) -> str | None:
    """What follows a label up to the end of its clause."""
    match = re.search(rf"(?<!\w){re.escape(label)}\W{{0,3}}\s*([^\n,;|]+)", text[:MAX_TEXT], re.IGNORECASE)
    return match[1].strip(" .:\t") or None if match else None
