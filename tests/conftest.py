"""Defaults that refuse: no test reaches a real home folder, a real workspace, the network or a model by accident.

Every test gets a home of its own and ``METAAGENT_BACKEND`` set to a scripted backend whose file does not exist: a
call to a model fails. A test that needs replies points the variable at its own file (or deletes it and names a loopback
server in the configuration). Only tests marked ``live`` see the machine's models and the embedded engine.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import platformdirs
import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
REFUSED = "scripted:/nonexistent/no-model-in-tests.yaml"
UNREACHABLE = "http://127.0.0.1:9"  # the discard port: nothing listens
REAL_MODELS = os.environ.get("METAAGENT_MODELS") or str(platformdirs.user_cache_path("metaagent") / "models")
_DISPLAY = ("NO_COLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "COLUMNS", "VISUAL", "EDITOR", "_METAAGENT_COMPLETE")


# A property is right or wrong whatever else the machine does: no example has a deadline.
hypothesis.settings.register_profile("metaagent", deadline=None)
hypothesis.settings.load_profile("metaagent")

# A shell's background job ignores Ctrl-C, and one under nohup a closed terminal; so would every program that a test
# starts and interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def refusing_environment(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("home")
    live = request.node.get_closest_marker("live") is not None
    for name, folder in {
        "HOME": "",
        "XDG_CACHE_HOME": "cache",
        "XDG_CONFIG_HOME": "config",
        "XDG_DATA_HOME": "data",
    }.items():
        monkeypatch.setenv(name, str(home / folder))
    for name in (*_DISPLAY, "METAAGENT_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("METAAGENT_MODELS", REAL_MODELS if live else str(home / "models"))
    monkeypatch.setenv("OLLAMA_HOST", UNREACHABLE)
    paths = [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    monkeypatch.setenv("TERM", "xterm-256color")
    if live:
        monkeypatch.delenv("METAAGENT_BACKEND", raising=False)
    else:
        monkeypatch.setenv("METAAGENT_BACKEND", REFUSED)


@dataclass(frozen=True)
class Ran:
    """What one command line came to."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The ``data`` of the envelope that --json printed."""
        import json

        return json.loads(self.out)["data"]


def _call(arguments: tuple[object, ...], input: str = "") -> Ran:
    from metaagent.cli.app import run_command

    out, err, before = io.StringIO(), io.StringIO(), sys.stdin
    sys.stdin = io.TextIOWrapper(io.BytesIO(input.encode()), encoding="utf-8")
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = run_command([str(argument) for argument in arguments])
    finally:
        sys.stdin = before
    return Ran(status, out.getvalue(), err.getvalue())


@pytest.fixture
def cli() -> Callable[..., Ran]:
    """``cli("task", "list", "--json", input="...")``: one command line in this process, error boundary included."""

    def run(*arguments: object, input: str = "") -> Ran:
        return _call(arguments, input)

    return run


@pytest.fixture
def spawn() -> Callable[..., subprocess.CompletedProcess[str]]:
    """``spawn("task", "list", cwd=..., input=..., env={...})``: the same as a real process, for pipes and statuses."""

    def run(
        *arguments: object, env: Mapping[str, str] | None = None, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "metaagent", *map(str, arguments)]
        options = {"capture_output": True, "text": True, "timeout": 60, **options}
        return subprocess.run(command, env={**os.environ, **(env or {})}, check=False, **options)

    return run


BOARD = """\
# Mission Control - Working State
Last Updated: 2026-02-02T10:30:00.000Z

## Active Agents
- agent:executor:main [IDLE]

## Current Tasks

### INBOX
- [TASK-001] Research competitor pricing
  priority: high

### ASSIGNED
- [TASK-003] @agent:executor:main - Implement user authentication
  depends: TASK-001

### IN_PROGRESS
### REVIEW
- [TASK-005] Summarize the meeting

### DONE
- [TASK-007] Database schema created ✅

## Recent Activity
- 10:30 - agent:executor:main completed TASK-007
"""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A workspace with a small board, as the current folder: TASK-001 INBOX, 003 ASSIGNED, 005 REVIEW, 007 DONE."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "WORKING.md").write_text(BOARD, encoding="utf-8")
    monkeypatch.chdir(folder)
    yield folder
