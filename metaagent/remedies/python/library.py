"""``python.library``: imports from a library that a task may use, made to fit what the library has. Pure.

``members`` maps each public name to the module that it is best imported from; ``name`` is the library's root. A name
that is imported from the library and is not there comes from the standard library where it is well known, else it is
the nearest name that the library has, else the import goes. A name that is used and imported nowhere is looked for in
the library too.
"""

from __future__ import annotations

import ast
import difflib
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from metaagent.records import Brief
from metaagent.remedies.python.imports import WELL_KNOWN
from metaagent.remedies.python.tree import is_python, parse, undefined, with_imports, without

NEAR: Final = 0.75


def fix(reply: str, brief: Brief, settings: Mapping[str, Any]) -> str | None:
    if not is_python(brief):
        return None
    made = repaired(reply, str(settings.get("name", "")), settings.get("members", {}))
    return None if made == reply else made


def repaired(text: str, name: str, members: Mapping[str, str]) -> str:
    """The text with imports that hold. Unchanged where nothing is wrong with them, or where it does not parse."""
    tree = parse(text)
    if tree is None or not members:
        return text
    text = _existing(text, tree, name, members)
    tree = parse(text)
    if tree is None:
        return text
    lines = []
    for missing in undefined(tree):
        if missing == name:
            lines.append(f"import {name}")
            continue
        real = missing if missing in members else _nearest(missing, members)
        if real is not None and missing not in WELL_KNOWN and missing not in sys.stdlib_module_names:
            lines.append(_line(real, missing, members))
    return with_imports(text, tree, lines) if lines else text


def with_members(text: str, names: Sequence[str], members: Mapping[str, str]) -> str:
    """The text with imports for those of these names that the library has."""
    taken: dict[str, list[str]] = {}
    for one in sorted(set(names) & members.keys()):
        taken.setdefault(members[one], []).append(one)
    lines = [f"from {module} import {', '.join(found)}" for module, found in sorted(taken.items())]
    tree = parse(text) if lines else None
    return text if tree is None else with_imports(text, tree, lines)


def _existing(text: str, tree: ast.Module, name: str, members: Mapping[str, str]) -> str:
    """Each ``from ... import`` of the library, or of a module that there is not, member by member."""
    dropped: list[ast.stmt] = []
    lines: list[str] = []
    own = {one.name for one in tree.body if isinstance(one, (ast.FunctionDef, ast.ClassDef))}
    for node in tree.body:
        if not isinstance(node, ast.ImportFrom) or node.names[0].name == "*":
            continue
        if all(_holds(alias.name, node.module or "", name, members) for alias in node.names):
            continue
        dropped.append(node)
        for alias in node.names:
            line = _mended(alias, node.module or "", own, name, members)
            if line is not None:
                lines.append(line)
    if not dropped:
        return text
    left = without(text, tree, dropped)
    rest = parse(left)
    return text if rest is None else with_imports(left, rest, lines)


def _holds(member: str, module: str, name: str, members: Mapping[str, str]) -> bool:
    root = module.partition(".")[0]
    if root != name:
        return root in sys.stdlib_module_names
    return member in members and (module in (name, members[member])) and members[member].startswith(module)


def _mended(alias: ast.alias, module: str, own: set[str], name: str, members: Mapping[str, str]) -> str | None:
    said = alias.asname or alias.name
    if said in own:
        return None
    if _holds(alias.name, module, name, members):
        return f"from {module} import {alias.name}" + (f" as {said}" if said != alias.name else "")
    if alias.name in members:
        return _line(alias.name, said, members)
    if alias.name in WELL_KNOWN:
        return f"from {WELL_KNOWN[alias.name]} import {alias.name}" + (f" as {said}" if said != alias.name else "")
    if alias.name in sys.stdlib_module_names:
        return f"import {alias.name}" + (f" as {said}" if said != alias.name else "")
    real = _nearest(alias.name, members)
    return None if real is None else _line(real, said, members)


def _line(real: str, said: str, members: Mapping[str, str]) -> str:
    return f"from {members[real]} import {real}" + (f" as {said}" if said != real else "")


def _nearest(wanted: str, members: Mapping[str, str]) -> str | None:
    lowered = {one.lower().replace("_", ""): one for one in members}
    found = difflib.get_close_matches(wanted.lower().replace("_", ""), lowered, 1, NEAR)
    return lowered[found[0]] if found else None
