"""``sql.dialect``: what other databases have and SQLite has not, said as SQLite says it.

Parts and formats of dates (YEAR(x), EXTRACT, DATE_TRUNC, DATE_FORMAT, TO_CHAR), intervals and differences of dates,
today and now, CONCAT, ILIKE, LEFT and RIGHT, TOP n, casts with ``::``, MySQL's backquotes. And slips that SQLite takes
without a word: a date's part compared with a number (``strftime('%Y', x) = 2024`` is never true), a date less a date,
and a quotient of whole numbers that is to be rounded to decimals. It abstains where nothing of these stands in the
statement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from metaagent.records import Brief
from metaagent.remedies.sql import dates
from metaagent.remedies.sql.schema import Schema, schema_of
from metaagent.remedies.sql.scope import table_of
from metaagent.remedies.sql.tree import is_sql, parse, render

if TYPE_CHECKING:
    from sqlglot import exp

_TODAY: Final = {"CURDATE", "GETDATE", "NOW", "SYSDATE", "TODAY", "CURRENT_DATE", "SYSDATETIME", "UTC_TIMESTAMP"}
_NAMES: Final = {"MONTHNAME": ("January February March April May June July August September October November December"),
                 "DAYNAME": "Sunday Monday Tuesday Wednesday Thursday Friday Saturday"}  # fmt: skip
_WIDTHS: Final = {"%Y": 4, "%m": 2, "%d": 2, "%H": 2, "%M": 2, "%S": 2, "%W": 2, "%j": 3, "%w": 1}


def fix(reply: str, brief: Brief, settings: Mapping[str, Any]) -> str | None:
    if not is_sql(brief):
        return None
    tree = parse(reply)
    if tree is None:
        return None
    before = render(tree)
    changed = in_sqlite(tree)
    schema = schema_of(brief, settings)
    _days_between(changed, schema)
    _unknown_last(changed, schema)
    after = render(changed)
    return after if after != before or _foreign(reply) else None


def _foreign(reply: str) -> bool:
    """Whether the text itself is no SQLite though its tree has nothing left to mend (TOP n, ``::``, FETCH FIRST)."""
    import sqlglot
    from sqlglot.errors import SqlglotError

    marks = (
        "::",
        "TOP ",
        "FETCH ",
        "ILIKE",
        "SEPARATOR",
        "INTERVAL",
        "IF(",
        "NVL(",
        "GREATEST(",
        "LEAST(",
        "MOD(",
        "LEN(",
    )
    if any(mark in reply.upper() for mark in marks):
        return True
    try:
        sqlglot.parse_one(reply.strip(), read="sqlite")
    except (SqlglotError, RecursionError):
        return True
    return False


def in_sqlite(tree: exp.Query) -> exp.Query:
    """The statement with every foreign part replaced; the tree is the caller's and is changed."""
    tree = _each(tree, _unwrapped)
    tree = _each(tree, _translated)
    return _each(_each(tree, _comparable), _exact)


def _days_between(tree: exp.Query, schema: Schema) -> None:
    """A date less a date is a number of days elsewhere; SQLite subtracts their years."""
    from sqlglot import exp

    for node in list(tree.find_all(exp.Sub)):
        sides = (node.this, node.expression)
        if all(isinstance(side, exp.Column) and _is_date(side, schema) for side in sides):
            days = [exp.Anonymous(this="JULIANDAY", expressions=[side.copy()]) for side in sides]
            node.replace(exp.Paren(this=exp.Sub(this=days[0], expression=days[1])))


def _unknown_last(tree: exp.Query, schema: Schema) -> None:
    """The first rows in rising order of a column that may be NULL: elsewhere NULLs stand last, here first."""
    from sqlglot import exp

    order = tree.args.get("order")
    if order is None or tree.args.get("limit") is None:
        return
    for term in order.expressions:
        column = term.this
        if not isinstance(column, exp.Column) or term.args.get("desc"):
            continue
        table = table_of(column, schema)
        found = schema.tables[table].column(column.name.lower()) if table else None
        if found is not None and found.nullable:
            term.set("nulls_first", False)


def _is_date(column: exp.Column, schema: Schema) -> bool:
    table = table_of(column, schema)
    found = schema.tables[table].column(column.name.lower()) if table else None
    return found is not None and found.type.startswith(("TEXT", "DATE", "TIME", "VARCHAR"))


def _each(tree: exp.Query, change: Callable[[exp.Expr], exp.Expr | None]) -> exp.Query:
    """Innermost first, so that what holds a changed part sees it changed."""
    for node in reversed(list(tree.walk(bfs=True))):
        made = change(node)
        if made is not None and made is not node:
            if node is tree:
                return tree
            node.replace(made)
    return tree


