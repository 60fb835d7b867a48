"""Examples in a task's own text become a public check."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent.records import Check, Outcome
from metaagent.tasks.examples import MAX_EXAMPLES, NAME, examples, with_examples
from metaagent.tasks.sets import read_set
from metaagent.tasks.specification import Place, read_specification
from metaagent.validators import get, judge
from metaagent.validators.python_runner import Values
from tests.validators.walls import context

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "python-functions"


def case(*args: Any, expected: Any) -> dict[str, Any]:
    return {"args": list(args), "expected": expected}


SESSION = '''
def f(a, b=1):
    """Adds.

    >>> f(1, 2)
    3
    >>> f([1,
    ...    2])
    [1,
     2]
    >>> f(1)
    >>> f(-1, b='x')
    'x'

    >>> f(0)
    Traceback (most recent call last):
      ...
    ValueError: no zero: 0
    >>> x = 3
    >>> f(x)
    4
    >>> g(1)
    1
    >>> f(1) + 1
    2
    >>> f(2)  # doctest: +ELLIPSIS
    2...
    >>> f(3)
    <object at 0x1>
    """
'''


def test_calls_and_what_the_interpreter_shows() -> None:
    assert examples([SESSION], "f") == [
        case(1, 2, expected=3),
        case([1, 2], expected=[1, 2]),
        case(1, expected=None),
        {"args": [-1], "kwargs": {"b": "x"}, "expected": "x"},
        {"args": [0], "raises": {"type": "ValueError", "message": "no zero: 0"}},
    ]


@pytest.mark.parametrize(
    ("table", "found"),
    [
        ("| call | result |\n| --- | :-: |\n| f(1) | 2 |\n| `f('|')` | '|' |\n| g(1) | 2 |", [(1, 2), ("|", "|")]),
        ("| Call | Result |\n|---|---|\n| f('a\\|b') | None |", [("a|b", None)]),
        ("| input | output | why |\n| --- | --- | --- |\n| 3 | 4 | so |", [(3, 4)]),
        ("def f(n): ...\n\n| n | result |\n|---|---|\n| 3 | 4 |", [(3, 4)]),
        ("def f(m): ...\n\n| n | result |\n|---|---|\n| 3 | 4 |", []),
        ("| n | cost |\n|---|---|\n| 3 | 4 |", []),
        ("| call | result |\n|---|---|\n| f(1) | a number |\n| f(__import__('os')) | 1 |", []),
    ],
)
def test_tables(table: str, found: list[tuple[Any, Any]]) -> None:
    assert examples([table], "f") == [case(one, expected=result) for one, result in found]


def test_an_error_in_a_table() -> None:
    found = examples(["| call | result |\n|---|---|\n| f(1) | ValueError: x |\n| f(2) | raises KeyError |"], "f")
    assert [one["raises"] for one in found] == [{"type": "ValueError", "message": "x"}, {"type": "KeyError"}]


def test_values_that_json_has_not() -> None:
    text = ">>> f(date(2024, 2, 29), {1: (2,)}, Decimal('1.0'))\n{'a'}"
    (found,) = examples([text], "f")
    assert found["args"] == [
        {"$": "datetime.date", "args": [2024, 2, 29]},
        {"$": "dict", "args": [[[1, {"$": "tuple", "args": [[2]]}]]]},
        {"$": "decimal.Decimal", "args": ["1.0"]},
    ]
    assert found["expected"] == {"$": "set", "args": [["a"]]}


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.lists(_VALUES, max_size=3), _VALUES)
def test_whatever_python_shows_is_read_as_it_was(args: list[Any], result: Any) -> None:
    values = Values(None, "")
    call = f">>> f({', '.join(map(repr, args))})\n{result!r}"
    (found,) = examples([f"Text.\n\n    {call}\n\nMore."], "f")
    assert (values.decoded(found["args"]), values.decoded(found["expected"])) == (args, result)


@given(st.text(alphabet=">f()[]{}'\"|-: \n.,1aTraceback", max_size=200))
def test_no_text_breaks_it_and_what_it_finds_is_a_check(text: str) -> None:
    found = examples([f">>> f(\n{text}\n|call|result|\n{text}"], "f")
    if found:
        get(NAME)({"entry": "f", "tests": found})


def test_there_is_an_end_to_them() -> None:
    assert len(examples(["".join(f">>> f({n})\n{n}\n" for n in range(99))], "f")) == MAX_EXAMPLES


CASES = Check("python.cases", False, {"entry": "f", "tests": [case(7, expected=8)], "seconds": 2})


def test_it_is_public_and_before_the_key_check() -> None:
    syntax = Check("python.syntax", True)
    found = with_examples((syntax, CASES), [">>> f(1)\n2"])
    assert [(one.validator, one.public) for one in found] == [
        ("python.syntax", True),
        ("python.examples", True),
        ("python.cases", False),
    ]
    assert found[1].options == {"entry": "f", "tests": [case(1, expected=2)], "seconds": 2}


@pytest.mark.parametrize("checks", [(CASES,), (Check("text.length", True, {"chars": {"min": 1}}),), ()])
def test_without_examples_nothing_changes(checks: tuple[Check, ...]) -> None:
    assert with_examples(checks, ["No example, or >>> g(1)\n2"]) is checks
    assert with_examples(checks, [">>> f(1)\n2"], wanted=False) is checks


TASK = """
goal: |
  Write f, which adds one.

  >>> f(1)
  2
artifact: {format: python}
checks: {key: [{python.cases: {entry: f, tests: [{args: [7], expected: 8}]}}]}
"""


def test_a_task_gets_them_and_can_do_without(tmp_path: Path) -> None:
    path = tmp_path / "tasks" / "T-1.yaml"
    path.parent.mkdir()
    path.write_text(TASK)
    task = read_specification(path, Place(tmp_path))
    assert [check.validator for check in task.checks] == ["python.examples", "python.cases"]
    wrong, near, right = ("def f(n): return 3", "def f(n): return 2", "def f(n): return n + 1")
    for source, reached in ((wrong, 1), (near, 2), (right, 2)):
        verdicts = judge(source, task.checks, context(tmp_path))
        assert len(verdicts) == reached
        assert (verdicts[-1].outcome is Outcome.PASS) == (source is right)
    path.write_text(TASK.replace("checks: {", "checks: {examples: false, "))
    off = read_specification(path, Place(tmp_path))
    assert [check.validator for check in off.checks] == ["python.cases"]
    assert off.hash != task.hash


@pytest.mark.parametrize(("name", "shown"), [("katas", 342), ("house", 0)])
def test_the_examples_of_the_examples_are_found(name: str, shown: int) -> None:
    task_set = read_set(EXAMPLES / "tasks" / f"{name}.yaml", Place(EXAMPLES))
    checks = [check for task in task_set.tasks() for check in task.checks if check.validator == NAME]
    assert sum(len(check.options["tests"]) for check in checks) == shown
    for task in task_set.tasks():
        hidden = next(check for check in task.checks if check.validator == "python.cases")
        told = next((check.options["tests"] for check in task.checks if check.validator == NAME), [])
        assert not [one for one in hidden.options["tests"] if one in told]
