"""``judge``: an artifact and its checks in, one verdict for each check that was reached out."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from time import perf_counter
from typing import Final

from metaagent.errors import EnvironmentFailedError, TrustError
from metaagent.records import Check, ErrorKind, Finding, Outcome, Verdict
from metaagent.validators.jsontext import storable
from metaagent.validators.options import nearest
from metaagent.validators.protocol import (
    Artifact,
    CannotJudgeError,
    CheckContext,
    Options,
    OptionsError,
    Prepare,
    Prepared,
    Result,
)

_VALIDATORS: Final = {
    "json.parse": "json_parse:prepare",
    "json.schema": "json_schema:prepare",
    "json.format": "json_format:prepare",
    "json.expected": "json_expected:prepare",
    "text.length": "text:prepare_length",
    "text.contains": "text:prepare_contains",
    "text.forbids": "text:prepare_forbids",
    "text.expected": "text:prepare_expected",
    "python.cases": "python_cases:prepare",
    "python.examples": "python_cases:prepare",
    "python.syntax": "python_syntax:prepare",
    "python.tests": "python_tests:prepare",
    "python.static": "python_static:prepare",
    "python.performance": "python_performance:prepare",
    "sql.result": "sql_result:prepare",
    "command": "command:prepare",
    "user": "user:prepare",
}
KEY_ONLY: Final = frozenset({"json.expected", "text.expected", "python.cases", "sql.result"})
"""Validators whose options are the answer: they can never be public."""

CONFINED: Final = frozenset(
    (
        *("python.cases", "python.examples", "python.syntax", "python.static", "python.tests", "python.performance"),
        *("sql.result", "command"),
    )
)
"""Validators that run what an artifact holds, and therefore need a sandbox."""

_BLOCKING: Final = CONFINED | {"user"}
_MAX_PREPARED: Final = 1024
_prepared: dict[int, tuple[Options, str, Prepared]] = {}


def names() -> tuple[str, ...]:
    return tuple(_VALIDATORS)


def get(name: str) -> Prepare:
    """The validator of this name; OptionsError, with the nearest known name, where there is none."""
    where = _VALIDATORS.get(name)
    if where is None:
        raise OptionsError(f"unknown check {name!r}{nearest(name, _VALIDATORS)}")
    module, _, function = where.partition(":")
    prepare: Prepare = getattr(import_module(f"metaagent.validators.{module}"), function)
    return prepare


def prepared(check: Check) -> Prepared:
    """The check with its options compiled. Checks of one set share their options, so they share this too."""
    options = check.options
    found = _prepared.get(id(options))
    if found is not None and found[0] is options and found[1] == check.validator:
        return found[2]
    ready = get(check.validator)(options)
    while len(_prepared) >= _MAX_PREPARED:
        _prepared.pop(next(iter(_prepared), 0), None)
    _prepared[id(options)] = (options, check.validator, ready)
    return ready


def units(check: Check) -> int:
    """How many things the check checks, whatever the artifact."""
    return prepared(check).units


def blocking(checks: Sequence[Check]) -> bool:
    """Whether judging runs another process: then call ``judge`` in a thread."""
    return any(check.validator in _BLOCKING for check in checks)


def confined(checks: Sequence[Check]) -> bool:
    """Whether judging runs what the artifact holds: then the context needs a sandbox."""
    return any(check.validator in CONFINED for check in checks)


def judge(artifact: str, checks: Sequence[Check], context: CheckContext | None = None) -> tuple[Verdict, ...]:
    """Check by check, in their order, up to and including the first that does not pass.

    Never raises for what the artifact holds: a check that breaks is inconclusive, with one finding of kind
    infrastructure. The exceptions are TrustError and EnvironmentFailedError (the sandbox's walls fail), for a person to
    settle: nothing was judged.
    """
    subject, context = Artifact(artifact), context or CheckContext()
    verdicts: list[Verdict] = []
    for check in checks:
        verdicts.append(_verdict(subject, check, context))
        if verdicts[-1].outcome is not Outcome.PASS:
            break
    return tuple(verdicts)


def _verdict(artifact: Artifact, check: Check, context: CheckContext) -> Verdict:
    started, checked = perf_counter(), 1
    try:
        ready = prepared(check)
        checked = ready.units
        result = ready.judge(artifact, check, context)
        passed = result.held == checked and not result.findings
        outcome = Outcome.PASS if passed else Outcome.FAIL
    except (TrustError, EnvironmentFailedError):
        raise
    except CannotJudgeError as error:
        result, outcome = _broke(str(error)), Outcome.INCONCLUSIVE
    except Exception as error:  # noqa: BLE001 - the boundary: a broken check is not a failed task
        result, outcome = _broke(f"the check broke: {type(error).__name__}: {error}"), Outcome.INCONCLUSIVE
    seconds = perf_counter() - started
    return Verdict(check.validator, check.public, outcome, checked, result.held, result.findings, seconds)


def _broke(message: str) -> Result:
    return Result(0, (Finding(ErrorKind.INFRASTRUCTURE, storable(message[:600])),))


def outcome(checks: Sequence[Check], verdicts: Sequence[Verdict]) -> Outcome:
    """What the verdicts come to: pass needs every check to have passed; nothing checked is inconclusive."""
    if any(verdict.outcome is Outcome.FAIL for verdict in verdicts):
        return Outcome.FAIL
    if not checks or len(verdicts) < len(checks) or any(one.outcome is not Outcome.PASS for one in verdicts):
        return Outcome.INCONCLUSIVE
    return Outcome.PASS


def score(checks: Sequence[Check], verdicts: Sequence[Verdict]) -> float:
    """The share of units that held, of key checks, of public ones where there is no key check; 0 without checks.

    ``verdicts`` are those of ``judge`` for these checks. What was not reached, or broke, held nothing.
    """
    keyed = any(not check.public for check in checks)
    total = held = 0
    for index, check in enumerate(checks):
        if check.public and keyed:
            continue
        if index < len(verdicts):
            total += verdicts[index].checked
            held += verdicts[index].held
        else:
            total += _units(check)
    return held / total if total else 0.0


def _units(check: Check) -> int:
    try:
        return units(check)
    except OptionsError:
        return 1
