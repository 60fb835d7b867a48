"""``python.static``, a public check: ruff finds nothing in the artifact. It reads the source in the sandbox.

    select: [E9, F63, F7, F82]     rules or groups of rules; these four, the default, are what is wrong in any style
    ignore: [F401]

No configuration of any folder is read, and ``# noqa`` in an artifact silences nothing. One unit; each finding names the
rule and the line. ruff is looked for beside the interpreter and on PATH: where it is missing nothing was judged.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from metaagent.records import Check, ErrorKind, Finding
from metaagent.sandbox.base import MIB, Job, Limits, Outcome
from metaagent.sandbox.interpreter import interpreter
from metaagent.validators.confined import walls
from metaagent.validators.jsontext import storable
from metaagent.validators.options import only, texts
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
from metaagent.validators.python_source import form

DEFAULT: Final = ("E9", "F63", "F7", "F82")
MISSING: Final = "ruff is not installed, and python.static needs it; try: pip install ruff"
_RULE = re.compile(r"[A-Z]+[0-9]*")
_NAMES: Final = re.compile(r"F82[0-9]")
_LIMITS = Limits(wall_seconds=15, cpu_seconds=5, memory_bytes=1024 * MIB, processes=16, output_bytes=4 * MIB)
_ENVIRONMENT: Final = {"RAYON_NUM_THREADS": "1", "NO_COLOR": "1"}


@dataclass(frozen=True, slots=True)
class _Static:
    select: tuple[str, ...]
    ignore: tuple[str, ...]
    units: int = 1

    def judge(self, artifact: Artifact, check: Check, context: CheckContext) -> Result:  # noqa: ARG002
        wrong = form(artifact.text)
        if wrong is not None:
            return Result(0, (wrong,))
        sandbox = walls(context)
        ruff = found_ruff()
        job = Job(
            argv=(str(ruff), *self._arguments()),
            stdin=artifact.text.encode(),
            limits=_LIMITS,
            environment=_ENVIRONMENT,
            readable=_readable(ruff),
        )
        findings = tuple(_finding(one) for one in _told(sandbox.run(job))[:MAX_FINDINGS])
        return Result(0 if findings else 1, findings)

    def _arguments(self) -> tuple[str, ...]:
        how = ("check", "--isolated", "--no-cache", "--ignore-noqa", "--quiet", "--output-format=json")
        rules = [f"--select={','.join(self.select)}", *([f"--ignore={','.join(self.ignore)}"] if self.ignore else [])]
        return (*how, *rules, "--stdin-filename=answer.py", "-")


def found_ruff() -> Path:
    """The program; CannotJudgeError where there is none. Beside the interpreter first: that one is ours."""
    beside = Path(sys.executable).parent
    found = shutil.which("ruff", path=str(beside)) or shutil.which("ruff")
    if found is None:
        raise CannotJudgeError(MISSING)
    return Path(found)


def _readable(ruff: Path) -> tuple[Path, ...]:
    known = (*interpreter(), Path("/usr"))
    places = dict.fromkeys((ruff.absolute(), ruff.resolve()))
    return (*interpreter(), *(one for one in places if not any(place in one.parents for place in known)))


def _told(outcome: Outcome) -> list[Mapping[str, Any]]:
    """What ruff reports; CannotJudgeError where it does not come to a report."""
    try:
        if outcome.exit_code in (0, 1):
            found = json.loads(outcome.stdout)
            if isinstance(found, list) and all(isinstance(one, dict) for one in found):
                return found
    except (ValueError, RecursionError):
        pass
    said = outcome.stderr.decode(errors="replace").strip()[:300]
    raise CannotJudgeError(f"ruff gave no report: {outcome.killed_for or outcome.status} {outcome.exit_code}; {said}")


def _finding(one: Mapping[str, Any]) -> Finding:
    code, place = one.get("code"), one.get("location")
    row = place.get("row") if isinstance(place, Mapping) else None
    message = storable(f"{code or 'syntax'}: {one.get('message')}"[:300])
    if not isinstance(code, str) or code in ("E902", "E999", "invalid-syntax"):
        kind = ErrorKind.SYNTAX
    else:
        kind = ErrorKind.NAME if _NAMES.fullmatch(code) else ErrorKind.FORMAT
    return Finding(kind, message, f"line {row}" if isinstance(row, int) else "")


def prepare(options: Options) -> Prepared:
    only(options, ("select", "ignore"))
    return _Static(_rules(options, "select") or DEFAULT, _rules(options, "ignore"))


def _rules(options: Options, name: str) -> tuple[str, ...]:
    found = texts(options, name)
    for rule in found:
        if not _RULE.fullmatch(rule):
            raise OptionsError(f"{rule!r} is not a rule or a group of rules, like F821 or E9", name)
    return found
