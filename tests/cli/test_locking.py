"""``--if-locked``: what the hint of a held lock names is an option of every command that takes the lock."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import validate

from metaagent.cli.schemas import envelope
from metaagent.orchestrator.runlock import run_lock
from metaagent.workspace import Workspace
from tests.conftest import Ran

Cli = Callable[..., Ran]


@pytest.mark.parametrize("command", ["learn", "learn test", "learn aa", "learn monitor", "full-cycle"])
def test_a_second_one_at_once_fails_skips_or_waits(command: str, workspace: Path, cli: Cli) -> None:
    with run_lock(Workspace(workspace), "fail"):
        ran = cli(*command.split())
        assert ran.status == 75 and "--if-locked wait" in ran.err
        ran = cli(*command.split(), "--if-locked", "skip")
        assert (ran.status, ran.out) == (0, "") and "nothing done" in ran.err
        assert cli(*command.split(), "--if-locked", "perhaps").status == 2
    assert cli(*command.split(), "--if-locked", "wait").status != 75


@pytest.mark.usefixtures("workspace")
def test_a_dry_run_needs_no_lock(workspace: Path, cli: Cli) -> None:
    with run_lock(Workspace(workspace), "fail"):
        assert cli("learn", "--dry-run").status == 0
        assert cli("learn", "test", "--dry-run").status == 0
        assert cli("learn", "monitor", "--dry-run").status == 0


COMMANDS = ["run", "heartbeat", "learn", "learn test", "learn aa", "learn monitor", "full-cycle"]


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_skipped_prints_the_shape_of_the_command(command: str, workspace: Path, cli: Cli) -> None:
    with run_lock(Workspace(workspace), "fail"):
        ran = cli(*command.split(), "--if-locked", "skip", "--json")
    assert ran.status == 0
    validate(json.loads(ran.out), envelope(command.split()[0]))
