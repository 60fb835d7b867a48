"""Looking changes nothing, and works where nothing may be changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Ran

Cli = Callable[..., Ran]

# Root writes everywhere, unless its capabilities are taken away.
UNPRIVILEGED = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
LOOKS = ("status", "task list", "task show TASK-001", "log", "board check", "board diff", "ledger check", "agent list")


@pytest.fixture
def sealed(workspace: Path, cli: Cli) -> Iterator[Path]:
    """A workspace with a ledger that may only be read."""
    if UNPRIVILEGED and not shutil.which("setpriv"):
        pytest.skip("root writes everywhere")
    assert cli("task", "add", "one more").status == 0
    folders = [workspace, workspace / ".metaagent"]
    for folder in folders:
        folder.chmod(0o500)
    yield workspace
    for folder in folders:
        folder.chmod(0o700)


@pytest.mark.parametrize("look", LOOKS)
def test_a_look_needs_no_right_to_write(sealed: Path, look: str) -> None:
    command = [*UNPRIVILEGED, sys.executable, "-m", "metaagent", "-C", str(sealed), *look.split()]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert (ran.returncode, "error:" in ran.stderr) == (0, False), ran.stderr


def test_a_write_says_what_may_not_be_written(sealed: Path) -> None:
    command = [*UNPRIVILEGED, sys.executable, "-m", "metaagent", "-C", str(sealed), "task", "add", "two more"]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert (ran.returncode, str(sealed) in ran.stderr, "try:" in ran.stderr) == (74, True, True)


def test_a_broken_specification_is_told_once(workspace: Path, cli: Cli) -> None:
    (workspace / "tasks").mkdir()
    (workspace / "tasks" / "x.yaml").write_text("id: TASK-001\ngoal: x\nchekcs: {}\n", encoding="utf-8")
    ran = cli("task", "validate")
    assert (ran.status, ran.out.count("chekcs")) == (1, 1)


def test_a_limit_that_was_asked_for_is_silent_when_quiet(
    workspace: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace / "ok.yaml").write_text("default: done\n", encoding="utf-8")
    monkeypatch.setenv("METAAGENT_BACKEND", "scripted:ok.yaml")
    ran = cli("run", "--quiet", "--limit", "1")
    assert (ran.status, ran.out, ran.err) == (0, "", "")
