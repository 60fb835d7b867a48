"""``python.tests`` in real sandboxes: what tests may do with an answer in another process, and how each end is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from metaagent.errors import TrustError
from metaagent.records import Check, ErrorKind, Outcome, Verdict
from metaagent.sandbox.base import Job
from metaagent.sandbox.base import Outcome as Ended
from metaagent.validators import CheckContext, OptionsError, get, judge, python_tests
from tests.validators.walls import context, named, strongest, verdict

ANSWER = """
from dataclasses import dataclass
from enum import Enum
import house
LIMIT = 5
TABLE = {"a": [1, 2]}
class Color(Enum):
    RED = 1
class BadInput(ValueError):
    def __init__(self, text, code):
        super().__init__(text)
        self.code = code
class Worse(BadInput): pass
@dataclass
class Point:
    x: int
    y: int = 0
    def __add__(self, other): return Point(self.x + other.x, self.y + other.y)
    def __lt__(self, other): return self.x < other.x
class Stack:
    '''A stack.'''
    made = 0
    def __init__(self): self.items = []
    @classmethod
    def of(cls, *items):
        one = cls()
        one.items += items
        return one
    def push(self, item): self.items.append(item); return self
    def pop(self): return self.items.pop()
    def __len__(self): return len(self.items)
    def __iter__(self): return iter(self.items)
    def __getitem__(self, at): return self.items[at]
    def __enter__(self): return self
    def __exit__(self, *_): self.items.clear()
def slug(text, *, sep="-"):
    '''The text in small letters.'''
    if not isinstance(text, str): raise Worse(f"no text: {text}", 7)
    return sep.join(text.lower().split())
def apply(function, value): return function(value)
def memoized(function):
    known = {}
    def inner(n):
        if n not in known: known[n] = function(n)
        return known[n]
    return inner
def sort(items): items.sort()
def same(items): return items
def say(text): print("say", text)
def count(n):
    yield from range(n)
def price(): return house.Money(5)
def refuse(): raise house.Refused("no")
"""
TESTS = """
import contextlib, io, unittest
import house
import answer_mod
from answer_mod import BadInput, Color, LIMIT, Point, Stack, TABLE, Worse, memoized, slug

class ValuesTest(unittest.TestCase):
    def test_values(self):
        self.assertEqual(slug("A b", sep="_"), "a_b")
        self.assertEqual((LIMIT, answer_mod.LIMIT, len(TABLE), TABLE["a"]), (5, 5, 1, [1, 2]))
        self.assertEqual(LIMIT, 5)
        self.assertEqual(answer_mod.price(), house.Money(5))
        self.assertEqual(slug.__doc__, "The text in small letters.")

    def test_errors(self):
        for kind in (Worse, BadInput, ValueError, Exception):
            with self.assertRaises(kind) as caught:
                slug(3)
            self.assertEqual((str(caught.exception), caught.exception.code), ("no text: 3", 7))
        with self.assertRaises(house.Refused):
            answer_mod.refuse()
        try:
            slug(None)
        except BadInput as error:
            self.assertIsInstance(error, Worse)

    def test_objects(self):
        stack = Stack.of(1, 2).push([3])
        self.assertEqual((len(stack), list(stack), stack[0], stack.pop()), (3, [1, 2, [3]], 1, [3]))
        self.assertIsInstance(stack, Stack)
        self.assertNotIsInstance(stack, Point)
        self.assertIn(2, stack)
        self.assertTrue(stack)
        with stack as same:
            self.assertEqual(same, stack)
        self.assertFalse(stack)
        self.assertNotEqual(stack, [])
        self.assertEqual(Color.RED, Color.RED)
        self.assertEqual(Color.RED.value, 1)
        self.assertEqual(Stack.made, 0)

    def test_operators(self):
        point = Point(1, 2) + Point(3)
        self.assertEqual(point, Point(4, 2))
        self.assertEqual((point.x, point.y), (4, 2))
        self.assertLess(Point(1), Point(2))
        point.x = 9
        self.assertEqual(point.x, 9)

    def test_functions(self):
        calls = []
        fast = memoized(lambda n: calls.append(n) or n * 2)
        self.assertEqual((fast(2), fast(2), calls), (4, 4, [2]))
        self.assertEqual(answer_mod.apply(slug, "A B"), "a-b")
        self.assertEqual(answer_mod.apply(lambda text: slug(text) + "!", "A B"), "a-b!")
        with self.assertRaises(KeyError):
            answer_mod.apply({}.__getitem__, "x")

    def test_changes(self):
        items = [3, 1]
        self.assertIsNone(answer_mod.sort(items))
        self.assertEqual(items, [1, 3])
        self.assertIs(answer_mod.same(items), items)
        self.assertIsNot(answer_mod.same((1, 2)), items)

    def test_output(self):
        with contextlib.redirect_stdout(io.StringIO()) as shown:
            answer_mod.say("hello")
        self.assertEqual(shown.getvalue(), "say hello\\n")

    def test_generators(self):
        self.assertEqual(list(answer_mod.count(3)), [0, 1, 2])
        self.assertEqual(next(answer_mod.count(3)), 0)
