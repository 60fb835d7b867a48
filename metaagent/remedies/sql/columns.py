"""``sql.columns``: the outputs of the statement get the names and the order that the question's own text asks for.

Outputs are matched by name, then by likeness, then by place; what was not asked for is left out, a plain column that is
lacking is added where a table in FROM has it. It abstains where the text names no columns plainly, and where the counts
differ and names do not tell which output is meant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, Final

from metaagent.records import Brief
from metaagent.remedies.sql.names import asked_columns
from metaagent.remedies.sql.schema import Schema, schema_of
from metaagent.remedies.sql.scope import sources
from metaagent.remedies.sql.tree import identifier, is_sql, parse, render

if TYPE_CHECKING:
    from sqlglot import exp

_NEAR: Final = 0.6
_RESERVED: Final = frozenset(
    (
        *("order", "group", "from", "to", "select", "values", "index", "table", "check", "default", "limit", "when"),
        *("where", "having", "join", "on", "as", "and", "or", "not", "null", "in", "is", "case", "then", "else", "set"),
        *("add", "all", "between", "unique", "union", "using", "create", "references", "distinct", "into", "update"),
    )
)


def fix(reply: str, brief: Brief, settings: Mapping[str, Any]) -> str | None:
    from sqlglot import exp

    if not is_sql(brief):
        return None
    names = asked(brief)
    tree = parse(reply) if names else None
    if not isinstance(tree, exp.Select):
        return None
    before = render(tree)
    schema = schema_of(brief, settings)
    _spread_star(tree, names, schema)
    order = _matched(tree, names, schema)
    if order is not None:
        _rename(tree, order, names)
    after = render(tree)
    return after if after != before else None


def asked(brief: Brief) -> list[str]:
    """The names that the task's own words ask for."""
    return [column.name for column in asked_columns(brief.own_text)]


def quoted(name: str) -> bool:
    return name in _RESERVED


def _spread_star(tree: exp.Select, names: Sequence[str], schema: Schema) -> None:
    """``SELECT *`` where all that is asked for are columns of the tables in FROM."""
    from sqlglot import exp

    if not any(one.is_star and not isinstance(one, exp.Count) for one in tree.expressions):
        return
    found = [_plain_column(tree, name, schema) for name in names]
    if all(column is not None for column in found):
        tree.set("expressions", found)


def _plain_column(tree: exp.Select, name: str, schema: Schema) -> exp.Column | None:
    from sqlglot import exp

    own = sources(tree, schema)
    owners = [one.alias for one in own.values() if one.table and schema.tables[one.table].column(name)]
    if not owners:
        return None
    return exp.column(identifier(name), table=identifier(owners[0]) if len(own) > 1 else None)


def _matched(tree: exp.Select, names: Sequence[str], schema: Schema) -> list[exp.Expr] | None:
    """The output for each name, in order; None where it is not plain which is which."""
    outputs = list(tree.expressions)
    if any(one.is_star for one in outputs) or not outputs:
        return None
    have = [one.alias_or_name.lower() for one in outputs]
    if have == list(names):
        return None
    chosen: dict[str, exp.Expr] = {}
    left = list(range(len(outputs)))
    for name in names:  # by name
        if have.count(name) == 1:
            place = have.index(name)
            chosen[name] = outputs[place]
            left.remove(place)
    if len(outputs) == len(names):
        return _by_likeness_and_place(outputs, have, names, chosen, left)
    if len(outputs) > len(names):
        return _fewer(tree, outputs, have, names, chosen, left)
    return _with_lacking(tree, names, chosen, left, schema)


def _by_likeness_and_place(
    outputs: list[exp.Expr], have: list[str], names: Sequence[str], chosen: dict[str, exp.Expr], left: list[int]
) -> list[exp.Expr]:
    for place, name in enumerate(names):  # its own place first, so that order is kept where it can be
        if name not in chosen and place in left and _like(have[place], name) >= _NEAR:
            chosen[name] = outputs[place]
            left.remove(place)
    for name in names:
        if name not in chosen:
            best = max(left, key=lambda one: (_like(have[one], name) >= _NEAR, -one))
            chosen[name] = outputs[best]
            left.remove(best)
    return [chosen[name] for name in names]


def _fewer(
    tree: exp.Select,
    outputs: list[exp.Expr],
    have: list[str],
    names: Sequence[str],
    chosen: dict[str, exp.Expr],
    left: list[int],
) -> list[exp.Expr] | None:
    if tree.args.get("distinct") or _positional(tree):
        return None
    for name in names:
        if name not in chosen:
            near = [place for place in left if _like(have[place], name) >= _NEAR]
            if len(near) != 1:
                return None
            chosen[name] = outputs[near[0]]
            left.remove(near[0])
    return [chosen[name] for name in names]


def _with_lacking(
    tree: exp.Select, names: Sequence[str], chosen: dict[str, exp.Expr], left: list[int], schema: Schema
) -> list[exp.Expr] | None:
    from sqlglot import exp

    if left or _positional(tree) or tree.find(exp.AggFunc) is not None:
        return None
    for name in names:
        if name not in chosen:
            column = _plain_column(tree, name, schema)
            if column is None:
                return None
            chosen[name] = column
    return [chosen[name] for name in names]


def _positional(tree: exp.Select) -> bool:
    """GROUP BY 1 or ORDER BY 2: places that would mean another output."""
    from sqlglot import exp

    parts = [tree.args.get("group"), tree.args.get("order")]
    terms = [term for part in parts if part is not None for term in part.expressions]
    return any(isinstance(term.this if isinstance(term, exp.Ordered) else term, exp.Literal) for term in terms)


def _like(one: str, other: str) -> float:
    if not one or not other:
        return 0.0
    if one.startswith(other) or other.startswith(one) or one.endswith(other) or other.endswith(one):
        return 0.9
    return SequenceMatcher(None, one, other).ratio()


def _rename(tree: exp.Select, outputs: Sequence[exp.Expr], names: Sequence[str]) -> None:
    from sqlglot import exp

    made: list[exp.Expr] = []
    renamed: dict[str, str] = {}
    for output, name in zip(outputs, names, strict=True):
        inner = output.this if isinstance(output, exp.Alias) else output
        if isinstance(output, exp.Alias) and output.alias.lower() != name:
            renamed[output.alias.lower()] = name
        if isinstance(inner, exp.Column) and inner.name.lower() == name:
            made.append(inner.copy())
        else:
            made.append(exp.alias_(inner.copy(), exp.to_identifier(name, quoted=quoted(name))))
    tree.set("expressions", made)
    for part in ("group", "having", "order", "qualify"):
        if tree.args.get(part) is not None:
            for column in list(tree.args[part].find_all(exp.Column)):
                new = renamed.get(column.name.lower())
                if new and not column.table:
                    column.set("this", exp.to_identifier(new, quoted=quoted(new)))
