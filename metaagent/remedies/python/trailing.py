"""``python.trailing``: what is no part of the answer goes: prose around the code, and test code after the function.

Of code that parses it drops, at the top level: ``if __name__`` blocks, prints, asserts, ``input()``, calls of the
answer's own functions, and what only serves these. Of text that does not parse it keeps the longest run of lines that
does and holds a function. It abstains where there is nothing to drop.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any, Final

from metaagent.records import Brief
from metaagent.remedies.python.tree import bound, functions, is_python, parse, required_name, without

_TALK: Final = frozenset({"print", "input", "pprint", "exit", "quit", "breakpoint"})
_TESTERS: Final = frozenset({"doctest", "unittest", "pytest", "timeit"})
_STARTS: Final = ("def ", "async def ", "class ", "import ", "from ", "@")
_MAX_LINES: Final = 400
_DEFINES: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_ASSIGNS: Final = (ast.Assign, ast.AnnAssign)


def fix(reply: str, brief: Brief, settings: Mapping[str, Any]) -> str | None:  # noqa: ARG001
    if not is_python(brief):
        return None
    text, tree = reply, parse(reply)
    if tree is None:
        text = _code_in(reply) or ""
        tree = parse(text) if text else None
    if tree is None or not (functions(tree) or any(isinstance(node, ast.ClassDef) for node in tree.body)):
        return None
    dropped = _dropped(tree, required_name(brief))
    if dropped:
        text = without(text, tree, dropped)
    return text if text != reply and parse(text) is not None else None


def _dropped(tree: ast.Module, wanted: str | None) -> list[ast.stmt]:
    own = {node.name for node in tree.body if isinstance(node, _DEFINES)}
    needed = {wanted} | {name for node in tree.body if isinstance(node, _DEFINES) for name in _reads(node)}
    dropped = [node for node in tree.body if _tests(node, own) and not bound(node) & needed]
    while True:
        gone = {id(node) for node in dropped}
        kept = [node for node in tree.body if id(node) not in gone]
        served = {name for node in dropped for name in _reads(node)}
        idle = [node for node in kept if isinstance(node, _ASSIGNS) and _only_for(node, kept, served, needed)]
        if not idle:
            return dropped
        dropped += idle


def _only_for(node: ast.stmt, kept: list[ast.stmt], served: set[str], needed: set[str | None]) -> bool:
    """Whether an assignment serves statements that were dropped, and no other."""
    names = bound(node)
    others = {name for one in kept if one is not node for name in _reads(one)}
    return bool(names & served) and not names & (others | needed)


def _reads(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)}


def _tests(node: ast.stmt, own: set[str]) -> bool:
    """Whether a statement of the top level only tries out what is defined."""
    match node:
        case ast.Assert():
            return True
        case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
            return True
        case ast.Expr(value=ast.Constant()):
            return False
        case ast.Expr() | ast.Assign() | ast.AnnAssign() | ast.For() | ast.While() | ast.With() | ast.Try():
            return any(name in own | _TALK or name in _TESTERS for name in _called(node))
    return False


def _called(node: ast.AST) -> Iterator[str]:
    """The names that calls in a statement begin with; what a lambda or a nested function calls is not called here."""
    if isinstance(node, (ast.Lambda, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return
    if isinstance(node, ast.Call):
        root = node.func
        while isinstance(root, (ast.Attribute, ast.Subscript, ast.Call)):
            root = root.func if isinstance(root, ast.Call) else root.value
        if isinstance(root, ast.Name):
            yield root.id
    for child in ast.iter_child_nodes(node):
        yield from _called(child)


def _code_in(text: str) -> str | None:
    """The longest run of lines that parses and defines something; it begins at a line that code begins with."""
    lines = text.splitlines()[:_MAX_LINES]
    best: list[str] = []
    start = 0
    while start < len(lines):
        if not lines[start].startswith(_STARTS):
            start += 1
            continue
        run = _longest(lines[start:])
        if len(run) > len(best):
            best = run
        start += max(1, len(run))
    return "\n".join(best).rstrip() + "\n" if best else None


def _longest(lines: list[str]) -> list[str]:
    """The longest beginning that parses; cut where a line of the first column could begin something new."""
    for end in range(len(lines), 0, -1):
        if end < len(lines) and lines[end][:1] in (" ", "\t", ")", "]", "}"):
            continue
        tree = parse("\n".join(lines[:end]))
        if tree is not None:
            return lines[:end] if functions(tree) or any(isinstance(one, ast.ClassDef) for one in tree.body) else []
    return []
