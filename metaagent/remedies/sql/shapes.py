"""How results are shaped: dates as the house writes them, hours of the house's clock, ties, quotients. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from metaagent.remedies.sql.schema import Schema
from metaagent.remedies.sql.scope import in_shadow, sources, table_of
from metaagent.remedies.sql.tree import identifier, parse_expression

if TYPE_CHECKING:
    from sqlglot import exp

_DATES: Final = ("strftime", "date", "datetime", "time", "julianday")


def dated(tree: exp.Query, name: str, template: str) -> bool:
    """The output ``name`` is a date written as ``template`` says (``{}`` is the column that it is made from), and what
    the statement groups and orders by with it."""
    from sqlglot import exp

    if not isinstance(tree, exp.Select):
        return False
    for output in tree.expressions:
        inner = output.unalias()
        if output.alias_or_name.lower() != name or inner.find(exp.AggFunc, exp.Subquery) is not None:
            continue
        columns = {column.sql() for column in inner.find_all(exp.Column)}
        if len(columns) != 1:
            return False
        column = next(iter(inner.find_all(exp.Column)))
        made = parse_expression(template.replace("{}", column.sql("sqlite")))
        if made == inner:
            return False
        _replace_in_clauses(tree, inner, made)
        output.replace(exp.alias_(made, name))
        return True
    return False


def measured(tree: exp.Query, schema: Schema, name: str, table: str, template: str) -> bool:
    """The output ``name`` is what the house means by it: an aggregate over the columns of ``table``, where the
    statement reads that table and gives the output as another aggregate."""
    from sqlglot import exp

    if not isinstance(tree, exp.Select):
        return False
    alias = next((one.alias for one in sources(tree, schema).values() if one.table == table), None)
    for output in tree.expressions:
        inner = output.unalias()
        if alias is None or output.alias_or_name.lower() != name or inner.find(exp.AggFunc) is None:
            continue
        made = parse_expression(template)
        for column in made.find_all(exp.Column):
            if column.table.lower() == table:
                column.set("table", identifier(alias))
        if made == inner:
            return False
        _replace_in_clauses(tree, inner, made)
        output.replace(exp.alias_(made, identifier(output.alias_or_name)))
        return True
    return False


def _replace_in_clauses(tree: exp.Select, old: exp.Expr, new: exp.Expr) -> None:
    for part in ("group", "order", "having"):
        clause = tree.args.get(part)
        for node in list(clause.walk()) if clause is not None else ():
            if node == old and node.parent is not None:
                node.replace(new.copy())


def shifted(
    tree: exp.Query, schema: Schema, column: str, modifiers: Sequence[str], fits: Callable[[set[str]], bool]
) -> bool:
    """Times of a column are told by another clock where they are cut to ``codes`` (%H, %d, ...) that fit."""
    from sqlglot import exp

    changed = False
    table, _, name = column.partition(".")
    for node in list(tree.find_all(exp.Column)):
        if node.name.lower() != name or in_shadow(node) or table_of(node, schema) != table:
            continue
        call = date_call(node)
        if call is None or not fits(codes_of(call)):
            continue
        pattern = _pattern(call)
        texts = [exp.Literal.string(text) for text in modifiers]
        given = [exp.Literal.string(pattern), node.copy(), *texts] if pattern else [node.copy(), *texts]
        call.replace(exp.Anonymous(this="STRFTIME" if pattern else "DATE", expressions=given))
        changed = True
    return changed


def date_call(column: exp.Expr) -> exp.Expr | None:
    """The call that turns the column into a date's part, where it has no modifier of its own."""
    from sqlglot import exp

    parent = column.parent
    if isinstance(parent, exp.TsOrDsToTimestamp):
        parent = parent.parent
    if isinstance(parent, exp.TimeToStr):
        return parent
    if isinstance(parent, exp.Date) and not parent.expressions and parent.args.get("zone") is None:
        return parent
    if isinstance(parent, exp.Anonymous):
        plain = {"STRFTIME": 2, "DATE": 1}.get(parent.name.upper())
        return parent if plain == len(parent.expressions) else None
    return None