"""
PYTEST = """
import pytest
from answer_mod import BadInput, slug

@pytest.fixture
def word():
    return "A b"

@pytest.mark.parametrize("n", [1, 2, 3])
def test_many(n, word):
    assert slug(word * n) == "-".join("ab" * 1 for _ in range(0)) or slug(word * n).startswith("a-b")

def test_error():
    with pytest.raises(BadInput, match="no text"):
        slug(3)

def test_output(capsys):
    import answer_mod
    answer_mod.say("x")
    assert capsys.readouterr().out == "say x\\n"

def test_near():
    import answer_mod
    assert answer_mod.apply(lambda n: n / 3, 1) == pytest.approx(0.33333333)
"""
HOUSE = """
from dataclasses import dataclass
class Refused(ValueError): pass
@dataclass(frozen=True)
class Money:
    cents: int
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "fixtures" / "house").mkdir(parents=True)
    (tmp_path / "fixtures" / "house" / "__init__.py").write_text(HOUSE)
    return tmp_path


def run(root: Path, tests: str, count: int, answer: str = ANSWER, backend: str = "", **options: Any) -> Verdict:
    (root / "fixtures" / "test_it.py").write_text(tests)
    options = {"file": "fixtures/test_it.py", "module": "answer_mod", "count": count, "seconds": 1, **options}
    if "house" in tests + answer:
        options["fixture"] = "fixtures/house"
    return verdict(root, answer, "python.tests", named(backend) if backend else strongest(), **options)


@pytest.mark.parametrize("backend", ["bubblewrap", "landlock"])
def test_all_that_a_test_may_do(root: Path, backend: str) -> None:
    found = run(root, TESTS, 8, backend=backend)
    assert (found.outcome, found.held, found.checked) == (Outcome.PASS, 8, 8), found.findings


@pytest.mark.parametrize("backend", ["bubblewrap", "landlock"])
def test_pytest_and_its_means(root: Path, backend: str) -> None:
    found = run(root, PYTEST, 6, backend=backend, runner="pytest")
    assert (found.outcome, found.held, found.checked) == (Outcome.PASS, 6, 6), found.findings


ONE = """
import unittest
from answer_mod import f
class OneTest(unittest.TestCase):
    def test_first(self):
        self.assertEqual(f(1), 2)
    def test_second(self):
        self.assertEqual(f(7).strip(), "x")
    def test_third(self):
        for n in range(3):
            with self.subTest(n):
                self.assertEqual(f(n), n + 1)
"""


