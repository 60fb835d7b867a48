"""From candidates to a program: a decision list, grown greedily by the errors that a branch newly mends, then searched
further from its own neighbours.

A mended error counts one, a right value broken three, a wrong value made wrong in another way a quarter; size is
penalised. Against memorising: a constant needs three groups, any other expression two different wanted values of two
groups; a lexical condition (a word) or a constant must beat chance: prior^support x conditions tried < 0.5. A constant
that no word calls for must be right, with 95% confidence, on half of the rows that it decides; one under two conditions
was chosen among as many pairs of them as there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from metaagent.learning.synthesis.json.conditions import Condition
from metaagent.learning.synthesis.json.vectors import Vector, Vectors
from metaagent.statistics import wilson

HARM: Final = 3.0
LOST: Final = 1.5
ASTRAY: Final = 0.25
PRICE: Final = 0.6
"""Of a unit of size, in mended errors. On random splits of two sets half of it chose programs that hung on two or three
rows, and half as much again left out what was true."""
WIDTH: Final = 70
MAX_BRANCHES: Final = 14
DEFAULT: Final = 0.15
"""Of all rows want a constant that stands in for whatever no branch knows: walnuts in a form of their own do not become
eggs because the few other such replies were eggs."""
ONE_SIDED: Final = 1.6449
"""The 95% point of the normal distribution."""


@dataclass(frozen=True, slots=True)
class Branch:
    when: Condition | None
    also: Condition | None
    then: Vector

    @property
    def mask(self) -> int:
        mask = self.then.applies
        for condition in (self.when, self.also):
            if condition is not None:
                mask &= condition.mask
        return mask

    def under(self, condition: Condition) -> Branch:
        """The same where one condition more holds; it has at most two."""
        return Branch(condition, None, self.then) if self.when is None else Branch(self.when, condition, self.then)

    def plain(self) -> dict[str, Any]:
        guards = [condition.guard for condition in (self.when, self.also) if condition is not None]
        when = None if not guards else guards[0] if len(guards) == 1 else ["and", *guards]
        return {"when": when, "then": self.then.expression}


@dataclass(slots=True)
class State:
    """What the branches so far come to, as masks."""

    branches: list[Branch] = field(default_factory=list)
    covered: int = 0
    good: int = 0


def choose(vectors: Vectors, candidates: Sequence[Vector], conditions: Sequence[Condition], train: int) -> list[Branch]:
    """The branches of one field, first one first: grown greedily, then each branch taken out, or freed of its
    conditions, and the rest grown anew, as long as that makes a better program."""

    def grown(branches: Sequence[Branch]) -> tuple[float, list[Branch]]:
        made = _pruned(vectors, _grown(vectors, candidates, conditions, train, branches), train)
        return worth(vectors, made, train), made

    best, branches = grown([])
    better = True
    while better:
        better = False
        for start in _starts(branches):
            value, made = grown(start)
            if value > best + 0.01:
                best, branches, better = value, made, True
                break
    return branches


def _starts(branches: Sequence[Branch]) -> Iterator[list[Branch]]:
    """The program with one branch less, or with one that always holds; a constant has to prove itself for that."""
    for n, branch in enumerate(branches):
        yield [*branches[:n], *branches[n + 1 :]]
        if branch.when is not None and not _constant(branch):
            yield [*branches[:n], *branches[n + 1 :], Branch(None, None, branch.then)]


def _grown(
    vectors: Vectors,
    candidates: Sequence[Vector],
    conditions: Sequence[Condition],
    train: int,
    start: Sequence[Branch],
) -> list[Branch]:
    branches = list(start)
    state = State(branches, *evaluate(vectors, branches))
    while len(state.branches) < MAX_BRANCHES:
        found = _best(vectors, candidates, conditions, train, state)
        if found is None:
            break
        _, front, branch = found
        state.branches = [branch, *state.branches] if front else [*state.branches, branch]
        state.covered, state.good = evaluate(vectors, state.branches)
    return state.branches


def evaluate(vectors: Vectors, branches: Sequence[Branch]) -> tuple[int, int]:
    """Which rows the branches decide, and which come out right."""
    covered, good = 0, 0
    for branch in branches:
        taken = branch.mask & ~covered
        covered |= taken
        good |= taken & branch.then.hits
    return covered, good | (vectors.right & ~covered)


def worth(vectors: Vectors, branches: Sequence[Branch], train: int) -> float:
    """What a whole list is worth. A wrong value made wrong in another way costs nothing here, only where a branch is
    chosen: with it lists mended 3% less, and broke no less that was right (11 splits of five sets)."""
    _, good = evaluate(vectors, branches)
    mended = (good & vectors.wrong & train).bit_count()
    harmed = (vectors.right & ~good & train).bit_count()
    return mended - HARM * harmed - sum(map(_price, branches))


def _price(branch: Branch) -> float:
    extra = sum(condition.size for condition in (branch.when, branch.also) if condition is not None)
    return _alone(branch.then) + PRICE * (0.4 * max(0.0, branch.then.size - 3.5) + extra)


def _alone(vector: Vector) -> float:
    """The least that a branch with this expression costs."""
    return PRICE * (0.4 + 0.25 * vector.size)


def _pruned(vectors: Vectors, branches: list[Branch], train: int) -> list[Branch]:
    """Without branches that the others make needless."""
    kept = list(branches)
    for branch in reversed(branches):
        rest = [other for other in kept if other is not branch]
        if worth(vectors, rest, train) >= worth(vectors, kept, train):
            kept = rest
    return kept


def _best(
    vectors: Vectors, candidates: Sequence[Vector], conditions: Sequence[Condition], train: int, state: State
) -> tuple[float, bool, Branch] | None:
    open_ = vectors.wrong & train & ~state.good
    ranked = sorted(
        ((_bound(v, open_), v) for v in candidates if (v.hits & open_).bit_count() >= 2), key=lambda item: -item[0]
    )[:WIDTH]
    best: tuple[float, bool, Branch] | None = None
    near: list[tuple[float, bool, Branch]] = []
    for bound, vector in ranked:
        if best is not None and bound <= best[0]:
            break
        for front, branch in _gaining(Branch(None, None, vector), (None, *conditions), train, state):
            score = _score(vectors, branch, train, state, front)
            if _better(score, best) and _sound(vectors, branch, train, state, front, conditions):
                best = (score, front, branch)
            elif branch.when is not None and not branch.when.lexical and score > -6:
                near.append((score, front, branch))
    for _, front, branch in sorted(near, key=lambda item: -item[0])[:24]:
        for place, both in _gaining(branch, conditions, train, state):
            if place is front:
                score = _score(vectors, both, train, state, front)
                if _better(score, best) and _sound(vectors, both, train, state, front, conditions):
                    best = (score, front, both)
    return best


def _better(score: float, best: tuple[float, bool, Branch] | None) -> bool:
    return score > 0.2 and (best is None or score > best[0])


def _gaining(
    branch: Branch, conditions: Sequence[Condition | None], train: int, state: State
) -> Iterator[tuple[bool, Branch]]:
    """The branch under each condition, before (True) and after all others, where something new comes out right."""
    reached, new = branch.mask & train, branch.then.hits & ~state.good
    for condition in conditions:
        taken = reached if condition is None else reached & condition.mask
        if not taken & new:
            continue
        made = branch if condition is None else branch.under(condition)
        yield True, made
        if taken & new & ~state.covered:
            yield False, made


def _bound(vector: Vector, open_: int) -> float:
    return (vector.hits & open_).bit_count() - _alone(vector)


def _taken(branch: Branch, train: int, state: State, front: bool) -> int:
    mask = branch.mask & train
    return mask if front else mask & ~state.covered


def _score(vectors: Vectors, branch: Branch, train: int, state: State, front: bool) -> float:
    taken = _taken(branch, train, state, front)
    good = taken & branch.then.hits
    bad = taken & ~branch.then.hits
    gained = good & ~state.good
    mended = (gained & vectors.wrong).bit_count()
    restored = (gained & vectors.right).bit_count()
    lost = bad & state.good
    harmed = (lost & vectors.right).bit_count()
    unmended = (lost & vectors.wrong).bit_count()
    astray = (bad & vectors.wrong & ~state.good).bit_count()
    return mended + HARM * (restored - harmed) - LOST * unmended - ASTRAY * astray - _price(branch)


def _sound(
    vectors: Vectors, branch: Branch, train: int, state: State, front: bool, conditions: Sequence[Condition]
) -> bool:
    """Whether the branch is more than a memory of its examples."""
    taken = _taken(branch, train, state, front)
    gained = taken & branch.then.hits & ~state.good
    groups, wanted = set[str](), set[str]()
    for n in _bits(gained):
        groups.add(vectors.rows[n].group)
        wanted.add(repr(vectors.rows[n].expected))
    support = len(groups)
    if support < 2:
        return False
    fixed = _constant(branch)
    if not fixed and branch.then.expression != ["own"] and len(wanted) < 2 and support < 4:
        return False
    if fixed and branch.when is None and (branch.then.hits & train).bit_count() < DEFAULT * train.bit_count():
        return False
    lexical = [c for c in (branch.when, branch.also) if c is not None and c.lexical]
    if not lexical and not (fixed or branch.also is not None):
        return True
    if fixed and not lexical and (support < 3 or not _mostly(taken & branch.then.hits, taken)):
        return False
    base = branch.then.applies & train
    prior = (base & branch.then.hits).bit_count() / max(1, base.bit_count())
    if lexical:
        tried = sum(1 for c in conditions if c.lexical and (c.mask & base).bit_count() == (taken).bit_count())
    else:
        tried = len(conditions) ** (1 if branch.also is None else 2) // 8
    pure = (taken & ~branch.then.hits).bit_count() == 0
    return (pure or support >= 5) and min(prior, 0.95) ** support * max(1, tried) < 0.5


def _constant(branch: Branch) -> bool:
    return bool(branch.then.expression[0] == "const")


def _mostly(hits: int, taken: int) -> bool:
    """Whether a branch that decides these rows is right on half of all such rows, as its hits say with confidence."""
    return wilson(hits.bit_count(), taken.bit_count(), ONE_SIDED).low >= 0.5


def _bits(mask: int) -> list[int]:
    return [n for n in range(mask.bit_length()) if mask >> n & 1]
