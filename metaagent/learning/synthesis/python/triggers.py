"""Which tasks a rule is for, by their words: the words that go with what it mends, and those that go with its harm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

HARM: Final = 3.0
"""A test that was right and is broken weighs as three that are mended."""
SOFT: Final = 0.5
"""A wrong test that becomes wrong in another kind than what is expected: the rule was not meant for it."""
WHOLE: Final = 0.5
"""A task that passes as a whole counts for a little more than its tests."""
NEAR: Final = 0.1
WORD: Final = 0.05
NO_WORD: Final = 0.3
"""A word that keeps a rule out is a guess about all tasks without it; one that lets it in is not."""
FEWEST: Final = 2
LEAST_NET: Final = 0.5
"""What a rule has to bring: the tests of half a task."""
COMMON: Final = 0.5
"""A word of more tasks than this says nothing about any."""
SHORTEST: Final = 3
"""Letters of a word that may be a trigger: in, of and do say nothing about a task."""
MOST_ANY: Final = 4
MOST_NONE: Final = 3


@dataclass(frozen=True, slots=True)
class About:
    """A mine task as a trigger sees it. ``named`` are the words in the name of the function that it asks for, ``uses``
    what its reference takes from the library."""

    task: str
    group: str
    words: frozenset[str]
    named: frozenset[str] = frozenset()
    uses: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Effect:
    """What a rule does to one mine task: shares of its tests. ``gain`` and ``harm`` are weighed already."""

    about: About
    gain: float
    harm: float
    near: float = 0.0

    @property
    def net(self) -> float:
        return self.gain - self.harm


@dataclass(frozen=True, slots=True)
class Aimed:
    """A trigger and what the rule comes to with it."""

    when: Mapping[str, Any]
    net: float
    harm: float
    witnesses: int


def effect(about: About, before: str, after: str) -> Effect:
    """``before`` and ``after`` are the lab's marks, a letter for a test."""
    count = len(before)
    mended = sum(new == "m" for new in after)
    broken = sum(old == "U" and new in "tx" for old, new in zip(before, after, strict=True))
    astray = sum(old == "u" and new == "x" for old, new in zip(before, after, strict=True))
    near = sum(old == "u" and new == "t" for old, new in zip(before, after, strict=True))
    whole = all(mark in "mU" for mark in after) and mended > 0
    gain = mended / count + (WHOLE if whole else 0.0)
    harm = (HARM * broken + SOFT * astray) / count + (WHOLE * HARM if broken and "u" not in before else 0.0)
    return Effect(about, gain, harm, near / count)


def worthwhile(aimed: Aimed | None) -> bool:
    return aimed is not None and aimed.net >= LEAST_NET and aimed.net > aimed.harm


def unit(effects: Iterable[Effect]) -> Callable[[About], str]:
    """What counts as one witness for a rule, and is left out as one: a group of tasks, or a task for a rule that mends
    something in one group only."""
    groups = {one.about.group for one in effects if one.gain}
    return (lambda about: about.group) if len(groups) > 1 else (lambda about: about.task)


def aim(effects: Sequence[Effect], gives: frozenset[str] = frozenset(), fewest: int = FEWEST) -> Aimed | None:
    """The best trigger, none where the rule needs none; None where no trigger makes it worth its while. ``fewest``
    witnesses must gain; ``gives`` is what the rule takes from the library."""
    seen = Counter(word for one in effects for word in one.about.words)
    common = {word for word, count in seen.items() if count > COMMON * len(effects)}
    changed = [
        replace(one, about=replace(one.about, words=one.about.words - common))
        for one in effects
        if one.gain or one.harm or one.near
    ]
    meant = Counter[str]()
    for one in effects if gives else ():
        meant.update(dict.fromkeys(one.about.words, 1 if one.about.uses & gives else -1))
    return _Aim(changed, meant, fewest).best()


