"""``python.tests``: the tests of a file, or of all test files in a folder, pass on the artifact. Under ``key`` they are
hidden: their evidence goes to the ledger and to learning. Under ``public`` their findings may be told to the agent.

    file: fixtures/tests/test_slug.py     trusted: a file, or a folder with files test*.py
    module: slug                          the name by which the tests import the artifact
    count: 7                              how many tests there are; fewer or more is no judgement
    runner: unittest                      or pytest, where it is installed
    fixture: fixtures/house               a trusted library that tests and artifact may import
    seconds: 2                            of processor time for each call of the artifact

Units are the tests. Tests and artifact run in two processes behind walls of their own, joined by two pipes: what a test
calls runs in the artifact's process, and what comes back is compared in the tests' process, where nothing of the
artifact ever runs. So a test sees values (see ``python_values.py``), exceptions, what is printed, and for all else a
handle: its attributes and methods work, it equals no value of the test; only == and < between two objects of the
artifact are the artifact's own word (compare their values instead). Functions of a test can be passed to the artifact.
A test cannot patch the artifact, make a class from one of its classes, share files with it, or use it while the tests
are read.
"""

from __future__ import annotations

import os
import select
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from threading import Thread
from typing import Any, Final

from metaagent.records import Check, ErrorKind, Finding
from metaagent.sandbox.base import MIB, Limits, Sandbox
from metaagent.sandbox.interpreter import interpreter
from metaagent.validators.confined import Said, ask, copied, fixture, job, library, source, walls
from metaagent.validators.jsontext import json_text, storable
from metaagent.validators.options import number, only
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
from metaagent.validators.python_cases import load_failure, raised
from metaagent.validators.python_source import form

STARTS: Final = 3
"""How often a process that the answer ended is started again for the tests that are left."""
RUNNERS: Final = ("unittest", "pytest")
NO_PYTEST: Final = "pytest is not installed, and this check asks for it; try: pip install pytest, or runner: unittest"
_HERE = Path(__file__).parent
_RUNNER, _SERVER = _HERE / "tests_runner.py", _HERE / "answer_server.py"
_SHARED: Final = {"python_runner.py": _HERE / "python_runner.py"}
_PROXY: Final = {"answer_proxy.py": _HERE / "answer_proxy.py"}


@dataclass(slots=True)
class _Pipes:
    """Two pipes between the tests' process and one process of the answer: the ends of each side, as (read, write)."""

    tests: tuple[int, int]
    answer: tuple[int, int]
    shut: set[int] = field(default_factory=set)

    @classmethod
    def made(cls) -> _Pipes:
        asked, answered = os.pipe(), os.pipe()
        return cls((answered[0], asked[1]), (asked[0], answered[1]))

    def asked(self, wait: float = 0) -> bool:
        """Whether the tests want this process."""
        end = self.answer[0]
        return end not in self.shut and bool(select.select([end], [], [], wait)[0])

    def close(self, *ends: int) -> None:
        for end in ends:
            if end not in self.shut:
                self.shut.add(end)
                os.close(end)


@dataclass(slots=True)
class _Answers:
    """The processes of the answer, one after the other, each started when the tests ask for it; the first at once."""

    sandbox: Sandbox
    job: Any
    pipes: list[_Pipes]
    ended: dict[int, Said] = field(default_factory=dict)
    broken: BaseException | None = None
    over: bool = False

    def serve(self) -> None:
        try:
            for at, pipes in enumerate(self.pipes):
                while at and not self.over and not pipes.asked(0.02):
                    pass
                if self.over:
                    break
                self.ended[at] = Said((), self.sandbox.run(self.job(at, lambda at=at: self._stop(at))))
                pipes.close(*pipes.answer)
        except BaseException as error:  # noqa: BLE001 - raised again where the check is judged
            self.broken = error
        finally:
            for pipes in self.pipes:
                pipes.close(*pipes.answer)

    def _stop(self, at: int) -> bool:
        return self.over or (at + 1 < len(self.pipes) and self.pipes[at + 1].asked())


