"""A library read from its sources, never imported: the public names, how they are called, what they hold."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_QUOTED = re.compile(r"[\"']([A-Za-z][\w-]{0,30})[\"']")
_ERROR = re.compile(r"(Exception|Error|Warning)$")


@dataclass(frozen=True, slots=True)
class Callable:
    """A function or class: ``least`` and ``most`` positional arguments; ``words``: texts that its docstring quotes."""

    name: str
    parameters: tuple[str, ...]
    least: int
    most: int
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Class:
    """``siblings`` are the classes of its module, itself included; ``constants`` texts and numbers in its body."""

    made: Callable
    error: bool
    siblings: tuple[str, ...]
    constants: tuple[str, ...]
    attributes: tuple[str, ...]
    methods: tuple[Callable, ...]


@dataclass(slots=True)
class House:
    name: str
    members: dict[str, str] = field(default_factory=dict)
    functions: dict[str, Callable] = field(default_factory=dict)
    classes: dict[str, Class] = field(default_factory=dict)
    constants: list[str] = field(default_factory=list)

    def settings(self) -> dict[str, object]:
        return {"name": self.name, "members": dict(sorted(self.members.items()))}


def read_house(path: Path) -> House:
    """The library at this path, a folder or one file. What does not parse is left out."""
    house = House(path.stem)
    for module, tree in _modules(path):
        _read(house, module, tree)
    exported = house.members.copy()
    for module, tree in _modules(path):
        if module == house.name:
            for name in _exports(tree):
                if name in exported:
                    house.members[name] = house.name
    for name in list(house.classes):
        house.classes[name] = _with_error(house, name)
    return house


def _modules(path: Path) -> Iterator[tuple[str, ast.Module]]:
    files = [path] if path.is_file() else sorted(path.rglob("*.py"))
    for file in files:
        parts = [path.stem] if path.is_file() else [path.name, *file.relative_to(path).with_suffix("").parts]
        if any(part.startswith("_") and part != "__init__" for part in parts[1:]):
            continue
        try:
            yield ".".join(part for part in parts if part != "__init__"), ast.parse(file.read_text("utf-8"))
        except (SyntaxError, ValueError, OSError):
            continue


def _exports(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name


def _read(house: House, module: str, tree: ast.Module) -> None:
    siblings = tuple(n.name for n in tree.body if isinstance(n, ast.ClassDef) and not n.name.startswith("_"))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            house.functions[node.name] = _called(node)
            house.members[node.name] = module
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            house.classes[node.name] = _class(node, siblings)
            house.members[node.name] = module
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            for name in _assigned(node):
                if name.isupper() and not name.startswith("_"):
                    house.members[name] = module
                    if isinstance(node.value, ast.Constant):
                        house.constants.append(name)


def _assigned(node: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _called(node: ast.FunctionDef, *, method: bool = False) -> Callable:
    given = [*node.args.posonlyargs, *node.args.args][1 if method else 0 :]
    needs_words = any(default is None for default in node.args.kw_defaults)
    least = len(given) - len(node.args.defaults)
    return Callable(
        node.name,
        tuple(one.arg for one in given),
        least if not needs_words else 99,
        len(given),
        tuple(dict.fromkeys(_QUOTED.findall(ast.get_docstring(node) or ""))),
    )


def _class(node: ast.ClassDef, siblings: tuple[str, ...]) -> Class:
    functions = {one.name: one for one in node.body if isinstance(one, ast.FunctionDef)}
    words = tuple(dict.fromkeys(_QUOTED.findall(ast.get_docstring(node) or "")))
    fields = [one for one in node.body if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)]
    if "__init__" in functions:
        made = _called(functions["__init__"], method=True)
        made = Callable(node.name, made.parameters, made.least, made.most, words)
    else:
        names = tuple(one.target.id for one in fields if isinstance(one.target, ast.Name))
        made = Callable(node.name, names, sum(one.value is None for one in fields), len(names), words)
    constants = [
        f"{node.name}.{name}"
        for one in node.body
        if isinstance(one, (ast.Assign, ast.AnnAssign)) and isinstance(one.value, ast.Constant)
        for name in _assigned(one)
        if name.isupper()
    ]
    methods = [
        _called(one, method=True)
        for name, one in functions.items()
        if not name.startswith("_") and not one.decorator_list
    ]
    properties = [name for name, one in functions.items() if one.decorator_list and not name.startswith("_")]
    bases = [ast.unparse(base) for base in node.bases]
    return Class(
        made,
        any(_ERROR.search(base) for base in bases),
        siblings,
        tuple(constants),
        tuple(dict.fromkeys([one.target.id for one in fields if isinstance(one.target, ast.Name)] + properties)),
        tuple(methods),
    )


def _with_error(house: House, name: str) -> Class:
    found = house.classes[name]
    error = found.error or bool(_ERROR.search(name))
    return Class(found.made, error, found.siblings, found.constants, found.attributes, found.methods)
