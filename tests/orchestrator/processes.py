"""Real processes that run a workspace: forked from a server that has the imports already, or the command line itself.

What a process acknowledged is what it printed: one line of JSON for each result, after the result became durable.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from tests.orchestrator.place import BACKEND

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["metaagent.orchestrator.session", "metaagent.inference.script_file", __name__])


def work(root: str, output: int, options: Mapping[str, Any]) -> None:
    """The body of a forked process: one run, its events as lines on a pipe; the exit status is the summary's."""
    from metaagent.errors import MetaagentError
    from metaagent.orchestrator.events import Event, Planned, Result
    from metaagent.orchestrator.session import run
    from metaagent.orchestrator.state import RunOptions
    from metaagent.workspace import Workspace

    os.environ["METAAGENT_BACKEND"] = BACKEND
    started = options.pop("barrier", None) if isinstance(options, dict) else None
    faults = options.pop("faults", None) if isinstance(options, dict) else None
    if faults is not None:
        from tests.orchestrator.faults import use

        use(faults)

    def say(event: Event) -> None:
        if isinstance(event, Planned):
            os.write(output, b'{"planned": true}\n')
        elif isinstance(event, Result):
            line = {"task": event.task_id, "attempt": event.attempt_id, "outcome": event.outcome}
            os.write(output, json.dumps(line).encode() + b"\n")

    if started is not None:
        started.wait()
    try:
        status = run(Workspace(Path(root)), RunOptions(**options), say).status
    except MetaagentError as error:
        print(f"error: {error.message}", file=sys.stderr)  # noqa: T201
        status = error.exit_status
    sys.exit(status)


@dataclass
class Running:
    """A process at work, and the reading end of what it says."""

    process: BaseProcess
    lines: Any

    def read(self) -> Iterator[dict[str, Any]]:
        """Every whole line that is there, until the process has ended."""
        for line in self.lines:
            if line.endswith("\n"):
                yield json.loads(line)

    def wait_planned(self) -> None:
        self.lines.readline()

    def kill(self) -> None:
        self.process.kill()
        self.process.join(30)

    def join(self) -> int | None:
        self.process.join(60)
        return self.process.exitcode


def barrier(parties: int) -> Any:
    return _context.Barrier(parties)


def start(root: Path, **options: Any) -> Running:
    """A forked process that runs the workspace; ``barrier=`` makes several begin in the same moment, ``faults=`` puts
    a faulty model into it (faults.py)."""
    reading, writing = multiprocessing.Pipe(duplex=False)
    os.set_inheritable(writing.fileno(), True)
    process = _context.Process(target=_begin, args=(str(root), writing, options), daemon=True)
    process.start()
    writing.close()
    return Running(process, os.fdopen(os.dup(reading.fileno()), encoding="utf-8"))


def _begin(root: str, writing: Any, options: dict[str, Any]) -> None:
    work(root, writing.fileno(), options)


def command(root: Path, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    """``python -m metaagent -C ROOT ...`` as it is typed."""
    environment = {**os.environ, "METAAGENT_BACKEND": BACKEND}
    line = [sys.executable, "-m", "metaagent", "-C", str(root), *arguments]
    return subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def end(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    process.communicate()
