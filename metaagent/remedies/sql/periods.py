"""The periods that a house counts by: a year or a month that begins on another day than the calendar's, and parts of a
year that have a name, such as a season. Pure.

What is changed are conditions and outputs that take a calendar's year or month: what is cut from a date
(``strftime('%Y', day)``), the bounds of whole years or months, and ``LIKE '2023%'``. Days stay what they are.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from metaagent.remedies.sql.schema import Schema
from metaagent.remedies.sql.scope import in_shadow, own_columns, table_of
from metaagent.remedies.sql.shapes import codes_of, date_call, shifted
from metaagent.remedies.sql.tree import parse_expression

if TYPE_CHECKING:
    from sqlglot import exp

_YEAR_LIKE: Final = re.compile(r"(\d{4})-?%")
_MONTH_LIKE: Final = re.compile(r"(\d{4}-\d\d)-?%")
_YEAR: Final = re.compile(r"\d{4}")
_YEARS: Final = range(2, 9998)
MIDDLE: Final = 15
"""A month that begins later than this day is named after the month in which it ends."""


def year_begun(tree: exp.Query, schema: Schema, months: int) -> bool:
    """A calendar year becomes the house's, which begins so many months later."""
    changed = _cut_likes(tree, _YEAR_LIKE, "%Y")
    for column in sorted(_columns(tree, schema)):
        changed |= shifted(tree, schema, column, [f"-{months} months"], lambda codes: codes == {"%Y"})
    for bounds in bounds_of(tree):
        days = days_of(bounds)
        if days is not None and _whole_years(*days):
            _put(bounds, *(_months_after(day, months) for day in days))
            changed = True
    return changed


def month_begun(tree: exp.Query, schema: Schema, day: int) -> bool:
    """A calendar month becomes the house's, which begins on that day (2 to 28): of the month before where it is a late
    one. Longer ranges stay what they are."""
    changed = _cut_likes(tree, _MONTH_LIKE, "%Y-%m")
    earlier = [f"-{day - 1} days", *(("start of month", "+1 month") if day > MIDDLE else ())]
    for column in sorted(_columns(tree, schema)):
        if _cuts_months(tree, schema, column):
            changed |= shifted(tree, schema, column, earlier, lambda codes: bool(codes) and codes <= {"%Y", "%m"})
    for bounds in bounds_of(tree):
        days = days_of(bounds)
        if days is not None and _is_month(*days):
            _put(bounds, *(_begins(first, day) for first in days))
            changed = True
    return changed


def _begins(first: date, day: int) -> date:
    """The first day of the house's month that is named like the one that begins with ``first``."""
    return (_months_after(first, -1) if day > MIDDLE else first) + timedelta(days=day - 1)


def _cuts_months(tree: exp.Query, schema: Schema, column: str) -> bool:
    """Whether a month is cut from the column anywhere, and not as a part of a day."""
    from sqlglot import exp

    cuts = (codes_of(call) for one in tree.find_all(exp.Column) if (call := date_call(one)) is not None
            and _name(one, schema) == column)  # fmt: skip
    return any("%m" in codes and "%d" not in codes for codes in cuts)


def span_named(tree: exp.Query, schema: Schema, first: str, last: str) -> bool:
    """Of a year that a condition takes, or of the part of one, only what is from one day of it to another is meant
    (``MM-DD``, both in it)."""
    from sqlglot import exp

    changed = _cut_likes(tree, _YEAR_LIKE, "%Y")
    for bounds in bounds_of(tree):
        days = days_of(bounds)
        if days is None or not days[0] < days[1] or (days[1] - timedelta(days=1)).year != days[0].year:
            continue
        start, end = (_day_of(days[0].year, text) for text in (first, last))
        if days != (start, end + timedelta(days=1)):
            _put(bounds, start, end + timedelta(days=1))
            changed = True
    for node in list(tree.find_all(exp.EQ)):
        column = _year_of(node)
        if column is None or in_shadow(node) or table_of(column, schema) is None:
            continue
        within = f"strftime('%m-%d', {column.sql('sqlite')}) BETWEEN '{first}' AND '{last}'"
        node.replace(exp.Paren(this=exp.And(this=node.copy(), expression=parse_expression(within))))
        changed = True
    return changed


