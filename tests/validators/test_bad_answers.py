"""Answers that would harm the machine: each check of code says fail, nothing is left running, nothing is written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from metaagent.records import Outcome
from tests.validators.walls import named, verdict

MARK = "metaagent-bad-answer"
HARM = {
    "loops": "def f(n):\n while True: pass",
    "sleeps": "import time\ndef f(n): time.sleep(600)",
    "forks without an end": """
import os
def f(n):
    while True:
        try: os.fork()
        except OSError: pass""",
    "leaves a process behind": """
import os, time
def f(n):
    if os.fork() == 0:
        os.setsid()
        time.sleep(600)
    return 0""",
    "fills the disk": """
def f(n):
    at = 0
    while True:
        at += 1
        with open(f"file{at}", "wb") as file:
            try:
                while True: file.write(b"x" * 1_000_000)
            except OSError: pass""",
    "makes files without an end": """
def f(n):
    at = 0
    while True:
        at += 1
        try: open(f"file{at}", "w").close()
        except OSError: pass""",
    "takes all memory": "def f(n):\n kept = []\n while True: kept.append(bytearray(10_000_000))",
    "prints 100 MB": "def f(n):\n for _ in range(100): print('x' * 1_000_000)\n return 0",
    "writes 100 MB to every descriptor": """
import os
def f(n):
    for _ in range(100):
        for number in range(1, 256):
            try: os.write(number, b"x" * 1_000_000)
            except OSError: pass""",
    "kills its parent": """
import os, signal
def f(n):
    for pid in (os.getppid(), 1, -1, 0):
        try: os.kill(pid, signal.SIGKILL)
        except OSError: pass""",
    "stops its parent": """
import os, signal
def f(n):
    for pid in (os.getppid(), 1):
        try: os.kill(pid, signal.SIGSTOP)
        except OSError: pass""",
    "writes outside": f"""
import pathlib
def f(n):
    for folder in ("/tmp", "/var/tmp", "/", "FIXTURES", "/dev/shm"):
        try: pathlib.Path(folder, "{MARK}").write_text("x")
        except OSError: pass""",
}
CHECKS: dict[str, dict[str, Any]] = {
    "python.cases": {"entry": "f", "tests": [{"args": [1], "expected": 918273645}], "seconds": 0.3},
    "python.tests": {"file": "fixtures/test_f.py", "module": "answer_mod", "count": 1, "seconds": 0.3},
    "python.performance": {"entry": "f", "generator": "fixtures/sizes.py", "sizes": [1], "seconds": 0.3, "memory": 1},
}
QUICK = frozenset(
    {"leaves a process behind", "prints 100 MB", "kills its parent", "stops its parent", "writes outside"}
)
"""What costs no time: python.performance has nothing against it, and only must not suffer from it."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bad")
    (folder / "fixtures").mkdir()
    (folder / "fixtures" / "sizes.py").write_text("def make(size): return [size]")
    (folder / "fixtures" / "test_f.py").write_text("""
import unittest
from answer_mod import f
class T(unittest.TestCase):
    def test_f(self):
        self.assertEqual(f(1), 918273645)
""")
    return folder


def children() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


@pytest.mark.parametrize("backend", ["bubblewrap", "landlock"])
@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", HARM)
def test_harm_is_a_failure_and_no_more(root: Path, name: str, check: str, backend: str) -> None:
    before = sorted(path.read_bytes() for path in (root / "fixtures").iterdir())
    ours = children()
    source = HARM[name].replace("FIXTURES", str(root / "fixtures"))
    found = verdict(root, source, check, named(backend), **CHECKS[check])
    if check != "python.performance" or name not in QUICK:
        assert found.outcome is Outcome.FAIL, found
        assert found.findings
    assert children() <= ours
    assert sorted(path.read_bytes() for path in (root / "fixtures").iterdir()) == before
    assert not [place for place in ("/tmp", "/var/tmp", "/", "/dev/shm") if Path(place, MARK).exists()]
