"""``python.performance``: a function of the artifact stays within time and memory, and its time does not grow too fast.

    entry: bracket_depth                  the function's name
    generator: fixtures/sizes.py          trusted: its function make(size) returns the list of arguments for a call
    sizes: [2000, 8000]                   the sizes, rising; with several the growth can be bounded
    seconds: 1                            of processor time for the call with the largest size
    memory: 64                            MiB that this call may take at its peak beyond what its arguments take
    growth: 8                             times as long at most for the largest size as for the one before it
    fixture: fixtures/house               a trusted library that generator and artifact may import

Units are the bounds that are set (seconds, memory, growth; at least one). The calls run one by one in processes of
their own in the sandbox, and are measured from outside of them, by what the kernel accounts to the process: beside each
runs one that only reads the same arguments, and what it took is taken off. The best of three counts where a call is
short, and times under 5 ms count as 5 ms. Whether the result is right is for other checks to say. What is measured and
what measures share one sandbox: an answer that broke into the other process by /proc could forge this verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from metaagent.records import Check, ErrorKind, Finding
from metaagent.sandbox.base import MIB, Limits
from metaagent.validators.confined import Said, ask, copied, fixture, library, source
from metaagent.validators.jsontext import json_text
from metaagent.validators.options import number, only
from metaagent.validators.protocol import (
    Artifact,
    CannotJudgeError,
    CheckContext,
    Options,
    OptionsError,
    Prepared,
    Result,
)
from metaagent.validators.python_cases import load_failure, raised
from metaagent.validators.python_source import form

FLOOR: Final = 0.005
"""Seconds below which a time is no more than noise."""
BOUNDS: Final = ("seconds", "memory", "growth")
_HERE = Path(__file__).parent
_RUNNER = _HERE / "performance_runner.py"
_SHARED: Final = {name: _HERE / name for name in ("python_runner.py", "performance_child.py")}
_LARGEST: Final = 60.0


@dataclass(frozen=True, slots=True)
class _Performance:
    entry: str
    generator: str
    sizes: tuple[int, ...]
    bounds: Mapping[str, float]
    fixture: str | None

    @property
    def units(self) -> int:
        return len(self.bounds)

    def judge(self, artifact: Artifact, check: Check, context: CheckContext) -> Result:  # noqa: ARG002
        made = copied(fixture(context, self.generator), PurePosixPath(self.generator).parent, "make")
        files = {**made, **library(context, self.fixture), **{name: source(place) for name, place in _SHARED.items()}}
        wrong = form(artifact.text)
        if wrong is not None:
            return Result(0, (wrong,))
        limit = self.bounds.get("seconds", _LARGEST / 4)
        order = {
            "source": artifact.text,
            "entry": self.entry,
            "generator": PurePosixPath(self.generator).stem,
            "sizes": self.sizes,
            "seconds": limit,
            "library": None if self.fixture is None else PurePosixPath(self.fixture).stem,
        }
        return self._result(ask(context, _RUNNER, order, files, self._limits(limit)), artifact.text)

    def _limits(self, seconds: float) -> Limits:
        calls = 6 * len(self.sizes)
        memory = int(self.bounds.get("memory", 512)) * MIB
        return Limits(
            wall_seconds=15 + calls * (3 * seconds + 2),
            cpu_seconds=int(calls * (seconds + 1)) + 10,
            memory_bytes=min(2048 * MIB, 512 * MIB + 2 * memory),
            processes=16,
            output_bytes=MIB,
        )

    def _result(self, said: Said, text: str) -> Result:
        """What was measured against the bounds. A call that failed holds none of them."""
        taken: list[Mapping[str, Any]] = []
        for message in said.messages:
            if "mistake" in message:
                raise CannotJudgeError(f"{self.generator}: {message['mistake']}")
            if "load" in message:
                return Result(0, (load_failure(message["load"], self.entry, text),))
            where = f"size {message.get('size')}"
            if "late" in message:
                bound = self.bounds.get("seconds")
                expected = None if bound is None else json_text({"seconds": bound})
                return Result(0, (Finding(ErrorKind.TIMEOUT, "took too long", where, expected),))
            if "ended" in message:
                return Result(0, (Finding(ErrorKind.EXCEPTION, str(message["ended"]), where),))
            if "raises" in message:
                return Result(0, (Finding(*raised(message), where, None, json_text({"raises": message["raises"]})),))
            taken.append(message)
        if len(taken) < len(self.sizes):
            return Result(0, (Finding(*said.end),))
        findings = [found for name in BOUNDS if name in self.bounds and (found := self._compared(name, taken))]
        return Result(self.units - len(findings), tuple(findings))

    def _compared(self, name: str, taken: list[Mapping[str, Any]]) -> Finding | None:
        bound, largest = self.bounds[name], taken[-1]
        if name == "growth":
            before = taken[-2]
            got = max(largest["seconds"], FLOOR) / max(before["seconds"], FLOOR)
            where = f"size {before['size']} to {largest['size']}"
            return None if got <= bound else _finding(ErrorKind.TIMEOUT, "grows too fast", where, name, bound, got)
        where = f"size {largest['size']}"
        got = largest["seconds"] if name == "seconds" else largest["bytes"] / MIB
        if got <= bound:
            return None
        kind, message = (
            (ErrorKind.TIMEOUT, "took too long") if name == "seconds" else (ErrorKind.RESOURCE, "took too much memory")
        )
        return _finding(kind, message, where, name, bound, got)


def _finding(kind: ErrorKind, message: str, where: str, name: str, bound: float, got: float) -> Finding:
    return Finding(kind, message, where, json_text({name: bound}), json_text({name: round(got, 3)}))


def prepare(options: Options) -> Prepared:
    only(options, ("entry", "generator", "sizes", "fixture", *BOUNDS))
    entry, place = options.get("entry"), options.get("fixture")
    if not isinstance(entry, str) or not entry.isidentifier():
        raise OptionsError("must be the name of a function", "entry")
    if place is not None and (not isinstance(place, str) or not PurePosixPath(place).stem.isidentifier()):
        raise OptionsError("must name a library of the workspace, like fixtures/house", "fixture")
    sizes = _sizes(options.get("sizes"))
    bounds = {name: _bound(options[name], name) for name in BOUNDS if name in options}
    if not bounds:
        raise OptionsError(f"needs a bound: {', '.join(BOUNDS)}")
    if "growth" in bounds and len(sizes) < 2:
        raise OptionsError("needs two sizes, like [2000, 8000]", "growth")
    return _Performance(entry, _generator(options.get("generator")), sizes, bounds, place)


def _generator(place: Any) -> str:
    if (
        not isinstance(place, str)
        or PurePosixPath(place).suffix != ".py"
        or not PurePosixPath(place).stem.isidentifier()
    ):
        raise OptionsError("must name a Python file with a function make(size), like fixtures/sizes.py", "generator")
    return place


def _sizes(value: Any) -> tuple[int, ...]:
    whole = isinstance(value, list) and all(isinstance(one, int) and not isinstance(one, bool) for one in value)
    if not whole or not 1 <= len(value) <= 5 or value != sorted(set(value)) or value[0] < 0:
        raise OptionsError("must be 1 to 5 rising whole numbers, like [2000, 8000]", "sizes")
    return tuple(value)


def _bound(value: Any, name: str) -> float:
    bound = number(value, name)
    most = {"seconds": 60, "memory": 1024, "growth": 1e6}[name]
    if not 0 < bound <= most:
        raise OptionsError(f"must be above 0 and at most {most:g}", name)
    return bound
