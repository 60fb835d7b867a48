"""``python.name``: the function gets the name that the task's text states.

It abstains where the reply defines that name already, where it is not clear which of several functions is meant, and
where the new name is in use for something else.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from metaagent.records import Brief
from metaagent.remedies.python.tree import Function, bound, functions, is_python, parse, rename, required_name


def fix(reply: str, brief: Brief, settings: Mapping[str, Any]) -> str | None:  # noqa: ARG001
    wanted = required_name(brief) if is_python(brief) else None
    tree = parse(reply) if wanted else None
    if tree is None or wanted is None or _at_top(tree, wanted):
        return None
    meant = _meant(functions(tree))
    if meant is not None and wanted not in bound(tree):
        return rename(reply, meant.name, wanted)
    return _out_of_class(reply, tree, wanted)


def _at_top(tree: ast.Module, name: str) -> bool:
    """Whether the module itself binds the name, be it by an assignment or an import."""
    return name in bound(ast.Module([node for node in tree.body if not isinstance(node, ast.ClassDef)], []))


def _meant(found: list[Function]) -> Function | None:
    """The only function, or the only one that no other one calls."""
    if len(found) <= 1:
        return found[0] if found else None
    used = {
        node.id
        for one in found
        for node in ast.walk(one)
        if isinstance(node, ast.Name) and node.id != one.name and isinstance(node.ctx, ast.Load)
    }
    free = [one for one in found if one.name not in used and not one.name.startswith("_")]
    return free[0] if len(free) == 1 else None


def _out_of_class(reply: str, tree: ast.Module, wanted: str) -> str | None:
    """A method of that name in the only class, which needs nothing to be made: the function calls it."""
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    if len(classes) != 1:
        return None
    methods = {node.name: node for node in classes[0].body if isinstance(node, ast.FunctionDef)}
    if wanted not in methods or "__init__" in methods:
        return None
    return f"{reply.rstrip()}\n\n\n{wanted} = {classes[0].name}().{wanted}\n"