@dataclass(frozen=True, slots=True)
class _Tests:
    file: str
    module: str
    count: int
    runner: str
    fixture: str | None
    seconds: float

    @property
    def units(self) -> int:
        return self.count

    def judge(self, artifact: Artifact, check: Check, context: CheckContext) -> Result:  # noqa: ARG002
        files, place = fixture(context, self.file), PurePosixPath(self.file)
        tests = copied(files, place.parent if set(files) == {self.file} else place, "tests")
        lib = library(context, self.fixture)
        wrong = form(artifact.text)
        if wrong is not None:
            return Result(0, (wrong,))
        said, ended = self._run(artifact.text, {**lib, **tests}, lib, context)
        return self._result(said, ended, artifact.text)

    def _run(
        self, text: str, tests: Mapping[str, bytes], lib: Mapping[str, bytes], context: CheckContext
    ) -> tuple[Said, dict[int, Said]]:
        path, readable = self._pytest()
        shared = {name: source(place) for name, place in _SHARED.items()}
        pipes = [_Pipes.made() for _ in range(STARTS)]
        order = {"source": text, "module": self.module, "library": self._library(), "seconds": self.seconds}

        def served(at: int, stop: Any) -> Any:
            ends = pipes[at].answer
            made = job(_SERVER, {**order, "link": ends}, {**shared, **lib}, self._limits())
            return replace(made, link=ends, stop=stop)

        answers = _Answers(walls(context), served, pipes)
        thread = Thread(target=answers.serve, name="answer", daemon=True)
        asked = {
            "links": [one.tests for one in pipes],
            "module": self.module,
            "library": self._library(),
            "seconds": self.seconds,
            "runner": self.runner,
            "path": path,
        }
        ends = tuple(end for one in pipes for end in one.tests)
        files = {**shared, **{name: source(place) for name, place in _PROXY.items()}, **tests}
        thread.start()
        try:
            said = ask(context, _RUNNER, asked, files, self._patience(), link=ends, readable=readable)
        finally:
            for one in pipes:
                one.close(*one.tests)
            answers.over = True
            thread.join()
        if answers.broken is not None:
            raise answers.broken
        return said, answers.ended

    def _library(self) -> str | None:
        return None if self.fixture is None else PurePosixPath(self.fixture).stem

    def _pytest(self) -> tuple[list[str], tuple[Path, ...]]:
        """Where pytest lies, and what of that the sandbox does not open anyway."""
        if self.runner != "pytest":
            return [], ()
        spec = None
        with suppress(ImportError, ValueError):
            spec = find_spec("pytest")
        if spec is None or spec.origin is None:
            raise CannotJudgeError(NO_PYTEST)
        place = Path(spec.origin).resolve().parents[1]
        known = any(one == place or one in place.parents for one in (*interpreter(), Path("/usr")))
        return [str(place)], () if known else (place,)

    def _limits(self) -> Limits:
        """Of one process of the answer."""
        return Limits(
            wall_seconds=30 + 8 * self.seconds,
            cpu_seconds=min(60, int(self.seconds * (self.count + 1)) + 2),
            memory_bytes=256 * MIB,
            processes=16,
            file_bytes=8 * MIB,
            disk_bytes=16 * MIB,
        )

    def _patience(self) -> Limits:
        """Of the tests' process, which mostly waits: as long as all late calls together may take, and a while."""
        return Limits(
            wall_seconds=40 + 12 * self.seconds,
            cpu_seconds=60,
            memory_bytes=768 * MIB,
            processes=16,
            file_bytes=8 * MIB,
            output_bytes=8 * MIB,
            disk_bytes=32 * MIB,
        )

    def _result(self, said: Said, ended: Mapping[int, Said], text: str) -> Result:
        names, told = self._names(said), [one for one in said.messages if "test" in one]
        load = next((one["load"] for one in told if "load" in one), None)
        if load is not None:
            return Result(0, (load_failure(load, self.module, text),))
        passed = {one["test"] for one in told if one.get("passed") is True}
        held = sum(name in passed for name in names)
        findings = [_finding(one, ended) for one in told if one.get("passed") is not True]
        left = self.count - len({one["test"] for one in told} & set(names))
        if left:
            kind, why = said.end
            late = any("late" in one or "left" in one for one in told)
            over = said.outcome.killed_for is not None
            words = f"; {why}" if over else ""
            kind = kind if over else ErrorKind.TIMEOUT if late else ErrorKind.EXCEPTION
            findings.append(Finding(kind, f"{left} tests were not run{words}"))
        return Result(held, tuple(findings[:MAX_FINDINGS]))

    def _names(self, said: Said) -> list[str]:
        """The tests there are, as many as the task says. A test that is skipped or mistaken judges nothing."""
        names = said.messages[0].get("tests", []) if said.messages else []
        twice = [name for name, times in Counter(names).items() if times > 1]
        if twice:
            raise CannotJudgeError(f"{self.file} has two tests {twice[0]}")
        if len(names) != self.count:
            raise CannotJudgeError(f"{self.file} has {len(names)} tests, and the task says count: {self.count}")
        for one in said.messages:
            if "mistake" in one:
                raise CannotJudgeError(f"{_short(one['test'])}: {one['mistake']}")
            if "skipped" in one:
                raise CannotJudgeError(f"{_short(one['test'])} was skipped, and proves nothing: {one['skipped']}")
        return list(names)


