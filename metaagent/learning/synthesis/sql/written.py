"""How references write single values that their questions do not say how to write: candidate steps. Mine only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from metaagent.remedies.sql.forms import is_mean
from metaagent.remedies.sql.periods import bounds_of, days_of
from metaagent.remedies.sql.schema import Schema
from metaagent.remedies.sql.scope import table_of
from metaagent.remedies.sql.shares import NAMES, fraction_of
from metaagent.remedies.sql.tree import render

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlglot import exp

_YEAR: Final = 12
_LAST_DAY: Final = 28
_MONTHS_BACK: Final = re.compile(r"-(\d|1[01]) months?")


def forms(select: exp.Select, schema: Schema) -> Iterator[Mapping[str, Any]]:
    """Of the outputs that are no amounts: the text for what is missing, the form of one column and of those whose names
    end like it, the form of several columns of a table."""
    from sqlglot import exp

    for output in select.expressions:
        inner = output.unalias()
        if isinstance(inner, exp.Coalesce) and len(inner.expressions) == 1 and inner.expressions[0].is_string:
            yield {"do": "missing", "is": inner.expressions[0].name}
            inner = inner.this
        columns = {column.sql(): column for column in inner.find_all(exp.Column)}
        tables = {table_of(column, schema) for column in columns.values()}
        if len(tables) != 1 or None in tables or _is_amount(inner):
            continue
        table = str(next(iter(tables)))
        yield from _of_one(inner, table, schema) if len(columns) == 1 else _of_several(inner, table)


def _is_amount(node: exp.Expr) -> bool:
    """Whether it is plain, or something is counted or worked out: there other steps have their say."""
    from sqlglot import exp

    if isinstance(node, exp.Column) or node.find(exp.Query, exp.Predicate, exp.Case) is not None:
        return True
    working = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Round, exp.Count, exp.Sum, exp.Avg)
    return node.find(*working) is not None


def _of_one(node: exp.Expr, table: str, schema: Schema) -> Iterator[Mapping[str, Any]]:
    from sqlglot import exp

    value = next(iter(node.find_all(exp.Min, exp.Max)), None) or next(iter(node.find_all(exp.Column)))
    if value is node or _cuts_a_date(node):
        return
    column = next(iter(value.find_all(exp.Column)))
    text, name = render(node).replace(render(value), "{}"), column.name.lower()
    yield {"do": "form", "columns": [f"{table}.{name}"], "is": text}
    ending = f"_{name.rpartition('_')[2]}"
    alike = [f"{one.name}.{other}" for one in schema.tables.values() for other in one.names if other.endswith(ending)]
    if len(alike) > 1:
        yield {"do": "form", "columns": sorted(alike), "is": text}


def _cuts_a_date(node: exp.Expr) -> bool:
    """Whether it is a part of a date, such as a month: those go by the output's name."""
    from sqlglot import exp

    return any("%d" not in one.text("format") for one in node.find_all(exp.TimeToStr))


def _of_several(node: exp.Expr, table: str) -> Iterator[Mapping[str, Any]]:
    from sqlglot import exp

    copy = node.copy()
    names = sorted({column.name.lower() for column in copy.find_all(exp.Column)})
    if copy.find(exp.AggFunc) is not None:
        return
    for column in list(copy.find_all(exp.Column)):
        column.replace(exp.column(f"hole__{column.name.lower()}__"))
    text = render(copy)
    for name in names:
        text = text.replace(f"hole__{name}__", f"{{{name}}}")
    yield {"do": "form", "table": table, "columns": names, "is": text}


def rounding(tree: exp.Query) -> Iterator[Mapping[str, Any]]:
    """The decimals to which averages and quotients are rounded where they come out."""
    from sqlglot import exp

    for output in tree.selects:
        inner = output.unalias()
        if isinstance(inner, exp.Round) and is_mean(inner.this) and inner.text("decimals").isdecimal():
            yield {"do": "round", "digits": int(inner.text("decimals"))}


def periods(tree: exp.Query) -> Iterator[Mapping[str, Any]]:
    """From ranges of days: another month in which a year begins (also where it is cut from months before),
    another day on which a month does, and parts of a year."""
    from sqlglot import exp

    for bounds in bounds_of(tree):
        if (days := days_of(bounds)) is not None:
            yield from _period(*days)
    for text in tree.find_all(exp.Literal):
        back = _MONTHS_BACK.fullmatch(text.name) if text.is_string else None
        if back is not None:
            yield {"do": "year", "months": int(back[1])}


def _period(low: date, after: date) -> Iterator[Mapping[str, Any]]:
    if low >= after:
        return
    months = (after.year - low.year) * _YEAR + after.month - low.month
    last = date.fromordinal(after.toordinal() - 1)
    if low.day == after.day and months == _YEAR and low.day == 1 < low.month:
        yield {"do": "year", "months": low.month - 1}
    if low.day == after.day and months == 1 and 1 < low.day <= _LAST_DAY:
        yield {"do": "month", "day": low.day}
    if low.year == last.year and (low.month, low.day, last.month, last.day) != (1, 1, 12, 31):
        yield {"do": "span", "from": f"{low:%m-%d}", "to": f"{last:%m-%d}"}


def shares(tree: exp.Query) -> Iterator[Mapping[str, Any]]:
    """How outputs whose names say that they are shares are written."""
    from sqlglot import exp

    for output in tree.selects:
        inner = output.unalias()
        if not NAMES.search(output.alias_or_name.lower()) or fraction_of(inner) is None:
            continue
        outer = inner.flatten() if isinstance(inner, exp.DPipe) else ()
        signs = [one.name for one in outer if isinstance(one, exp.Literal) and one.is_string]
        numbers = [one.name for one in inner.find_all(exp.Literal) if not one.is_string]
        rounded = inner.find(exp.Round)
        decimals = rounded.args.get("decimals") if rounded is not None else None
        digits = decimals.name if decimals is not None else "0"
        by = 100 if any(float(number) == 100 for number in numbers) else 1
        if len(signs) <= 1 and digits.isdecimal() and (rounded is not None or inner.find(exp.Cast) is not None):
            yield {"do": "share", "by": by, "digits": int(digits), "sign": "".join(signs)}
