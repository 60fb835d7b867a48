"""``python.cases`` in a real sandbox: what passes, and how each way to fail is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from metaagent.errors import TrustError
from metaagent.records import Check, ErrorKind, Outcome, Verdict
from metaagent.validators import CheckContext, OptionsError, get, judge
from tests.validators.walls import context, named, strongest, verdict

HALVE = [
    {"args": [4], "expected": 2},
    {"args": [7], "expected": 3.5},
    {"args": [0], "expected": 0},
    {"args": ["x"], "raises": {"type": "TypeError", "message": "no number: x"}},
]
RIGHT = """
def halve(n):
    print("halving", n)
    if not isinstance(n, int):
        raise TypeError(f"no number: {n}")
    return n / 2
"""
HOUSE = """
from dataclasses import dataclass

class Refused(ValueError):
    pass

@dataclass(frozen=True)
class Money:
    cents: int
    currency: str = "EUR"
"""


def run(root: Path, source: str, tests: Any = HALVE, entry: str = "halve", **options: Any) -> Verdict:
    return verdict(root, source, "python.cases", entry=entry, tests=tests, **options)


@pytest.mark.parametrize("name", ["bubblewrap", "landlock"])
def test_the_right_function_passes_at_every_level(tmp_path: Path, name: str) -> None:
    found = verdict(tmp_path, RIGHT, "python.cases", named(name), entry="halve", tests=HALVE)
    assert (found.outcome, found.checked, found.held, found.findings) == (Outcome.PASS, 4, 4, ())


def test_a_nearly_right_function_is_told_what_came_and_what_should(tmp_path: Path) -> None:
    found = run(tmp_path, "def halve(n): return n // 2")
    assert (found.outcome, found.held) == (Outcome.FAIL, 2)
    first, second = found.findings
    assert (first.kind, first.message, first.location) == (ErrorKind.ASSERTION, "wrong result", "case 2")
    assert json.loads(first.expected or "") == {"args": [7], "returns": 3.5}
    assert json.loads(first.got or "") == {"returns": 3}
    assert (second.kind, second.message) == (ErrorKind.ASSERTION, "TypeError with a wrong message")


@pytest.mark.parametrize(
    ("source", "kind", "message", "location"),
    [
        ("", ErrorKind.FORMAT, "the reply is empty", ""),
        (f"```python\n{RIGHT}\n```", ErrorKind.FORMAT, "code fence", ""),
        (f"Here it is:\n```python\n{RIGHT}```\n", ErrorKind.FORMAT, "a code fence and text", "line 1"),
        ("x" * 200_001, ErrorKind.RESOURCE, "200001 characters", ""),
        ("def halve(n):\n    return (n / 2", ErrorKind.SYNTAX, "'(' was never closed", "line 2"),
        ("def halve(n):\nreturn 1", ErrorKind.SYNTAX, "expected an indented block", "line 2"),
        ("x = '\0'", ErrorKind.FORMAT, "characters that no text has", ""),
        ("x = '\ud800'", ErrorKind.FORMAT, "characters that no text has", ""),
        ("def half(n): return n / 2", ErrorKind.NAME, "the function is not defined", ""),
        ("import nothing_like_it\ndef halve(n): return n / 2", ErrorKind.NAME, "No module named", "line 1"),
        ("def halve(n): return m / 2", ErrorKind.NAME, "NameError: name 'm' is not defined", "case 1 line 1"),
        ("def halve(n): return n.half()", ErrorKind.NAME, "has no attribute 'half'", "case 1 line 1"),
        ("def halve(): return 2", ErrorKind.SIGNATURE, "takes 0 positional arguments but 1 was given", "case 1"),
        ("def halve(n, m): return 2", ErrorKind.SIGNATURE, "missing 1 required positional argument: 'm'", "case 1"),
        ("def halve(n):\n    return {}[n]", ErrorKind.EXCEPTION, "raised KeyError", "case 1 line 2"),
        ("1 / 0", ErrorKind.EXCEPTION, "raised ZeroDivisionError, when it was loaded", "line 1"),
        (
            "class Odd(Exception): pass\ndef halve(n): raise Odd",
            ErrorKind.EXCEPTION,
            "raised answer.Odd",
            "case 1 line 2",
        ),
        ("def halve(n):\n    while True: pass", ErrorKind.TIMEOUT, "took too long", "case 1"),
        ("while True: pass", ErrorKind.TIMEOUT, "took too long to load", ""),
        ("def halve(n): return 10 ** 10 ** 10", ErrorKind.TIMEOUT, "took too long", "case 1"),
        ("def halve(n): return [0] * 10 ** 9", ErrorKind.RESOURCE, "too much memory", "case 1 line 1"),
        ("import os\ndef halve(n): os._exit(7)", ErrorKind.EXCEPTION, "ended itself with status 7", "case 1"),
        ("def halve(n): return [[]] * 99999", ErrorKind.ASSERTION, "wrong result", "case 1"),
        ("def halve(n): return 9 ** 9999", ErrorKind.ASSERTION, "wrong result", "case 1"),
        ("def halve(n):\n    a = []\n    a.append(a)\n    return a", ErrorKind.ASSERTION, "wrong result", "case 1"),
        ("def halve(n): return halve(n)", ErrorKind.EXCEPTION, "raised RecursionError", "case 1 line 1"),
    ],
)
def test_every_way_to_go_wrong_has_its_kind(
    tmp_path: Path, source: str, kind: ErrorKind, message: str, location: str
) -> None:
    found = run(tmp_path, source, seconds=0.3)
    first = found.findings[0]
    assert (found.outcome, first.kind) == (Outcome.FAIL, kind), found
    assert message in first.message
    if location:
        assert first.location == location


def test_what_ends_the_process_costs_one_case_not_all(tmp_path: Path) -> None:
    found = run(tmp_path, RIGHT + "\nimport os\nrest = halve\ndef halve(n): return rest(n) if n != 7 else os._exit(0)")
    assert (found.held, len(found.findings)) == (3, 1)
    assert found.findings[0].location == "case 2"


def test_after_two_calls_that_never_end_the_rest_is_left(tmp_path: Path) -> None:
    found = run(tmp_path, "def halve(n):\n    while n != 4: pass\n    return 2", seconds=0.2)
    assert found.held == 1
    assert [one.location for one in found.findings] == ["case 2", "case 3", ""]
    assert found.findings[-1].message == "1 cases were not tried after this"


VALUES = [
    [1, 2.5, "x", None, True, {"a": []}],
    {"$": "tuple", "args": [[1, {"$": "set", "args": [[1, 2]]}]]},
    {"$": "dict", "args": [[[1, "a"], ["$", "b"]]]},
    {"$": "frozenset", "args": [["a"]]},
    {"$": "bytes", "args": ["00ff"]},
    {"$": "float", "args": ["nan"]},
    {"$": "datetime.date", "args": [2024, 2, 29]},
    {"$": "datetime.datetime", "args": [2024, 2, 29, 1, 2, 3, 4]},
    {"$": "datetime.timedelta", "args": [1, 2, 3]},
    {"$": "decimal.Decimal", "args": ["1.50"]},
    {"$": "fractions.Fraction", "args": ["1/3"]},
    {"$": "house.Money", "args": [5, "USD"]},
    "\ud800",
]


@pytest.fixture
def house(tmp_path: Path) -> Path:
    (tmp_path / "fixtures" / "house").mkdir(parents=True)
    (tmp_path / "fixtures" / "house" / "__init__.py").write_text(HOUSE)
    return tmp_path


def test_every_value_goes_in_and_comes_back(house: Path) -> None:
    tests = [{"args": [value], "kwargs": {"twice": value}, "expected": [value, value]} for value in VALUES]
    found = run(house, "def same(value, *, twice): return [value, twice]", tests, "same", fixture="fixtures/house")
    assert found.outcome is Outcome.PASS, found.findings


def test_dicts_of_the_standard_library_count_as_dicts(tmp_path: Path) -> None:
    source = "from collections import *\ndef f(): return [Counter('aab'), defaultdict(int, a=1), OrderedDict(a=1)]"
    tests = [{"args": [], "expected": [{"a": 2, "b": 1}, {"a": 1}, {"a": 1}]}]
    assert run(tmp_path, source, tests, "f").outcome is Outcome.PASS


def test_exceptions_of_the_library_have_its_name_and_others_cannot_take_it(house: Path) -> None:
    tests = [{"args": [], "raises": {"type": "house.Refused"}}]
    options: Any = {"fixture": "fixtures/house"}
    assert run(house, "import house\ndef f(): raise house.Refused('x')", tests, "f", **options).outcome is Outcome.PASS
    forged = "class Refused(ValueError): __module__ = 'house'\ndef f(): raise Refused('x')"
    found = run(house, forged, tests, "f", **options)
    assert found.findings[0].message == "raised answer.Refused"


def test_a_fixture_must_be_trusted_hold_and_be_there(house: Path) -> None:
    check = Check("python.cases", False, {"entry": "f", "tests": [{"expected": 1}], "fixture": "fixtures/house"})
    with pytest.raises(TrustError, match=r"fixtures/house/__init__\.py is not trusted"):
        judge("def f(): return 1", (check,), CheckContext(house, sandbox=strongest()))
    assert judge("def f(): return 1", (check,), context(house))[0].outcome is Outcome.PASS
    (house / "fixtures" / "house" / "__init__.py").write_text("import nothing_there")
    found = judge("def f(): return 1", (check,), context(house))[0]
    assert (found.outcome, found.findings[0].kind) == (Outcome.INCONCLUSIVE, ErrorKind.INFRASTRUCTURE)
    assert "the fixture or a case does not hold: ModuleNotFoundError" in found.findings[0].message
    (house / "fixtures" / "house" / "__init__.py").unlink()
    found = judge("def f(): return 1", (check,), context(house))[0]
    assert found.findings[0].message == "the fixture fixtures/house does not exist"


def test_no_argument_of_a_case_is_in_what_the_board_may_show(tmp_path: Path) -> None:
    tests = [{"args": ["HIDDEN"], "expected": "VALUE"}]
    for body in ("return 1", "raise ValueError(n)", "return n[n]", "return {}[n]", "return int(n)"):
        for one in run(tmp_path, f"def f(n): {body}", tests, "f").findings:
            assert "HIDDEN" not in one.message + one.location
            assert "VALUE" not in one.message + one.location


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"entry": "f x"}, "entry"),
        ({"tests": []}, "tests"),
        ({"tests": [{"args": [1]}]}, "tests[0]"),
        ({"tests": [{"args": [1], "expected": 1, "raises": {"type": "ValueError"}}]}, "tests[0]"),
        ({"tests": [{"args": 1, "expected": 1}]}, "tests[0]"),
        ({"tests": [{"expected": 1}, {"args": [], "raises": {}}]}, "tests[1]"),
        ({"tests": [{"args": [{"$": "os.system", "args": ["x"]}], "expected": 1}]}, "tests[0]"),
        ({"tests": [{"arsg": [], "expected": 1}]}, "arsg"),
        ({"fixture": "fixtures/a-b"}, "fixture"),
        ({"seconds": 0}, "seconds"),
    ],
)
def test_options_that_do_not_hold(options: dict[str, Any], option: str) -> None:
    with pytest.raises(OptionsError) as caught:
        get("python.cases")({"entry": "f", "tests": [{"expected": 1}], **options})
    assert caught.value.option == option
