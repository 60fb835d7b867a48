"""Amounts in another unit than the one that a result is wanted in: cents for euros, grams for kilograms. Pure.

A little algebra says which outputs are still in the small unit: a sum or an average of such a column is, a quotient of
two is not, and what was divided already is not. Those are divided and rounded; a number of the question's own text that
is compared with such a value is multiplied. Everything else is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from metaagent.remedies.sql.schema import Schema
from metaagent.remedies.sql.scope import given_names, in_shadow, sources
from metaagent.remedies.sql.tree import is_quoted

if TYPE_CHECKING:
    from sqlglot import exp

_MAX_DEPTH: Final = 12


@dataclass(frozen=True, slots=True)
class Unit:
    """``degree`` 1: in the small unit; 0: a pure number or converted; ``converted``: divided to the large unit."""

    degree: int = 0
    converted: bool = False


@dataclass(frozen=True, slots=True)
class Scale:
    """``columns`` are ``table.column`` names; outputs are divided by ``by`` and rounded to ``digits`` (None: not)."""

    columns: Collection[str]
    by: float
    digits: int | None = 2


def scaled(tree: exp.Query, schema: Schema, scale: Scale, text: str) -> bool:
    """Whether anything was changed; the tree is the caller's."""
    from sqlglot import exp

    changed = _comparisons(tree, schema, scale, text)
    outermost = [tree] if isinstance(tree, exp.Select) else _branches(tree)
    for select in outermost:
        made = [_output(one, select, schema, scale) for one in select.expressions]
        if any(new is not None for new in made):
            changed = True
            select.set("expressions", [new or old for new, old in zip(made, select.expressions, strict=True)])
    return changed


def _branches(tree: exp.Expr) -> list[exp.Select]:
    from sqlglot import exp

    if isinstance(tree, exp.SetOperation):
        return [*_branches(tree.left), *_branches(tree.right)]
    if isinstance(tree, exp.Subquery):
        return _branches(tree.this)
    return [tree] if isinstance(tree, exp.Select) else []


def _output(output: exp.Expr, select: exp.Select, schema: Schema, scale: Scale) -> exp.Expr | None:
    from sqlglot import exp

    inner = output.this if isinstance(output, exp.Alias) else output
    unit = unit_of(inner, select, schema, scale)
    bare = inner.this if isinstance(inner, exp.Round) else inner
    if unit.degree == 1:
        value: exp.Expr = exp.Div(this=_grouped(bare.copy()), expression=_number(scale.by, real=True))
        made: exp.Expr = value if scale.digits is None else _rounded(value, scale.digits)
    elif unit.converted and not isinstance(inner, exp.Round):
        value = _exactly(bare.copy(), scale)
        made = value if scale.digits is None else _rounded(value, scale.digits)
    elif unit.converted:
        made = inner.copy()
        made.set("this", _exactly(made.this, scale))
    else:
        return None
    if made == inner:
        return None
    alias = output.alias_or_name
    return exp.alias_(made, exp.to_identifier(alias, quoted=is_quoted(output))) if alias else made


def _rounded(value: exp.Expr, digits: int) -> exp.Expr:
    from sqlglot import exp

    return exp.Round(this=value, decimals=_number(digits))


