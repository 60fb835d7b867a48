"""``user``: a check of the user's own, one Python function in a file of the workspace's ``checks/`` folder.

    def check(artifact: str, task: dict) -> list | None:
        return [] if "Dear" in artifact else ["the greeting is missing"]

Nothing found (None or an empty list) is a pass. A finding is a text, or ``{message, kind, location, expected, got}``.
It runs in its own process group with a clean environment, a time limit and an output cap, and only when its very bytes
are trusted. What breaks there (an exception, no answer in time) is an infrastructure failure, never the agent's error.
This confines accidents, not attacks: trust is what stands between a workspace and this machine.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from metaagent.errors import TrustError
from metaagent.records import Check, ErrorKind, Finding, Task
from metaagent.trust import digest, read_source
from metaagent.validators.jsontext import json_text, storable
from metaagent.validators.options import number, only
from metaagent.validators.process import MAX_OUTPUT, Ended, run
from metaagent.validators.protocol import MAX_FINDINGS, Artifact, CheckContext, Options, OptionsError, Prepared, Result

_RUNNER = Path(__file__).with_name("user_runner.py")
_KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR")
_MAX_TEXT = 2_000
_BETWEEN = ("/bin/sh", "-c", '"$@"; exit $?', "sh")
"""A process between us and the check, so that one which kills its parent by accident does not kill us."""


class CheckBrokeError(Exception):
    """The user's check did not come to an answer."""


@dataclass(frozen=True, slots=True)
class _User:
    file: str
    function: str
    seconds: float | None
    units: int = 1

    def judge(self, artifact: Artifact, check: Check, context: CheckContext) -> Result:
        if context.root is None:
            raise CheckBrokeError("there is no workspace to run it in")
        source = read_source(context.root, self.file)
        if not context.trusted(self.file, digest(source)):
            raise TrustError(f"the check {self.file} is not trusted, or changed since", mend="metaagent trust")
        order = {
            "source": source.decode(errors="surrogateescape"),
            "file": self.file,
            "function": self.function,
            "artifact": artifact.text,
            "task": _told(context.task, public=check.public),
        }
        findings = _findings(_answer(self._run(order, context)))
        return Result(0 if findings else 1, findings)

    def _run(self, order: dict[str, Any], context: CheckContext) -> Ended:
        limit = context.seconds if self.seconds is None else self.seconds
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        command = [*_BETWEEN, sys.executable, "-I", "-X", "utf8", str(_RUNNER)]
        ended = run(command, json.dumps(order).encode(), seconds=limit, environment=environment, folder=context.root)
        if ended.timed_out:
            raise CheckBrokeError(f"{self.file} gave no answer in {limit:g} s")
        if ended.flooded:
            raise CheckBrokeError(f"{self.file} wrote more than {MAX_OUTPUT} bytes")
        return ended


def prepare(options: Options) -> Prepared:
    only(options, ("file", "function", "seconds"))
    file, function = options.get("file"), options.get("function", "check")
    if not isinstance(file, str) or not file:
        raise OptionsError("must name a Python file of the workspace, like checks/tone.py", "file")
    if not isinstance(function, str) or not function.isidentifier():
        raise OptionsError("must be the name of a function", "function")
    seconds = options.get("seconds")
    return _User(file, function, None if seconds is None else number(seconds, "seconds"))


def _told(task: Task | None, *, public: bool) -> dict[str, Any]:
    """What a check knows of its task. A public one never sees the reference: its findings are told to the agent."""
    if task is None:
        return {}
    told = {name: getattr(task, name) for name in ("id", "title", "goal", "domain", "set", "group", "family")}
    told["inputs"] = dict(task.inputs)
    told["artifact"] = asdict(task.artifact)
    return told if public else {**told, "reference": task.reference}


def _answer(ended: Ended) -> Any:
    try:
        answer = json.loads(ended.output)
        if "error" not in answer:
            return answer["findings"]
    except (ValueError, TypeError, KeyError, RecursionError):
        said = ended.errors.decode(errors="replace").strip()[-500:]
        raise CheckBrokeError(f"ended with status {ended.status} and no answer; {said}") from None
    raise CheckBrokeError(str(answer["error"])[:_MAX_TEXT])


def _findings(answer: Any) -> tuple[Finding, ...]:
    if answer is None or answer is True:
        return ()
    found = [answer] if isinstance(answer, (str, dict)) else answer
    if not isinstance(found, list):
        raise CheckBrokeError(f"returned {json_text(answer, 80)}; it must return a list of findings, or None")
    return tuple(_finding(one) for one in found[:MAX_FINDINGS])


def _finding(one: Any) -> Finding:
    if isinstance(one, str):
        return Finding(ErrorKind.ASSERTION, storable(one[:_MAX_TEXT]))
    if not isinstance(one, Mapping) or not isinstance(one.get("message"), str):
        raise CheckBrokeError(f"found {json_text(one, 80)}; a finding is a text or has a message")
    kind = one.get("kind", ErrorKind.ASSERTION)
    return Finding(
        ErrorKind(kind) if kind in list(ErrorKind) else ErrorKind.ASSERTION,
        storable(one["message"][:_MAX_TEXT]),
        storable(str(one.get("location", ""))[:_MAX_TEXT]),
        json_text(one["expected"]) if "expected" in one else None,
        json_text(one["got"]) if "got" in one else None,
    )
