"""``python.syntax``, a public check: the artifact is Python that compiles. It is compiled in the sandbox, and not run.

One unit. The finding names the line, and its text is what came. A parser is a program too, and a source can be made to
break it: that is why even this needs a sandbox.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from metaagent.records import Check, Finding
from metaagent.sandbox.base import MIB, Limits
from metaagent.validators.confined import ask
from metaagent.validators.options import only
from metaagent.validators.protocol import Artifact, CheckContext, Options, Prepared, Result
from metaagent.validators.python_source import form, syntax

_RUNNER = Path(__file__).with_name("syntax_runner.py")
_LIMITS = Limits(wall_seconds=15, cpu_seconds=5, memory_bytes=256 * MIB, processes=4)


@dataclass(frozen=True, slots=True)
class _Syntax:
    units: int = 1

    def judge(self, artifact: Artifact, check: Check, context: CheckContext) -> Result:  # noqa: ARG002
        wrong = form(artifact.text)
        if wrong is not None:
            return Result(0, (wrong,))
        said = ask(context, _RUNNER, {"source": artifact.text}, {}, _LIMITS)
        if len(said.messages) != 1:
            return Result(0, (Finding(*said.end),))
        if "syntax" in said.messages[0]:
            return Result(0, (syntax(said.messages[0], artifact.text),))
        return Result(1)


def prepare(options: Options) -> Prepared:
    only(options, ())
    return _Syntax()
