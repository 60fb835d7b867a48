"""How single values are written in a result: days, names, what is missing, decimals. Pure.

Each changes what comes out, never what rows are taken, compared or ordered by: where a clause names an output, it gets
the value that the output had before.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Final

from metaagent.remedies.sql.schema import Schema
from metaagent.remedies.sql.scope import sources, table_of
from metaagent.remedies.sql.tree import identifier, is_quoted, named, parse_expression

if TYPE_CHECKING:
    from sqlglot import exp

_WHOLE_DAYS: Final = frozenset({"", "%Y-%m-%d", "%F"})


def written(tree: exp.Query, schema: Schema, columns: Collection[str], template: str) -> bool:
    """Outputs that are one of the columns (``table.column``), its day, its least or its greatest value are written as
    the template says; ``{}`` is the value."""
    from sqlglot import exp

    if not isinstance(tree, exp.Select):
        return False
    changed = False
    for output in list(tree.expressions):
        column = _value_of(output.unalias())
        if column is None or f"{table_of(column, schema)}.{column.name.lower()}" not in columns:
            continue
        plain = _undated(output.unalias())
        changed |= put(tree, schema, output, parse_expression(template.replace("{}", plain.sql("sqlite"))))
    return changed


def _value_of(node: exp.Expr) -> exp.Column | None:
    """The column that an output is, its day, or its extreme; None for everything else."""
    from sqlglot import exp

    node = _undated(node)
    if isinstance(node, (exp.Min, exp.Max)) and not node.expressions:
        node = node.this
    return node if isinstance(node, exp.Column) and not isinstance(node.this, exp.Star) else None


def _undated(node: exp.Expr) -> exp.Expr:
    """Without a call that writes a whole day: DATE(x), strftime('%Y-%m-%d', x)."""
    from sqlglot import exp

    inner: exp.Expr = node
    if isinstance(node, exp.Date) and not node.expressions and node.args.get("zone") is None:
        inner = node.this
    elif isinstance(node, exp.TimeToStr) and node.text("format") in _WHOLE_DAYS:
        inner = node.this.this if isinstance(node.this, exp.TsOrDsToTimestamp) else node.this
    return inner


def together(
    tree: exp.Query,
    schema: Schema,
    table: str,
    columns: Collection[str],
    template: str,
    asked: Sequence[str] = (),
) -> bool:
    """Outputs made of some of the columns of one table, such as the parts of a name, are written as the template says;
    ``{name}`` is the column of that name. Several of them become one, where the columns ``asked`` for are so many
    fewer: all outputs are then named as those are."""
    from sqlglot import exp

    if not isinstance(tree, exp.Select):
        return False
    parts = [output for output in tree.expressions if _is_part(output.unalias(), schema, table, columns)]
    if 1 < len(parts) == len(tree.expressions) - len(asked) + 1:
        tree.set("expressions", [one for one in tree.expressions if not any(one is part for part in parts[1:])])
        for output, name in zip(list(tree.expressions), asked, strict=True):
            output.replace(exp.alias_(output.unalias().copy(), exp.to_identifier(name)))
        return together(tree, schema, table, columns, template)
    changed = False
    for output in parts:
        source, text = next(output.find_all(exp.Column)).table, template
        for name in columns:
            text = text.replace(f"{{{name}}}", f"{named(source)}.{named(name)}" if source else named(name))
        changed |= put(tree, schema, output, parse_expression(text))
    return changed


def _is_part(node: exp.Expr, schema: Schema, table: str, columns: Collection[str]) -> bool:
    from sqlglot import exp

    found = list(node.find_all(exp.Column))
    if not found or node.find(exp.AggFunc, exp.Subquery) is not None or len({one.table for one in found}) != 1:
        return False
    return all(table_of(one, schema) == table and one.name.lower() in columns for one in found)


def filled(tree: exp.Query, schema: Schema, text: str) -> bool:
    """Outputs that may be NULL, because their column may be or its table is joined from the left, say ``text``."""
    from sqlglot import exp

    if not isinstance(tree, exp.Select):
        return False
    outer = any(str(join.args.get("side", "")).upper() in ("LEFT", "FULL") for join in tree.args.get("joins") or ())
    changed = False
    for output in list(tree.expressions):
        inner = output.unalias()
        if isinstance(inner, exp.Coalesce):
            inner = inner.this
        if inner.find(exp.AggFunc, exp.Subquery, exp.Literal) is not None and not _calls_day(inner):
            continue
        columns = list(inner.find_all(exp.Column))
        if len({column.sql() for column in columns}) == 1 and (outer or _nullable(columns[0], schema)):
            made = exp.Coalesce(this=inner.copy(), expressions=[exp.Literal.string(text)])
            changed |= put(tree, schema, output, made)
    return changed


def _calls_day(node: exp.Expr) -> bool:
    """Whether the only literals are those of a date's pattern."""
    from sqlglot import exp

    return isinstance(node, exp.TimeToStr) and node.find(exp.AggFunc, exp.Subquery) is None


