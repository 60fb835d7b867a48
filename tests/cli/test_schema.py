"""The published JSON Schemas hold for what commands really print."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import jsonschema
import pytest

from metaagent.cli import schemas
from metaagent.cli.schemas import SCHEMAS, envelope
from tests.cli.conftest import FAILED
from tests.conftest import Ran

Cli = Callable[..., Ran]

COMMANDS = [
    ["task", "list"],
    ["task", "show", "TASK-001"],
    ["task", "add", "A new one"],
    ["task", "edit", "TASK-001", "--priority", "low"],
    ["task", "assign", "TASK-001", "executor"],
    ["task", "move", "TASK-001", "REVIEW"],
    ["task", "reject", "TASK-005", "--why", "no"],
    ["task", "archive", "TASK-001"],
    ["task", "validate"],
    ["task", "why", "TASK-005"],
    ["task", "why", "TASK-001"],
    ["log"],
    ["log", FAILED],
    ["status"],
    ["status", "--hosts"],
    ["evaluate", "--by", "agent"],
    ["artifact", "list"],
    ["config", "show"],
    ["config", "path"],
    ["trust"],
    ["init", "elsewhere"],
    ["schema"],
    ["schema", "task"],
    ["completion", "bash"],
    ["agent", "list"],
    ["agent", "show", "executor"],
    ["agent", "why", "TASK-001"],
    ["model", "list"],
    ["schedule"],
    ["ledger", "path"],
    ["ledger", "views"],
    ["ledger", "check"],
    ["ledger", "sql", "select 1 as one"],
    ["ledger", "rebuild", "--dry-run"],
    ["ledger", "prune", "--older", "90d", "--dry-run"],
    ["run", "--dry-run"],
    ["heartbeat"],
    ["board", "show"],
    ["board", "check"],
    ["board", "diff"],
    ["board", "accept"],
    ["board", "undo", "--list"],
    ["board", "repair", "--dry-run"],
    ["learn", "errors"],
    ["learn", "history"],
    ["learn", "monitor"],
    ["protocol", "list"],
    ["protocol", "diff", "v0", "v0", "--evidence"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.usefixtures("recorded")
def test_real_output_holds(command: list[str], cli: Cli) -> None:
    ran = cli(*command, "--json")
    assert ran.status in (0, 1), ran.err
    document = json.loads(ran.out)
    name = document["schema"].removeprefix("metaagent/").removesuffix("@1")
    jsonschema.validate(document, envelope(name))


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_schema_is_one(name: str, cli: Cli) -> None:
    jsonschema.Draft202012Validator.check_schema(envelope(name))
    assert json.loads(cli("schema", name).out)["title"] == f"metaagent/{name}@1"


def printed() -> Iterator[tuple[str, str]]:
    """Every name that a command gives to ``state.out``, read from the sources."""
    for path in sorted(Path(schemas.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "out":
                first = node.args[0]
                while isinstance(first, ast.Starred | ast.Tuple):
                    first = first.value if isinstance(first, ast.Starred) else first.elts[0]
                if isinstance(first, ast.Constant):
                    yield path.stem, str(first.value)


def test_every_name_that_is_printed_has_a_schema() -> None:
    assert {name for _, name in printed()} == set(SCHEMAS)


def test_a_wrong_value_does_not_hold() -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"schema": "metaagent/status@1", "data": {"board": {}}}, envelope("status"))


def test_an_unknown_name_names_the_nearest(cli: Cli) -> None:
    ran = cli("schema", "taks")
    assert (ran.status, "did you mean 'task'?" in ran.err) == (2, True)