def _unwrapped(node: exp.Expr) -> exp.Expr | None:
    """Without the conversions that the parser of another dialect puts around dates."""
    from sqlglot import exp

    wrappers = (exp.TsOrDsToDate, exp.TsOrDsToTimestamp, exp.TimeStrToTime, exp.TsOrDsToDatetime)
    if isinstance(node, wrappers) and not isinstance(node.parent, exp.TimeToStr):
        return _copied(node.this)
    return None


def _copied(node: exp.Expr) -> exp.Expr:
    return node.copy()


def _translated(node: exp.Expr) -> exp.Expr | None:
    from sqlglot import exp

    if isinstance(node, exp.Anonymous):
        return _anonymous(node)
    for kind, unit in _parts().items():
        if type(node) is kind:
            return dates.part(unit, _bare(node.this))
    if isinstance(node, exp.Extract):
        return dates.part(node.name, _bare(node.expression))
    if isinstance(node, (exp.DateTrunc, exp.TimestampTrunc)):
        return dates.truncated(_unit(node.args.get("unit")), _bare(node.this))
    if isinstance(node, exp.ToChar):
        pattern = dates.to_char_format(node.text("format"))
        return dates.strftime(pattern, _bare(node.this)) if pattern else None
    if isinstance(
        node, (exp.DateAdd, exp.DateSub, exp.TimestampAdd, exp.TimestampSub, exp.DatetimeAdd, exp.DatetimeSub)
    ):
        sign = -1 if isinstance(node, (exp.DateSub, exp.TimestampSub, exp.DatetimeSub)) else 1
        return _interval(node.this, node.expression, sign, _unit(node.args.get("unit")))
    if isinstance(node, (exp.Add, exp.Sub)) and isinstance(node.expression, exp.Interval):
        return _interval(node.this, node.expression, -1 if isinstance(node, exp.Sub) else 1, "DAY")
    if isinstance(node, (exp.DateDiff, exp.TimestampDiff)):
        return _difference(node)
    return _text(node)


def _parts() -> Mapping[type[exp.Expr], str]:
    from sqlglot import exp

    return {
        exp.Year: "YEAR", exp.Month: "MONTH", exp.Day: "DAY", exp.Week: "WEEK", exp.WeekOfYear: "ISOWEEK",
        exp.Hour: "HOUR", exp.Minute: "MINUTE", exp.Second: "SECOND", exp.Quarter: "QUARTER",
        exp.DayOfMonth: "DAY", exp.DayOfWeek: "DAYOFWEEK", exp.DayOfYear: "DOY",
    }  # fmt: skip


def _text(node: exp.Expr) -> exp.Expr | None:
    from sqlglot import exp

    def substring(start: exp.Expr, length: exp.Expr | None) -> exp.Expr:
        given = [node.this.copy(), start, *([length] if length is not None else [])]
        return exp.Anonymous(this="SUBSTR", expressions=given)

    if isinstance(node, exp.Left):
        return substring(exp.Literal.number(1), node.expression.copy())
    if isinstance(node, exp.Right):
        return substring(exp.Neg(this=node.expression.copy()), None)
    if isinstance(node, exp.Cast) and node.to.this in (exp.DataType.Type.DATE, exp.DataType.Type.TIMESTAMP):
        literal = isinstance(node.this, exp.Literal)
        return node.this.copy() if literal else exp.Anonymous(this="DATE", expressions=[node.this.copy()])
    if isinstance(node, exp.Cast) and node.to.expressions:
        return _rounded(node)
    if isinstance(node, exp.ConcatWs) or (isinstance(node, exp.Anonymous) and node.name.upper() == "CONCAT_WS"):
        separator, *texts = node.expressions
        return _joined([text for pair in ((separator, one) for one in texts) for text in pair][1:])
    if isinstance(node, exp.Concat):
        return _joined(node.expressions)
    for name, kind in (("MONTHNAME", exp.Monthname), ("DAYNAME", exp.Dayname)):
        if isinstance(node, kind):
            return _name_of(name, _bare(node.this))
    return None


def _rounded(node: exp.Cast) -> exp.Expr | None:
    """CAST(x AS DECIMAL(10, 2)): SQLite would take the type for REAL or NUMERIC and round nothing."""
    from sqlglot import exp

    sizes = [size.this.name for size in node.to.expressions if isinstance(size, exp.DataTypeParam)]
    if node.to.this is not exp.DataType.Type.DECIMAL or len(sizes) != 2:
        return None
    return exp.Round(this=node.this.copy(), decimals=exp.Literal.number(sizes[1]))


def _joined(texts: list[exp.Expr]) -> exp.Expr | None:
    from sqlglot import exp

    if not texts:
        return None
    whole = texts[0].copy()
    for text in texts[1:]:
        whole = exp.DPipe(this=whole, expression=text.copy())
    return exp.Paren(this=whole) if len(texts) > 1 else whole


