"""``python.cases``, a key check: a function of the artifact gives the expected results.

    entry: bracket_depth                        the function's name
    tests: [{args: ["(()"], expected: -1},      kwargs: {...} may be added
            {args: [1], raises: {type: ValueError, message: "..."}}]      without a message any will do
    fixture: fixtures/house                     a trusted library (a folder or one file) that it may import
    seconds: 1                                  of processor time for each call

In a set, ``entry`` and ``tests`` come from the row. Units are the tests. The artifact is Python source and nothing
else. It runs in the sandbox and the arguments with it; what is expected never goes in, so an answer that takes over
its own judging can say anything, but knows nothing that would be right. See ``python_values.py`` for how values are
written and compared. An exception's type is a builtin's name, or MODULE.NAME.

``python.examples``, a public check: the same for the examples in the task's own text. Tasks get it by themselves from
``>>>`` lines and tables with the columns call and result; ``checks: {examples: false}`` switches it off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

from metaagent.records import Check, ErrorKind, Finding
from metaagent.sandbox.base import MIB, Limits
from metaagent.validators.confined import Said, ask, library
from metaagent.validators.jsontext import json_text, storable
from metaagent.validators.options import number, only
from metaagent.validators.protocol import MAX_FINDINGS, Artifact, CheckContext, Options, OptionsError, Prepared, Result
from metaagent.validators.python_source import form, syntax
from metaagent.validators.python_values import problem, same

MAX_TESTS: Final = 500
STARTS: Final = 3
"""How often a process that the answer ended is started again for the cases that are left."""
PATIENCE: Final = 2
"""After so many calls that took too long the rest is not tried."""
_RUNNER = Path(__file__).with_name("python_runner.py")
_NAMES: Final = frozenset({"NameError", "UnboundLocalError", "ImportError", "ModuleNotFoundError", "AttributeError"})
_TAMPERED: Final = Finding(ErrorKind.EXCEPTION, "the answer interfered with how it is judged")


@dataclass(frozen=True, slots=True)
class Test:
    """One call and what has to come of it: ``expected`` is ``{"returns": value}`` or ``{"raises": {...}}``."""

    args: list[Any]
    kwargs: Mapping[str, Any]
    expected: Mapping[str, Any]

    def call(self) -> dict[str, Any]:
        return {"args": self.args, "kwargs": dict(self.kwargs)}


@dataclass(slots=True)
class _Course:
    """What is known of the cases so far; ``load`` says why the answer has no function."""

    messages: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    late: int = 0
    load: Mapping[str, Any] | None = None
    tampered: bool = False


@dataclass(frozen=True, slots=True)
class _Cases:
    entry: str
    tests: tuple[Test, ...]
    fixture: str | None
    seconds: float

    @property
    def units(self) -> int:
        return len(self.tests)

    def judge(self, artifact: Artifact, check: Check, context: CheckContext) -> Result:  # noqa: ARG002
        files = library(context, self.fixture)
        wrong = form(artifact.text)
        if wrong is not None:
            return Result(0, (wrong,))
        course = _Course()
        starts = 0
        while len(course.messages) < len(self.tests) and starts < STARTS and course.late < PATIENCE:
            said = ask(context, _RUNNER, self._order(artifact.text, course), files, self._limits())
            self._follow(course, said)
            if course.tampered:
                return Result(0, (_TAMPERED,))
            if course.load is not None:
                return Result(0, (load_failure(course.load, self.entry, artifact.text),))
            starts += 1
        return self._result(course)

    def _order(self, source: str, course: _Course) -> dict[str, Any]:
        first = len(course.messages)
        return {
            "source": source,
            "entry": self.entry,
            "cases": [test.call() for test in self.tests[first:]],
            "first": first,
            "library": None if self.fixture is None else PurePosixPath(self.fixture).stem,
            "seconds": self.seconds,
            "patience": PATIENCE - course.late,
        }

    def _limits(self) -> Limits:
        return Limits(
            wall_seconds=10 + 8 * self.seconds,
            cpu_seconds=min(60, int(self.seconds * (len(self.tests) + 1)) + 1),
            memory_bytes=256 * MIB,
            processes=16,
            file_bytes=8 * MIB,
            output_bytes=8 * MIB,
            disk_bytes=16 * MIB,
        )

    def _follow(self, course: _Course, said: Said) -> None:
        """Take the messages in their order. The first case without one is the one that ended the process."""
        for message in said.messages:
            if isinstance(message.get("load"), dict) and len(said.messages) == 1 and not course.messages:
                course.load = message["load"]
                return
            late = "late" in message
            if late and message.get("case") == -1:
                course.load = {"late": True}
                return
            if message.get("case") != len(course.messages) or len(course.messages) >= len(self.tests):
                course.tampered = True
                return
            course.messages[len(course.messages)] = message
            course.late += late
        if len(course.messages) < len(self.tests) and course.late < PATIENCE and not _late_end(said):
            course.messages[len(course.messages)] = {"end": said.end}
            course.late += said.end[0] is ErrorKind.TIMEOUT

    def _result(self, course: _Course) -> Result:
        held, findings = 0, list[Finding]()
        for index, test in enumerate(self.tests):
            if index in course.messages:
                found = _judged(test, course.messages[index], f"case {index + 1}")
                held += found is None
                findings += [found] if found else []
        left = len(self.tests) - len(course.messages)
        if left:
            kind = ErrorKind.TIMEOUT if course.late >= PATIENCE else ErrorKind.EXCEPTION
            findings.append(Finding(kind, f"{left} cases were not tried after this"))
        return Result(held, tuple(findings[:MAX_FINDINGS]))


def _late_end(said: Said) -> bool:
    """Whether the process gave up on a call that did not let itself be stopped, and said so."""
    return bool(said.messages) and "late" in said.messages[-1]


def load_failure(load: Mapping[str, Any], entry: str, source: str) -> Finding:
    line = f"line {load['line']}" if isinstance(load.get("line"), int) else ""
    if load.get("late"):
        return Finding(ErrorKind.TIMEOUT, "took too long to load")
    if load.get("missing"):
        defined = json_text(load.get("defined"), 300)
        return Finding(ErrorKind.NAME, "the function is not defined", "", json_text(entry), defined)
    if "syntax" in load:
        return syntax(load, source)
    kind, message = raised(load)
    return Finding(kind, f"{message}, when it was loaded", line)


def _judged(test: Test, message: Mapping[str, Any], where: str) -> Finding | None:
    """The finding for one case, or None where all is as expected. Values stand in expected and got only."""
    if "end" in message:
        kind, said = message["end"]
        return _finding(test, kind, said, where, None)
    if "late" in message:
        return _finding(test, ErrorKind.TIMEOUT, "took too long", where, None)
    if "returns" in message:
        got = {"returns": message["returns"]}
        if "raises" in test.expected:
            return _finding(test, ErrorKind.ASSERTION, f"did not raise {test.expected['raises']['type']}", where, got)
        if same(message["returns"], test.expected["returns"]):
            return None
        return _finding(test, ErrorKind.ASSERTION, "wrong result", where, got)
    told = message.get("raises")
    if not isinstance(told, dict):
        return _finding(test, ErrorKind.EXCEPTION, "gave no result", where, None)
    wanted = test.expected.get("raises")
    if wanted is not None and told.get("type") == wanted["type"]:
        if wanted.get("message") in (None, told.get("message")):
            return None
        return _finding(test, ErrorKind.ASSERTION, f"{wanted['type']} with a wrong message", where, {"raises": told})
    kind, said = raised(message)
    line = f" line {message['line']}" if isinstance(message.get("line"), int) else ""
    return _finding(test, kind, said, f"{where}{line}", {"raises": told})


def _finding(test: Test, kind: ErrorKind, message: str, where: str, got: Mapping[str, Any] | None) -> Finding:
    call = {"args": test.args, **({"kwargs": dict(test.kwargs)} if test.kwargs else {})}
    return Finding(kind, message, where, json_text({**call, **test.expected}), None if got is None else json_text(got))


def raised(message: Mapping[str, Any]) -> tuple[ErrorKind, str]:
    """Kind and words for an exception. Its text is in the words only where it cannot hold a value of the case."""
    told = message.get("raises") or {}
    name, text = str(told.get("type")), _clean(told.get("message"))
    if name == "MemoryError":
        return ErrorKind.RESOURCE, "took too much memory"
    if name in _NAMES:
        return ErrorKind.NAME, f"{name}: {text}"
    if name == "TypeError" and message.get("outside"):
        return ErrorKind.SIGNATURE, text
    return ErrorKind.EXCEPTION, f"raised {_clean(name)}"


def _clean(value: Any) -> str:
    return storable(str(value)[:300])


def prepare(options: Options) -> Prepared:
    only(options, ("entry", "tests", "fixture", "seconds"))
    entry, path = options.get("entry"), options.get("fixture")
    if not isinstance(entry, str) or not entry.isidentifier():
        raise OptionsError("must be the name of a function", "entry")
    if path is not None and (not isinstance(path, str) or not PurePosixPath(path).stem.isidentifier()):
        raise OptionsError("must name a library of the workspace, like fixtures/house", "fixture")
    seconds = number(options.get("seconds", 1), "seconds")
    if not 0 < seconds <= 60:
        raise OptionsError("must be above 0 and at most 60", "seconds")
    tests = options.get("tests")
    if not isinstance(tests, list) or not 0 < len(tests) <= MAX_TESTS:
        raise OptionsError(f'must be a list of 1 to {MAX_TESTS} tests like {{"args": [1], "expected": 2}}', "tests")
    library = None if path is None else PurePosixPath(path).stem
    return _Cases(entry, tuple(_test(one, n, library) for n, one in enumerate(tests)), path, seconds)


def _test(one: Any, index: int, library: str | None) -> Test:
    where = f"tests[{index}]"
    if not isinstance(one, Mapping) or ("expected" in one) == ("raises" in one):
        raise OptionsError("must have either expected or raises", where)
    only(one, ("args", "kwargs", "expected", "raises"))
    args, kwargs = one.get("args", []), one.get("kwargs", {})
    if not isinstance(args, list) or not isinstance(kwargs, Mapping):
        raise OptionsError("args must be a list, kwargs a mapping", where)
    said = problem([args, dict(kwargs), one.get("expected")], library)
    if said is not None:
        raise OptionsError(said, where)
    if "expected" in one:
        return Test(args, kwargs, {"returns": one["expected"]})
    return Test(args, kwargs, {"raises": _exception(one["raises"], where)})


def _exception(raises: Any, where: str) -> dict[str, str]:
    if not isinstance(raises, Mapping) or not isinstance(raises.get("type"), str):
        raise OptionsError('raises must be like {"type": "ValueError", "message": "..."}', where)
    only(raises, ("type", "message"))
    if not isinstance(raises.get("message", ""), str):
        raise OptionsError("the message of an exception is a text", where)
    return dict(raises)
