"""Answers that try to pass a task's tests without being right. The tests run in another process, behind other walls:
an answer can say what it likes about its own values, and knows nothing that would be right."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from metaagent.records import Outcome, Verdict
from tests.validators.walls import named, verdict

SECRET = 918_273_645
TESTS = f"""
import unittest
from answer_mod import f, g

class Hidden(unittest.TestCase):
    def test_equal(self):
        self.assertEqual(f(1), {SECRET} + 1)

    def test_equal_again(self):
        self.assertEqual(f(1), {SECRET} + 1)
        self.assertTrue(f(1) == {SECRET} + 1)

    def test_near(self):
        self.assertAlmostEqual(f(2), {SECRET} + 2)

    def test_listed(self):
        self.assertIn({SECRET} + 3, g(3))

    def test_among_them(self):
        self.assertIn(f(4), [{SECRET} + 4])

    def test_refused(self):
        with self.assertRaisesRegex(ValueError, "{SECRET}"):
            f("bad")

    def test_called_back(self):
        self.assertEqual(g(lambda n: n + {SECRET}), [{SECRET} + 7])
"""
COUNT = 7
RIGHT = f"""
def f(n):
    if n == "bad":
        raise ValueError("no {SECRET}")
    return {SECRET} + n
def g(n):
    return [f(n)] if isinstance(n, int) else [n(7)]
"""
SAME = "\ng = f"
"""Most forgeries do the same for both functions."""
LINK = """
import gc, json, os, sys
server = next(one for one in gc.get_objects() if type(one).__name__ == "Server")
def say(**message):
    os.write(server._target, json.dumps({"n": server._number, **message}).encode() + b"\\n")
"""
"""The answer runs in its server's process: it can find the pipe to the tests. That must not be enough."""
WIRE = LINK + "def f(n):\n    say(returns=VALUE)\n    os._exit(0)\ng = f"