def _grouped(node: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    return exp.Paren(this=node) if isinstance(node, exp.Binary) else node


def _exactly(node: exp.Expr, scale: Scale) -> exp.Expr:
    """Divided by 100.0 where it was divided by 100, which would cut the cents off."""
    from sqlglot import exp

    for division in list(node.find_all(exp.Div)):
        literal = division.expression
        if isinstance(literal, exp.Literal) and not literal.is_string and _value(literal) == scale.by:
            division.set("expression", _number(scale.by, real=True))
    return node


def _number(value: float, *, real: bool = False) -> exp.Expr:
    from sqlglot import exp

    whole = float(value).is_integer()
    return exp.Literal.number(f"{int(value)}.0" if whole and real else str(int(value) if whole else value))


def unit_of(node: exp.Expr, select: exp.Select, schema: Schema, scale: Scale, depth: int = 0) -> Unit:
    """What an expression of this SELECT is measured in."""
    from sqlglot import exp

    def of(part: exp.Expr) -> Unit:
        return unit_of(part, select, schema, scale, depth + 1)

    if depth > _MAX_DEPTH * 3:
        return Unit()
    if isinstance(node, exp.Column):
        return _column(node, select, schema, scale, depth)
    if isinstance(node, exp.Mul):
        return _product(node, of(node.this), of(node.expression), scale)
    if isinstance(node, exp.Div):
        return _quotient(node, of(node.this), of(node.expression), scale)
    if isinstance(node, (exp.Count, exp.Literal, exp.Predicate, exp.Star)):
        return Unit()
    if isinstance(node, exp.Subquery):
        inner = node.this
        if isinstance(inner, exp.Select) and inner.expressions:
            return unit_of(inner.expressions[0].unalias(), inner, schema, scale, depth + 1)
        return Unit()
    if isinstance(node, exp.Case):
        results = [branch.args["true"] for branch in node.args.get("ifs") or ()]
        results += [node.args["default"]] if node.args.get("default") is not None else []
        return _either(of(one) for one in results)
    if isinstance(node, exp.If):
        return _either(of(one) for one in (node.args.get("true"), node.args.get("false")) if one is not None)
    if isinstance(node, (exp.Add, exp.Sub)):
        return _either((of(node.this), of(node.expression)))
    if isinstance(node, exp.Coalesce):
        return _either(of(one) for one in (node.this, *node.expressions))
    kept = (exp.Sum, exp.Avg, exp.Min, exp.Max, exp.Round, exp.Abs, exp.Cast, exp.Paren, exp.Neg, exp.Alias)
    if isinstance(node, (*kept, exp.Distinct, exp.Window, exp.Filter)):
        first = node.this if node.this is not None else next(iter(node.expressions), None)
        return of(first) if first is not None else Unit()
    if isinstance(node, exp.Anonymous) and node.name.upper() == "TOTAL" and node.expressions:
        return of(node.expressions[0])
    return Unit()


def _column(node: exp.Column, select: exp.Select, schema: Schema, scale: Scale, depth: int) -> Unit:
    from sqlglot import exp

    name, qualifier = node.name.lower(), node.table.lower()
    own = sources(select, schema)
    for alias, source in own.items():
        if qualifier and alias != qualifier:
            continue
        if source.table:
            if schema.tables[source.table].column(name):
                return Unit(int(f"{source.table}.{name}" in scale.columns))
            continue
        inner = _query_of(source.node)
        for output in inner.expressions if inner is not None else ():
            if inner is not None and output.alias_or_name.lower() == name:
                return unit_of(output.unalias(), inner, schema, scale, depth + 1)
    outer = select.find_ancestor(exp.Select)
    if qualifier and outer is not None:
        return _column(node, outer, schema, scale, depth + 1)
    return Unit()


def _query_of(node: exp.Expr) -> exp.Select | None:
    """The SELECT behind a subquery or the name of a common table expression."""
    from sqlglot import exp

    if isinstance(node, exp.Subquery):
        return node.this if isinstance(node.this, exp.Select) else None
    place: exp.Expr | None = node
    while place is not None:
        for cte in place.ctes if isinstance(place, exp.Query) else ():
            if cte.alias.lower() == node.name.lower():
                return cte.this if isinstance(cte.this, exp.Select) else None
        place = place.parent
    return None


def _either(units: Iterable[Unit]) -> Unit:
    found = list(units)
    return max(found, key=lambda one: (one.degree, one.converted), default=Unit())


def _product(node: exp.Mul, left: Unit, right: Unit, scale: Scale) -> Unit:
    factor = next((_value(side) for side in (node.this, node.expression) if _value(side) is not None), None)
    degree = left.degree + right.degree
    if degree == 1 and factor is not None and abs(factor * scale.by - 1) < 1e-9:
        return Unit(0, True)
    return Unit(degree, left.converted or right.converted)


def _quotient(node: exp.Div, left: Unit, right: Unit, scale: Scale) -> Unit:
    if left.degree == 1 and _value(node.expression) == scale.by:
        return Unit(0, True)
    if right.converted or right.degree:
        return Unit(left.degree - right.degree)
    return Unit(left.degree, left.converted)


def _value(node: exp.Expr | None) -> float | None:
    from sqlglot import exp

    node = node.unnest() if node is not None else None
    if isinstance(node, exp.Cast):
        node = node.this
    if not isinstance(node, exp.Literal) or node.is_string:
        return None
    try:
        return float(node.name)
    except ValueError:
        return None


def _comparisons(tree: exp.Query, schema: Schema, scale: Scale, text: str) -> bool:
    """Numbers that the question names are in the large unit; what they are compared with is in the small one."""
    from sqlglot import exp

    named = _numbers(text)
    changed = False
    for node in list(tree.find_all(exp.GT, exp.GTE, exp.LT, exp.LTE, exp.EQ, exp.NEQ, exp.Between)):
        select = node.find_ancestor(exp.Select)
        if select is None or not named or in_shadow(node):
            continue
        sides = [node.this, node.args.get("low"), node.args.get("high"), node.args.get("expression")]
        present = [side for side in sides if side is not None]
        if not any(_small(side, select, schema, scale) for side in present):
            continue
        for side in present:
            number = _value(side) if isinstance(side, exp.Literal) else None
            if number is not None and number in named and number != 0:
                side.replace(_number(number * scale.by))
                changed = True
    return changed


def _small(side: exp.Expr, select: exp.Select, schema: Schema, scale: Scale) -> bool:
    from sqlglot import exp

    if isinstance(side, exp.Column) and not side.table and side.name.lower() in given_names(select):
        return False  # the output itself, which is in the large unit once this is done
    return unit_of(side, select, schema, scale).degree == 1


def _numbers(text: str) -> set[float]:
    plain = re.sub(r"(?<=\d)[,' ](?=\d{3}\b)", "", text)
    return {float(found) for found in re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?!\w)", plain)}