def _day_of(year: int, text: str) -> date:
    """``MM-DD`` in that year; the month's last day where the month is shorter."""
    month, day = map(int, text.split("-"))
    return date(year, month, min(day, monthrange(year, month)[1]))


def _year_of(node: exp.EQ) -> exp.Column | None:
    """The column of ``strftime('%Y', column) = '2024'``, also as a number."""
    from sqlglot import exp

    cut, year = node.this.unnest(), node.expression
    if not isinstance(year, exp.Literal) or not _YEAR.fullmatch(year.name):
        return None
    column = next(iter(cut.find_all(exp.Column)), None)
    call = date_call(column) if column is not None else None
    whole = cut.this if isinstance(cut, exp.Cast) else cut
    return column if call is not None and call is whole and codes_of(call) == {"%Y"} else None


def _columns(tree: exp.Query, schema: Schema) -> set[str]:
    """``table.column`` of all columns that stand in the statement itself."""
    from sqlglot import exp

    found = (one for select in tree.find_all(exp.Select) for one in own_columns(select) if not in_shadow(one))
    return {name for one in found if (name := _name(one, schema)) is not None}


def _name(column: exp.Column, schema: Schema) -> str | None:
    table = table_of(column, schema)
    return f"{table}.{column.name.lower()}" if table is not None else None


def _cut_likes(tree: exp.Query, pattern: re.Pattern[str], code: str) -> bool:
    """``LIKE '2023%'`` as a cut from the date, so that all else need not know of it. Whether there was any."""
    from sqlglot import exp

    changed = False
    for node in list(tree.find_all(exp.Like)):
        found = pattern.fullmatch(node.expression.name) if isinstance(node.expression, exp.Literal) else None
        if found is not None and isinstance(node.this, exp.Column) and not in_shadow(node):
            node.replace(parse_expression(f"strftime('{code}', {node.this.sql('sqlite')}) = '{found[1]}'"))
            changed = True
    return changed


def bounds_of(tree: exp.Query) -> Iterator[Sequence[exp.Expr]]:
    """The low and the high bound of each range of one column: of ``BETWEEN``, and of ``x >= low AND x < high``."""
    from sqlglot import exp

    for node in list(tree.find_all(exp.Between)):
        if not in_shadow(node):
            yield [node.args["low"], node.args["high"]]
    for both in list(tree.find_all(exp.And)):
        low, high = both.this.unnest(), both.expression.unnest()
        while isinstance(low, exp.And):
            low = low.expression.unnest()
        if isinstance(low, (exp.GTE, exp.GT)) and isinstance(high, (exp.LT, exp.LTE)) and low.this == high.this:
            yield [low.expression, high.expression]


def days_of(bounds: Sequence[exp.Expr]) -> tuple[date, date] | None:
    """The first day of a range and the day after its last; None where a bound is no day. A closed range that ends with
    the first of a month is taken for one that ends before it."""
    from sqlglot import exp

    if not all(isinstance(one, exp.Literal) and one.is_string for one in bounds):
        return None
    low, high = (_day(one.name) for one in bounds)
    if low is None or high is None or low.year not in _YEARS or high.year not in _YEARS:
        return None  # the first and the last of all years stand for no bound
    return low, high + timedelta(days=_closed(bounds) and high.day != 1)


def _closed(bounds: Sequence[exp.Expr]) -> bool:
    """Whether the high bound's day belongs to the range."""
    from sqlglot import exp

    return isinstance(bounds[1].parent, (exp.Between, exp.LTE))


def _put(bounds: Sequence[exp.Expr], low: date, after: date) -> None:
    """Other bounds in their place: the first day, and the day after the last."""
    from sqlglot import exp

    end = after - timedelta(days=_closed(bounds))
    bounds[0].replace(exp.Literal.string(low.isoformat()))
    bounds[1].replace(exp.Literal.string(end.isoformat() + bounds[1].name[10:]))


def _whole_years(low: date, after: date) -> bool:
    return (low.month, low.day) == (after.month, after.day) == (1, 1) and low < after


def _is_month(low: date, after: date) -> bool:
    return low.day == 1 and after == _months_after(low, 1)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def _months_after(first: date, months: int) -> date:
    """Of a first day of a month."""
    count = first.month - 1 + months
    return date(first.year + count // 12, count % 12 + 1, 1)
