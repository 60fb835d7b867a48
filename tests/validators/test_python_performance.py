"""``python.performance`` in a real sandbox. Bounds are far from what is measured: a busy machine changes no verdict."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from metaagent.errors import TrustError
from metaagent.records import Check, ErrorKind, Outcome, Verdict
from metaagent.validators import CheckContext, OptionsError, get, judge
from tests.validators.walls import named, strongest, verdict

SIZES = "def make(size):\n    return [list(range(size)), {'x': (1, 2)}]\n"
LINEAR = "def f(items, _):\n    return sum(items)\n"
SQUARE = "def f(items, _):\n    return sum(1 for a in items for b in items)\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "fixtures").mkdir()
    (tmp_path / "fixtures" / "sizes.py").write_text(SIZES)
    return tmp_path


def run(root: Path, source: str, backend: str = "", **options: Any) -> Verdict:
    known = {"entry": "f", "generator": "fixtures/sizes.py", "sizes": [300, 3000]}
    sandbox = named(backend) if backend else strongest()
    return verdict(root, source, "python.performance", sandbox, **{**known, **options})


@pytest.mark.parametrize("backend", ["bubblewrap", "landlock"])
def test_what_is_quick_and_small_passes(root: Path, backend: str) -> None:
    found = run(root, LINEAR, backend, seconds=20, memory=200, growth=50)
    assert (found.outcome, found.held, found.checked) == (Outcome.PASS, 3, 3), found


@pytest.mark.parametrize("backend", ["bubblewrap", "landlock"])
def test_what_grows_too_fast_is_told_with_the_numbers(root: Path, backend: str) -> None:
    found = run(root, SQUARE, backend, seconds=50, growth=10)
    assert (found.outcome, found.held) == (Outcome.FAIL, 1), found
    (finding,) = found.findings
    assert (finding.kind, finding.message, finding.location) == (
        ErrorKind.TIMEOUT,
        "grows too fast",
        "size 300 to 3000",
    )
    assert json.loads(finding.expected or "") == {"growth": 10}
    assert json.loads(finding.got or "")["growth"] > 10


def test_memory_is_that_of_the_call(root: Path) -> None:
    found = run(root, "def f(items, _):\n    return len(bytearray(120_000_000))", memory=60)
    assert (found.findings[0].kind, found.findings[0].message) == (ErrorKind.RESOURCE, "took too much memory"), found
    assert json.loads(found.findings[0].got or "")["memory"] > 100
    assert run(root, "data = bytearray(120_000_000)\n" + LINEAR, memory=60).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("def f(items, _):\n    while True: pass", ErrorKind.TIMEOUT, "took too long"),
        ("import time\ndef f(items, _): time.sleep(60)", ErrorKind.TIMEOUT, "took too long"),
        ("def f(items, _): return items.x", ErrorKind.NAME, "has no attribute 'x'"),
        ("def f(items): return 1", ErrorKind.SIGNATURE, "takes 1 positional argument"),
        ("def g(): pass", ErrorKind.NAME, "the function is not defined"),
        ("def f(:", ErrorKind.SYNTAX, "invalid syntax"),
        ("import os\ndef f(items, _): os._exit(3)", ErrorKind.EXCEPTION, "ended itself with status 3"),
        ("", ErrorKind.FORMAT, "the reply is empty"),
    ],
)
def test_a_call_that_fails_holds_no_bound(root: Path, source: str, kind: ErrorKind, message: str) -> None:
    found = run(root, source, seconds=0.2, growth=100)
    assert (found.outcome, found.held, found.findings[0].kind) == (Outcome.FAIL, 0, kind), found
    assert message in found.findings[0].message


CHEAP = '{"size": 3000, "seconds": 0, "bytes": 0, "done": true}'
FORGERIES = {
    "says that it took nothing": f"import os\nos.write(3, b'{CHEAP}')\n" + SQUARE,
    "the clock patched": "import time, resource\ntime.monotonic = time.time = lambda: 0\n" + SQUARE,
    "the runner looked for": """
import gc, os, sys
for one in gc.get_objects():
    if type(one).__name__ == "Channel": os._exit(0)
for name in ("python_runner", "performance_child", "performance_runner", "__main__"):
    module = sys.modules.get(name)
    if module and hasattr(module, "main"): module.main = lambda *_: None
"""
    + SQUARE,
    "the next call's code written over": """
import os
for name in os.listdir("."):
    if name.endswith(".py"):
        open(name, "w").write("import os; os.write(3, b'{\\\\"done\\\\": true}'); os._exit(0)")
for name in ("json.py", "sitecustomize.py", "python_runner.py"):
    open(name, "w").write("import os; os._exit(0)")
"""
    + SQUARE,
    "messages on every descriptor": f"""
import os
for number in range(256):
    try: os.write(number, b'\\n{CHEAP}\\n')
    except OSError: pass
"""
    + SQUARE,
}


@pytest.mark.parametrize("backend", ["bubblewrap", "landlock"])
@pytest.mark.parametrize("name", FORGERIES)
def test_a_slow_answer_cannot_call_itself_quick(root: Path, name: str, backend: str) -> None:
    found = run(root, FORGERIES[name], backend, growth=10)
    assert (found.outcome, found.held) == (Outcome.FAIL, 0), found


@pytest.mark.parametrize(
    ("generator", "said"),
    [
        ("def made(size): return []", "has no attribute 'make'"),
        ("def make(size): return 1 / 0", "ZeroDivisionError"),
        ("def make(size): return size", "must return the list of arguments"),
        ("def make(size): return [object()]", "cannot be written down"),
        ("x = (", "SyntaxError"),
    ],
)
def test_a_generator_that_does_not_hold_judges_nothing(root: Path, generator: str, said: str) -> None:
    (root / "fixtures" / "sizes.py").write_text(generator)
    found = run(root, LINEAR, growth=10)
    assert (found.outcome, found.findings[0].kind) == (Outcome.INCONCLUSIVE, ErrorKind.INFRASTRUCTURE)
    assert said in found.findings[0].message


def test_the_generator_must_be_trusted(root: Path) -> None:
    options = {"entry": "f", "generator": "fixtures/sizes.py", "sizes": [1], "seconds": 1}
    with pytest.raises(TrustError, match=r"fixtures/sizes\.py is not trusted"):
        judge(LINEAR, (Check("python.performance", True, options),), CheckContext(root, sandbox=strongest()))


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"entry": "f x"}, "entry"),
        ({"generator": "sizes"}, "generator"),
        ({"sizes": [3, 2]}, "sizes"),
        ({"sizes": []}, "sizes"),
        ({"sizes": [5]}, "growth"),
        ({"seconds": 0}, "seconds"),
        ({"memory": 1e9}, "memory"),
        ({"grwth": 3}, "grwth"),
        ({"fixture": "a-b"}, "fixture"),
    ],
)
def test_options_that_do_not_hold(options: dict[str, Any], option: str) -> None:
    known = {"entry": "f", "generator": "fixtures/sizes.py", "sizes": [1, 2], "growth": 2}
    with pytest.raises(OptionsError) as caught:
        get("python.performance")({**known, **options})
    assert caught.value.option == option
    with pytest.raises(OptionsError, match="needs a bound"):
        get("python.performance")({"entry": "f", "generator": "fixtures/sizes.py", "sizes": [1]})
