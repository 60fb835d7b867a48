"""Synthesis of the learned JSON fixer: from mine cases to a program for ``json.fields``, by cross-validation.

Fields of few values (enumerations) come first: their mended values, predicted out of fold, guard the others. Each field
is searched alone; it enters the program when, on cases that it was not made from, it mends more than it harms.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from metaagent.learning.synthesis.json.choose import Branch, choose
from metaagent.learning.synthesis.json.classify import classifier
from metaagent.learning.synthesis.json.conditions import conditions
from metaagent.learning.synthesis.json.grow import Reach, constants, grow
from metaagent.learning.synthesis.json.infer import has_learned, infer
from metaagent.learning.synthesis.json.rows import Example, Row, field_paths, rows, same
from metaagent.learning.synthesis.json.vectors import Vectors
from metaagent.remedies.json.fields.evaluate import NOTHING
from metaagent.remedies.json.fields.guards import shape
from metaagent.remedies.json.fields.program import decide
from metaagent.remedies.json.fields.stock import minor_units

FOLDS: Final = 5
SECONDS: Final = 300.0
"""A net for very many cases only (84 take some 40, 196 some 150): a field that is left out for want of time would make
what is learned depend on the machine."""
FEW: Final = 6
"""Fewer examples than this teach nothing."""


@dataclass(slots=True)
class Learned:
    """One field: its branches, and what cross-validation says of them by rows."""

    path: str
    branches: list[dict[str, Any]]
    wrong: int
    mended: int = 0
    harmed: int = 0
    outputs: list[Any] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    def count(self, n: int, value: Any) -> None:
        """What a program that was not made from the row gives it; NOTHING where it keeps its own."""
        row = self.rows[n]
        self.outputs[n] = row.own if value is NOTHING else value
        right = same(self.outputs[n], row.expected)
        self.mended += right and not row.right
        self.harmed += row.right and not right

    @property
    def left(self) -> int:
        return self.wrong - self.mended + self.harmed

    @property
    def worth(self) -> int:
        """On cases left out; a right value that is broken counts as three mended."""
        return self.mended - 3 * self.harmed

    @property
    def judged(self) -> bool:
        """Whether it says what the model meant, and not how that is written: no sign of conventions that are kept."""
        return any(branch["then"][0] == "classified" for branch in self.branches)

    @property
    def accepted(self) -> bool:
        return bool(self.branches) and self.mended >= 2 and self.worth > 0


def learn(found: Sequence[Example], seed: int = 0, seconds: float = SECONDS, folds: int = FOLDS) -> list[Learned]:
    """What is learned of every field that has errors, in the order the program should have; accepted or not."""
    paths = field_paths(found)
    table = {path: rows(found, path) for path in paths}
    enumerations = [path for path in paths if _enumeration(table[path])]
    order = sorted(paths, key=lambda path: (path not in enumerations, _looks(table[path])))
    open_ = [path for path in order if sum(not row.right for row in table[path]) >= 2]
    made: list[Learned] = []
    fixed: dict[str, list[Any]] = {}
    until = time.thread_time() + seconds
    for path in open_:
        if time.thread_time() > until:
            break
        others = _fields(table[path], path)
        few = tuple(name for name in others if name in enumerations)
        judged = {one.path for one in made if one.judged}
        before = tuple(name for name in fixed if name in others and name not in judged)
        reach = Reach(others, few, tuple(_money(table[path], others)), before)
        _show_fixed(table[path], fixed)
        learned = max(_candidates(path, table[path], reach, seed, folds), key=lambda one: one.worth)
        second = _second(learned, reach, seed, folds) if learned.accepted and learned.left >= 3 else None
        made += [learned] if second is None else [learned, second]
        learned = second or learned
        if learned.accepted and "[" not in path:
            fixed[path] = _by_example(learned, len(found))
    return made


def _candidates(path: str, found: list[Row], reach: Reach, seed: int, folds: int) -> Iterator[Learned]:
    """A decision list of expressions; and a classifier, where the replies came with log-probabilities."""
    yield _learn(path, found, reach, seed, folds)
    classified = classifier(found)
    if classified is not None:
        expression, values = classified
        learned = _unlearned(path, found)
        learned.branches = [{"when": None, "then": expression}]
        for n, value in enumerate(values):
            learned.count(n, value)
        yield learned


def _unlearned(path: str, found: list[Row]) -> Learned:
    wrong = sum(not row.right for row in found)
    return Learned(path, [], wrong, rows=found, outputs=[row.own for row in found])


def _second(first: Learned, reach: Reach, seed: int, folds: int) -> Learned | None:
    """A second stage for what the first left wrong: it starts from the values that the first made out of fold. None
    where it does not pay."""
    found = [
        replace(row, scope=replace(row.scope, own=value), right=same(value, row.expected))
        for row, value in zip(first.rows, first.outputs, strict=True)
    ]
    learned = _learn(first.path, found, reach, seed + 1, folds)
    return learned if learned.accepted else None


def _looks(found: Sequence[Row]) -> int:
    """How many looks the wanted values have: regular fields come first, and what was mended there guards the others."""
    return len({shape(row.expected) if isinstance(row.expected, str) else "other" for row in found}) + sum(
        not isinstance(row.expected, str) for row in found[:20]
    )


def _enumeration(found: Sequence[Row]) -> bool:
    values = {repr(row.expected) for row in found}
    return (
        len(found) >= FEW
        and len(values) <= max(3, min(30, len(found) // 4))
        and all(isinstance(row.expected, (str, bool, int, type(None))) for row in found)
    )


def _fields(found: Sequence[Row], path: str) -> tuple[str, ...]:
    """The other plain fields that the rows can see."""
    names: dict[str, int] = {}
    for row in found:
        for name, value in row.scope.fields.items():
            if isinstance(value, (str, int, float, bool)):
                names[name] = names.get(name, 0) + 1
    own = path.rpartition("[].")[2] if "[]." in path else path
    return tuple(name for name, count in names.items() if name != own and count >= 0.5 * len(found))[:24]


def _money(found: Sequence[Row], names: Sequence[str]) -> Iterable[str]:
    """The fields that hold currency codes."""
    for name in names:
        values = [row.scope.fields.get(name) for row in found]
        if sum(value in minor_units() for value in values if isinstance(value, str)) >= 0.6 * len(values):
            yield name


def _show_fixed(found: Sequence[Row], fixed: Mapping[str, Sequence[Any]]) -> None:
    for row in found:
        row.scope.fixed = {
            **row.scope.fixed,
            **{p: v[row.example] for p, v in fixed.items() if v[row.example] is not NOTHING},
        }


def _by_example(learned: Learned, count: int) -> list[Any]:
    values: list[Any] = [NOTHING] * count
    for row, value in zip(learned.rows, learned.outputs, strict=True):
        values[row.example] = value
    return values


def _learn(path: str, found: list[Row], reach: Reach, seed: int, folds: int) -> Learned:
    vectors = Vectors(found)
    grow(vectors, reach)
    for value in constants(vectors):
        vectors.add(["const", value])
    tests = conditions(found, reach.fields, reach.enumerations, reach.mended)
    everything = (1 << len(found)) - 1

    def program(train: int) -> list[Branch]:
        inferred = infer(vectors, train)
        candidates = {id(v): v for v in (*vectors.all.values(), *inferred)}
        usable = [v for v in candidates.values() if _allowed(v.expression, inferred, v)]
        return choose(vectors, usable, tests, train)

    learned = _unlearned(path, found)
    for number in range(folds):
        test = sum(1 << n for n, row in enumerate(found) if _fold(row.group, seed, folds) == number)
        branches = [branch.plain() for branch in program(everything & ~test)]
        for n, row in enumerate(found):
            if test >> n & 1:
                learned.count(n, decide(branches, row.scope))
    learned.branches = [branch.plain() for branch in program(everything)]
    return learned


def _allowed(expression: Any, inferred: Sequence[Any], vector: Any) -> bool:
    """What examples taught is a candidate only where this very training part taught it."""
    return vector in inferred or not has_learned(expression)


def _fold(group: str, seed: int, folds: int) -> int:
    digest = hashlib.sha256(f"{seed}:{group}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % folds


def program_of(learned: Sequence[Learned]) -> dict[str, Any]:
    return {"fields": [{"path": one.path, "branches": one.branches} for one in learned if one.accepted]}
