"""``command``: a program that the task names ends with the wanted status, and its output holds what it should.

    run: [python3, fixtures/lint.py, report.csv]    words, or one text that is split as a shell would; no shell runs it
    artifact: report.csv         the file in which the artifact lies where the program starts; also its stdin
    status: 0                    or several: [0, 2]
    output: {contains: [ok], forbids: [warning], regex: ["total: [0-9]+"]}     of stdout; a list means contains
    errors: {forbids: [error]}   the same for stderr
    fixture: fixtures/lint.py    trusted: a file or folder, copied to the same path
    seconds: 10

Units are the status and each pattern. It runs in the sandbox, and only when a person trusts this very command
(metaagent trust). ``python`` and ``python3`` are the interpreter that runs metaagent. Where the program runs what the
artifact holds, the artifact decides how it ends and what it prints: such a check can be forged, python.tests cannot.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from metaagent.errors import TrustError
from metaagent.records import Check, ErrorKind, Finding
from metaagent.sandbox.base import MIB, Job, KilledFor, Limits, Outcome, Status, check_name
from metaagent.sandbox.interpreter import interpreter
from metaagent.validators.confined import ended_as, fixture, walls
from metaagent.validators.expressions import search
from metaagent.validators.jsontext import json_text, storable
from metaagent.validators.options import number, only, pattern, texts
from metaagent.validators.protocol import (
    MAX_FINDINGS,
    Artifact,
    CannotJudgeError,
    CheckContext,
    Options,
    OptionsError,
    Prepared,
    Result,
)

OPTIONS: Final = ("run", "artifact", "status", "output", "errors", "fixture", "seconds")
_PYTHON: Final = frozenset({"python", "python3"})
_NOT_FOUND: Final = (126, 127)
_SHOWN: Final = 400

Test = Callable[[str], Finding | None]


@dataclass(frozen=True, slots=True)
class _Command:
    words: tuple[str, ...]
    artifact: str
    statuses: tuple[int, ...]
    output: tuple[Test, ...]
    errors: tuple[Test, ...]
    fixture: str | None
    seconds: float

    @property
    def units(self) -> int:
        return 1 + len(self.output) + len(self.errors)

    def judge(self, artifact: Artifact, check: Check, context: CheckContext) -> Result:  # noqa: ARG002
        if not context.trusted(*pin(self.words)):
            raise TrustError(f"the command may not run yet: {shlex.join(self.words)}", mend="metaagent trust")
        files = {} if self.fixture is None else fixture(context, self.fixture)
        content = artifact.text.encode(errors="surrogateescape")
        first = sys.executable if self.words[0] in _PYTHON else self.words[0]
        job = Job(
            argv=(first, *self.words[1:]),
            files={**files, self.artifact: content},
            stdin=content,
            limits=Limits(wall_seconds=self.seconds, cpu_seconds=int(self.seconds) + 1, output_bytes=MIB),
            environment={"PYTHONDONTWRITEBYTECODE": "1"},
            readable=interpreter(),
        )
        return self._result(walls(context).run(job))

    def _result(self, outcome: Outcome) -> Result:
        errors = outcome.stderr.decode(errors="replace")
        if outcome.exit_code in _NOT_FOUND and "execute " in errors[:40]:  # as bubblewrap's and our launcher say it
            raise CannotJudgeError(f"the command cannot run: {errors.strip()[:200]}; try: install {self.words[0]}")
        if outcome.killed_for is not None and outcome.killed_for is not KilledFor.OUTPUT:
            return Result(0, (Finding(*ended_as(outcome)),))
        tests = [self._status(outcome)]
        tests += [test(outcome.stdout.decode(errors="replace")) for test in self.output]
        tests += [test(errors) for test in self.errors]
        findings = tuple(found for found in tests if found is not None)
        return Result(len(tests) - len(findings), findings[:MAX_FINDINGS])

    def _status(self, outcome: Outcome) -> Finding | None:
        if outcome.killed_for is not None or outcome.status is Status.SIGNALLED:
            return Finding(*ended_as(outcome))
        if outcome.exit_code in self.statuses:
            return None
        wanted = self.statuses[0] if len(self.statuses) == 1 else list(self.statuses)
        said = outcome.stderr.decode(errors="replace").strip()[-_SHOWN:]
        got = json_text({"status": outcome.exit_code, "stderr": said})
        return Finding(ErrorKind.ASSERTION, "the command ended with another status", "status", json_text(wanted), got)


def words_of(run: Any) -> tuple[str, ...]:
    """The words of a command; OptionsError where it is none."""
    try:
        words = shlex.split(run) if isinstance(run, str) else run
    except ValueError as error:
        raise OptionsError(f"cannot be split into words: {error}", "run") from None
    plain = isinstance(words, (list, tuple)) and all(isinstance(word, str) and "\0" not in word for word in words)
    if not plain or not words or not words[0]:
        raise OptionsError("must be a command, like [python3, fixtures/lint.py, report.csv]", "run")
    return tuple(words)


def pin(words: tuple[str, ...]) -> tuple[str, str]:
    """A command as it is trusted: its name among the files that are, and the SHA-256 of its words."""
    return f"command: {storable(shlex.join(words))}", sha256(json.dumps(words).encode()).hexdigest()


def prepare(options: Options) -> Prepared:
    only(options, OPTIONS)
    words = words_of(options.get("run"))
    place = options.get("fixture")
    if place is not None and (not isinstance(place, str) or not place):
        raise OptionsError("must name a file or folder of the workspace, like fixtures/lint.py", "fixture")
    seconds = number(options.get("seconds", 10), "seconds")
    if not 0 < seconds <= 300:
        raise OptionsError("must be above 0 and at most 300", "seconds")
    tests = {name: _tests(options.get(name), name) for name in ("output", "errors")}
    return _Command(words, _name(options), _statuses(options.get("status", 0)), **tests, fixture=place, seconds=seconds)


def _name(options: Options) -> str:
    from metaagent.errors import UsageError

    name = options.get("artifact", "artifact")
    try:
        check_name(name if isinstance(name, str) else "")
    except UsageError:
        raise OptionsError("must be the name of a file, like report.csv", "artifact") from None
    return str(name)


def _statuses(value: Any) -> tuple[int, ...]:
    found = value if isinstance(value, list) else [value]
    if not found or not all(isinstance(one, int) and not isinstance(one, bool) and 0 <= one <= 255 for one in found):
        raise OptionsError("must be an exit status from 0 to 255, or a list of them", "status")
    return tuple(found)


def _tests(value: Any, name: str) -> tuple[Test, ...]:
    wanted = {} if value is None else {"contains": value} if isinstance(value, (str, list)) else value
    if not isinstance(wanted, dict):
        raise OptionsError("must be like {contains: [ok], forbids: [warning], regex: ['total: [0-9]+']}", name)
    try:
        only(wanted, ("contains", "forbids", "regex"))
        tests = [_contains(part, name) for part in texts(wanted, "contains")]
        tests += [_forbids(part, name) for part in texts(wanted, "forbids")]
        tests += [_matches(pattern(part, "regex"), name) for part in texts(wanted, "regex")]
    except OptionsError as error:
        raise OptionsError(error.message, f"{name}.{error.option}") from None
    return tuple(tests)


def _finding(message: str, name: str, expected: str | None, text: str) -> Finding:
    return Finding(ErrorKind.ASSERTION, message, name, expected, json_text(text[-_SHOWN:]))


def _contains(part: str, name: str) -> Test:
    return lambda text: None if part in text else _finding("required part is missing", name, json_text(part), text)


def _forbids(part: str, name: str) -> Test:
    return lambda text: _finding("forbidden part is there", name, None, part) if part in text else None


def _matches(expression: re.Pattern[str], name: str) -> Test:
    wanted = json_text(expression.pattern)

    def test(text: str) -> Finding | None:
        return None if search(expression, text) else _finding("required pattern is missing", name, wanted, text)

    return test
