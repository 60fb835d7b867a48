"""What the columns of a statement belong to: the sources of each SELECT and which of them a name is of. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from metaagent.remedies.sql.schema import Schema

if TYPE_CHECKING:
    from sqlglot import exp


@dataclass(frozen=True, slots=True)
class Source:
    """One member of a FROM clause. ``table`` is its name in the schema, None for a subquery or a CTE; ``node`` is the
    table or subquery itself."""

    alias: str
    table: str | None
    node: exp.Expr


def selects(tree: exp.Expr) -> list[exp.Select]:
    """Every SELECT, the outermost first."""
    from sqlglot import exp

    return list(tree.find_all(exp.Select, bfs=True))


def sources(select: exp.Select, schema: Schema) -> dict[str, Source]:
    """The members of FROM and JOIN by their alias in lower case, in order."""
    from sqlglot import exp

    start = select.args.get("from_") or select.args.get("from")
    members = [start.this] if start is not None else []
    members += [join.this for join in select.args.get("joins") or ()]
    ctes = visible_ctes(select)
    found: dict[str, Source] = {}
    for node in members:
        name = node.name.lower() if isinstance(node, exp.Table) else ""
        table = name if name in schema.tables and (name not in ctes or node.text("db")) else None
        found[node.alias_or_name.lower()] = Source(node.alias_or_name.lower(), table, node)
    return found


def visible_ctes(node: exp.Expr) -> set[str]:
    from sqlglot import exp

    names: set[str] = set()
    place: exp.Expr | None = node
    while place is not None:
        if isinstance(place, exp.Query):
            names |= {cte.alias.lower() for cte in place.ctes if not is_shadow(cte)}
        place = place.parent
    return names


def is_shadow(cte: exp.CTE) -> bool:
    """Whether it stands for a table of its own name, which it reads from the database itself (shadow.py)."""
    start = cte.this.args.get("from_") or cte.this.args.get("from")
    return start is not None and start.this.text("db") == "main" and start.this.name.lower() == cte.alias.lower()


def in_shadow(node: exp.Expr) -> bool:
    from sqlglot import exp

    cte = node.find_ancestor(exp.CTE)
    return cte is not None and (is_shadow(cte) or in_shadow(cte))


def own_columns(select: exp.Select) -> Iterator[exp.Column]:
    """The columns that stand in this SELECT itself, not those of queries inside it."""
    from sqlglot import exp

    for column in select.find_all(exp.Column):
        if column.find_ancestor(exp.Select) is select and not isinstance(column.this, exp.Star):
            yield column


def outer_sources(select: exp.Select, schema: Schema) -> dict[str, Source]:
    """What a correlated subquery may name besides its own sources."""
    from sqlglot import exp

    found: dict[str, Source] = {}
    place = select.find_ancestor(exp.Select)
    while place is not None:
        found = {**sources(place, schema), **found}
        place = place.find_ancestor(exp.Select)
    return found


def given_names(select: exp.Select) -> set[str]:
    """The names that the outputs are given with AS: GROUP BY, HAVING and ORDER BY may use them."""
    from sqlglot import exp

    return {one.alias.lower() for one in select.expressions if isinstance(one, exp.Alias)}


def table_of(column: exp.Column, schema: Schema) -> str | None:
    """The table of the schema that a column is of, where that is plain; subqueries are not looked into."""
    from sqlglot import exp

    select = column.find_ancestor(exp.Select)
    name, qualifier = column.name.lower(), column.table.lower()
    while select is not None:
        own = sources(select, schema)
        if qualifier:
            if qualifier in own:
                return own[qualifier].table
        else:
            owners = [one.table for one in own.values() if one.table and schema.tables[one.table].column(name)]
            if owners:
                return owners[0] if len(set(owners)) == 1 else None
            if any(one.table is None for one in own.values()):
                return None
        select = select.find_ancestor(exp.Select)
    return None


def tables_read(tree: exp.Expr, schema: Schema) -> set[str]:
    return {one.table for select in selects(tree) for one in sources(select, schema).values() if one.table}
