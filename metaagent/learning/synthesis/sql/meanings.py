"""What references of mine tasks take a column for: an amount less another one, a larger unit of which a part counts as
a whole, another day. Candidate steps. Mine only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from metaagent.learning.synthesis.sql.steps import Step, key_of
from metaagent.remedies.sql.schema import Schema
from metaagent.remedies.sql.scope import sources, table_of
from metaagent.remedies.sql.tree import parse, render

if TYPE_CHECKING:
    from sqlglot import exp

MIN_GROUPS: Final = 2


@dataclass(frozen=True, slots=True)
class Solved:
    """A mine task's reference with the question that it answers."""

    group: str
    words: str
    text: str


def values(select: exp.Select, schema: Schema) -> Iterator[Step]:
    """What an aggregate is taken of, link by link from a column outwards: ``{} - ...``, ``{} / (1 + rate)``."""
    from sqlglot import exp

    for aggregate in select.find_all(exp.Sum, exp.Avg, exp.Min, exp.Max):
        if aggregate.find_ancestor(exp.Select) is not select:
            continue
        argument = aggregate.this
        if isinstance(argument, (exp.Column, exp.Star)):
            continue
        local = [one for one in argument.find_all(exp.Column) if one.find_ancestor(exp.Select) is select]
        if len({table_of(one, schema) for one in local}) != 1 or not local:
            continue
        for column in local:
            yield from _links(column, argument, select, schema)


def _links(column: exp.Column, argument: exp.Expr, select: exp.Select, schema: Schema) -> Iterator[Step]:
    from sqlglot import exp

    table = table_of(column, schema)
    if table is None:
        return
    inner: exp.Expr = column
    while inner is not argument and inner.parent is not None:
        outer = inner.parent
        if isinstance(outer, exp.Paren):
            inner = outer
            continue
        if not isinstance(outer, (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Coalesce)):
            return
        text = _template(outer, inner, table, select, schema)
        others = [one for one in outer.iter_expressions() if one is not inner]
        if text is not None and not all(isinstance(one, exp.Literal) for one in others):
            yield {"do": "value", "table": table, "column": column.name.lower(), "is": text}
        inner = outer


def started(tree: exp.Query, schema: Schema) -> Iterator[Step]:
    """Larger units of which a part counts as a whole: ``(x + 23) / 24``."""
    from sqlglot import exp

    for column in tree.find_all(exp.Column):
        more, whole, table = column.parent, column.find_ancestor(exp.Div), table_of(column, schema)
        if table is None or not isinstance(more, exp.Add) or whole is None or whole.this.unnest() is not more:
            continue
        if all(isinstance(one.expression, exp.Literal) for one in (more, whole)):
            text = f"{render(more).replace(column.sql('sqlite'), '{}')}"
            yield {"do": "value", "table": table, "column": column.name.lower(), "is": f"({text}) / {whole.expression}"}


def swaps(pairs: Iterable[tuple[Solved, str]], candidates: Sequence[Step], schema: Schema) -> list[tuple[Step, int]]:
    """Of steps by which one column stands for another, those whose other column references name where the model, in the
    statement beside, named the one; each with the number of their groups, two at least."""
    groups: dict[str, set[str]] = {}
    for one, written in pairs:
        wanted, named = _columns(one.text, schema), _columns(written, schema)
        for step in candidates:
            column, other = (f"{step['table']}.{step[name]}" for name in ("column", "is"))
            if other in wanted - named and column in named - wanted:
                groups.setdefault(key_of(step), set()).add(one.group)
    found = ((step, len(groups.get(key_of(step), ()))) for step in candidates)
    return [(step, count) for step, count in found if count >= MIN_GROUPS]


def _columns(text: str, schema: Schema) -> set[str]:
    """``table.column`` of all that a statement names."""
    from sqlglot import exp

    tree = parse(text)
    found = tree.find_all(exp.Column) if tree is not None else ()
    return {f"{table_of(one, schema)}.{one.name.lower()}" for one in found}


def _template(outer: exp.Expr, inner: exp.Expr, table: str, select: exp.Select, schema: Schema) -> str | None:
    """``outer`` with ``{}`` for ``inner``, in the database's own names; None where that is not plain."""
    from sqlglot import exp

    alias = {one.alias for one in sources(select, schema).values() if one.table == table}
    hole = exp.column("hole__")
    copy = _with_hole(outer, inner, hole)
    for read in list(copy.find_all(exp.Table)):
        if read.name.lower() in schema.tables:
            read.set("db", exp.to_identifier("main"))
    inside = {id(one) for query in copy.find_all(exp.Query) for one in query.find_all(exp.Column)}
    for node in list(copy.find_all(exp.Column)):
        if node.name == "hole__":
            continue
        if node.table.lower() in alias:
            node.set("table", exp.to_identifier(table) if id(node) in inside else None)
        elif id(node) not in inside and node.table:
            return None
    return render(copy).replace("hole__", "{}")


def _with_hole(outer: exp.Expr, inner: exp.Expr, hole: exp.Expr) -> exp.Expr:
    copy = outer.copy()
    for part, other in zip(outer.iter_expressions(), copy.iter_expressions(), strict=True):
        if part is inner:
            other.replace(hole)
            break
    return copy
