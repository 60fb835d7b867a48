"""A protocol's fixers as one Python module without dependencies, for ``protocol export --to python``.

The module holds the very sources that metaagent runs, not a second implementation. Each source file becomes a section:
a function whose body is the file, and which hands back its names. Imports between the files become plain assignments,
what learning found stands as a literal on top, and data files as literals at the end.
"""

from __future__ import annotations

import ast
import importlib.util
import io
import json
import subprocess
import sys
import tempfile
import tokenize
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from pprint import pformat

from metaagent.records import Brief, Logprobs, Protocol, Remedy
from metaagent.remedies.fixers import BUILT_IN, SHIPPED, in_order

RECORDS = "metaagent.records"
HELPERS = ("metaagent.remedies.delivery", "metaagent.remedies.trigger")
"""What runs around any fixer: what of a reply is the artifact, and whether a fixer is about the task."""
DATA = {"metaagent.remedies.json.fields.stock": ("stock", "words")}
"""Modules that read data files of their own package."""
SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Module:
    """``fixers`` are the names of what it holds; ``left_out``: what of the protocol it cannot, a line each."""

    source: str
    fixers: tuple[str, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """A stored reply, and what metaagent's own fixers make of it."""

    attempt_id: str
    reply: str
    brief: Brief
    fixed: str
    logprobs: Logprobs = field(default_factory=dict)


def module_of(protocol: Protocol, readable: Sequence[str], checked: int | None = None, standing: str = "") -> Module:
    """The module of a protocol's fixers. ``readable``: the lines that learning wrote of them; ``checked``: on how many
    stored replies it was compared with metaagent itself; ``standing``: what is known of the version."""
    kept = [one for one in in_order(protocol.remedies) if one.kind == "fixer" and not _foreign(one.name)]
    left_out = tuple(dict.fromkeys(filter(None, map(_why_not, protocol.remedies))))
    names = tuple(dict.fromkeys(one.name for one in kept))
    closure = _closure([BUILT_IN[name].partition(":")[0] for name in names])
    parts = [
        _head(protocol, left_out, checked, standing),
        _learned(kept, readable),
        _RUN,
        _records_section(closure),
        *([_FILES] if any(module in DATA for module in closure) else []),
        *(_section(module) for module in closure),
        _table(names),
        *(_data_section(DATA[module]) for module in closure if module in DATA),
        _MAIN,
    ]
    return Module("\n\n\n".join(part.strip("\n") for part in parts) + "\n", names, left_out)


def _why_not(remedy: Remedy) -> str | None:
    if remedy.kind != "fixer":
        return f"{remedy.kind} {remedy.name!r} is no fixer: it changes what is asked, not what came back"
    foreign = _foreign(remedy.name)
    return f"fixer {remedy.name!r} needs the package {foreign}" if foreign else None


def _foreign(fixer: str) -> str:
    """The first package that a fixer needs beside the standard library; empty where it needs none."""
    if fixer not in BUILT_IN:
        return "that registered it"
    for module in _closure([BUILT_IN[fixer].partition(":")[0]]):
        for node in ast.walk(ast.parse(_source(module))):
            for name in _imported(node):
                root = name.partition(".")[0]
                if root != "metaagent" and root not in sys.stdlib_module_names:
                    return root
    return ""


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


@lru_cache(maxsize=128)
def _source(module: str) -> str:
    spec = importlib.util.find_spec(module)
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).read_text(encoding="utf-8")


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # its parent is a module, not a package
        return False


def _closure(roots: Iterable[str]) -> list[str]:
    """The modules that these need, and they themselves, each after what it imports; records stand apart."""
    found: dict[str, None] = {}

    def visit(module: str) -> None:
        if module in found or module == RECORDS:
            return
        for node in ast.walk(ast.parse(_source(module))):
            for needed in _ours(node):
                visit(needed)
        found[module] = None

    for root in [*HELPERS, *roots]:
        visit(root)
    return list(found)


def _ours(node: ast.AST) -> Iterator[str]:
    """The modules of metaagent that an import names."""
    if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("metaagent"):
        assert node.module is not None
        for alias in node.names:
            inner = f"{node.module}.{alias.name}"
            yield inner if _is_module(inner) else node.module


def _name(module: str) -> str:
    """What a section is called: ``words_py`` for ``metaagent.remedies.json.fields.words``."""
    return module.rpartition(".")[2] + "_py"


