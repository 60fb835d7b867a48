"""Answers that try to pass without being right. None may: expected results never enter the sandbox, so whatever an
answer does to its own process, it cannot say what would be right."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from metaagent.records import Outcome, Verdict
from tests.validators.walls import named, verdict

SECRET = 918_273_645
"""What the function must add: nothing in the sandbox holds it."""
TESTS = [{"args": [{"$": "shop.Item", "args": [n]}], "expected": SECRET + n} for n in range(4)]
SHOP = """
from dataclasses import dataclass

@dataclass(frozen=True)
class Item:
    number: int
"""
WRITE_ALL = """
import os
def write_all(text):
    for number in range(256):
        try:
            os.write(number, text.encode())
        except OSError:
            pass
"""
NONCE = """
import gc, json, os, sys
def channel():
    return next(one for one in gc.get_objects() if type(one).__name__ == "Channel")
"""
"""The answer runs in the runner's process: it can find the channel and its nonce. That must not be enough."""

FORGERIES = {
    "os._exit": "import os\nos._exit(0)",
    "os._exit in the call": "import os\ndef f(item): os._exit(0)",
    "sys.exit": "import sys\ndef f(item): sys.exit(0)",
    "raise SystemExit at load": "raise SystemExit(0)",
    "prints what a summary may look like": "print('4 passed, 0 failed')\ndef f(item): print('ok'); return None",
    "prints a result": 'def f(item):\n print(\'{"case": 0, "returns": 918273645}\')',
    "writes a result to every descriptor": f"""{WRITE_ALL}
def f(item): write_all('\\n{{"case": 0, "held": true}}\\n')""",
    "writes passed to every descriptor with the nonce": f"""{NONCE}
def f(item):
    for n in range(4):
        channel().say({{"case": n, "passed": True, "held": 4, "returns": None}})
    os._exit(0)""",
    "equal to everything": """
class Any(int):
    __eq__ = lambda *_: True
    __ne__ = lambda *_: False
    __hash__ = int.__hash__
def f(item): return Any(3)""",
    "a text that is equal to everything": """
class Any(str):
    __eq__ = lambda *_: True
    __hash__ = str.__hash__
    encode = lambda *_: b"918273645"
def f(item): return Any("x")""",
    "a float that is near to everything": """
class Near(float):
    __sub__ = __rsub__ = lambda *_: 0.0
    __repr__ = lambda _: "918273645"
def f(item): return Near(1)""",
    "infinity and not a number": "def f(item): return float('inf') if item.number % 2 else float('nan')",
    "json patched": """
import json
json.dumps = lambda *_, **__: '{"expected": true, "returns": true}'
json.JSONEncoder.encode = lambda *_, **__: '{"case": 0, "returns": true}'
json.encoder.c_make_encoder = None
def f(item): return 0""",
    "builtins patched": """
import builtins
builtins.isinstance = lambda *_: True
builtins.type = lambda *_: int
builtins.len = lambda *_: 4
def f(item): return 0""",
    "the equality of the library patched": """
import shop
shop.Item.__eq__ = lambda *_: True
def f(item): return item""",
    "a class of the library's name": """
class Item:
    __module__ = "shop"
    __match_args__ = ("number",)
    number = 918273645
def f(item): return Item()""",
    "the library replaced": """
import pathlib, sys
pathlib.Path("lib/shop.py").write_text("class Item:\\n def __init__(self, n): self.number = n")
del sys.modules["shop"]
import shop
def f(item): return shop.Item(item.number)""",
    "the runner patched by sys.modules": """
import sys
main = sys.modules["__main__"]
main.called = lambda *_: {"returns": True, "held": True, "passed": True}
main.Values.encoded = lambda *_: True
def f(item): return 0""",
    "the runner patched by its frames": """
import sys
def f(item):
    frame = sys._getframe()
    while frame:
        for name in ("test", "expected", "case", "order"):
            if name in frame.f_locals:
                return frame.f_locals[name] if name == "expected" else 0
        frame = frame.f_back""",
    "expected values looked for in memory": """
import gc
def f(item):
    for one in gc.get_objects():
        if isinstance(one, dict) and "expected" in one and "args" in one:
            return one["expected"]
        if isinstance(one, int) and one > 900000000:
            return one""",
    "expected values looked for in files": """
import os, re
def f(item):
    for top in (".", "/proc/self", "/tmp", "/job", "..", os.environ.get("HOME", "/")):
        for folder, _, names in os.walk(top):
            for name in names:
                try:
                    found = re.search(r"9182736\\d\\d", open(os.path.join(folder, name), errors="replace").read(200000))
                except OSError:
                    continue
                if found and "answer" not in name:
                    return int(found[0])
            if folder.count("/") > 4:
                break""",
    "looks at what is on the descriptors": """
import os
def f(item):
    for number in range(256):
        try:
            data = os.pread(number, 100000, 0) or os.read(number, 100000)
        except OSError:
            continue
        if b"9182736" in data:
            return 918273645""",
    "says each case itself and more than there are": f"""{NONCE}
def f(item):
    for n in range(9):
        channel().say({{"case": n, "returns": 0}})
    os._exit(0)""",
    "says that the check itself broke": f"""{NONCE}
channel().say({{"broken": "the fixture is gone", "ready": False}})
channel().say({{"ready": True}})
os._exit(0)""",
    "infinite output": "import os\ndef f(item):\n while True: print('x' * 9999)",
    "infinite output on every descriptor": f"{WRITE_ALL}\ndef f(item):\n while True: write_all('x' * 9999)",
    "fork, and the parent ends": "import os\ndef f(item):\n if os.fork(): os._exit(0)\n return 0",
    "fork at load, and both go on": "import os\nos.fork()\ndef f(item): return 0",
    "fork in a session of its own that speaks later": f"""{NONCE}
import time
def f(item):
    if os.fork() == 0:
        os.setsid()
        time.sleep(0.2)
        write = channel()
        write._pid = os.getpid()
        write.say({{"case": 0, "returns": True}})
        os._exit(0)
    return 0""",
    "closes every descriptor": "import os\nos.closerange(0, 256)\ndef f(item): return 0",
    "the channel led elsewhere": """
import os
for n in range(3, 250):
    try: os.dup2(0, n)
    except OSError: pass
def f(item): return 0""",
    "atexit": "import atexit, os\natexit.register(os.write, 1, b'passed')\ndef f(item): return 0",
    "a thread that speaks for the runner": f"""{NONCE}
import threading
threading.Thread(target=lambda: [channel().say({{"case": 0, "returns": 0}}) for _ in range(99)]).start()
def f(item): return 0""",
    "a signal that ends it": "import os, signal\ndef f(item): os.kill(os.getpid(), signal.SIGKILL)",
    "signals to everybody": "import os, signal\ndef f(item):\n os.kill(-1, signal.SIGKILL)",
    "the clock stopped": """
import signal
signal.setitimer(signal.ITIMER_PROF, 0)
signal.signal(signal.SIGALRM, signal.SIG_IGN)
signal.signal(signal.SIGPROF, signal.SIG_IGN)
def f(item):
    while True: pass""",
    "swallows its end": "def f(item):\n while True:\n  try:\n   while True: pass\n  except BaseException: pass",
    "no result at all": "def f(item): pass",
    "a generator of every answer": "def f(item):\n yield from range(10**9)",
    "a crash": "import ctypes\ndef f(item): ctypes.string_at(0)",
    "too deep": "import sys\nsys.setrecursionlimit(10**9)\ndef f(item): return f(item)",
    "a source that breaks parsers": "def f(item): return " + "(" * 5000 + ")" * 5000,
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("forgery")
    (folder / "fixtures").mkdir()
    (folder / "fixtures" / "shop.py").write_text(SHOP)
    return folder


def run(root: Path, source: str, backend: str) -> Verdict:
    options = {"entry": "f", "tests": TESTS, "fixture": "fixtures/shop.py", "seconds": 0.1}
    return verdict(root, textwrap.dedent(source), "python.cases", named(backend), **options)


def test_there_are_enough() -> None:
    assert len(FORGERIES) >= 40


@pytest.mark.parametrize("backend", ["bubblewrap", "landlock"])
def test_who_knows_the_answer_passes(root: Path, backend: str) -> None:
    found = run(root, f"import shop\ndef f(item): return {SECRET} + item.number", backend)
    assert (found.outcome, found.held, found.checked) == (Outcome.PASS, 4, 4), found


@pytest.mark.parametrize("backend", ["bubblewrap", "landlock"])
@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_fails_and_is_no_fault_of_ours(root: Path, name: str, backend: str) -> None:
    before = (root / "fixtures" / "shop.py").read_bytes()
    found = run(root, FORGERIES[name], backend)
    assert found.outcome is Outcome.FAIL, found
    assert found.held == 0
    assert found.findings
    assert (root / "fixtures" / "shop.py").read_bytes() == before


def test_a_result_that_is_right_counts_whoever_said_it(root: Path) -> None:
    """The limit of what is promised: an answer may do what it likes in its process, if only it is right."""
    source = NONCE + f"for n in range(4): channel().say({{'case': n, 'returns': {SECRET} + n}})\nos._exit(0)"
    assert run(root, source, "bubblewrap").outcome is Outcome.PASS
