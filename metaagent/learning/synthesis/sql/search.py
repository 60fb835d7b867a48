"""A greedy search for the steps that bring statements to the rows that are expected (see remedies/sql/views.py).

Each round tries the most promising steps on all items and takes the best, with the limits under which it brings most,
until none brings anything; what passes without a step loses it again. All queries of a round run in few sandbox runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from metaagent.learning.synthesis.sql.batch import Batch
from metaagent.learning.synthesis.sql.limits import Effect, Limited, features, limited
from metaagent.learning.synthesis.sql.references import own_words_of
from metaagent.learning.synthesis.sql.score import value
from metaagent.learning.synthesis.sql.steps import Step, key_of
from metaagent.learning.synthesis.worked import limit
from metaagent.remedies.sql.schema import Schema
from metaagent.remedies.sql.shadow import apart
from metaagent.remedies.sql.views import ranked, stepped
from metaagent.validators.sql_compare import Table

HARM: Final = 2.0
"""What passes and is broken weighs so much more than what is mended, where a step may be chance."""
MIN_GROUPS: Final = 2
TOLD: Final = 3
"""A step that the references of so many groups take needs no second group that it mends: it is no chance."""
_MIN_GAIN: Final = 0.12
_FIRST: Final = 10
_MAX_STEPS: Final = 16
_COMMON: Final = 0.3


@dataclass(frozen=True, slots=True)
class Item:
    """A statement that should give ``expected``. ``real``: a model's reply; else made from a reference, and of less
    weight. ``solved``: the reference itself, which shows only whether rows that a step leaves out were wanted."""

    text: str
    words: str
    expected: Table
    group: str
    real: bool = True
    solved: bool = False

    @property
    def weight(self) -> float:
        return 1.0 if self.real else 0.4


@dataclass(slots=True)
class Tried:
    step: Step
    gain: float
    hope: float
    """What it would bring without any harm: no limits can bring more."""


@dataclass(slots=True)
class Search:
    """``told``: for the keys of steps that references take, how many groups' references do."""

    batch: Batch
    schema: Schema
    seconds: float = 120.0
    told: Mapping[str, int] = field(default_factory=dict)
    _common: frozenset[tuple[str, str]] = frozenset()
    _made: dict[tuple[str, str, str], str | None] = field(default_factory=dict)
    _features: dict[tuple[str, str], frozenset[tuple[str, str]]] = field(default_factory=dict)

    def learn(self, items: Sequence[Item], stages: Sequence[Sequence[Step]], start: Sequence[Step] = ()) -> list[Step]:
        """The steps found, from one stage of candidates after another while there is time."""
        over = limit(self.seconds)
        self._learn_common(items)
        chosen = list(start)
        for candidates in stages:
            self._stage(items, candidates, chosen, over)
        return self._pruned(items, chosen)

    def _learn_common(self, items: Sequence[Item]) -> None:
        """Words that every other question has tell nothing apart."""
        told = {item.words: features(item.words, ()) for item in items}
        counts = Counter(one for found in told.values() for one in found)
        self._common = frozenset(one for one, count in counts.items() if count > _COMMON * len(told))
        self._features.clear()

    def _stage(
        self, items: Sequence[Item], candidates: Sequence[Step], chosen: list[Step], over: Callable[[], bool]
    ) -> None:
        taken = {key_of(step) for step in chosen}
        pool = [step for step in candidates if key_of(step) not in taken]
        found: list[Tried] = []
        for begin in range(0, len(pool), 40):
            if over():
                break
            found += self._try(pool[begin : begin + 40], items, chosen, rough=len(pool) > 60)
        while found and len(chosen) < _MAX_STEPS and not over():
            found.sort(key=lambda one: (-max(one.gain, 0.35 * one.hope), key_of(one.step)))
            again: list[Tried] = []
            while len(again) < len(found) and max((one.gain for one in again), default=0.0) <= _MIN_GAIN:
                more = found[len(again) : len(again) + _FIRST]
                again += self._try([one.step for one in more], items, chosen)
            best = max(again, key=lambda one: one.gain)
            if best.gain <= _MIN_GAIN:
                break
            chosen.append(best.step)
            rest = {key_of(one.step): one for one in [*found, *again]}
            rest.pop(key_of(best.step))
            found = [Tried(_free(one.step), one.gain, one.hope) for one in rest.values()]

    def _try(
        self, steps: Sequence[Step], items: Sequence[Item], chosen: Sequence[Step], *, rough: bool = False
    ) -> list[Tried]:
        """What each step would bring on top of those that are ``chosen``. ``rough``: only items that are wrong so far
        are looked at."""
        texts = [self.after(item, chosen) for item in items]
        now = self.values(items, texts)
        changed: list[tuple[int, int, str]] = []
        for number, step in enumerate(steps):
            for place, item in enumerate(items):
                if (item.solved and step["do"] != "keep") or (rough and (item.solved or now[place] == 1.0)):
                    continue
                made = self.after(item, [*chosen, _free(step)])
                if made != texts[place]:
                    changed.append((number, place, made))
        results = self.batch.results(made for _, _, made in changed)
        effects: list[list[Effect]] = [[] for _ in steps]
        for (number, place, _), result in zip(changed, results, strict=True):
            item, before = items[place], now[place]
            after = value(item.expected, result)
            change = (after - before) * item.weight * (HARM if before == 1.0 else 1.0)
            effects[number].append(Effect(change, item.group, self._told(item, texts[place])))
        return [self._tried(step, found) for step, found in zip(steps, effects, strict=True)]

    def _tried(self, step: Step, effects: Sequence[Effect]) -> Tried:
        hope = sum(effect.change for effect in effects if effect.change > 0)
        groups = {effect.group for effect in effects if effect.change > 0.02}
        if len(groups) < self._fewest(step):
            return Tried(step, 0.0, hope)
        own = own_words_of([step]) if step["do"] == "keep" else ()
        found: Limited = limited(effects, own)
        if found.gain <= _MIN_GAIN and self._is_told(step):  # no chance, so what it breaks weighs as what it mends
            plain = hope + sum(effect.change for effect in effects if effect.change < 0) / HARM
            return Tried(_free(step), plain, hope)
        return Tried({**_free(step), **found.limits}, found.gain, hope)

    def _is_told(self, step: Step) -> bool:
        return self.told.get(key_of(step), 0) >= TOLD

    def _fewest(self, step: Step) -> int:
        """The groups that a step has to mend."""
        return 1 if self._is_told(step) else MIN_GROUPS

    def _told(self, item: Item, text: str) -> frozenset[tuple[str, str]]:
        place = (item.words, text)
        if place not in self._features:
            parts = apart(text, self.schema)
            found = features(item.words, parts.reads if parts is not None else ())
            self._features[place] = found - self._common
        return self._features[place]

    def values(self, items: Sequence[Item], texts: Sequence[str]) -> list[float]:
        return [value(item.expected, result) for item, result in zip(items, self.batch.results(texts), strict=True)]

    def after(self, item: Item, steps: Sequence[Step]) -> str:
        text = item.text
        for step in ranked(steps):
            if item.solved and step["do"] != "keep":
                continue
            text = self._one(text, step, item.words) or text
        return text

    def _one(self, text: str, step: Step, words: str) -> str | None:
        place = (text, words, repr(step))
        if place not in self._made:
            try:
                self._made[place] = stepped(text, step, self.schema, words)
            except ValueError:  # a candidate that is no SQL ends no search
                self._made[place] = None
        return self._made[place]

    def _pruned(self, items: Sequence[Item], chosen: Sequence[Step]) -> list[Step]:
        """Without the steps that too few groups need to pass, the last ones first."""
        kept = list(chosen)
        for step in reversed(chosen):
            without = [one for one in kept if one is not step]
            if len(self.needed(items, kept, step)) < self._fewest(step):
                kept = without
        return kept

    def needed(self, items: Sequence[Item], steps: Sequence[Step], step: Step) -> set[str]:
        """The groups of which an item passes with the step, and not without."""
        without = [one for one in steps if one is not step]
        with_it = self.values(items, [self.after(item, steps) for item in items])
        other = self.values(items, [self.after(item, without) for item in items])
        pairs = zip(items, with_it, other, strict=True)
        gained = [item.group for item, one, two in pairs if one == 1.0 and two < 1.0 and not item.solved]
        lost = sum(1 for item, one, two in zip(items, with_it, other, strict=True) if item.real and one < two == 1.0)
        return set(gained) if len(gained) > HARM * lost else set()


def _free(step: Step) -> Step:
    """The step without its limits."""
    return {name: given for name, given in step.items() if name not in ("unless", "only")}


def passes(values: Sequence[float]) -> int:
    return sum(one == 1.0 for one in values)


def same(one: Step, other: Step) -> bool:
    return key_of(one) == key_of(other)
