"""Parts of a program replaced by pattern: ``round(A)`` by ``rounded(A)``. Pure.

In a pattern a name of one capital letter stands for any expression, the same one wherever it stands again.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping, Sequence
from typing import Any

from metaagent.remedies.python.tree import parse


def replaced(text: str, rules: Sequence[Mapping[str, Any]]) -> str:
    """The text with ``find`` of each rule as its ``give``; unchanged where none is found."""
    tree = parse(text) if rules else None
    if not rules or tree is None:
        return text
    transformer = _Replacer([(pattern(rule["find"]), pattern(rule["give"])) for rule in rules])
    made = transformer.visit(copy.deepcopy(tree))
    return ast.unparse(ast.fix_missing_locations(made)) + "\n" if transformer.count else text


def pattern(code: str) -> ast.expr:
    return ast.parse(code, mode="eval").body


def matched(find: ast.AST, node: ast.AST, bound: dict[str, ast.expr]) -> bool:
    """Whether the pattern fits the node; ``bound`` takes what its letters stand for."""
    if isinstance(find, ast.Name) and is_letter(find.id):
        if not isinstance(node, ast.expr):
            return False
        known = bound.setdefault(find.id, node)
        return known is node or ast.dump(known) == ast.dump(node)
    if type(find) is not type(node):
        return False
    for name in find._fields:
        if name in ("ctx", "type_comment", "kind"):
            continue
        if not _field(getattr(find, name, None), getattr(node, name, None), bound):
            return False
    return True


def is_letter(name: str) -> bool:
    return len(name) == 1 and name.isupper()


def _field(find: object, node: object, bound: dict[str, ast.expr]) -> bool:
    if isinstance(find, list):
        return (
            isinstance(node, list)
            and len(find) == len(node)
            and all(_field(one, other, bound) for one, other in zip(find, node, strict=True))
        )
    if isinstance(find, ast.AST):
        return isinstance(node, ast.AST) and matched(find, node, bound)
    return find == node


class _Replacer(ast.NodeTransformer):
    def __init__(self, rules: Sequence[tuple[ast.expr, ast.expr]]) -> None:
        self._rules = rules
        self.count = 0

    def visit(self, node: ast.AST) -> Any:
        node = self.generic_visit(node)
        for find, give in self._rules:
            bound: dict[str, ast.expr] = {}
            if isinstance(getattr(node, "ctx", None) or ast.Load(), ast.Load) and matched(find, node, bound):
                self.count += 1
                return _Filled(bound).visit(copy.deepcopy(give))
        return node


class _Filled(ast.NodeTransformer):
    def __init__(self, bound: Mapping[str, ast.expr]) -> None:
        self._bound = bound

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return copy.deepcopy(self._bound[node.id]) if node.id in self._bound else node
