"""Proposes ``sql.views``: a house's conventions, learned from the mine tasks of one database, one remedy for each.

What was learned without a third of the content groups is judged on that third; a convention that brings nothing there
is not proposed. Steps that bring something only together are one remedy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from metaagent.learning.proposals import Bench, Case, Proposal
from metaagent.learning.synthesis.sql import meanings, references
from metaagent.learning.synthesis.sql import steps as sql_steps
from metaagent.learning.synthesis.sql.batch import Batch
from metaagent.learning.synthesis.sql.data import Data, read_data
from metaagent.learning.synthesis.sql.search import TOLD, Item, Search, passes, same
from metaagent.learning.synthesis.sql.steps import Step, key_of
from metaagent.records import Check, Remedy
from metaagent.remedies.fixers import fix
from metaagent.remedies.sql.schema import Schema, schema_of
from metaagent.remedies.sql.shadow import apart
from metaagent.remedies.sql.views import RANKS, readable
from metaagent.remedies.trigger import own_words
from metaagent.tasks.brief import brief
from metaagent.validators.protocol import OptionsError
from metaagent.validators.sql_compare import Table
from metaagent.validators.sql_result import expected_table

BASE: Final = tuple(Remedy("fixer", f"sql.{name}") for name in ("statement", "dialect", "columns", "joins", "stated"))
"""Done first: a convention is learned on statements that run."""
FOLDS: Final = 3
MIN_CASES: Final = 8
_STOCK: Final = ("date", "ties", "key")
_SHARE: Final = 0.4
"""Of the time goes into the search on all cases, the rest into the folds."""
_UNPROVEN: Final = 0.2
"""Of what a step brings on its own cases counts where the cases less a third are too few to find it, though the
references of several groups take it."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """One case that a result is known for."""

    case: Case
    check: Check
    expected: Table
    words: str
    text: str


@dataclass(frozen=True, slots=True)
class _Ground:
    """What a search works on: one fixture's cases."""

    asked: Sequence[_Asked]
    search: Search
    data: Data
    schema: Schema
    own_schema: bool


class SqlViews:
    name = "sql"
    kind = "fixer"

    def propose(self, cases: Sequence[Case], bench: Bench) -> list[Proposal]:
        by_fixture: dict[str, list[_Asked]] = {}
        for one in _asked(cases):
            by_fixture.setdefault(str(one.check.options["fixture"]), []).append(one)
        found: list[Proposal] = []
        for fixture, asked in sorted(by_fixture.items()):
            if len(asked) >= MIN_CASES:
                found += _learned(_ground(fixture, asked, bench, len(by_fixture)), bench, len(cases))
        return sorted(found, key=lambda proposal: -proposal.gain)


def _asked(cases: Sequence[Case]) -> Iterator[_Asked]:
    for case in cases:
        check = next((one for one in case.task.checks if one.validator == "sql.result"), None)
        if check is None or case.task.artifact.format.lower() not in ("sql", "sqlite"):
            continue
        try:
            expected = expected_table(check.options)
        except OptionsError:
            continue
        told = brief(case.task)
        made = fix(BASE, case.artifact, told)
        yield _Asked(case, check, expected, own_words(told), made[-1].text if made else case.artifact)


def _ground(fixture: str, asked: Sequence[_Asked], bench: Bench, fixtures: int) -> _Ground:
    from metaagent.trust import read_fixture

    database = read_fixture(bench.root, fixture)[fixture]
    batch = Batch(database, bench.sandbox or _sandbox(), fixture)
    data = read_data(batch)
    prompt = schema_of(brief(asked[0].case.task), {})
    schema = prompt if prompt.tables else data.schema
    search = Search(batch, schema, bench.seconds / fixtures)
    return _Ground(asked, search, data, schema, own_schema=not prompt.tables)


def _sandbox() -> Any:
    from metaagent.sandbox.choose import Forgetful, choose

    return choose(Forgetful())


