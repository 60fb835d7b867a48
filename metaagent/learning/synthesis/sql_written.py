"""How references write single values that their questions do not say how to write: candidate steps. Mine only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from metaagent.remedies.sql_forms import bounds_of, is_mean
from metaagent.remedies.sql_schema import Schema
from metaagent.remedies.sql_scope import table_of
from metaagent.remedies.sql_tree import render

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlglot import exp

_YEAR: Final = 12
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


def years(tree: exp.Query) -> Iterator[Mapping[str, Any]]:
    """Bounds that are twelve months apart and begin in another month than January, and years that are cut from a date
    so many months before."""
    from sqlglot import exp

    for node in tree.find_all(exp.Between):
        yield from _begun(_day(node.args["low"]), _day(node.args["high"]), closed=True)
    for low, high in bounds_of(tree):
        yield from _begun(_day(low), _day(high), closed=isinstance(high.parent, exp.LTE))
    for text in tree.find_all(exp.Literal):
        back = _MONTHS_BACK.fullmatch(text.name) if text.is_string else None
        if back is not None:
            yield {"do": "year", "months": int(back[1])}


def _begun(low: date | None, high: date | None, *, closed: bool) -> Iterator[Mapping[str, Any]]:
    if low is None or high is None or low.day != 1 or low.month == 1 or high == date.max:
        return
    after = date.fromordinal(high.toordinal() + closed)
    if (after.year - low.year) * _YEAR + after.month - low.month == _YEAR and after.day == 1:
        yield {"do": "year", "months": low.month - 1}


def _day(node: exp.Expr) -> date | None:
    try:
        return date.fromisoformat(node.name[:10])
    except ValueError:
        return None
