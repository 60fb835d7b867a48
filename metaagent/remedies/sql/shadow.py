"""Shadows: a common table expression with a table's own name stands before it, so that a statement reads the house's
view of the table without being rewritten itself. Pure.

``WITH orders AS (SELECT * FROM main.orders WHERE status <> 'cancelled')``: rows that are left out, also in the tables
whose rows belong to them (along the foreign keys), and columns that mean something else than they hold. Shadows that a
text has already are merged with, so one convention after another can be laid over a statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from metaagent.remedies.sql.schema import Schema, Table
from metaagent.remedies.sql.scope import is_shadow, tables_read
from metaagent.remedies.sql.tree import named, parse, parse_expression, render

if TYPE_CHECKING:
    from sqlglot import exp

_MAIN: Final = "main"


@dataclass(frozen=True, slots=True)
class Shadow:
    """``where``: all must hold for a row to be seen; ``values``: column -> what it is instead."""

    where: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)

    def with_condition(self, condition: str) -> Shadow:
        return self if condition in self.where else replace(self, where=(*self.where, condition))

    def with_value(self, column: str, template: str) -> Shadow:
        """``{}`` in the template is what the column was until now."""
        before = self.values.get(column)
        inner = named(column) if before is None else f"({before})"
        return replace(self, values={**self.values, column: template.replace("{}", inner)})


@dataclass(frozen=True, slots=True)
class Parts:
    """A statement taken apart. ``own`` is its own WITH clause's content, ``body`` the rest; ``reads`` the tables of the
    schema that it reads; ``texts`` its string literals and ``columns`` its column names, in lower case."""

    body: str
    own: tuple[str, ...]
    recursive: bool
    shadows: Mapping[str, Shadow]
    reads: frozenset[str]
    texts: frozenset[str]
    columns: frozenset[str]

    def joined(self, shadows: Mapping[str, Shadow], schema: Schema) -> str:
        order = sorted(shadows, key=lambda name: (_depth(name, schema), name))
        ctes = [f"{named(name)} AS ({_select(schema.tables[name], shadows[name])})" for name in order]
        ctes += self.own
        if not ctes:
            return self.body
        return f"WITH {'RECURSIVE ' if self.recursive else ''}{', '.join(ctes)} {self.body}"


@lru_cache(maxsize=4096)
def apart(text: str, schema: Schema) -> Parts | None:
    """None where the text is no statement that can be read."""
    from sqlglot import exp

    tree = parse(text)
    if tree is None:
        return None
    shadows: dict[str, Shadow] = {}
    own: list[str] = []
    clause = tree.args.get("with_") or tree.args.get("with")
    recursive = bool(clause is not None and clause.args.get("recursive"))
    for cte in list(tree.ctes):
        shadow = _shadow(cte, schema)
        if shadow is not None:
            shadows[cte.alias.lower()] = shadow
            cte.pop()
        else:
            own.append(render(cte))
    if clause is not None:
        own_names = {cte.alias.lower() for cte in clause.expressions}
        rest = list(clause.expressions)
        clause.pop()
        wrapped = exp.Tuple(expressions=[*rest, tree])
        reads = set().union(*(tables_read(part, schema) for part in wrapped.expressions)) - own_names
        nodes = list(wrapped.walk())
    else:
        reads = tables_read(tree, schema)
        nodes = list(tree.walk())
    texts = frozenset(node.name.lower() for node in nodes if isinstance(node, exp.Literal) and node.is_string)
    columns = frozenset(node.name.lower() for node in nodes if isinstance(node, exp.Column))
    return Parts(render(tree), tuple(own), recursive, shadows, frozenset(reads), texts, columns)


def _shadow(cte: exp.CTE, schema: Schema) -> Shadow | None:
    """The shadow that a CTE is: its name is a table's, and it selects from that table of the database itself."""
    from sqlglot import exp

    select, name = cte.this, cte.alias.lower()
    if name not in schema.tables or not isinstance(select, exp.Select) or not is_shadow(cte):
        return None
    where = select.args.get("where")
    conditions = _conditions(where.this) if where is not None else ()
    values = {one.alias.lower(): render(one.this) for one in select.expressions if isinstance(one, exp.Alias)}
    return Shadow(conditions, values)


def _conditions(node: exp.Expr) -> tuple[str, ...]:
    from sqlglot import exp

    parts = node.flatten() if isinstance(node, exp.And) else (node,)
    return tuple(render(part.unnest()) for part in parts)


def _select(table: Table, shadow: Shadow) -> str:
    names = [
        f"{shadow.values[name]} AS {named(name)}" if name in shadow.values else named(name) for name in table.names
    ]
    outputs = ", ".join(names) if shadow.values else "*"
    where = " AND ".join(f"({condition})" for condition in shadow.where)
    return f"SELECT {outputs} FROM {_MAIN}.{named(table.name)}" + (f" WHERE {where}" if where else "")


def _depth(name: str, schema: Schema, seen: frozenset[str] = frozenset()) -> int:
    parents = {key.table for key in schema.tables[name].parents} - seen - {name}
    return 1 + max((_depth(parent, schema, seen | {name}) for parent in parents), default=0)


@lru_cache(maxsize=2048)
def normal(condition: str) -> str:
    """An expression as ``render`` writes it, so that equal conditions are equal texts."""
    return render(parse_expression(condition))


def keep_rows(parts: Parts, schema: Schema, table: str, condition: str, reads: Iterable[str]) -> dict[str, Shadow]:
    """The shadows with one more condition on ``table``, and on all that belongs to it, for what is read."""
    shadows = dict(parts.shadows)
    below = schema.below(table)
    todo = [name for name in reads if name in below]
    done: set[str] = set()
    while todo:
        name = todo.pop()
        if name in done:
            continue
        done.add(name)
        shadow = shadows.get(name, Shadow())
        if name == table:
            shadows[name] = shadow.with_condition(normal(condition))
            continue
        for key in schema.tables[name].parents:
            if key.table not in below or key.table == name:
                continue
            todo.append(key.table)
            column = schema.tables[name].column(key.column)
            own = named(key.column)
            member = f"{own} IN (SELECT {named(key.target)} FROM {named(key.table)})"
            optional = column is None or column.nullable
            shadow = shadow.with_condition(normal(f"{own} IS NULL OR {member}" if optional else member))
        shadows[name] = shadow
    return shadows


def change_value(parts: Parts, table: str, column: str, template: str) -> dict[str, Shadow]:
    shadow = parts.shadows.get(table, Shadow())
    return {**parts.shadows, table: shadow.with_value(column, template)}