def _learned(ground: _Ground, bench: Bench, cases: int) -> list[Proposal]:
    total = ground.search.seconds
    ground.search.seconds = total * _SHARE
    steps = _program(ground, ground.asked)
    if not steps:
        return []
    told = ground.search.told
    ground.search.seconds = total * (1 - _SHARE) / FOLDS
    held = _held_out(ground, bench.seed)
    found = []
    for bundle in _bundles(ground, steps):
        brought = [_brought(ground, program, bundle, rest) for program, rest in held]
        gain = sum(one.gain for one in brought)
        if gain <= 0 == sum(one.passes for one in brought) and all(
            told.get(key_of(step), 0) >= TOLD for step in bundle
        ):
            gain = _UNPROVEN * _brought(ground, steps, bundle, ground.asked).gain
        if gain > 0:
            found.append(_proposal(ground, steps, bundle, gain / cases))
    return found


def _program(ground: _Ground, asked: Sequence[_Asked]) -> list[Step]:
    items, stages = _items(ground, asked)
    return ground.search.learn(items, stages)


def _items(ground: _Ground, asked: Sequence[_Asked]) -> tuple[list[Item], list[list[Step]]]:
    """What is searched on, and the candidates in stages: those of the references, and where few cases have one, those
    of the data alone, which are many more."""
    real = [Item(one.text, one.words, one.expected, _group(one)) for one in asked]
    solved = [_Solved(one) for one in asked if one.case.task.reference]
    told = references.steps([one.told for one in solved], ground.schema)
    swapped = _swapped(ground, solved)
    ground.search.told = {key_of(step): groups for step, groups in [*told, *swapped]}
    unsaid = [step for step, _ in told if step["do"] != "keep" or _unknown(step, solved, ground.schema)]
    kept = [step for step in unsaid if step["do"] == "keep"]
    values = [step for step in unsaid if step["do"] == "value"]
    swaps = [step for step, _ in swapped]
    made: list[Item] = []
    for one in solved:
        expected, words, group = one.asked.expected, one.asked.words, _group(one.asked)
        plain = references.naive(one.told.text, kept, values, swaps, ground.schema)
        made.append(Item(plain or one.told.text, words, expected, group, real=False))
        made.append(Item(one.told.text, words, expected, group, real=False, solved=True))
    items = [*real, *made]
    parts = [apart(item.text, ground.schema) for item in items]
    read = {table for part in parts if part is not None for table in part.reads}
    named = {column for part in parts if part is not None for column in part.columns}
    outputs = {name.lower() for one in asked for name in one.expected.columns or ()}
    drawn = sql_steps.steps(ground.data, read, named, outputs)
    if len(solved) * 2 < len(asked):
        forms = list(sql_steps.forms(ground.data, read, _said(ground.data, asked), outputs))
        instead = sql_steps.instead(ground.data, read, named)
        return items, [[*unsaid, *swaps], forms, [*instead, *drawn], sql_steps.periods(ground.data)]
    stock = [step for step in drawn if step["do"] in _STOCK and not _has(unsaid, step)]
    return items, [[*unsaid, *swaps, *stock]]


def _swapped(ground: _Ground, solved: Sequence[_Solved]) -> list[tuple[Step, int]]:
    """Columns of days that references name where the model named another one of the table, each with the number of
    groups, two at least."""
    tables = ground.data.schema.tables
    candidates = list(
        sql_steps.instead(ground.data, tables, {name for table in tables.values() for name in table.names})
    )
    pairs = [(one.told, one.asked.text) for one in solved]
    return meanings.swaps(pairs, candidates, ground.schema)


def _said(data: Data, asked: Sequence[_Asked]) -> set[str]:
    """Texts in the results of two groups that no column holds."""
    known = {value for profile in data.profiles.values() for value in profile.common}
    groups: dict[str, set[str]] = {}
    for one in asked:
        for value in {value for row in one.expected.rows for value in row if isinstance(value, str)}:
            groups.setdefault(value, set()).add(_group(one))
    return {text for text, members in groups.items() if len(members) >= 2 and text not in known}


def _has(steps: Sequence[Step], step: Step) -> bool:
    return any(same(step, one) for one in steps)


class _Solved:
    """A case with its reference, read."""

    def __init__(self, asked: _Asked) -> None:
        self.asked = asked
        self.told = meanings.Solved(_group(asked), asked.words, asked.case.task.reference or "")