FORGERIES = {
    "os._exit at load": "import os\nos._exit(0)",
    "os._exit in the call": "import os\ndef f(n): os._exit(0)" + SAME,
    "sys.exit": "import sys\ndef f(n): sys.exit(0)" + SAME,
    "SystemExit at load": "raise SystemExit(0)",
    "an interrupt that would end the runner": "def f(n): raise KeyboardInterrupt" + SAME,
    "an exit of generators": "def f(n): raise GeneratorExit" + SAME,
    "a skipped test": "import unittest\ndef f(n): raise unittest.SkipTest('passed')" + SAME,
    "an exception of pytest's name": """
class Exit(BaseException): pass
class Skipped(Exit): allow_module_level = True
def f(n): raise Skipped("skip")"""
    + SAME,
    "prints a summary": "print('Ran 7 tests\\n\\nOK')\ndef f(n): print('OK')" + SAME,
    "writes a passed test to every descriptor": """
import os
def f(n):
    for number in range(256):
        for name in ("equal", "equal_again", "near", "listed", "among_them", "refused", "called_back"):
            try: os.write(number, b'\\n{"test": "test_hidden.Hidden.test_%s", "passed": true}\\n' % name.encode())
            except OSError: pass"""
    + SAME,
    "says passed over the pipe": LINK + "def f(n): say(passed=True, returns=None, held=7)" + SAME,
    "says the tests are other ones": LINK + "say(tests=[], ready=True)\ndef f(n): say(tests=[])" + SAME,
    "answers what nobody asked": LINK
    + "def f(n):\n for at in range(99):\n  server._number = at; say(returns=at)"
    + SAME,
    "patches unittest": """
import unittest
unittest.TestCase.assertEqual = unittest.TestCase.assertAlmostEqual = lambda *_: None
unittest.TestCase.run = lambda *_: None
unittest.TestResult.wasSuccessful = lambda _: True
def f(n): return 0"""
    + SAME,
    "patches everything that is imported": """
import sys
for module in list(sys.modules.values()):
    for name in ("told", "ended", "with_unittest", "_finding", "same", "raised", "Report", "Channel"):
        if hasattr(module, name): setattr(module, name, lambda *_, **__: {"passed": True})
def f(n): return 0"""
    + SAME,
    "conftest, sitecustomize and settings": """
import os, pathlib
text = "import os\\nos._exit(0)"
for folder in (".", "..", "tests", "/tmp", "lib", os.environ["HOME"]):
    for name in ("conftest.py", "sitecustomize.py", "usercustomize.py", "unittest.py", "answer_proxy.py", "json.py"):
        try: pathlib.Path(folder, name).write_text(text)
        except OSError: pass
def f(n): return 0"""
    + SAME,
    "looks for the tests and writes over them": """
import os, re
found = []
for folder, _, names in os.walk("/"):
    if folder.startswith(("/usr", "/proc", "/sys")): continue
    for name in names:
        if name.startswith("test_hidden"):
            try:
                found += re.findall("\\\\d{9}", open(os.path.join(folder, name)).read())
                open(os.path.join(folder, name), "w").write("")
            except OSError: pass
def f(n): return int(found[0]) + n if found else 0"""
    + SAME,
    "looks into every process": """
import os, re
def f(n):
    for pid in filter(str.isdigit, os.listdir("/proc") if os.path.isdir("/proc") else ()):
        for name in ("environ", "mem", "fd/0", "fd/1", "cwd/tests/test_hidden.py", "root/job/tests/test_hidden.py"):
            try: found = re.search(b"918273\\\\d+", open(f"/proc/{pid}/{name}", "rb").read(1_000_000))
            except OSError: continue
            if found and int(pid) != os.getpid(): return int(found[0]) + n
    return 0"""
    + SAME,
    "writes into every process": """
import os
def f(n):
    for pid in ("1", str(os.getppid()), "2", "3", "4", "5"):
        for name in ("fd/1", "fd/3", "fd/4", "fd/5", "mem"):
            try: open(f"/proc/{pid}/{name}", "wb").write(b'{"passed": true}\\n')
            except OSError: pass
    return 0"""
    + SAME,
    "atexit": "import atexit, os\natexit.register(os._exit, 0)\ndef f(n): return 0" + SAME,
    "equal to everything": """
class Any:
    __eq__ = lambda *_: True
    __ne__ = lambda *_: False
    __hash__ = lambda _: 0
def f(n): return Any()"""
    + SAME,
    "a number equal to everything": """
class Any(int):
    __eq__ = lambda *_: True
    __hash__ = int.__hash__
def f(n): return Any(3)"""
    + SAME,
    "near to everything": """
class Near:
    __sub__ = __rsub__ = __abs__ = __round__ = lambda *_: 0
    __lt__ = __le__ = __gt__ = __ge__ = lambda *_: True
def f(n): return Near()"""
    + SAME,
    "near to everything by another object": """
class Near:
    __sub__ = __rsub__ = __abs__ = __neg__ = lambda self, *_: self
    __round__ = __int__ = lambda *_: 0
    __float__ = lambda _: 0.0
def f(n): return Near()"""
    + SAME,
    "holds everything": """
class Full(list):
    __contains__ = lambda *_: True
    __len__ = lambda _: 10**9
def f(n): return Full()"""
    + SAME,
    "lists things that equal everything": """
class Any:
    __eq__ = lambda *_: True
def f(n): return [Any()]"""
    + SAME,
    "a spy that takes what it is compared with": """
seen = []
class Spy:
    def take(self, other):
        seen.append(other)
        return True
    __eq__ = __ne__ = __sub__ = __rsub__ = __lt__ = __contains__ = take
    __iter__ = None
def f(n):
    return next((one for one in seen if isinstance(one, int)), Spy())"""
    + SAME,
    "a regular expression for a message": """
class Text(str):
    __contains__ = __eq__ = lambda *_: True
    __hash__ = str.__hash__
def f(n): raise ValueError(Text(".*"))"""
    + SAME,
    "an error that is every error": """
class Any(ValueError, KeyError):
    def __str__(self): return ".*"
    __eq__ = lambda *_: True
def f(n): raise Any(".*")"""
    + SAME,
    "a class to be made in the tests' process": WIRE.replace("VALUE", '{"$": "fractions.sys.exit", "args": [0]}'),
    "a function to be called there": WIRE.replace("VALUE", '{"$": "decimal.os._exit", "args": [0]}'),
    "a name that leads through modules": WIRE.replace(
        "VALUE", '{"$": "fractions.sys.modules.__setitem__", "args": ["unittest", None]}'
    ),
    "a builtin to be called there": WIRE.replace("VALUE", '{"$": "eval", "args": ["__import__(\'os\')._exit(0)"]}'),
    "a function of the tests as a value": WIRE.replace("VALUE", '{"$": "callback", "args": [0]}'),
    "a handle of nothing": WIRE.replace("VALUE", '{"$": "handle", "args": [[], {}, "x"]}'),
    "an argument that was not given": WIRE.replace("VALUE", '{"$": "argument", "args": [99]}'),
    "a value nested too deep": LINK
    + """
def f(n):
    os.write(server._target, b'{"n": %d, "returns": ' % server._number + b"[" * 100000 + b"]" * 100000 + b"}\\n")
    os._exit(0)"""
    + SAME,
    "a line without an end": LINK + "def f(n):\n while True: os.write(server._target, b'x' * 65536)" + SAME,
    "endless output": "def f(n):\n while True: print('x' * 9999)" + SAME,
    "an error that ends the tests": LINK
    + """
def f(n):
    say(raises={"type": "SystemExit", "message": "0"}, names=["KeyboardInterrupt", "BaseException"], args=[], data={})
    os._exit(0)"""
    + SAME,
    "an error with parts of the runner": LINK
    + """
def f(n):
    data = {"_told": {"passed": True}, "passed": True}
    say(raises={"type": "E", "message": ""}, names=["Exception"], args=[], data=data)
    os._exit(0)"""
    + SAME,
    "fork, and the parent ends": "import os\ndef f(n):\n if os.fork(): os._exit(0)\n return 0" + SAME,
    "fork at load, and both go on": "import os\nos.fork()\ndef f(n): return 0" + SAME,
    "a thread that speaks": LINK
    + """
import threading
threading.Thread(target=lambda: [say(returns=0) for _ in range(9)]).start()
def f(n): return 0"""
    + SAME,
    "closes every descriptor": "import os\nos.closerange(0, 256)\ndef f(n): return 0" + SAME,
    "a signal to everybody": "import os, signal\ndef f(n): os.kill(-1, signal.SIGKILL)" + SAME,
    "a signal to its parent": "import os, signal\ndef f(n): os.kill(os.getppid(), signal.SIGKILL)" + SAME,
    "the clock stopped": """
import signal
signal.setitimer(signal.ITIMER_PROF, 0)
signal.signal(signal.SIGALRM, signal.SIG_IGN)
signal.signal(signal.SIGPROF, signal.SIG_IGN)
def f(n):
    while True: pass"""
    + SAME,
    "calls back without an end": "def f(n): return n\ndef g(n):\n while callable(n): n(1)\n return n",
    "a generator of every answer": "def f(n):\n yield from range(10**9)" + SAME,
    "functions that are missing": "pass",
    "functions that are none": "f = g = 3",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("forgery")
    (folder / "fixtures").mkdir()
    (folder / "fixtures" / "test_hidden.py").write_text(TESTS)
    return folder


def run(root: Path, source: str, backend: str, runner: str = "unittest") -> Verdict:
    options = {"file": "fixtures/test_hidden.py", "module": "answer_mod", "count": COUNT, "seconds": 0.2}
    return verdict(root, textwrap.dedent(source), "python.tests", named(backend), **options, runner=runner)


def test_there_are_enough() -> None:
    assert len(FORGERIES) >= 40


@pytest.mark.parametrize("backend", ["bubblewrap", "landlock"])
@pytest.mark.parametrize("runner", ["unittest", "pytest"])
def test_who_knows_the_answer_passes(root: Path, backend: str, runner: str) -> None:
    found = run(root, RIGHT, backend, runner)
    assert (found.outcome, found.held, found.checked) == (Outcome.PASS, COUNT, COUNT), found


@pytest.mark.parametrize("backend", ["bubblewrap", "landlock"])
@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_fails_and_is_no_fault_of_ours(root: Path, name: str, backend: str) -> None:
    found = run(root, FORGERIES[name], backend)
    assert (found.outcome, found.held) == (Outcome.FAIL, 0), found
    assert found.findings
    assert (root / "fixtures" / "test_hidden.py").read_text() == TESTS


@pytest.mark.parametrize(
    "name",
    [
        "os._exit in the call",
        "an interrupt that would end the runner",
        "an exception of pytest's name",
        "conftest, sitecustomize and settings",
        "equal to everything",
        "near to everything",
        "an error that ends the tests",
    ],
)
def test_a_forgery_fails_with_pytest_too(root: Path, name: str) -> None:
    found = run(root, FORGERIES[name], "bubblewrap", "pytest")
    assert (found.outcome, found.held) == (Outcome.FAIL, 0), found


@pytest.mark.parametrize("source", ["import os\ndef f(n): os._exit(0)", "def f(n):\n while True: pass", "x = 1"])
def test_an_end_is_no_error_that_a_test_may_expect(tmp_path: Path, source: str) -> None:
    (tmp_path / "fixtures").mkdir()
    (tmp_path / "fixtures" / "test_any.py").write_text("""
import unittest, answer_mod
class T(unittest.TestCase):
    def test_error(self):
        with self.assertRaises(BaseException):
            answer_mod.f(1)
    def test_swallowed(self):
        try:
            answer_mod.f(1)
        except BaseException:
            pass
""")
    options = {"file": "fixtures/test_any.py", "module": "answer_mod", "count": 2, "seconds": 0.2}
    found = verdict(tmp_path, source, "python.tests", **options)
    assert (found.outcome, found.held) == (Outcome.FAIL, 0), found


def test_a_comparison_of_two_objects_of_the_answer_is_its_own_word(tmp_path: Path) -> None:
    """The limit of what is promised, as the check's description says."""
    (tmp_path / "fixtures").mkdir()
    (tmp_path / "fixtures" / "test_own.py").write_text("""
import unittest, answer_mod
class T(unittest.TestCase):
    def test_own(self):
        self.assertEqual(answer_mod.C(1), answer_mod.C(2))
""")
    source = "class C:\n def __init__(self, n): pass\n def __eq__(self, other): return True"
    options = {"file": "fixtures/test_own.py", "module": "answer_mod", "count": 1}
    assert verdict(tmp_path, source, "python.tests", **options).outcome is Outcome.PASS