def _name_of(what: str, when: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    case = exp.Case(this=dates.strftime("%m" if what == "MONTHNAME" else "%w", when))
    for number, name in enumerate(_NAMES[what].split(), 1 if what == "MONTHNAME" else 0):
        code = f"{number:02d}" if what == "MONTHNAME" else str(number)
        case = case.when(exp.Literal.string(code), exp.Literal.string(name), copy=False)
    return case


def _anonymous(node: exp.Anonymous) -> exp.Expr | None:
    from sqlglot import exp

    name, given = node.name.upper(), [_bare(argument) for argument in node.expressions]
    if name in _TODAY and not given:
        now = name in ("NOW", "GETDATE", "SYSDATETIME", "UTC_TIMESTAMP", "SYSDATE")
        return exp.Anonymous(this="DATETIME" if now else "DATE", expressions=[exp.Literal.string("now")])
    if name == "DATE_FORMAT" and len(given) == 2 and given[1].is_string:
        return dates.strftime(dates.mysql_format(given[1].name), given[0])
    if name in ("FORMAT", "TO_CHAR") and len(given) == 2 and given[1].is_string:
        pattern = dates.to_char_format(given[1].name)
        return dates.strftime(pattern, given[0]) if pattern else None
    if name in ("DATE_PART", "DATEPART") and len(given) == 2:
        return dates.part(given[0].name, given[1])
    if name in ("DAYOFWEEK", "WEEKDAY", "DAYOFYEAR", "ISOWEEK", "YEAR", "MONTH", "DAY") and len(given) == 1:
        return dates.part(name, given[0])
    if name == "ISNULL" and len(given) == 2:
        return exp.Coalesce(this=given[0], expressions=[given[1]])
    return None


def _bare(node: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    while isinstance(node, (exp.TsOrDsToDate, exp.TsOrDsToTimestamp, exp.TimeStrToTime)):
        node = node.this
    return node.copy()


def _unit(node: exp.Expr | None) -> str:
    return node.name.upper() if node is not None and node.name else "DAY"


def _interval(when: exp.Expr, interval: exp.Expr, sign: int, unit: str) -> exp.Expr | None:
    from sqlglot import exp

    if isinstance(interval, exp.Interval):
        unit = _unit(interval.args.get("unit")) if interval.args.get("unit") is not None else unit
        interval = interval.this
    if isinstance(interval, exp.Neg):
        sign, interval = -sign, interval.this
    return dates.shifted(_bare(when), interval.name, unit, sign) if isinstance(interval, exp.Literal) else None


def _difference(node: exp.Expr) -> exp.Expr | None:
    """DATEDIFF and its kin. The unit stands first, last or nowhere, and then it is days."""
    from sqlglot import exp

    given = [node.this, node.expression, node.args.get("unit")]
    names = [one.name.upper().removesuffix("S") if one is not None else "" for one in given]
    units = ("DAY", "WEEK", "MONTH", "YEAR", "HOUR", "MINUTE", "SECOND")
    if names[0] in units and given[2] is not None and (given[0].is_string or isinstance(given[0], exp.Column)):
        later = given[2] if not isinstance(given[2], exp.Var) else exp.column(given[2].name.lower())
        return dates.difference(names[0], _bare(later), _bare(given[1]))
    return dates.difference(names[2] if names[2] in units else "DAY", _bare(given[0]), _bare(given[1]))


def _comparable(node: exp.Expr) -> exp.Expr | None:
    """``strftime('%Y', x) = 2024`` compares a text with a number; the number as the text that it would be."""
    from sqlglot import exp

    comparisons = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.In)
    if not (isinstance(node, exp.Literal) and not node.is_string and isinstance(node.parent, comparisons)):
        return None
    parent = node.parent
    others = [parent.this] if parent.this is not node else [parent.expression]
    width = _code_width(others[0])
    return exp.Literal.string(node.name.zfill(width)) if width and node.name.isdigit() else None


def _code_width(node: exp.Expr | None) -> int:
    from sqlglot import exp

    if isinstance(node, exp.TimeToStr):
        return _WIDTHS.get(node.text("format"), 0)
    if isinstance(node, exp.Anonymous) and node.name.upper() == "STRFTIME" and node.expressions:
        return _WIDTHS.get(node.expressions[0].name, 0)
    return 0


def _exact(node: exp.Expr) -> exp.Expr | None:
    """A quotient of whole numbers inside ROUND(..., n) with n > 0 was meant to have decimals."""
    from sqlglot import exp

    rounding = node.find_ancestor(exp.Round) if isinstance(node, exp.Div) else None
    if rounding is None or not rounding.args.get("decimals") or rounding.text("decimals") == "0":
        return None
    if any("." in literal.name for literal in node.find_all(exp.Literal) if not literal.is_string):
        return None
    if any(True for _ in node.find_all(exp.Avg, exp.Cast, exp.Anonymous)):
        return None
    made = node.copy()
    made.set("this", exp.Mul(this=made.this, expression=exp.Literal.number("1.0")))
    return made