def _pattern(call: exp.Expr) -> str:
    from sqlglot import exp

    if isinstance(call, exp.TimeToStr):
        return call.text("format")
    return call.expressions[0].name if isinstance(call, exp.Anonymous) and call.name.upper() == "STRFTIME" else ""


def codes_of(call: exp.Expr) -> set[str]:
    """What a call cuts from its date: %Y, %m, ...; a whole day is %d."""
    pattern = _pattern(call)
    return {pattern[place : place + 2] for place, sign in enumerate(pattern) if sign == "%"} if pattern else {"%d"}


def untied(tree: exp.Query, schema: Schema, by: str, *, descending: bool = False) -> bool:
    """Rows that are equal in what they are ordered by stand in the order of a further column: ``by`` is a column's
    name, or ``key`` for the key of what a row is about."""
    from sqlglot import exp

    order = tree.args.get("order") if isinstance(tree, exp.Select) else None
    if not isinstance(tree, exp.Select) or order is None or not order.expressions:
        return False
    column = _subject(tree, schema, by)
    if column is None or any(term.this == column for term in order.expressions):
        return False
    order.append("expressions", exp.Ordered(this=column, desc=descending))
    return True


def _subject(tree: exp.Select, schema: Schema, by: str) -> exp.Column | None:
    """The column that tells rows apart: of the table that is grouped by, else of the one in FROM."""
    from sqlglot import exp

    own = sources(tree, schema)
    group = tree.args.get("group")
    alias = None
    if group is not None:
        tables = [_group_source(term, tree, schema) for term in group.expressions]
        alias = next((one for one in tables if one), None)
    elif tree.find(exp.AggFunc) is None:
        alias = next((one.alias for one in own.values() if one.table), None)
    source = own.get(alias) if alias else None
    if source is None or source.table is None:
        return None
    table = schema.tables[source.table]
    name = table.key if by == "key" else by
    if name is None or table.column(name) is None:
        return None
    return exp.column(identifier(name), table=identifier(source.alias))


def _group_source(term: exp.Expr, tree: exp.Select, schema: Schema) -> str | None:
    """The alias of the table that a term of GROUP BY is a plain column of, also by an output's name or place."""
    from sqlglot import exp

    if isinstance(term, exp.Literal) and not term.is_string and term.name.isdigit():
        place = int(term.name) - 1
        term = tree.expressions[place].unalias() if 0 <= place < len(tree.expressions) else term
    own = sources(tree, schema)
    if isinstance(term, exp.Column) and not term.table:
        for output in tree.expressions:
            if isinstance(output, exp.Alias) and output.alias.lower() == term.name.lower():
                if not isinstance(output.this, exp.Column):
                    return None
                term = output.this
    if not isinstance(term, exp.Column):
        return None
    name = term.name.lower()
    if term.table:
        return term.table.lower() if term.table.lower() in own else None
    holders = [one.alias for one in own.values() if one.table and schema.tables[one.table].column(name)]
    return holders[0] if len(holders) == 1 else None


def grouped_by_key(tree: exp.Query, schema: Schema) -> bool:
    """Rows are one for each row of a table, not one for each name: two namesakes stay apart."""
    from sqlglot import exp

    group = tree.args.get("group") if isinstance(tree, exp.Select) else None
    if not isinstance(tree, exp.Select) or group is None or len(group.expressions) != 1:
        return False
    term = group.expressions[0]
    alias = _group_source(term, tree, schema)
    source = sources(tree, schema).get(alias) if alias else None
    table = schema.tables[source.table] if source is not None and source.table else None
    named = ("name", "title", "label", "full_name")
    if source is None or table is None or table.key is None:
        return False
    if not isinstance(term, exp.Column) or term.name.lower() not in named:
        return False
    group.set("expressions", [exp.column(identifier(table.key), table=identifier(source.alias))])
    return True