def _short(name: str) -> str:
    """A test's name without its module: ``SlugTest.test_blank``."""
    return (
        name.rpartition("::")[0].rpartition("/")[2] + "::" + name.rpartition("::")[2]
        if "::" in name
        else (name.partition(".")[2] or name)
    )


def _finding(one: Mapping[str, Any], ended: Mapping[int, Said]) -> Finding:
    """Of one test that did not pass. Values stand in expected (the line of the test) and got only."""
    at = one.get("at")
    expected = json_text({"test": at}) if at else None
    kind, message, got = _words(one, ended)
    return Finding(kind, storable(message[:300]), storable(_short(str(one["test"]))), expected, got)


def _words(one: Mapping[str, Any], ended: Mapping[int, Said]) -> tuple[ErrorKind, str, str | None]:
    if "assertion" in one:
        return ErrorKind.ASSERTION, "an assertion does not hold", json_text({"assertion": one["assertion"]})
    if "raises" in one:
        return *raised(one), json_text({"raises": one["raises"]})
    if "error" in one:
        name, text = one["error"]
        return (
            ErrorKind.EXCEPTION,
            f"the test ended with {name}",
            json_text({"raises": {"type": name, "message": text}}),
        )
    if "late" in one:
        return ErrorKind.TIMEOUT, "took too long", None
    if "ended" in one:
        kind, message = ended[one["ended"]].end if one["ended"] in ended else (ErrorKind.EXCEPTION, one["answer"])
        return kind, message, None
    if "missing" in one:
        return ErrorKind.NAME, str(one["answer"]), None
    return ErrorKind.EXCEPTION, str(one.get("answer")), None


def prepare(options: Options) -> Prepared:
    only(options, ("file", "module", "count", "runner", "fixture", "seconds"))
    return _Tests(
        _place(options, "file", "a test file or a folder of them, like fixtures/tests/test_slug.py"),
        _word(options, "module"),
        _count(options.get("count")),
        _runner(options.get("runner", "unittest")),
        None if options.get("fixture") is None else _place(options, "fixture", "a library, like fixtures/house"),
        _seconds(options.get("seconds", 2)),
    )


def _place(options: Options, name: str, like: str) -> str:
    path = options.get(name)
    if not isinstance(path, str) or not path:
        raise OptionsError(f"must name {like}", name)
    if name == "fixture" and not PurePosixPath(path).stem.isidentifier():
        raise OptionsError("must have a name that Python can import", name)
    return path


def _word(options: Options, name: str) -> str:
    word = options.get(name)
    if not isinstance(word, str) or not word.isidentifier():
        raise OptionsError("must be the name by which the tests import the artifact", name)
    return word


def _count(count: Any) -> int:
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise OptionsError("must be the number of tests in the file: fewer that ran are no proof", "count")
    return count


def _runner(name: Any) -> str:
    if name not in RUNNERS:
        raise OptionsError(f"must be {' or '.join(RUNNERS)}", "runner")
    return str(name)


def _seconds(value: Any) -> float:
    seconds = number(value, "seconds")
    if not 0 < seconds <= 60:
        raise OptionsError("must be above 0 and at most 60", "seconds")
    return seconds
