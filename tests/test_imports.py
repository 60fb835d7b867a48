"""The import rules of the architecture, read from the sources: rooms keep to themselves, heavy things stay lazy."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "metaagent"
MODULES = {
    ".".join(("metaagent", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
    if "_examples" not in path.parts
}
HEAVY = {
    "rich",
    "pydantic",
    "yaml",
    "asyncio",
    "ollama",
    "sqlite_utils",
    "watchfiles",
    "jsonschema",
    "ruamel",
    "httpx",
    "sqlglot",
}

# room -> what of ours it may never import (at any depth of a function, typing included)
FORBIDDEN = {
    **dict.fromkeys(
        ("board", "inference", "validators", "sandbox", "agents", "tasks", "remedies"), ("ledger", "learning", "cli")
    ),
    **dict.fromkeys(("orchestrator", "ledger", "learning", "experiments", "monitor", "improve"), ("cli",)),
    "workspace": ("cli",),
}


def imports(path: Path, name: str, *, top_level: bool = False) -> Iterator[str]:
    """Every module that a source file names in an import, absolute; ``top_level``: only those run at import time."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = _eager(tree) if top_level else ast.walk(tree)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.rsplit(".", node.level - 1)[0] + "." if node.level else ""
            module = base + (node.module or "")
            yield from (f"{module}.{alias.name}" for alias in node.names)


def _eager(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from _eager(child)


def within(imported: str, module: str) -> bool:
    return imported == module or imported.startswith(module + ".")


@pytest.mark.parametrize("name", MODULES)
def test_a_room_imports_only_what_it_may(name: str) -> None:
    room = name.split(".")[1] if "." in name else ""
    for imported in imports(MODULES[name], name):
        for other in FORBIDDEN.get(room, ()):
            assert not within(imported, f"metaagent.{other}"), f"{name} imports {imported}"


@pytest.mark.parametrize("name", ["metaagent.records", "metaagent.errors"])
def test_records_and_errors_import_nothing_of_ours(name: str) -> None:
    assert not [imported for imported in imports(MODULES[name], name) if within(imported, "metaagent")]


def test_the_ledger_imports_only_records_and_errors() -> None:
    allowed = ("metaagent.records", "metaagent.errors", "metaagent.ledger", "metaagent.__version__")
    for name, path in MODULES.items():
        if within(name, "metaagent.ledger"):
            ours = [imported for imported in imports(path, name) if within(imported, "metaagent")]
            assert all(any(within(imported, module) for module in allowed) for imported in ours), (name, ours)


def test_nobody_imports_the_command_line() -> None:
    for name, path in MODULES.items():
        if not within(name, "metaagent.cli") and name != "metaagent.__main__":
            assert not [i for i in imports(path, name) if within(i, "metaagent.cli")], name


@pytest.mark.parametrize(
    ("library", "owner"), [("ollama", "metaagent.inference.ollama"), ("xllamacpp", "metaagent.inference.embedded")]
)
def test_an_engine_is_imported_by_its_own_module_only(library: str, owner: str) -> None:
    users = {name for name, path in MODULES.items() if any(within(i, library) for i in imports(path, name))}
    assert users <= {owner}


def test_nouns_import_nothing_heavy_before_they_are_called() -> None:
    for name, path in MODULES.items():
        if within(name, "metaagent.cli"):
            heavy = {i for i in imports(path, name, top_level=True) if i.split(".")[0] in HEAVY}
            assert not heavy, f"{name} imports {heavy} at import time: move it into the function that needs it"


def test_every_import_of_ours_leads_somewhere() -> None:
    known = set(MODULES)
    for name, path in MODULES.items():
        for imported in imports(path, name):
            if within(imported, "metaagent"):
                parent = imported.rpartition(".")[0]
                assert imported in known or parent in known, f"{name} imports {imported}"


def _loaded(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return {module.split(".")[0] for module in done.stdout.splitlines()[-1].split()}


def test_the_version_is_answered_before_typer() -> None:
    loaded = _loaded("sys.argv = ['metaagent', '--version']\nfrom metaagent.__main__ import main\nmain()")
    assert not loaded & {"typer", "click", *HEAVY}


def test_a_piped_listing_loads_nothing_heavy(workspace: Path) -> None:
    assert (workspace / "WORKING.md").exists()
    loaded = _loaded("from metaagent.cli.app import run_command\nassert run_command(['task', 'list']) == 0")
    assert not loaded & HEAVY, loaded & HEAVY
