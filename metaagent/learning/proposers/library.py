"""What a library offers: its names imported where an answer uses them, and its reference in the prompt.

A fixture of the tasks' own checks that is a Python package is read, never imported. Its reference (names, how they are
called, the first sentence of what they say of themselves) is a rule like any other: it stands in the part of the prompt
that all tasks share, so that an engine which caches prompts' beginnings reads it once.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

from metaagent.learning.proposals import Bench, Case, Proposal
from metaagent.learning.replay import replayed
from metaagent.learning.synthesis.python.house import read_house
from metaagent.learning.synthesis.python.lab import libraries
from metaagent.records import ErrorKind, Remedy

FEWEST = 3
"""Mine tasks that have to fail by the library before it is worth explaining."""
MOST_CHARACTERS = 3000
"""About a thousand tokens, a quarter of the default window; what does not fit is left out, the last first."""
EXPECTED_GAIN = 0.1


class LibraryImports:
    """A fixer that knows the library's names: what is used is imported, and from where it is."""

    name = "library.imports"
    kind = "fixer"

    def propose(self, cases: Sequence[Case], bench: Bench) -> list[Proposal]:
        found = []
        for fixture in libraries(cases):
            house = read_house(bench.root / fixture)
            remedy = Remedy("fixer", "python.library", house.settings())
            change = replayed(cases, (remedy,), bench.judge)
            if change.gain > 0 and not change.harmed:
                why = f"the names of {house.name} imported where they are used: {len(change.mended)} mine tasks mended"
                lines = (f"names of {house.name} that are used and not imported, or imported wrongly, are imported",)
                found.append(Proposal(remedy, why, lines, change.mended, (), change.gain))
        return found


class LibraryReference:
    name = "library"
    kind = "rule"

    def propose(self, cases: Sequence[Case], bench: Bench) -> list[Proposal]:
        """One for each library whose types or names failing mine tasks were about."""
        found = []
        for fixture in libraries(cases):
            path = bench.root / fixture
            failing = sum(_about(case, path.name) for case in cases)
            text = reference(path) if failing >= FEWEST else ""
            if text:
                why = f"{failing} of {len(cases)} mine tasks fail where the library {path.stem} is wanted"
                lines = (f"the reference of {path.stem} in the prompt, {len(text)} characters",)
                settings = {"text": text}
                found.append(Proposal(Remedy("rule", f"library.{path.stem}", settings), why, lines, gain=EXPECTED_GAIN))
        return found


def _about(case: Case, library: str) -> bool:
    """Whether the case fails with the library's values wanted, or with its names used wrongly."""
    mark = f'"{library}.'
    return any(
        mark in (event.expected or "")
        or (event.kind in (ErrorKind.NAME, ErrorKind.SIGNATURE) and f"'{library}" in event.message)
        for event in case.events
    )


def reference(path: Path) -> str:
    """The library's public names, a line each; empty where there are none."""
    house = read_house(path)
    public = {name for name, module in house.members.items() if module == house.name} or set(house.members)
    lines = [
        f"What the library `{house.name}` has. Import what you use: from {house.name} import {min(public, default='')}"
    ]
    for file in [path] if path.is_file() else sorted(path.glob("*.py")):
        if file.name == "__init__.py":
            continue
        tree = ast.parse(file.read_text(encoding="utf-8"))
        members = [line for node in tree.body for line in _member(node, public)]
        if members:
            lines += [f"- {_sentence(tree)}" if _sentence(tree) else f"- {file.stem}", *members]
    while sum(map(len, lines)) + len(lines) > MOST_CHARACTERS:
        lines.pop()
    return "\n".join(lines) if len(lines) > 1 else ""


def _member(node: ast.stmt, public: set[str]) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef) and node.name in public:
        yield _line(f"{node.name}({_arguments(node)})", node)
    elif isinstance(node, ast.ClassDef) and node.name in public:
        yield _line(_made(node), node)
    elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
        names = [target.id for target in node.targets if isinstance(target, ast.Name) and target.id in public]
        yield from (f"  {name} = {node.value.value!r}" for name in names)


def _made(node: ast.ClassDef) -> str:
    """How a class is called, with its constants and methods."""
    functions = [one for one in node.body if isinstance(one, ast.FunctionDef)]
    init = next((one for one in functions if one.name == "__init__"), None)
    fields = [ast.unparse(one) for one in node.body if isinstance(one, ast.AnnAssign)]
    called = _arguments(init, method=True) if init else ", ".join(fields)
    constants = [
        target.id
        for one in node.body
        if isinstance(one, ast.Assign)
        for target in one.targets
        if isinstance(target, ast.Name) and target.id.isupper()
    ]
    methods = [f".{one.name}({_arguments(one, method=True)})" for one in functions if not one.name.startswith("_")]
    return " ".join([f"{node.name}({called})", *(f"{node.name}.{name}" for name in constants), *methods])


def _arguments(node: ast.FunctionDef, *, method: bool = False) -> str:
    """The parameters with their defaults, without annotations."""
    given = [*node.args.posonlyargs, *node.args.args]
    defaults = [None] * (len(given) - len(node.args.defaults)) + list(node.args.defaults)
    shown = [
        one.arg if default is None else f"{one.arg}={ast.unparse(default)}"
        for one, default in zip(given, defaults, strict=True)
    ]
    return ", ".join(shown[1 if method else 0 :])


def _line(called: str, node: ast.FunctionDef | ast.ClassDef) -> str:
    said = _sentence(node)
    return f"  {called}: {said}" if said else f"  {called}"


def _sentence(node: ast.Module | ast.FunctionDef | ast.ClassDef) -> str:
    """The first paragraph of a docstring in one line."""
    return " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split())