def _section(module: str) -> str:
    source = _source(module)
    tree = ast.parse(source)
    lines: list[str | None] = list(_indented(source, tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (text := _assigned(node)) is not None:
            margin = " " * (4 + node.col_offset)
            lines[node.lineno - 1] = margin + text if text else None
            for number in range(node.lineno, node.end_lineno or node.lineno):
                lines[number] = None
    body = "\n".join(line for line in lines if line is not None).rstrip()
    name = _name(module)
    return f"def {name}():\n{body}\n\n    return SimpleNamespace(**locals())\n\n\n{name} = {name}()"


def _assigned(node: ast.ImportFrom) -> str | None:
    """What stands in place of an import; None where it stays."""
    if node.module == "__future__":
        return ""
    if node.module == "importlib.resources":
        return "files = _files"
    if not (node.module or "").startswith("metaagent"):
        return None
    assert node.module is not None
    pairs = []
    for alias in node.names:
        inner = f"{node.module}.{alias.name}"
        value = _name(inner) if _is_module(inner) else f"{_name(node.module)}.{alias.name}"
        pairs.append((alias.asname or alias.name, value))
    return "; ".join(f"{name} = {value}" for name, value in pairs)


def _indented(source: str, tree: ast.Module) -> Iterator[str]:
    """The lines of a file, four spaces further in; the inside of a string that is no docstring stays where it is."""
    docstrings = {
        node.body[0].lineno
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node, clean=False)
    }
    fixed = {
        line
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type in _STRINGS and token.start[0] not in docstrings
        for line in range(token.start[0] + 1, token.end[0] + 1)
    }
    for number, line in enumerate(source.splitlines(), 1):
        yield line if number in fixed or not line.strip() else f"    {line}"


_STRINGS = {tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}


def _records_section(closure: Iterable[str]) -> str:
    """The few record classes that fixers see, as they are."""
    wanted = {
        alias.name
        for module in closure
        for node in ast.walk(ast.parse(_source(module)))
        if isinstance(node, ast.ImportFrom) and node.module == RECORDS
        for alias in node.names
    } | {"ArtifactForm", "Brief"}
    source = _source(RECORDS)
    lines = source.splitlines()
    parts = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef) and node.name in wanted:
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            parts.append("\n".join(lines[first - 1 : node.end_lineno]))
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in wanted:
            parts.append(ast.unparse(node))
    return "\n\n\n".join(parts) + "\n\n\nrecords_py = SimpleNamespace(**globals())"


def _head(protocol: Protocol, left_out: Sequence[str], checked: int | None, standing: str) -> str:
    place = (
        f"{protocol.domain or 'any domain'} on {protocol.model}, protocol v{protocol.version} ({protocol.hash[:12]})"
    )
    if checked is None:
        said = "It was not compared with metaagent itself."
    elif checked:
        said = f"When it was written it did to {checked} stored replies exactly what metaagent does."
    else:
        said = "No reply is stored that it could have been compared on."
    lines = [
        "The fixers of a metaagent protocol, as one module without dependencies (Python 3.11 or newer).",
        "",
        f"For {place}.",
        *([standing] if standing else []),
        said,
        *(["", "Left out:", *(f"- {line}" for line in left_out)] if left_out else []),
        "",
        "    from this_module import fix",
        '    artifact = fix(reply, goal="...", inputs={"text": "..."}, form="json")',
        "",
        "As a filter: the reply on standard input, the artifact on standard output; see --help.",
    ]
    text = "\n".join(map(_one_line, lines)).replace("\\", "\\\\").replace('"""', "'''")
    return f'"""{text}\n"""\n\n{_IMPORTS}'


def _one_line(text: str) -> str:
    """The text as a comment can hold it: whatever is no printable character is a blank."""
    return "".join(mark if mark.isprintable() else " " for mark in text)


_IMPORTS = """\
from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any"""


def _learned(fixers: Sequence[Remedy], readable: Sequence[str]) -> str:
    told = [f"# - {_one_line(text)}" for text in readable]
    told += [f"# - {one.name}: {SHIPPED[one.name]}" for one in fixers if one.name in SHIPPED]
    literal = pformat([(one.name, _plain(one.settings)) for one in fixers], width=110, sort_dicts=False)
    return "\n".join(["# What was learned, in words:", *told, f"FIXERS = {literal}"])


def _plain(settings: Mapping[str, object]) -> object:
    """Lists and mappings alone, so that the literal is one."""
    return json.loads(json.dumps(settings, ensure_ascii=False))


