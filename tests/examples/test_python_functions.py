"""The python-functions example: references are right, conventions show in hidden tests, and texts give nothing away."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "python-functions"
RUNNER = Path(__file__).with_name("python_cases.py")
HALVES = {"house": "house", "kata": "katas"}
CONVENTIONS = {
    *("money", "rounding", "result", "refusal", "tuple", "closed-days", "fiscal"),
    *("naming", "shown", "docstring", "stock", "currency"),
}
SIMILAR = 0.5
"""Texts of different groups must share a smaller part of their words than this."""

Row = dict[str, Any]
Outcome = dict[str, Any]


@cache
def rows(half: str | None = None) -> tuple[Row, ...]:
    if half is None:
        return rows("house") + rows("kata")
    lines = (EXAMPLE / "tasks" / f"{HALVES[half]}.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(json.loads(line) for line in lines)


@cache
def specification(half: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((EXAMPLE / "tasks" / f"{HALVES[half]}.yaml").read_text(encoding="utf-8"))
    return loaded


def plain() -> list[Row]:
    return [row for row in rows("house") if not row["conventions"] and not row["exceptions"]]


def examples(text: str) -> list[tuple[str, str]]:
    """The calls of a text and their results as it shows them."""
    shown = re.findall(r"^ *>>> (.*)\n *(.*)$", text, re.MULTILINE)
    table = re.findall(r"^\| (.*\)) \| (.*) \|$", text, re.MULTILINE)
    return shown + table


def without_examples(text: str) -> str:
    for call, result in examples(text):
        text = text.replace(call, "").replace(result, "")
    return text


def words(text: str) -> frozenset[str]:
    """Of the prose only, for a signature shares its words with it."""
    return frozenset(re.findall(r"\w+", without_examples(text).lower()))


def outcomes(jobs: list[dict[str, Any]]) -> list[list[Outcome]]:
    request = json.dumps({"path": str(EXAMPLE / "fixtures"), "jobs": jobs})
    command = [sys.executable, "-I", "-B", str(RUNNER)]
    done = subprocess.run(command, input=request, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    answers: list[list[Outcome]] = json.loads(done.stdout)
    return answers


def wanted(test: dict[str, Any]) -> Outcome:
    return {name: test[name] for name in ("expected", "raises") if name in test}


def same(got: Outcome, test: dict[str, Any]) -> bool:
    """Strict: True is not 1, a list is no tuple; a test without a message takes any."""
    expected = wanted(test)
    if "raises" in expected and "raises" in got and "message" not in expected["raises"]:
        return bool(got["raises"]["type"] == expected["raises"]["type"])
    return json.dumps(got, sort_keys=True) == json.dumps(expected, sort_keys=True)


# Form


def test_there_are_enough_rows_in_enough_families() -> None:
    assert len(rows()) >= 240
    assert len({row["family"] for row in rows("house")}) >= 13
    assert len({row["family"] for row in rows("kata")}) >= 6
    assert min(Counter((row["half"], row["family"]) for row in rows()).values()) >= 9


def test_every_row_is_whole() -> None:
    names = {"id", "half", "family", "group", "title", "text", "entry", "tests", "reference"}
    for half in HALVES:
        more = {"conventions", "exceptions"} if half == "house" else set()
        for row in rows(half):
            assert set(row) == names | more, row["id"]
            assert row["half"] == half
            assert all(isinstance(row[name], str) and row[name].strip() for name in names - {"tests"}), row["id"]
            assert f"def {row['entry']}(" in row["text"] and f"def {row['entry']}(" in row["reference"]
            assert {*row.get("conventions", ()), *row.get("exceptions", ())} <= CONVENTIONS


def test_every_row_has_four_hidden_tests_of_which_none_comes_twice() -> None:
    for row in rows():
        calls = [json.dumps([test["args"], test.get("kwargs")], sort_keys=True) for test in row["tests"]]
        assert len(set(calls)) == len(calls) >= 4, row["id"]
        for test in row["tests"]:
            assert set(test) - {"kwargs"} in ({"args", "expected"}, {"args", "raises"}), row["id"]


@pytest.mark.parametrize("name", ["id", "title", "text", "reference"])
def test_nothing_that_identifies_a_row_comes_twice(name: str) -> None:
    assert [value for value, count in Counter(row[name] for row in rows()).items() if count > 1] == []


def test_the_two_halves_are_sets_with_domains_of_their_own() -> None:
    for half in HALVES:
        head = specification(half)
        assert head["domain"] == f"code.python.{half}"
        assert head["inputs"] == ["text"]
        assert [next(iter(item)) if isinstance(item, dict) else item for item in head["checks"]["key"]] == [
            "python.cases"
        ]
    assert specification("house")["set"] != specification("kata")["set"]


def test_near_duplicates_share_a_group() -> None:
    apart = [
        (round(len(one & other) / len(one | other), 2), first["id"], first["title"], second["id"], second["title"])
        for (first, one), (second, other) in combinations([(row, words(row["text"])) for row in rows()], 2)
        if first["group"] != second["group"] and len(one & other) / len(one | other) >= SIMILAR
    ]
    assert apart == []


def test_the_board_holds_tasks_of_both_halves_and_all_families() -> None:
    board = (EXAMPLE / "WORKING.md").read_text(encoding="utf-8")
    named = re.findall(r"^- \[([A-Z]+-\d+)\] (.*)$", board, re.MULTILINE)
    known = {row["id"]: row for row in rows()}
    assert len(named) >= 20 and len(dict(named)) == len(named)
    assert all(known[task]["title"] == title for task, title in named)
    assert {(known[task]["half"], known[task]["family"]) for task, _ in named} == {
        (row["half"], row["family"]) for row in rows()
    }


# References and tests


def test_every_reference_passes_its_tests_and_its_examples() -> None:
    jobs = [{**row, "examples": [call for call, _ in examples(row["text"])]} for row in rows()]
    wrong = []
    for row, found in zip(rows(), outcomes(jobs), strict=True):
        tests = len(row["tests"])
        held = [same(got, test) for got, test in zip(found, row["tests"], strict=False)]
        shown = [got["repr"] == result for got, (_, result) in zip(found[tests:], examples(row["text"]), strict=True)]
        if not all(held + shown):
            wrong.append((row["id"], held, shown))
    assert wrong == []


def test_every_test_set_tells_more_than_one_value_apart() -> None:
    """A function that always returns one and the same thing passes nowhere."""
    for row in rows():
        assert len({json.dumps(wanted(test), sort_keys=True) for test in row["tests"]}) > 1, row["id"]


def test_whoever_does_not_know_a_convention_fails_where_it_is_named() -> None:
    jobs = [{**row, "naive": convention} for row in rows("house") for convention in sorted(row["conventions"])]
    passed = [
        (job["id"], job["naive"])
        for job, found in zip(jobs, outcomes(jobs), strict=True)
        if all(same(got, test) for got, test in zip(found, job["tests"], strict=True))
    ]
    assert passed == []


def test_whoever_knows_no_convention_passes_the_other_tasks() -> None:
    others = [row for row in rows("house") if not row["conventions"]]
    jobs = [{**row, "naive": convention} for row in others for convention in sorted(CONVENTIONS)]
    wrong = [
        (job["id"], job["naive"])
        for job, found in zip(jobs, outcomes(jobs), strict=True)
        if not all(same(got, test) for got, test in zip(found, job["tests"], strict=True))
    ]
    assert wrong == []


def test_results_of_plain_tasks_have_no_form_that_a_convention_asks_for() -> None:
    for row in plain():
        for test in row["tests"]:
            assert "raises" not in test, row["id"]
            assert "$" not in json.dumps(test["expected"]) and not isinstance(test["expected"], list), row["id"]


@pytest.mark.parametrize("convention", sorted(CONVENTIONS))
def test_every_convention_has_tasks(convention: str) -> None:
    least = 2 if convention in ("stock", "currency") else 5
    assert sum(convention in row["conventions"] for row in rows("house")) >= least


def test_two_in_five_of_the_house_half_touch_no_convention() -> None:
    share = len(plain()) / len(rows("house"))
    assert 0.38 <= share <= 0.45
    assert len({row["family"] for row in plain()}) == len({row["family"] for row in rows("house")})


def test_nearly_every_convention_has_an_exception() -> None:
    exceptions = [row for row in rows("house") if row["exceptions"]]
    assert len(exceptions) >= 12
    assert all(not row["conventions"] for row in exceptions)
    assert CONVENTIONS - {name for row in exceptions for name in row["exceptions"]} <= {"currency"}


def test_every_family_of_the_house_has_all_kinds_of_tasks() -> None:
    for family in {row["family"] for row in rows("house")}:
        inside = [row for row in rows("house") if row["family"] == family]
        assert any(row["conventions"] for row in inside) and any(row["exceptions"] for row in inside), family


def test_the_readme_counts_what_is_there() -> None:
    told = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    names, counts = (line.strip("| ").split(" | ")[1:] for line in re.findall(r"^\| (?:touched|tasks) .*$", told, re.M))
    touched = Counter(name for row in rows("house") for name in row["conventions"])
    assert dict(zip(names, map(int, counts), strict=True)) == touched
    assert f"{len(rows())} functions" in told and f"{sum(len(row['tests']) for row in rows()):,} hidden" in told
    assert f"{len(rows('house'))} in 14 families" in told and f"{len(rows('kata'))} in 10 families" in told


# Texts


def test_no_text_names_what_only_the_library_knows() -> None:
    source = (EXAMPLE / "fixtures/house/__init__.py").read_text(encoding="utf-8")
    exported = ast.literal_eval(source.split("__all__ = ")[1])
    hidden = {name for name in exported if name.lower() != name or "_" in name}
    hidden |= {
        "bad-format",
        "out-of-range",
        "not-found",
        "must not be",
        "must be positive",
        "business day",
        "FY20",
        "n/a",
    }
    for text in (specification("house")["goal"], *(row["text"] for row in rows("house"))):
        assert [word for word in hidden if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text)] == [], text


def test_only_katas_have_examples_and_all_of_them_have() -> None:
    assert all(len(examples(row["text"])) >= 1 for row in rows("kata"))
    assert not any(examples(row["text"]) for row in rows("house"))
    assert sum("| call | result |" in row["text"] for row in rows("kata")) >= 20


def test_no_hidden_call_is_an_example() -> None:
    for row in rows("kata"):
        calls = {ast.dump(ast.parse(call, mode="eval")) for call, _ in examples(row["text"])}
        for test in row["tests"]:
            if "$" in json.dumps(test["args"]):
                continue
            args = ", ".join(repr(value) for value in test["args"])
            assert ast.dump(ast.parse(f"{row['entry']}({args})", mode="eval")) not in calls, row["id"]


def test_no_hidden_result_stands_in_a_text() -> None:
    """But for words that a function is told to return, which its reference has too."""
    for row in rows():
        text = without_examples(row["text"])
        for test in row["tests"]:
            value = test.get("expected")
            told = _is_telling(value) and repr(value).strip("'") in text
            assert not told or repr(value).strip("'") in row["reference"], (row["id"], value)


def _is_telling(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) >= 4
    if isinstance(value, bool) or not isinstance(value, (int, float, list)):
        return False
    return value != [] and (isinstance(value, list) or abs(value) >= 30)
