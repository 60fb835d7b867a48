"""What no program over a reply can settle: replies that look alike where different things are wanted. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from metaagent.learning.synthesis.json.rows import Row
from metaagent.remedies.json.fields.guards import shape

FEWEST: Final = 3
"""Replies that want a form before it counts as one, and different values of it."""
SHARE: Final = 0.25
"""Of the replies that look alike: each of two forms is wanted in so many, and so many still have another one."""
_CODE: Final = 4
"""Characters up to which a value without blanks is a code, whose length is part of its look."""


@dataclass(frozen=True, slots=True)
class TwoForms:
    """Replies of one look, the two forms that are wanted for them most often, and how often each."""

    look: str
    forms: tuple[str, str]
    counts: tuple[int, int]

    def told(self, path: str) -> str:
        (one, other), (first, second) = self.forms, self.counts
        return (
            f"{path}: where the reply looks like {self.look}, {first} tasks want {one} and {second} want {other}, "
            "and nothing found tells them apart; do the keys agree?"
        )


def misjudged(found: Sequence[Row]) -> int:
    """How many replies would still be wrong if each value that the model writes were put into the one that is wanted
    for it most often: no other spelling, but another meaning."""
    wanted: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in found:
        wanted[repr(row.own)][repr(row.expected)] += 1
    return sum(counts.total() - max(counts.values()) for counts in wanted.values())


def two_forms(found: Sequence[Row], outputs: Sequence[Any]) -> TwoForms | None:
    """Where two forms are wanted for replies of one look, and what was learned (``outputs``, of programs that were not
    made from the row) does not tell them apart: the commonest such look. A field whose values the model names itself is
    left out, and a form that is one value, such as a word for nothing: there the question is which is meant."""
    wanted = {repr(row.expected) for row in found}
    if sum(repr(row.own) in wanted for row in found) > len(found) / 2:
        return None
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for n, row in enumerate(found):
        groups[look(row.own)].append(n)
    for own, members in sorted(groups.items(), key=lambda one: -len(one[1])):
        forms = _forms([found[n].expected for n in members])
        apart = sum(look(outputs[n]) != look(found[n].expected) for n in members)
        if len(forms) > 1 and apart >= SHARE * len(members):
            (one, first), (other, second) = forms[:2]
            return TwoForms(own, (one, other), (first, second))
    return None


def _forms(values: Sequence[Any]) -> list[tuple[str, int]]:
    """The looks that several different ones of these values have, each with how often, the commonest first."""
    looks = Counter(map(look, values))
    kinds = Counter(look(value) for value in {repr(value): value for value in values}.values())
    least = max(FEWEST, SHARE * len(values))
    return [(name, count) for name, count in looks.most_common() if count >= least and kinds[name] >= FEWEST]


def look(value: Any) -> str:
    made = shape(value)
    return f"{made}({len(value)})" if isinstance(value, str) and len(value) <= _CODE and value.isalpha() else made
