"""``json.parse``: the artifact is one JSON value and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from metaagent.records import Check
from metaagent.validators.options import only
from metaagent.validators.protocol import Artifact, CheckContext, Options, Prepared, Result

_PASS = Result(1)


@dataclass(frozen=True, slots=True)
class _Parse:
    units: int = 1

    def judge(self, artifact: Artifact, check: Check, context: CheckContext) -> Result:  # noqa: ARG002
        problem = artifact.document().problem
        return _PASS if problem is None else Result(0, (problem,))


def prepare(options: Options) -> Prepared:
    only(options, ())
    return _Parse()
