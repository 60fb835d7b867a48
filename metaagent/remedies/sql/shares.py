"""How a house writes shares: as fractions or per cent, with so many decimals, with or without a sign. Pure.

An output is a share where its name says so and it is a quotient, or an average of what is true or false, however the
statement wrote it: times 100, rounded, with a sign.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from metaagent.remedies.sql.forms import put
from metaagent.remedies.sql.schema import Schema
from metaagent.remedies.sql.tree import parse_expression, render

if TYPE_CHECKING:
    from sqlglot import exp

NAMES: Final = re.compile(r"(?:^|_)(?:shares?|percent|percentage|pct|proportion|fraction|quota|ratio|rate)(?:_|$)")
"""Of outputs that are shares."""


def shared(tree: exp.Query, schema: Schema, by: int, digits: int, sign: str) -> bool:
    """Outputs that are shares are multiplied by 1 or 100, rounded, and followed by a sign where there is one."""
    from sqlglot import exp

    if not isinstance(tree, exp.Select):
        return False
    changed = False
    for output in list(tree.expressions):
        fraction = fraction_of(output.unalias()) if NAMES.search(output.alias_or_name.lower()) else None
        if fraction is not None:
            changed |= put(tree, schema, output, _written(fraction, by, digits, sign))
    return changed


def _written(fraction: exp.Expr, by: int, digits: int, sign: str) -> exp.Expr:
    from sqlglot import exp

    number = parse_expression(f"ROUND({by}.0 * {render(fraction)}, {digits})")
    if not sign:
        return number
    whole = exp.cast(number, "INTEGER") if digits == 0 else number
    return exp.DPipe(this=whole, expression=exp.Literal.string(sign))


def fraction_of(node: exp.Expr) -> exp.Expr | None:
    """The quotient at the heart of a share, ready to be multiplied by a real number; None where there is none."""
    from sqlglot import exp

    if isinstance(node, (exp.Paren, exp.Round, exp.Cast)):
        return fraction_of(node.this)
    if isinstance(node, (exp.DPipe, exp.Concat)):
        parts = [one for one in node.flatten() if not _is_text(one)] if isinstance(node, exp.DPipe) else [
            one for one in node.expressions if not _is_text(one)
        ]  # fmt: skip
        return fraction_of(parts[0]) if len(parts) == 1 else None
    if isinstance(node, exp.Anonymous) and node.name.upper() in ("PRINTF", "FORMAT") and len(node.expressions) == 2:
        return fraction_of(node.expressions[1])
    if isinstance(node, exp.Mul):
        return fraction_of(whole) if (whole := _without_hundred(node)) is not node else None
    if isinstance(node, exp.Div) and node.expression.find(exp.Column, exp.AggFunc, exp.Query) is not None:
        return exp.Div(this=_without_hundred(node.this).copy(), expression=node.expression.copy())
    if isinstance(node, exp.Avg) and isinstance(node.this.unnest(), (exp.Predicate, exp.Case, exp.If)):
        return node.copy()
    return None


def _is_text(node: exp.Expr) -> bool:
    from sqlglot import exp

    return isinstance(node, exp.Literal) and node.is_string


def _without_hundred(node: exp.Expr) -> exp.Expr:
    """Without a factor of 1 or 100 at one of its ends, and without what makes it a real number."""
    from sqlglot import exp

    if isinstance(node, (exp.Paren, exp.Cast)):
        return _without_hundred(node.this)
    if not isinstance(node, exp.Mul):
        return node
    for factor, rest in ((node.this, node.expression), (node.expression, node.this)):
        if isinstance(factor, exp.Literal) and not factor.is_string and float(factor.name) in (1, 100):
            return _without_hundred(rest)
    return node