@pytest.mark.parametrize(
    ("answer", "held", "kind", "message", "where"),
    [
        ("def f(n): return n + 1 if n != 7 else ' x '", 3, None, "", ""),
        ("def f(n): return n + 1", 2, ErrorKind.EXCEPTION, "the test ended with AttributeError", "OneTest.test_second"),
        ("def f(n): return 3", 0, ErrorKind.ASSERTION, "an assertion does not hold", "OneTest.test_first"),
        ("def f(n): return n.x", 0, ErrorKind.NAME, "has no attribute 'x'", "OneTest.test_first"),
        ("def f(): return 3", 0, ErrorKind.SIGNATURE, "takes 0 positional arguments", "OneTest.test_first"),
        ("def f(n): return {}[n]", 0, ErrorKind.EXCEPTION, "raised KeyError", "OneTest.test_first"),
        ("def f(n):\n while True: pass", 0, ErrorKind.TIMEOUT, "took too long", "OneTest.test_first"),
        ("def f(n): return [0] * 10 ** 9", 0, ErrorKind.RESOURCE, "too much memory", "OneTest.test_first"),
        ("def g(n): return 3", 0, ErrorKind.NAME, "f is not defined", "OneTest.test_first"),
        ("def f(n):\n    return (3", 0, ErrorKind.SYNTAX, "never closed", "line 2"),
        ("1 / 0", 0, ErrorKind.EXCEPTION, "raised ZeroDivisionError, when it was loaded", "line 1"),
        ("while True: pass", 0, ErrorKind.TIMEOUT, "took too long to load", ""),
        (
            "import os\ndef f(n): os._exit(7)",
            0,
            ErrorKind.EXCEPTION,
            "ended itself with status 7",
            "OneTest.test_first",
        ),
        ("```python\ndef f(n): return 3\n```", 0, ErrorKind.FORMAT, "code fence", ""),
        ("def f(n): raise AssertionError('x')", 0, ErrorKind.EXCEPTION, "raised AssertionError", "OneTest.test_first"),
    ],
)
def test_every_end_has_its_kind(
    root: Path, answer: str, held: int, kind: ErrorKind | None, message: str, where: str
) -> None:
    found = run(root, ONE, 3, answer, seconds=0.3)
    assert found.held == held, found
    assert (found.outcome is Outcome.PASS) == (kind is None)
    if kind is not None:
        first = found.findings[0]
        assert (first.kind, first.location) == (kind, where), found
        assert message in first.message


def test_a_failed_test_is_told_with_its_line_and_no_value_is_in_the_words(root: Path) -> None:
    found = run(root, ONE, 3, "def f(n): return 'SECRET'").findings[0]
    assert json.loads(found.expected or "") == {"test": "self.assertEqual(f(1), 2)"}
    assert json.loads(found.got or "") == {"assertion": "'SECRET' != 2"}
    assert "SECRET" not in found.message + found.location


def test_an_end_costs_one_test_not_all(root: Path) -> None:
    found = run(root, ONE, 3, "import os\ndef f(n): return os._exit(1) if n == 7 else n + 1")
    assert (found.held, [one.location for one in found.findings]) == (2, ["OneTest.test_second"])


def test_after_two_late_calls_the_rest_is_left(root: Path) -> None:
    found = run(root, ONE, 3, "def f(n):\n while True: pass", seconds=0.2)
    assert [one.location for one in found.findings] == ["OneTest.test_first", "OneTest.test_second", ""]
    assert found.findings[-1] == found.findings[-1].__class__(ErrorKind.TIMEOUT, "1 tests were not run")


@pytest.mark.parametrize("runner", ["unittest", "pytest"])
@pytest.mark.parametrize(
    ("tests", "said"),
    [
        (ONE.replace("test_third", "third"), "has 2 tests, and the task says count: 3"),
        ("import nothing_like_it\n" + ONE, "the tests cannot be read: "),
        ("x = (", "the tests cannot be read: "),
        (ONE.replace("def test_first", "@unittest.skip('why')\n    def test_first"), "OneTest.test_first was skipped"),
        (ONE.replace("def test_first", "@unittest.expectedFailure\n    def test_first"), "was skipped"),
        (ONE.replace("class One", "f(1)\nclass One"), "the answer is used while the tests are read"),
        (ONE.replace("f(1)", "f(unittest)"), "cannot pass a module on"),
        (
            ONE.replace("class One", "import answer_mod\nclass One").replace("f(1)", "setattr(answer_mod, 'f', 1)"),
            "patch",
        ),
    ],
)
def test_tests_that_do_not_hold_judge_nothing(root: Path, tests: str, said: str, runner: str) -> None:
    found = run(root, tests, 3, "def f(n): return n + 1 if n != 7 else 'x'", runner=runner)
    assert found.outcome is Outcome.INCONCLUSIVE, found
    assert (found.findings[0].kind, said in found.findings[0].message.replace("::", ".")) == (
        ErrorKind.INFRASTRUCTURE,
        True,
    ), found.findings


