"""Questions to the sandbox, asked as checks: which programs fit a test, and what candidate sources come to.

``Bench.judge`` is the one way into the sandbox. A question is a case of a ``python.cases`` check whose artifact is
lab_script.py and which expects nothing that it could give, so that what it said stands in the findings.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from metaagent.learning.proposals import Case, Judge
from metaagent.learning.synthesis.python.vocabulary import CONVERSIONS, Guard, Vocabulary
from metaagent.records import Check, Task
from metaagent.remedies.python.wrapper import CONDITIONS, PATTERNS

VALIDATOR: Final = "python.cases"
QUESTIONS: Final = 40
"""In one judgement: a verdict keeps 50 findings."""
SECONDS: Final = 30
MOST_SOURCES: Final = 60
"""In one question: it must end in time."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A mine task as the lab knows it."""

    task: Task
    entry: str
    fixture: str | None
    tests: tuple[Mapping[str, Any], ...]


def libraries(cases: Iterable[Case]) -> list[str]:
    """The fixtures that the cases' own checks import answers beside: paths in the workspace, each once."""
    checks = [check for case in cases for check in case.task.checks if check.validator == VALIDATOR]
    return sorted({str(check.options["fixture"]) for check in checks if check.options.get("fixture")})


def subject(task: Task) -> Subject | None:
    """None for a task that no such check judges."""
    check = next((one for one in task.checks if one.validator == VALIDATOR), None)
    if check is None:
        return None
    tests = tuple(
        {
            "args": test.get("args", []),
            "kwargs": test.get("kwargs", {}),
            "expected": test.get("expected"),
            "raises": test.get("raises"),
        }
        for test in check.options["tests"]
    )
    return Subject(task, check.options["entry"], check.options.get("fixture"), tests)


class Lab:
    """Remembers every answer: folds and rounds ask the same again."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._known: dict[str, Any] = {}
        self.asked = 0

    def discover(
        self, asked: Sequence[tuple[Subject, Mapping[str, Any]]], shared: Mapping[str, Any]
    ) -> list[Mapping[str, Any]]:
        """What fits one test each: ``right``, or ``said``, ``if``, ``programs``, ``guards`` and ``texts``."""
        said = self._ask([(one, {"ask": "discover", **question}) for one, question in asked], shared)
        return [_read(text) for text in said]

    def trial(self, asked: Sequence[tuple[Subject, Sequence[str]]]) -> list[list[str]]:
        """For each subject its sources' marks, a letter for a test; the first source is what the others change."""
        wanted = [(one, source) for one, sources in asked for source in sources[1:]]
        bases = {id(one): sources[0] for one, sources in asked}
        groups: dict[int, tuple[Subject, list[str]]] = {}
        for one, source in wanted:
            if _key(one, bases[id(one)], source) not in self._known:
                groups.setdefault(id(one), (one, []))[1].append(source)
        for one, sources in asked:
            if _key(one, sources[0], sources[0]) not in self._known:
                groups.setdefault(id(one), (one, []))
        pieces = [
            (one, [bases[id(one)], *sources[start : start + _batch(one)]])
            for one, sources in groups.values()
            for start in range(0, max(1, len(sources)), _batch(one))
        ]
        orders = [
            (one, {"ask": "trial", "entry": one.entry, "sources": sources, "tests": list(one.tests)})
            for one, sources in pieces
        ]
        for (one, sources), said in zip(pieces, self._ask(orders), strict=True):
            rows = said.split(" ") if said else []
            for number, source in enumerate(sources):
                fallback = "u" * len(one.tests) if number == 0 else "x" * len(one.tests)
                row = rows[number] if len(rows) == len(sources) else fallback
                self._known[_key(one, sources[0], source)] = row
        return [[self._known[_key(one, sources[0], source)] for source in sources] for one, sources in asked]

    def _ask(
        self, orders: Sequence[tuple[Subject, Mapping[str, Any]]], shared: Mapping[str, Any] | None = None
    ) -> list[str]:
        """What the script said to each order; empty where it said nothing. ``shared`` is told once a process."""
        about = _digest(None, shared)
        keys = [_digest(about + str(one.fixture), order) for one, order in orders]
        new = {key: pair for key, pair in zip(keys, orders, strict=True) if key not in self._known}
        by_fixture: dict[str | None, list[tuple[str, Subject, Mapping[str, Any]]]] = {}
        for key, (one, order) in new.items():
            by_fixture.setdefault(one.fixture, []).append((key, one, order))
        batches = [
            group[start : start + QUESTIONS]
            for group in by_fixture.values()
            for start in range(0, len(group), QUESTIONS)
        ]
        judged = self._judge([_posed(batch, shared) for batch in batches])
        self.asked += len(batches)
        for batch, result in zip(batches, judged, strict=True):
            said = _said([finding for verdict in result.verdicts for finding in verdict.findings])
            for number, (key, _, _) in enumerate(batch, 2):
                self._known[key] = said.get(number, "")
        return [self._known[key] for key in keys]


def common(words: Vocabulary, guards: Iterable[Guard], library: Mapping[str, Any]) -> dict[str, Any]:
    """What all questions of a search share."""
    return {
        "ask": "common",
        "library": library,
        "first": list(words.first),
        "second": list(words.second),
        "named": ", ".join(words.named) or "_none=None",
        "names": list(words.named),
        "free": sorted(words.free),
        "plain": len(CONVERSIONS),
        "conditions": list(CONDITIONS.values()),
        "patterns": [list(pair) for pair in PATTERNS.values()],
        "guards": [{"if": g.test, "give": g.give, "raises": g.raises, "ranged": g.ranged} for g in guards],
    }


def _batch(one: Subject) -> int:
    return max(1, min(MOST_SOURCES, 3400 // (len(one.tests) + 1)))


def _posed(
    batch: Sequence[tuple[str, Subject, Mapping[str, Any]]], shared: Mapping[str, Any] | None
) -> tuple[Task, str]:
    first: Mapping[str, Any] = shared or {"ask": "common"}
    tests = [{"args": [order], "expected": None} for order in (first, *(order for _, _, order in batch))]
    one = batch[0][1]
    options = {"entry": "work", "tests": tests, "seconds": SECONDS}
    if one.fixture is not None:
        options["fixture"] = one.fixture
    name = _digest(one.fixture, [key for key, _, _ in batch])
    task = replace(
        one.task, id=f"lab-{name[:12]}", checks=(Check(VALIDATOR, False, options),), hash=name, reference=None
    )
    return task, f"# {name}\n{_script()}"


@cache
def _script() -> str:
    return Path(__file__).with_name("lab_script.py").read_text("utf-8")


def _said(findings: Iterable[Any]) -> dict[int, str]:
    said: dict[int, str] = {}
    for finding in findings:
        place = finding.location.split(" ")
        if finding.got and len(place) >= 2 and place[0] == "case" and place[1].isdecimal():
            try:
                got = json.loads(finding.got)
            except ValueError:
                continue
            if isinstance(got.get("returns"), str):
                said[int(place[1])] = got["returns"]
    return said


def _read(text: str) -> Mapping[str, Any]:
    try:
        read = json.loads(text)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def _digest(fixture: str | None, order: Any) -> str:
    return hashlib.sha256(json.dumps([fixture, order], sort_keys=True).encode()).hexdigest()


def _key(one: Subject, base: str, source: str) -> str:
    return f"{one.task.id} {one.task.hash} {hash(base)} {hash(source)}"
