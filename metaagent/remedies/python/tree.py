"""What the Python fixers share: reading a reply as a tree, the names in it, and small edits of its text. Pure."""

from __future__ import annotations

import ast
import builtins
import io
import re
import tokenize
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from metaagent.records import Brief

MAX_SOURCE: Final = 100_000
_BUILTINS: Final = frozenset(dir(builtins)) | {"__name__", "__file__", "__doc__", "__builtins__"}
_NAMED: Final = (
    re.compile(r"^[ \t]*(?:async[ \t]+)?def[ \t]+([A-Za-z_]\w*)[ \t]*\(", re.MULTILINE),
    re.compile(r"\bfunction\s+(?:(?:is\s+)?(?:named|called)\s+)?[`'\"]([A-Za-z_]\w*)[`'\"(]"),
    re.compile(r"[`'\"]([A-Za-z_]\w*)\([^`'\"\n]*\)[`'\"]"),
)

Function = ast.FunctionDef | ast.AsyncFunctionDef


@lru_cache(maxsize=512)
def parse(text: str) -> ast.Module | None:
    """The tree, or None for what is no Python (or too deep, or too long to be an answer). It is shared: copy it before
    changing it."""
    if len(text) > MAX_SOURCE:
        return None
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def is_python(brief: Brief) -> bool:
    return brief.artifact.format.lower() in ("python", "py")


def required_name(brief: Brief) -> str | None:
    """The function's name that the task's text states; None where it states none, or more than one."""
    text = "\n".join([*brief.inputs.values(), brief.goal])
    for pattern in _NAMED:
        found = set(pattern.findall(text))
        if found:
            return found.pop() if len(found) == 1 else None
    return None


def functions(tree: ast.Module) -> list[Function]:
    return [node for node in tree.body if isinstance(node, Function)]


def function_named(tree: ast.Module, name: str | None) -> Function | None:
    """The last definition of that name, which is the one that holds."""
    return next((one for one in reversed(functions(tree)) if one.name == name), None)


def answer_function(tree: ast.Module, brief: Brief) -> Function | None:
    """The function that the task asks for: of the required name, else the only one at the top."""
    wanted = required_name(brief)
    if wanted is not None:
        return function_named(tree, wanted)
    found = functions(tree)
    return found[0] if len(found) == 1 else None


def bound(tree: ast.AST) -> set[str]:
    """Every name that is bound anywhere in the tree, whatever its scope."""
    names: set[str] = set()
    for node in ast.walk(tree):
        names.update(_binds(node))
    return names


def _binds(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.arg(arg=name):
            yield name
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case ast.MatchMapping(rest=str(name)):
            yield name
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            for alias in aliases:
                yield alias.asname or alias.name.partition(".")[0]


def undefined(tree: ast.AST) -> dict[str, list[str]]:
    """Names that are read and bound nowhere, in the order met, each with the attributes asked of it ('' for bare use).
    Empty where a star import hides what is bound."""
    if any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in ast.walk(tree)):
        return {}
    known, found = bound(tree) | _BUILTINS, dict[str, list[str]]()
    owners = {id(node.value): node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in known:
            found.setdefault(node.id, []).append(owners.get(id(node), ""))
    return found


@lru_cache(maxsize=512)
def rename(text: str, old: str, new: str) -> str | None:
    """The text with each name token ``old`` as ``new``, attributes and keyword names apart; None where it has none."""
    lines, spots, previous = text.splitlines(keepends=True), list[tuple[int, int]](), ""
    tokens = list(_tokens(text))
    for number, token in enumerate(tokens):
        if token.type == tokenize.NAME and token.string == old and previous != ".":
            following = tokens[number + 1].string if number + 1 < len(tokens) else ""
            if not (following == "=" and previous in ("(", ",")):
                spots.append(token.start)
        if token.type not in (tokenize.NL, tokenize.COMMENT):
            previous = token.string
    for row, column in reversed(spots):
        line = lines[row - 1]
        lines[row - 1] = line[:column] + new + line[column + len(old) :]
    return "".join(lines) if spots else None


def _tokens(text: str) -> Iterator[tokenize.TokenInfo]:
    try:
        yield from tokenize.generate_tokens(io.StringIO(text).readline)
    except (tokenize.TokenError, SyntaxError):
        return


def without(text: str, tree: ast.Module, dropped: Sequence[ast.stmt]) -> str:
    """The text without these statements of the top level; what else stands there keeps its form where it can."""
    gone = {id(node) for node in dropped}
    kept = [node for node in tree.body if id(node) not in gone]
    lines = text.splitlines(keepends=True)
    spans = [(_first_line(node), node.end_lineno or node.lineno) for node in dropped]
    taken = {line for first, last in spans for line in range(first, last + 1)}
    if any(line in taken for node in kept for line in range(_first_line(node), (node.end_lineno or node.lineno) + 1)):
        return ast.unparse(ast.Module(kept, [])) + "\n"
    left = "".join(line for number, line in enumerate(lines, 1) if number not in taken)
    return left.rstrip() + "\n" if left.strip() else ""


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(one.lineno for one in decorators)])


def with_imports(text: str, tree: ast.Module, lines: Sequence[str]) -> str:
    """The text with these import lines behind its docstring and ``__future__`` imports."""
    after = 0
    for number, node in enumerate(tree.body):
        doc = number == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not doc and not (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            break
        after = node.end_lineno or node.lineno
    whole = text.splitlines(keepends=True)
    first, imports = (
        next((node for node in tree.body if _first_line(node) > after), None),
        "".join(f"{one}\n" for one in lines),
    )
    gap = "" if first is None or isinstance(first, (ast.Import, ast.ImportFrom)) else "\n\n"
    rest = "".join(whole[after:]).lstrip("\n") if gap else "".join(whole[after:])
    head = "".join(whole[:after])
    if head and not head.endswith("\n"):
        head += "\n"
    return head + imports + gap + rest