def _unknown(step: Step, solved: Sequence[_Solved], schema: Schema) -> bool:
    """Whether the model does mostly not write such a condition itself where the reference has it."""
    having = [one for one in solved if references.taken(step, one.told.text, schema)]
    written = sum(references.taken(step, one.asked.text, schema) for one in having)
    return written * 2 <= len(having)


def _group(asked: _Asked) -> str:
    return asked.case.task.group or asked.case.task.id


def _held_out(ground: _Ground, seed: int) -> list[tuple[list[Step], list[_Asked]]]:
    """For each fold: the program learned without it, and the cases that it was learned without."""
    folds: list[list[_Asked]] = [[] for _ in range(FOLDS)]
    for one in ground.asked:
        folds[int(sha256(f"{seed}|{_group(one)}".encode()).hexdigest(), 16) % FOLDS].append(one)
    made = []
    for number, held in enumerate(folds):
        rest = [one for other, fold in enumerate(folds) if other != number for one in fold]
        if held and rest:
            made.append((_program(ground, rest), held))
    return made


@dataclass(frozen=True, slots=True)
class _Brought:
    gain: float = 0.0
    passes: int = 0


def _brought(ground: _Ground, program: Sequence[Step], bundle: Sequence[Step], held: Sequence[_Asked]) -> _Brought:
    """What the steps of the bundle that were found without these cases bring on them; what harms counts as such."""
    keys = {key_of(step) for step in bundle}
    without = [step for step in program if key_of(step) not in keys]
    if len(without) == len(program):
        return _Brought()
    after, before = _values(ground, program, held), _values(ground, without, held)
    return _Brought(sum(after) - sum(before), passes(after) - passes(before))


def _values(ground: _Ground, steps: Sequence[Step], asked: Sequence[_Asked]) -> list[float]:
    items = [Item(one.text, one.words, one.expected, _group(one)) for one in asked]
    return ground.search.values(items, [ground.search.after(item, steps) for item in items])


def _bundles(ground: _Ground, steps: Sequence[Step]) -> list[list[Step]]:
    """One step each, in an order in which each makes a task pass that did not; steps that do so only together are one
    bundle."""
    left = list(steps)
    done: list[Step] = []
    bundles: list[list[Step]] = []
    while left:
        now = _passing(ground, done)
        singles = [[step] for step in left]
        pairs = [[one, other] for place, one in enumerate(left) for other in left[place + 1 :]]
        bundle = next(
            (best for group in (singles, pairs) if (best := _best(ground, done, group, now)) is not None), list(left)
        )
        bundles.append(bundle)
        done += bundle
        left = [step for step in left if not any(same(step, one) for one in bundle)]
    return bundles


def _best(ground: _Ground, done: Sequence[Step], groups: Sequence[list[Step]], now: int) -> list[Step] | None:
    ranked = [(_passing(ground, [*done, *group]), -place) for place, group in enumerate(groups)]
    best = max(ranked, default=(now, 0))
    return groups[-best[1]] if best[0] > now else None


def _passing(ground: _Ground, steps: Sequence[Step]) -> int:
    return passes(_values(ground, steps, ground.asked))


def _proposal(ground: _Ground, steps: Sequence[Step], bundle: Sequence[Step], gain: float) -> Proposal:
    without = [step for step in steps if not any(same(step, one) for one in bundle)]
    with_it, other = _values(ground, steps, ground.asked), _values(ground, without, ground.asked)
    ids = [one.case.task.id for one in ground.asked]
    mended = tuple(task for task, one, two in zip(ids, with_it, other, strict=True) if one == 1.0 > two)
    harmed = tuple(task for task, one, two in zip(ids, with_it, other, strict=True) if two == 1.0 > one)
    settings: Mapping[str, Any] = {
        "steps": [dict(step) for step in bundle],
        "rank": min(RANKS[step["do"]] for step in bundle),
    }
    if ground.own_schema:
        settings = {**settings, "schema": ground.data.text}
    lines = tuple(readable(step) for step in bundle)
    why = f"{len(mended)} of {len(ids)} mine tasks pass with it and not without"
    return Proposal(Remedy("fixer", "sql.views", settings), why, lines, mended, harmed, gain, FOLDS)
