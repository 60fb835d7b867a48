"""Reports of other tools as they really look: each error is one failure, told by what caused it."""

from __future__ import annotations

import json
from io import BytesIO

import pytest

from metaagent.learning.fingerprints.fingerprint import Failure, Miner
from metaagent.learning.fingerprints.readers import READERS, read

START = "Traceback (most recent call last):\n"
BOOM = f'{START}  File "/srv/shop/app.py", line 3, in run\n    go()\nshop.errors.Lost: parcel 7\n'
GROUP = """\
  + Exception Group Traceback (most recent call last):
  |   File "/srv/shop/app.py", line 3, in run
  |     raise ExceptionGroup("many", errors)
  | ExceptionGroup: many (3 sub-exceptions)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/srv/shop/tasks.py", line 9, in one
    |     int("x")
    | ValueError: task 1
    |
    | During handling of the above exception, another exception occurred:
    |
    | Traceback (most recent call last):
    |   File "/srv/shop/tasks.py", line 11, in one
    | KeyError: 'k'
    +---------------- 2 ----------------
    | ExceptionGroup: inner (1 sub-exception)
    +-+---------------- 1 ----------------
      | OSError: disk
      +------------------------------------
    +---------------- 3 ----------------
    | TypeError: last
    +------------------------------------
"""


def found(form: str, text: str | bytes) -> list[Failure]:
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return list(read(BytesIO(data), form, "a"))


def heads(form: str, text: str | bytes) -> list[tuple[str, ...]]:
    return [one.head for one in found(form, text)]


LOST = ("Lost", "shop/app.py:run")


def test_an_exception_group_counts_as_what_is_in_it() -> None:
    assert heads("traceback", BOOM + GROUP + "INFO on\n" + BOOM) == [
        LOST,
        ("KeyError", "shop/tasks.py:one"),
        ("OSError",),
        ("TypeError",),
        LOST,
    ]


@pytest.mark.parametrize(
    "text",
    [
        BOOM.replace("shop.errors.Lost", "shop.run.<locals>.Lost"),
        BOOM.replace("shop.errors.Lost", "\x1b[1;35mshop.errors.Lost\x1b[0m"),
        "".join(f"    {line}\n" for line in BOOM.splitlines()),
        "".join(f"web-1  | {line}\n" for line in BOOM.splitlines()),
        "".join(f"2026-01-01 10:00:0{n} {line}\n" for n, line in enumerate(BOOM.splitlines())),
        "ERROR root: " + BOOM,
        BOOM.replace("\n", "\r\n"),
        BOOM.encode("utf-16"),
    ],
    ids=["local class", "colours", "indented", "service", "time", "level", "crlf", "utf-16"],
)
def test_a_traceback_as_it_stands_in_logs(text: str | bytes) -> None:
    assert heads("traceback", text) == [LOST]
    assert found("traceback", text)[0].message == "parcel 7"


def test_a_traceback_that_is_cut_off_takes_no_other_with_it() -> None:
    cut = BOOM[: BOOM.index("shop.errors")]
    assert heads("traceback", BOOM + cut) == [LOST, ("cut off", "shop/app.py:run")]
    assert heads("traceback", cut + BOOM) == [("cut off", "shop/app.py:run"), LOST]
    assert heads("jsonl", json.dumps({"message": "job failed", "traceback": GROUP}) + "\n") == [("TypeError",)]


def test_what_a_record_says_of_its_place_tells_errors_apart() -> None:
    lines = [
        {"tool": "json.schema", "location": "order[3].price", "message": "missing"},
        {"tool": "json.schema", "location": "order[4].price", "message": "missing"},
        {"tool": "json.schema", "location": "vat", "message": "missing"},
        {"logger": "app.db", "message": "connection lost"},
        {"logger": "app.cache", "message": "connection lost"},
        {"code": "F401", "filename": "a.py", "message": "`os` imported but unused"},
        {"code": "F401", "filename": "b.py", "message": "`sys` imported but unused"},
    ]
    miner = Miner()
    numbers = [miner.failure(one) for one in found("jsonl", "".join(json.dumps(one) + "\n" for one in lines))]
    assert numbers == [0, 0, 1, 2, 3, 4, 4]


