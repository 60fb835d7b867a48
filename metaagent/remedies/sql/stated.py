"""``sql.stated``: what the question says about its results is done: decimals ("one decimal", "rounded to two decimals")
and the form of dates that it shows ("month (like 2024-01)", "hour (two digits)").

Only outputs that are quotients or averages are rounded, and only outputs that are made of one date are written anew. It
abstains where the question says nothing of the kind, and where the statement does it already.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from metaagent.records import Brief
from metaagent.remedies.sql.names import asked_columns
from metaagent.remedies.sql.shapes import dated
from metaagent.remedies.sql.tree import is_sql, parse, render

if TYPE_CHECKING:
    from sqlglot import exp

_COUNTS: Final = {"no": 0, "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "a": 1, "single": 1}
_DECIMALS: Final = re.compile(r"\b(no|zero|one|two|three|four|a|single|\d)\s+(?:decimal|digits? after|place)", re.I)
_EXAMPLE: Final = re.compile(r"\b(?:like|as in|e\.g\.|such as|format)\s*:?\s*['\"`]?([\w./:-]+(?: [\d:]+)?)", re.I)
_FORMS: Final = (
    (r"\d{4}-\d{2}-\d{2}", "strftime('%Y-%m-%d', {})"),
    (r"\d{4}-\d{2}|YYYY-MM", "strftime('%Y-%m', {})"),
    (r"\d{4}/\d{2}|YYYY/MM", "strftime('%Y/%m', {})"),
    (r"\d{2}/\d{4}|MM/YYYY", "strftime('%m/%Y', {})"),
    (r"\d{2}/\d{2}/\d{4}|DD/MM/YYYY", "strftime('%d/%m/%Y', {})"),
    (r"\d{2}\.\d{2}\.\d{4}|DD\.MM\.YYYY", "strftime('%d.%m.%Y', {})"),
    (r"\d{4}-Q\d", "strftime('%Y', {}) || '-Q' || ((strftime('%m', {}) + 2) / 3)"),
    (r"Q\d", "'Q' || ((strftime('%m', {}) + 2) / 3)"),
)
_TWO_DIGITS: Final = {"hour": "%H", "month": "%m", "day": "%d", "minute": "%M"}


def fix(reply: str, brief: Brief, settings: Mapping[str, Any]) -> str | None:  # noqa: ARG001
    from sqlglot import exp

    if not is_sql(brief):
        return None
    tree = parse(reply)
    if not isinstance(tree, exp.Select):
        return None
    before = render(tree)
    for column in asked_columns(brief.own_text):
        template = _template(column.name, column.note)
        if template is not None:
            dated(tree, column.name, template)
    digits = _digits(brief.own_text)
    if digits is not None:
        _round(tree, digits)
    after = render(tree)
    return after if after != before else None


def _template(name: str, note: str) -> str | None:
    """How a date is written that the note shows; None where it shows none."""
    shown = _EXAMPLE.search(note)
    if shown is not None:
        return next((template for form, template in _FORMS if re.fullmatch(form, shown[1])), None)
    code = _TWO_DIGITS.get(name)
    return f"strftime('{code}', {{}})" if code and "two digits" in note.lower() else None


def _digits(text: str) -> int | None:
    found = {_COUNTS.get(word.lower(), int(word) if word.isdigit() else -1) for word in _DECIMALS.findall(text)}
    return found.pop() if len(found) == 1 else None


def _round(tree: exp.Select, digits: int) -> None:
    from sqlglot import exp

    for output in list(tree.expressions):
        inner = output.unalias()
        if isinstance(inner, exp.Round) or inner.find(exp.Avg, exp.Div) is None or not output.alias_or_name:
            continue
        bare = inner.copy()
        for division in list(bare.find_all(exp.Div)):
            if _whole(division) and digits > 0:
                division.set("this", exp.Mul(this=exp.Literal.number("1.0"), expression=_grouped(division.this)))
        made = exp.Round(this=bare, decimals=exp.Literal.number(digits))
        output.replace(exp.alias_(made, exp.to_identifier(output.alias_or_name)))


def _whole(division: exp.Div) -> bool:
    """Whether SQLite may cut the quotient to a whole number."""
    from sqlglot import exp

    real = any("." in one.name for one in division.find_all(exp.Literal) if not one.is_string)
    return not real and division.find(exp.Avg, exp.Cast, exp.Anonymous) is None


def _grouped(node: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    return exp.Paren(this=node.copy()) if isinstance(node, (exp.Add, exp.Sub)) else node.copy()