def test_a_folder_of_tests_with_what_they_share(root: Path) -> None:
    place = root / "fixtures" / "suite"
    place.mkdir()
    (place / "helpers.py").write_text("TWO = 2")
    (place / "test_a.py").write_text(ONE.replace("import unittest", "import unittest\nfrom helpers import TWO"))
    (place / "test_b.py").write_text(ONE)
    options = {"file": "fixtures/suite", "module": "answer_mod", "count": 6}
    for runner in ("unittest", "pytest"):
        answer = "def f(n): return n + 1 if n != 7 else 'x'"
        found = verdict(root, answer, "python.tests", **options, runner=runner)
        assert (found.outcome, found.held) == (Outcome.PASS, 6), found


def test_a_class_that_cannot_be_set_up_fails_all_its_tests(root: Path) -> None:
    tests = ONE.replace(
        "    def test_first", "    @classmethod\n    def setUpClass(cls): cls.x = f(0)\n    def test_first"
    )
    found = run(root, tests, 3, "def f(n): raise ValueError")
    assert (found.outcome, found.held) == (Outcome.FAIL, 0)
    assert found.findings[0].message == "raised ValueError"
    assert found.findings[-1].message == "3 tests were not run"


def test_tests_must_be_trusted_and_be_there(root: Path) -> None:
    (root / "fixtures" / "test_it.py").write_text(ONE)
    check = Check("python.tests", False, {"file": "fixtures/test_it.py", "module": "answer_mod", "count": 3})
    with pytest.raises(TrustError, match=r"fixtures/test_it\.py is not trusted"):
        judge("def f(n): return 1", (check,), CheckContext(root, sandbox=strongest()))
    (root / "fixtures" / "test_it.py").unlink()
    found = judge("def f(n): return 1", (check,), context(root))[0]
    assert (found.outcome, found.findings[0].message) == (
        Outcome.INCONCLUSIVE,
        "the fixture fixtures/test_it.py does not exist",
    )


def test_without_pytest_nothing_was_judged(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python_tests, "find_spec", lambda _: None)
    found = run(root, ONE, 3, "def f(n): return 1", runner="pytest")
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "try: pip install pytest" in found.findings[0].message


class Failing:
    """A sandbox whose walls stop working after some runs."""

    level, name = 1, "failing"

    def __init__(self, good: int) -> None:
        self.left, self._real = good, strongest()

    def identity(self) -> str:
        return "failing"

    def run(self, job: Job) -> Ended:
        from metaagent.errors import EnvironmentFailedError

        self.left -= 1
        if self.left < 0:
            raise EnvironmentFailedError("the walls fell")
        return self._real.run(job)


@pytest.mark.parametrize("good", [0, 1])
def test_walls_that_fail_stop_everything(root: Path, good: int) -> None:
    from metaagent.errors import EnvironmentFailedError

    (root / "fixtures" / "test_it.py").write_text(ONE)
    check = Check("python.tests", False, {"file": "fixtures/test_it.py", "module": "answer_mod", "count": 3})
    with pytest.raises(EnvironmentFailedError, match="the walls fell"):
        judge("def f(n): return n", (check,), context(root, Failing(good)))


def test_pipes_are_closed_in_the_end(root: Path) -> None:
    import os

    run(root, ONE, 3, "def f(n): return n + 1")
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    run(root, ONE, 3, "import os\ndef f(n): os._exit(0)")
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"file": ""}, "file"),
        ({"file": 3}, "file"),
        ({"module": "a-b"}, "module"),
        ({"count": 0}, "count"),
        ({"count": True}, "count"),
        ({"count": None}, "count"),
        ({"runner": "nose"}, "runner"),
        ({"fixture": "fixtures/a-b"}, "fixture"),
        ({"seconds": 0}, "seconds"),
        ({"modul": "x"}, "modul"),
    ],
)
def test_options_that_do_not_hold(options: dict[str, Any], option: str) -> None:
    with pytest.raises(OptionsError) as caught:
        get("python.tests")({"file": "fixtures/test_it.py", "module": "m", "count": 1, **options})
    assert caught.value.option == option