def junit(*failures: str) -> str:
    return (
        "<testsuites><testsuite>"
        + "".join(
            f'<testcase classname="tests.test_a.TestX" name="test_y[{n}]"><failure message="{text}"/></testcase>'
            for n, text in enumerate(failures)
        )
        + "</testsuite></testsuites>"
    )


def test_a_test_is_told_by_what_it_raised_or_how_it_compared() -> None:
    test = "tests.test_a.TestX::test_y"
    told = heads(
        "junit",
        junit(
            "shop.ApiTimeout: host 1",
            "shop.ApiRefused: host 1",
            "StopIteration",
            "assert 5 == 3",
            "assert 5 &lt; 3",
            "AssertionError: assert {'a': 5} == {'a': 6}",
            "assert None == 'x'",
            "assert f(1 == 2)",
            "assert not f(2)",
        ),
    )
    assert told == [
        (test, "ApiTimeout"),
        (test, "ApiRefused"),
        (test, "StopIteration"),
        (test, "number == number"),
        (test, "number < number"),
        (test, "AssertionError", "mapping == mapping"),
        (test, "nothing == text"),
        (test,),
        (test,),
    ]


def test_pytest_tells_the_same_in_both_of_its_reports() -> None:
    error = "test_1.py:1: in <module>\n    import nowhere\nE   ModuleNotFoundError: No module named 'nowhere'"
    report = {
        "collectors": [{"nodeid": "test_1.py", "outcome": "failed", "longrepr": error}],
        "tests": [
            {
                "nodeid": "tests/test_a.py::TestX::test_y[0]",
                "call": {"outcome": "failed", "crash": {"message": "assert 5 == 3"}},
            }
        ],
    }
    broken = (
        f'<testcase name="test_1"><error message="collection failure">{error.replace("<", "&lt;")}</error></testcase>'
    )
    text = junit("assert 5 == 3").replace("<testsuite>", f"<testsuite>{broken}", 1)
    assert found("pytest-json", json.dumps(report)) == found("junit", text)
    assert [one.kind for one in found("junit", text)] == ["name", "assertion"]


def test_sarif_counts_what_fails_and_finds_its_words() -> None:
    rules = [{"id": "R1", "messageStrings": {"default": {"text": "'{0}' is odd"}}}]
    results = [
        {"ruleIndex": 0, "message": {"id": "default", "arguments": ["x"]}},
        {"rule": {"id": "R2"}, "message": {"text": "other"}},
        {"ruleId": "R3", "kind": "pass", "message": {"text": "fine"}},
        {"ruleId": "R4", "message": {"text": "known"}, "suppressions": [{"kind": "inSource"}]},
        {"ruleId": "R5", "message": {"text": "asked"}, "suppressions": [{"kind": "external", "status": "rejected"}]},
    ]
    run = {"tool": {"driver": {"name": "Odd", "rules": rules}}, "results": results}
    told = found("sarif", json.dumps({"runs": [run]}))
    assert [(one.head, one.message) for one in told] == [
        (("Odd", "R1"), "'x' is odd"),
        (("Odd", "R2"), "other"),
        (("Odd", "R5"), "asked"),
    ]


def test_colours_and_halves_of_characters_are_no_part_of_a_message() -> None:
    assert found("log", "\x1b[31mERROR\x1b[0m lost\n") == found("log", "ERROR lost\n")
    assert found("jsonl", '{"message": "a \\ud800 b"}\n')[0].message == "a ? b"


def test_an_endless_line_is_cut_and_the_next_one_is_read() -> None:
    text = "x" * 3_000_000 + "\nlost\n"
    assert [len(one.message) for one in found("log", text)] == [2000, 4]
    assert sorted(READERS) == ["jsonl", "junit", "log", "pytest-json", "ruff-json", "sarif", "traceback"]
