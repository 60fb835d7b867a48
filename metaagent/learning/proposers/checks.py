"""Checks: public validators, made from the task's own text or form, that tell failures of mine from passes.

A check by itself changes no answer. It is worth its while with a ladder behind it (strategies.py) that asks again when
it fails, so the two are offered together by `bundle`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from metaagent.learning.proposals import Bench, Case, Proposal
from metaagent.records import Check, Outcome, Remedy

BY_FORMAT: dict[str, tuple[tuple[str, dict[str, object]], ...]] = {
    "python": (("python.syntax", {}), ("python.static", {"select": ["E9", "F63", "F7", "F82"]})),
    "json": (("json.parse", {}),),
}
"""Public validators that need nothing but the artifact, by the artifact's format."""
FEWEST_FLAGGED = 2


class PublicChecks:
    name = "checks"
    kind = "check"

    def propose(self, cases: Sequence[Case], bench: Bench) -> list[Proposal]:
        """Those that flag at least two failures and raise no false alarm on a pass."""
        found = []
        for validator, options in _wanted(cases):
            flagged = _flagged(cases, Check(validator, True, options), bench)
            wrong = [case for case in flagged if case.passed]
            if len(flagged) < FEWEST_FLAGGED or wrong:
                continue
            failures = sum(not case.passed for case in cases)
            why = f"flags {len(flagged)} of {failures} mine failures, no false alarm on {len(cases) - failures} passes"
            share = len(flagged) / len(cases)
            found.append(Proposal(Remedy("check", validator, options), why, (f"check {validator}",), gain=share))
        return found


def _wanted(cases: Sequence[Case]) -> list[tuple[str, dict[str, object]]]:
    """The validators for the cases' formats that their tasks do not have already."""
    have = {check.validator for case in cases for check in case.task.checks}
    formats = sorted({case.task.artifact.format for case in cases})
    return [pair for name in formats for pair in BY_FORMAT.get(name, ()) if pair[0] not in have]


def _flagged(cases: Sequence[Case], check: Check, bench: Bench) -> list[Case]:
    pairs = [
        (replace(case.task, checks=(check,), hash=f"{case.task.hash}/{check.validator}"), case.artifact)
        for case in cases
    ]
    judged = bench.judge(pairs)
    return [case for case, one in zip(cases, judged, strict=True) if one.outcome is Outcome.FAIL]
