"""Which signatures are one pattern: a pure function of the table of signatures and counts, so that the partition does
not depend on the order of arrival. What was merged is explained: where they differ, and the words seen there.

First, signatures that are equal but for dotted names (hosts, classes, files) are one. Then, at most four rounds: among
signatures equal but for one position, with at least two constant words elsewhere, the position is a variable when it
shows 12 or more distinct words; or 4 or more of which at least half are rare (at most a tenth of the commonest); or 3
or more of which one already is a variable; or 3 or more that differ in one character (``A_net``, ``B_net``, ``C_net``).
A word beside a variable goes into it where the same text stands without that word, far more often.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from metaagent.learning.fingerprints.masks import VARIABLE, is_dotted

Words = tuple[str, ...]

ROUNDS = 4
MANY = 12
SOME = 4
RARE = 10  # a word is rare at a tenth of the commonest, or less


@dataclass(frozen=True, slots=True)
class Difference:
    """Where the members of a merged group differ: the position in its words, and the words seen there."""

    position: int
    words: tuple[str, ...]


def merge(table: Mapping[Words, int]) -> dict[Words, Words]:
    """The words of each signature's group, by the words of the signature. Not merged: its own."""
    groups = _merge_dotted(table)
    for _ in range(ROUNDS):
        counts: Counter[Words] = Counter()
        for words, group in groups.items():
            counts[group] += table[words]
        renamed = _round(counts)
        if not renamed:
            break
        groups = {words: renamed.get(group, group) for words, group in groups.items()}
    return groups


def _merge_dotted(table: Mapping[Words, int]) -> dict[Words, Words]:
    alike: defaultdict[Words, list[Words]] = defaultdict(list)
    for words in table:
        alike[tuple("\0" if is_dotted(word) else word for word in words)].append(words)
    groups: dict[Words, Words] = {}
    for shape, members in alike.items():
        differ = {i for i, word in enumerate(shape) if word == "\0" and len({words[i] for words in members}) > 1}
        for words in members:
            groups[words] = _varied(words, differ)
    return groups


def _round(counts: Mapping[Words, int]) -> dict[Words, Words]:
    """The new words of the groups that change."""
    differ: defaultdict[Words, set[int]] = defaultdict(set)
    for position, before, after, seen in _slots(counts):
        constants = sum(word != VARIABLE for word in (*before, *after))
        for word in _variables(seen, constants):
            differ[(*before, word, *after)].add(position)
    renamed = {words: _varied(words, positions) for words, positions in differ.items()}
    for words, target in _absorbed(counts).items():
        renamed.setdefault(words, renamed.get(target, target))
    return {words: new for words, new in renamed.items() if new != words}


def _slots(counts: Mapping[Words, int]) -> Iterator[tuple[int, Words, Words, Counter[str]]]:
    """Each text with a hole at one position that shows two words or more there, with their counts. One length and
    position at a time: memory holds the texts, not all their holes."""
    by_length: defaultdict[int, list[Words]] = defaultdict(list)
    for words in counts:
        by_length[len(words)].append(words)
    for length, alike in by_length.items():
        for i in range(length):
            slots: defaultdict[tuple[Words, Words], list[Words]] = defaultdict(list)
            for words in alike:
                slots[words[:i], words[i + 1 :]].append(words)
            for (before, after), members in slots.items():
                if len(members) > 1:
                    yield i, before, after, Counter({words[i]: counts[words] for words in members})


def _variables(seen: Counter[str], constants: int) -> set[str]:
    """The words at one position that are values of a variable."""
    words = set(seen)
    found = {word for word in words if is_dotted(word)} if VARIABLE in words else set()
    plain = words - {VARIABLE}
    if len(plain) >= 3 and _enumerated(plain):
        found |= plain
    if constants >= 2:
        most = max(seen.values())
        rare = sum(RARE * count <= most for count in seen.values())
        scattered = len(words) >= SOME and 2 * rare >= len(words)
        if len(words) >= MANY or scattered or (len(words) >= 3 and VARIABLE in words):
            found |= words
    return found


def _enumerated(words: set[str]) -> bool:
    """Equal but for one character at one place."""
    first = next(iter(words))
    if any(len(word) != len(first) for word in words):
        return False
    return any(len({word[:i] + word[i + 1 :] for word in words}) == 1 for i in range(len(first)))


def _absorbed(counts: Mapping[Words, int]) -> dict[Words, Words]:
    """Texts with one word more, beside a variable, than another: by the text they go into."""
    candidates: defaultdict[tuple[Words, int], list[Words]] = defaultdict(list)
    for words in counts:
        for i, word in enumerate(words):
            beside = VARIABLE in words[max(0, i - 1) : i + 2]
            if word == VARIABLE or not beside:
                continue
            target = squeezed((*words[:i], *words[i + 1 :]))
            if target in counts and sum(word != VARIABLE for word in target) >= 2:
                candidates[target, i].append(words)
    found: dict[Words, Words] = {}
    for (target, i), members in candidates.items():
        extra = {words[i] for words in members}
        rare = all(RARE * counts[words] <= counts[target] for words in members)
        if all(map(is_dotted, extra)) or (len(extra) > 1 and rare):
            for words in members:
                found[words] = min(target, found.get(words, target))
    return found


def _varied(words: Words, positions: set[int]) -> Words:
    return squeezed(tuple(VARIABLE if i in positions else word for i, word in enumerate(words)))


def squeezed(words: Words) -> Words:
    """Neighbouring variables are one."""
    return tuple(word for i, word in enumerate(words) if not (word == VARIABLE and i and words[i - 1] == VARIABLE))


def align(words: Words, group: Words) -> list[tuple[int, int]]:
    """The stretch of a signature's words behind each word of its group: a variable covers one or more."""
    ends: list[int] = []
    dead: set[tuple[int, int]] = set()

    def fits(i: int, j: int) -> bool:
        """Whether ``words[i:]`` can be read as ``group[j:]``; fills ``ends``."""
        if j == len(group):
            return i == len(words)
        if (i, j) in dead or i >= len(words):
            return False
        last = len(words) - (len(group) - j) if group[j] == VARIABLE else i
        for end in range(i + 1, last + 2):
            if group[j] == VARIABLE or words[i] == group[j]:
                ends.append(end)
                if fits(end, j + 1):
                    return True
                ends.pop()
        dead.add((i, j))
        return False

    if not fits(0, 0):
        raise ValueError(f"{group} is no group of {words}")
    return list(zip([0, *ends], ends, strict=False))


def differences(members: list[Words], group: Words) -> tuple[Difference, ...]:
    """Where the signatures of a group differ. Empty for a group of one."""
    seen: defaultdict[int, set[str]] = defaultdict(set)
    for words in members:
        for position, (start, end) in enumerate(align(words, group)):
            seen[position].add(" ".join(words[start:end]))
    return tuple(Difference(i, tuple(sorted(seen[i]))) for i in sorted(seen) if len(seen[i]) > 1)