class _Aim:
    """The tasks that a rule changes as bits of a number; ``has`` says for each word which of them have it."""

    def __init__(self, effects: Sequence[Effect], meant: Mapping[str, int], fewest: int) -> None:
        self._meant = meant
        self._effects, self._fewest, self._unit = effects, fewest, unit(effects)
        self._all = (1 << len(effects)) - 1
        self._net = [one.net + NEAR * one.near for one in effects]
        self._has: dict[str, int] = {}
        for number, one in enumerate(effects):
            for word in one.about.words:
                if len(word) >= SHORTEST:
                    self._has[word] = self._has.get(word, 0) | 1 << number
        self._helped = self._bits(one.gain > 0 for one in effects)
        self._hurt = self._bits(one.net < 0 for one in effects)
        self._named = Counter(word for one in effects if one.gain > 0 for word in one.about.named)

    def best(self) -> Aimed | None:
        found = [self._measured((), ()), self._without((), ())]
        for start in self._starts(self._all):
            found += self._grown(start)
        good = [one for one in found if one.witnesses >= self._fewest and one.net > 0]
        return max(good, key=lambda one: (round(one.net, 6), -len(one.when))) if good else None

    @staticmethod
    def _bits(flags: Iterable[bool]) -> int:
        return sum(1 << number for number, flag in enumerate(flags) if flag)

    def _hit(self, some: Sequence[str], none: Sequence[str]) -> int:
        hit = 0 if some else self._all
        for word in some:
            hit |= self._has.get(word, 0)
        for word in none:
            hit &= ~self._has.get(word, 0)
        return hit

    def _worth(self, hit: int, some: int, none: int = 0) -> float:
        return sum(net for number, net in enumerate(self._net) if hit >> number & 1) - WORD * some - NO_WORD * none

    def _measured(self, some: Sequence[str], none: Sequence[str]) -> Aimed:
        hit = self._hit(some, none)
        chosen = [one for number, one in enumerate(self._effects) if hit >> number & 1]
        when = {key: list(words) for key, words in (("any", some), ("none", none)) if words}
        witnesses = {self._unit(one.about) for one in chosen if one.gain > 0}
        return Aimed(when, self._worth(hit, len(some), len(none)), sum(one.harm for one in chosen), len(witnesses))

    def _starts(self, among: int) -> list[str]:
        """The words that at least two witnesses share in which the rule mends something, the best few."""
        worth = {
            word: self._worth(has & among, 1)
            for word, has in self._has.items()
            if (has & among & self._helped).bit_count() >= self._fewest
        }
        shared = [word for word in worth if self._witnesses(self._has[word] & among) >= self._fewest]
        hope = {word: self._hope(self._has[word] & among) for word in shared}
        by_worth = sorted(shared, key=lambda word: (-worth[word], *self._odd(word)))[:6]
        return list(dict.fromkeys([*by_worth, *sorted(shared, key=lambda word: (-hope[word], *self._odd(word)))[:6]]))

    def _odd(self, word: str) -> tuple[int, int, str]:
        """Of words that do as well, those go first that go with what the rule gives in references of any task, then
        those in the names of functions: a name says what kind of work it is."""
        return -self._meant.get(word, 0), -self._named[word], word

    def _hope(self, hit: int) -> float:
        """What a word could come to when others keep its harm out."""
        gain = sum(one.gain for number, one in enumerate(self._effects) if hit >> number & 1)
        return gain - NO_WORD * (hit & self._hurt).bit_count()

    def _witnesses(self, hit: int) -> int:
        hit &= self._helped
        return len({self._unit(one.about) for number, one in enumerate(self._effects) if hit >> number & 1})

    def _grown(self, start: str) -> list[Aimed]:
        """From one word, further ones while they add; then words that keep harm out."""
        some: tuple[str, ...] = (start,)
        worth = self._worth(self._hit(some, ()), 1)
        while len(some) < MOST_ANY:
            left = self._all & ~self._hit(some, ())
            options = [(self._worth(self._hit((*some, word), ()), len(some) + 1), word) for word in self._starts(left)]
            better = max(options, default=None)
            if better is None or better[0] <= worth + WORD:
                break
            worth, some = better[0], (*some, better[1])
        return [self._measured(some, ()), self._without(some, ())]

    def _rare(self, option: tuple[float, str]) -> tuple[float, int, int, str]:
        """Of words that keep the same harm out, that which keeps the least else out, then the longest."""
        worth, word = option
        return round(worth, 6), -self._has[word].bit_count(), len(word), word

    def _without(self, some: tuple[str, ...], none: tuple[str, ...]) -> Aimed:
        worth = self._worth(self._hit(some, none), len(some), len(none))
        while len(none) < MOST_NONE:
            hit = self._hit(some, none)
            words = sorted(
                word for word, has in self._has.items() if has & hit & self._hurt and not has & hit & self._helped
            )
            count = len(none) + 1
            options = [(self._worth(hit & ~self._has[word], len(some), count), word) for word in words]
            better = max(options, key=self._rare, default=None)
            if better is None or better[0] <= worth:
                break
            worth, none = better[0], (*none, better[1])
        return self._measured(some, none)