def _nullable(column: exp.Column, schema: Schema) -> bool:
    table = table_of(column, schema)
    known = schema.tables[table].column(column.name.lower()) if table is not None else None
    return known is not None and known.nullable and schema.tables[str(table)].key != known.name


def rounded(tree: exp.Query, digits: int) -> bool:
    """Outputs that are averages or quotients, and not rounded yet, are rounded to so many decimals."""
    from sqlglot import exp

    if not isinstance(tree, exp.Select):
        return False
    changed = False
    for output in list(tree.expressions):
        inner = output.unalias()
        if is_mean(inner):
            made = exp.Round(this=inner.copy(), decimals=exp.Literal.number(digits))
            changed |= put(tree, Schema({}), output, made)
    return changed


def is_mean(node: exp.Expr) -> bool:
    """An average, or a quotient of two values, also times a number (a percentage). What is divided by a number alone
    is in another unit."""
    from sqlglot import exp

    if isinstance(node, (exp.Paren, exp.Cast)):
        return is_mean(node.this)
    if isinstance(node, exp.Mul):
        sides = (node.this, node.expression)
        return any(isinstance(one.unnest(), exp.Literal) for one in sides) and any(map(is_mean, sides))
    if isinstance(node, exp.Div):
        return node.expression.find(exp.Column, exp.AggFunc, exp.Query) is not None
    return isinstance(node, exp.Avg)


def put(tree: exp.Select, schema: Schema, output: exp.Expr, made: exp.Expr) -> bool:
    """``made`` in place of what the output was, under its name. Whether anything is different."""
    from sqlglot import exp

    inner, name = output.unalias(), output.alias_or_name
    if made == inner:
        return False
    place = next(at for at, one in enumerate(tree.expressions) if one is output)
    for part in ("group", "order"):
        clause = tree.args.get(part)
        for term in list(clause.expressions) if clause is not None else ():
            node = term.this if isinstance(term, exp.Ordered) else term
            if _names(node, name, place):
                node.replace(_qualified(inner, tree, schema))
    output.replace(exp.alias_(made, exp.to_identifier(name, quoted=is_quoted(output))))
    return True


def _qualified(node: exp.Expr, tree: exp.Select, schema: Schema) -> exp.Expr:
    """A copy that cannot be taken for an output of the same name."""
    from sqlglot import exp

    copy = node.copy()
    for new, old in zip(copy.find_all(exp.Column), node.find_all(exp.Column), strict=True):
        owner = next((one for one in sources(tree, schema).values() if one.table == table_of(old, schema)), None)
        if owner is not None and owner.table is not None and not new.table:
            new.set("table", identifier(owner.alias))
    return copy


def _names(node: exp.Expr, name: str, place: int) -> bool:
    """Whether a term of GROUP BY or ORDER BY stands for an output: by its name or its place."""
    from sqlglot import exp

    if isinstance(node, exp.Literal) and not node.is_string:
        return node.name == str(place + 1)
    return isinstance(node, exp.Column) and not node.table and node.name.lower() == name.lower()
