"""Reads the test files of a task and runs them on an answer in another process: the order as JSON on stdin, messages
on stdout.

Started by path in a process of its own; of ours it imports ``python_runner`` and ``answer_proxy``, which lie beside it.
The answer's process is behind walls of its own and knows neither this one nor its files. How many tests there are is
said before the answer is asked for anything.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import traceback

sys.path.insert(0, os.getcwd())  # noqa: PTH109
from answer_proxy import AnswerError, Link, Module, TestMistakeError  # type: ignore[import-not-found]
from python_runner import Channel  # type: ignore[import-not-found]

sys.path.pop(0)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TESTS = os.path.abspath("tests")  # noqa: PTH100
MAX_TEXT = 2_000


class BrokenError(Exception):
    """The tests cannot be read: no answer's fault."""


class Report:
    """What is said of the tests: their names first, then of each how it ended, once."""

    def __init__(self, channel: Channel, link: Link) -> None:
        self._channel, self._link = channel, link

    def names(self, names: list[str]) -> None:
        self._channel.say({"ready": True})
        self._channel.say({"tests": names})
        self._link.reading = False

    def ended(self, name: str, error: BaseException | None, skipped: str | None = None) -> None:
        trouble = self._link.trouble
        self._link.trouble = None
        if trouble is not None:
            error = trouble
        if error is None and skipped is None:
            said: dict[str, Any] = {"passed": True}
        else:
            said = {"skipped": skipped} if error is None else told(error)
        self._channel.say({"test": name, **said})


def told(error: BaseException) -> dict[str, Any]:
    if isinstance(error, TestMistakeError):
        return {"mistake": str(error)[:MAX_TEXT]}
    where = {"at": line_of(error)}
    if isinstance(error, AnswerError):
        return {"answer": str(error)[:MAX_TEXT], **error.finding, **where}
    raised = getattr(error, "__dict__", {}).get("_told")
    if raised is not None:
        return {**raised, **where}
    text = str(error)[:MAX_TEXT]
    return (
        {"assertion": text, **where}
        if isinstance(error, AssertionError)
        else {"error": [type(error).__name__, text], **where}
    )


def line_of(error: BaseException) -> str | None:
    """The last line of the tests' own files that led to it."""
    frames = [one for one in traceback.extract_tb(error.__traceback__) if one.filename.startswith(TESTS)]
    return (frames[-1].line or "")[:MAX_TEXT] if frames else None


def with_unittest(report: Report, link: Link) -> None:
    import unittest

    loader = unittest.TestLoader()
    suite = unittest.TestSuite(loader.loadTestsFromModule(module) for module in modules())
    if loader.errors:
        raise BrokenError(str(loader.errors[0]).strip().splitlines()[-1])

    class Result(unittest.TestResult):
        """Each test once: the first thing that went wrong with it."""

        def __init__(self) -> None:
            super().__init__()
            self.wrong: BaseException | None = None
            self.skip: str | None = None

        def startTest(self, test: unittest.TestCase) -> None:
            super().startTest(test)
            self.wrong = self.skip = None

        def stopTest(self, test: unittest.TestCase) -> None:
            super().stopTest(test)
            report.ended(test.id(), self.wrong, self.skip)
            if link.exhausted:
                self.stop()

        def _took(self, error: Any) -> None:
            self.wrong = self.wrong or error[1] or error[0]()

        def addError(self, test: Any, err: Any) -> None:
            self._took(err)
            if not isinstance(test, unittest.TestCase):  # a fixture of a class or module
                report.ended(str(test), err[1])

        def addFailure(self, test: Any, err: Any) -> None:  # noqa: ARG002
            self._took(err)

        def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:  # noqa: ARG002
            if err is not None:
                self._took(err)

        def addSkip(self, test: Any, reason: str) -> None:  # noqa: ARG002
            self.skip = reason

        def addExpectedFailure(self, test: Any, err: Any) -> None:  # noqa: ARG002
            self.skip = "a failure is expected"

        def addUnexpectedSuccess(self, test: Any) -> None:  # noqa: ARG002
            self.skip = "a failure is expected"

    report.names([one.id() for one in cases(suite)])
    suite.run(Result())


def cases(suite: Any) -> list[Any]:
    return [one for item in suite for one in (cases(item) if hasattr(item, "__iter__") else [item])]


def modules() -> list[Any]:
    found = []
    sys.path.insert(0, TESTS)
    for folder, folders, names in os.walk(TESTS):
        folders.sort()
        for name in sorted(names):
            if name.endswith(".py") and (name.startswith("test") or name.endswith("_test.py")):
                found.append(module_of(os.path.join(folder, name)))  # noqa: PTH118
    return found


def module_of(path: str) -> Any:
    name = os.path.relpath(path, TESTS)[:-3].replace(os.sep, ".")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def with_pytest(report: Report, link: Link) -> None:
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    import pytest

    class Plugin:
        def __init__(self) -> None:
            self.wrong: BaseException | None = None
            self.skip: str | None = None
            self.problem: str | None = None

        def pytest_collectreport(self, report: Any) -> None:
            if report.failed:
                self.problem = self.problem or str(report.longrepr).strip().splitlines()[-1]

        def pytest_collection_finish(self, session: Any) -> None:
            if self.problem is not None:
                raise pytest.UsageError(self.problem)
            report.names([item.nodeid for item in session.items])

        def pytest_runtest_logstart(self, nodeid: str, location: Any) -> None:  # noqa: ARG002
            self.wrong = self.skip = None

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_makereport(self, item: Any, call: Any) -> Any:
            made = yield
            if getattr(item.obj, "__unittest_expecting_failure__", False):
                self.skip = "a failure is expected"
            elif made.skipped or hasattr(made, "wasxfail"):
                self.skip = self.skip or str(getattr(made, "wasxfail", "") or call.excinfo)
            elif call.excinfo is not None:
                self.wrong = self.wrong or call.excinfo.value
            return made

        def pytest_runtest_logfinish(self, nodeid: str, location: Any) -> None:  # noqa: ARG002
            report.ended(nodeid, self.wrong, self.skip)
            if link.exhausted:
                pytest.exit("no more answers")

    with open("pytest.ini", "w") as file:  # noqa: PTH123
        file.write("[pytest]\n")
    plugin = Plugin()
    options = ["-q", "--tb=no", "--capture=sys", "-p", "no:cacheprovider", "-c", "pytest.ini", "--rootdir", TESTS]
    pytest.main([*options, TESTS], plugins=[plugin])
    if link.reading:
        raise BrokenError(plugin.problem or "pytest did not come to read the tests")


def main() -> None:
    order = json.loads(sys.stdin.buffer.read())
    leave, name = os._exit, order["library"]
    channel = Channel(order["nonce"])
    try:
        sys.path[:0] = [os.path.abspath("lib"), *order["path"]]  # noqa: PTH100
        link = Link(order["links"], order["seconds"], __import__(name) if name else None, name)
        sys.modules[order["module"]] = Module(order["module"], link)
        run = with_pytest if order["runner"] == "pytest" else with_unittest
        run(Report(channel, link), link)
    except BaseException as error:  # noqa: BLE001 - tests that cannot be read are told, and no answer's fault
        text = str(error) if isinstance(error, BrokenError) else f"{type(error).__name__}: {error}"
        channel.say({"broken": f"the tests cannot be read: {text}"[:MAX_TEXT]})
    leave(0)


if __name__ == "__main__":
    main()
