"""One runner script behind walls: an order in, messages out by a channel with a fresh nonce.

The runner gets the order as JSON on stdin and says lines ``NONCE JSON`` on stdout. What the artifact prints is no
message: it does not know the nonce. That keeps accidents apart, no more than that: code that runs in the runner's own
process can find the nonce. A verdict therefore never depends on a word of the runner's like "passed": messages hold
results only, what is expected never enters the sandbox, and the comparison is made here.
"""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, Final

from metaagent.errors import TrustError, UsageError
from metaagent.records import ErrorKind
from metaagent.sandbox.base import Job, KilledFor, Limits, Outcome, Sandbox, Status
from metaagent.sandbox.interpreter import interpreter
from metaagent.trust import digest, read_fixture
from metaagent.validators.protocol import CannotJudgeError, CheckContext

NO_SANDBOX: Final = (
    "nothing was run: what a model wrote runs in a sandbox only, and there is none (metaagent sandbox status)"
)
_RUNNER: Final = "run.py"
_ENVIRONMENT: Final = {"PYTHONHASHSEED": "0"}
"""The same order of a set of texts in every judgement. The flags below keep all else out that -I would."""
_SIGXFSZ: Final = 25
_WORDS: Final = {
    KilledFor.WALL: (ErrorKind.TIMEOUT, "took too long"),
    KilledFor.CPU: (ErrorKind.TIMEOUT, "took too much processor time"),
    KilledFor.MEMORY: (ErrorKind.RESOURCE, "took too much memory"),
    KilledFor.OUTPUT: (ErrorKind.RESOURCE, "wrote too much output"),
    KilledFor.DISK: (ErrorKind.RESOURCE, "took too much disk space"),
    KilledFor.PROCESSES: (ErrorKind.RESOURCE, "started too many processes"),
}


@dataclass(frozen=True, slots=True)
class Said:
    """The runner's messages in their order, and how its process ended."""

    messages: tuple[dict[str, Any], ...]
    outcome: Outcome

    @property
    def end(self) -> tuple[ErrorKind, str]:
        """Why there are no more messages, as the kind and message of a finding."""
        return ended_as(self.outcome)


def ended_as(outcome: Outcome) -> tuple[ErrorKind, str]:
    """How a process ended, as the kind and message of a finding."""
    if outcome.killed_for is not None:
        return _WORDS[outcome.killed_for]
    if outcome.status is Status.SIGNALLED:
        kind = ErrorKind.RESOURCE if outcome.signal == _SIGXFSZ else ErrorKind.EXCEPTION
        return kind, f"the process was ended by signal {outcome.signal}"
    return ErrorKind.EXCEPTION, f"the process ended itself with status {outcome.exit_code}"


def ask(
    context: CheckContext,
    runner: Path,
    order: Mapping[str, Any],
    files: Mapping[str, bytes],
    limits: Limits,
    *,
    link: tuple[int, ...] = (),
    readable: tuple[Path, ...] = (),
) -> Said:
    """Run ``runner`` on the order. Raises CannotJudgeError where there is no sandbox or the runner does not get as far
    as to say ``{"ready": true}``, EnvironmentFailedError where the walls do not hold."""
    nonce = secrets.token_hex(16)
    made = job(runner, {**order, "nonce": nonce}, files, limits)
    outcome = walls(context).run(replace(made, link=link, readable=(*made.readable, *readable)))
    messages = tuple(_messages(outcome.stdout, nonce))
    if not messages or "ready" not in messages[0]:
        raise CannotJudgeError(f"the check's runner did not start: {_why_not(messages, outcome)}")
    return Said(messages[1:], outcome)


def walls(context: CheckContext) -> Sandbox:
    if context.sandbox is None:
        raise CannotJudgeError(NO_SANDBOX)
    return context.sandbox


def job(runner: Path, order: Mapping[str, Any], files: Mapping[str, bytes], limits: Limits) -> Job:
    """A runner of ours with its order, as a job."""
    return Job(
        argv=(sys.executable, "-s", "-P", "-S", "-B", _RUNNER),
        files={**files, _RUNNER: source(runner)},
        stdin=json.dumps(order).encode(),
        limits=limits,
        environment=_ENVIRONMENT,
        readable=interpreter(),
    )


@cache
def source(runner: Path) -> bytes:
    return runner.read_bytes()


def _messages(output: bytes, nonce: str) -> Iterator[dict[str, Any]]:
    """Every whole line that begins with the nonce and holds an object."""
    mark = nonce.encode() + b" "
    for line in output.split(b"\n")[:-1]:
        if line.startswith(mark):
            try:
                message = json.loads(line[len(mark) :])
            except (ValueError, RecursionError):
                continue
            if isinstance(message, dict):
                yield message


def _why_not(messages: tuple[dict[str, Any], ...], outcome: Outcome) -> str:
    if messages and isinstance(messages[0].get("broken"), str):
        return str(messages[0]["broken"])
    said = outcome.stderr.decode(errors="replace").strip()[-300:]
    return f"{outcome.killed_for or outcome.status} {outcome.exit_code}; {said}"


def fixture(context: CheckContext, path: str) -> dict[str, bytes]:
    """The trusted files of a fixture, by path relative to the workspace.

    Raises TrustError where one is not trusted or has changed, CannotJudgeError where the fixture is missing.
    """
    if context.root is None:
        raise CannotJudgeError("there is no workspace to take the fixture from")
    try:
        files = read_fixture(context.root, path)
    except UsageError as error:
        raise CannotJudgeError(error.message) from error
    for name, content in files.items():
        if not context.trusted(name, digest(content)):
            raise TrustError(f"the fixture {name} is not trusted, or changed since", mend="metaagent trust")
    return files


def copied(files: Mapping[str, bytes], base: PurePosixPath, folder: str) -> dict[str, bytes]:
    """The files of a fixture as they lie in a job: under ``folder``, by their path from ``base``."""
    return {f"{folder}/{PurePosixPath(name).relative_to(base)}": content for name, content in files.items()}


def library(context: CheckContext, path: str | None) -> dict[str, bytes]:
    """The trusted files of a library, as they lie in ``lib`` of a job; none without a path."""
    return {} if path is None else copied(fixture(context, path), PurePosixPath(path).parent, "lib")