_RUN = '''\
def fix(
    reply: str,
    goal: str = "",
    inputs: Mapping[str, str] | None = None,
    form: str = "json",
    title: str = "",
    logprobs: Mapping[str, Mapping[str, float]] | None = None,
) -> str:
    """What the fixers make of a model's reply to a task; ``form`` is what was asked for (json, python, text...).
    ``logprobs``, where they are known: path of a field of few values -> value as JSON -> its log-probability. A fixer
    that does not apply, or breaks, leaves the text as it is."""
    brief = Brief("", title, goal, None, dict(inputs or {}), ArtifactForm(form))
    text = delivery_py.artifact_of(reply, form)
    for name, settings in FIXERS:
        if not trigger_py.fires(settings, brief):
            continue
        try:
            changed = _FUNCTIONS[name](text, brief, {**settings, "logprobs": logprobs or {}})
        except Exception:
            continue
        text = text if changed is None else changed
    return text'''


def _table(names: Sequence[str]) -> str:
    rows = []
    for name in names:
        module, _, function = BUILT_IN[name].partition(":")
        rows.append(f"    {name!r}: {_name(module)}.{function},")
    return "\n".join(["_FUNCTIONS = {", *rows, "}"])


def _data_section(names: Sequence[str]) -> str:
    """Data files as literals, a line for each of their keys, and what reads them as if they were files."""
    rows = []
    for name in names:
        text = Path(_folder(), f"{name}.json").read_text(encoding="utf-8")
        rows.append(f"    {name!r}: {{")
        rows += [
            f"        {key!r}: {json.dumps(value, ensure_ascii=False)!r}," for key, value in json.loads(text).items()
        ]
        rows.append("    },")
    return "\n".join(["# The stock tables of the operators, as JSON.", "_DATA = {", *rows, "}"])


def _folder() -> Path:
    spec = importlib.util.find_spec("metaagent.remedies.json.fields")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent


_FILES = '''\
class _files:
    """Stands for the folder of a package: its data files are the literals below."""

    def __init__(self, package: str, name: str = "") -> None:
        self.package, self.name = package, name

    def joinpath(self, name: str) -> _files:
        return _files(self.package, name)

    def read_text(self, encoding: str = "utf-8") -> str:
        parts = _DATA[self.name.removesuffix(".json")]
        return "{" + ", ".join(f"{json.dumps(key)}: {text}" for key, text in parts.items()) + "}"'''

_MAIN = """\
def main() -> None:
    import argparse
    import os

    parser = argparse.ArgumentParser(description="Mend a model's reply: standard input to standard output.")
    parser.add_argument("--goal", default="", help="the task's goal")
    parser.add_argument("--title", default="", help="the task's title")
    parser.add_argument("--form", default="json", help="json, python, text...")
    parser.add_argument("--input", action="append", default=[], metavar="NAME=FILE", help="an input of the task")
    given = parser.parse_args()
    inputs = {}
    for pair in given.input:
        name, _, file = pair.partition("=")
        with open(file, encoding="utf-8") as text:
            inputs[name] = text.read()
    try:
        sys.stdout.write(fix(sys.stdin.read(), given.goal, inputs, given.form, given.title))
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read it has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()"""

_CHECK = """\
import json, runpy, sys
fix = runpy.run_path(sys.argv[1])["fix"]
for line in sys.stdin:
    print(json.dumps(fix(*json.loads(line))))
"""


def different(module: Module, examples: Sequence[Example]) -> str | None:
    """The attempt on whose reply the module does something else than metaagent; None where there is none. The module
    runs as its user would run it: alone, in an empty folder, without site packages. Raises RuntimeError where it
    breaks."""
    asked = [
        [one.reply, one.brief.goal, dict(one.brief.inputs), one.brief.artifact.format, one.brief.title, one.logprobs]
        for one in examples
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "exported.py")
        path.write_text(module.source, encoding="utf-8")
        made = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _CHECK, str(path)],
            input="".join(json.dumps(one) + "\n" for one in asked),
            capture_output=True,
            text=True,
            encoding="utf-8",
            cwd=folder,
            timeout=SECONDS + len(examples),
            check=False,
        )
    if made.returncode:
        raise RuntimeError(f"the exported module breaks: {made.stderr.strip().splitlines()[-1:]}")
    for one, line in zip(examples, made.stdout.splitlines(), strict=True):
        if json.loads(line) != one.fixed:
            return one.attempt_id
    return None
