"""Fingerprints: the signature of a failure, exact and in constant time; then the groups of signatures.

    miner = Miner()
    for line in lines:
        number = miner.line(line)              # the signature's number; counted
    groups = miner.groups()                    # after all: one Group for each number

A signature is the kind, the head (what a parser by kind found: exception type and frame, rule, field) and the words of
the message with its variables masked. Its id, and that of a group, is a hash of these: the same in every run.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from metaagent.learning.masks import (
    SEPARATED,
    VARIABLE,
    Form,
    collapse,
    collapse_fully,
    form_of,
    values_of,
)
from metaagent.learning.merge import Difference, Words, align, differences, merge

K = TypeVar("K")
V = TypeVar("V")

CACHED = 50_000  # collapsed texts, each with its form; then the cache starts anew
LONGEST = 2000  # characters of a message that are looked at


@dataclass(frozen=True, slots=True)
class Failure:
    """One failure, by the parser of its kind. ``head`` must be equal in a group, ``message`` is masked."""

    kind: str
    head: tuple[str, ...]
    message: str


@dataclass(slots=True)
class Signature:
    """One exact group; ``gaps`` are those of the first in order of all forms it was seen in."""

    id: str
    kind: str
    head: tuple[str, ...]
    words: Words
    gaps: tuple[str, ...]
    count: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """Signatures that are one pattern after merging; ``members`` are their ids."""

    id: str
    kind: str
    head: tuple[str, ...]
    words: Words
    template: str
    members: tuple[str, ...]
    count: int
    differences: tuple[Difference, ...] = ()
    by_person: bool = False

    @property
    def route(self) -> str:
        """How the group was made: exact, merged, or by a person."""
        if self.by_person:
            return "person"
        return "merged" if len(self.members) > 1 else "exact"


class Miner:
    """Counts signatures in memory that is bounded by their number, whatever the number of failures."""

    def __init__(self) -> None:
        self.signatures: list[Signature] = []
        self._numbers: dict[tuple[str, tuple[str, ...], Words], int] = {}
        self._lines: dict[str, tuple[int, Form]] = {}
        self._messages: dict[tuple[str, tuple[str, ...], str], tuple[int, Form]] = {}

    def line(self, text: str) -> int:
        """The number of a log line's signature, counted once more."""
        found = self._lines.get(collapse(text))
        number = found[0] if found is not None else self._new_line(text)[0]
        self.signatures[number].count += 1
        return number

    def line_values(self, text: str) -> tuple[int, list[str]]:
        """The same, with the values of the variables."""
        number, form = self._lines.get(collapse(text)) or self._new_line(text)
        self.signatures[number].count += 1
        return number, values_of(text, form)

    def failure(self, failure: Failure) -> int:
        return self.failure_values(failure)[0]

    def failure_values(self, failure: Failure) -> tuple[int, list[str]]:
        if failure.kind == "log":
            return self.line_values(failure.message)
        text = failure.message[:LONGEST]
        key = (failure.kind, failure.head, collapse_fully(collapse(text)))
        found = self._messages.get(key)
        if found is None:
            form = form_of(key[2], message=True)
            found = (self._number(failure.kind, failure.head, form), form)
            _keep(self._messages, key, found)
        self.signatures[found[0]].count += 1
        return found[0], values_of(text, found[1])

    def _new_line(self, text: str) -> tuple[int, Form]:
        collapsed = collapse(text)
        key = collapse_fully(collapsed)
        found = self._lines.get(key)
        if found is None:
            form = form_of(key)
            found = (self._number("log", (), form), form)
            _keep(self._lines, key, found)
        _keep(self._lines, collapsed, found)
        return found

    def _number(self, kind: str, head: tuple[str, ...], form: Form) -> int:
        key = (kind, head, form.words)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.signatures)
            self.signatures.append(Signature(identify(*key), kind, head, form.words, form.gaps))
        elif form.gaps < self.signatures[number].gaps:
            self.signatures[number].gaps = form.gaps
        return number

    def groups(self) -> list[Group]:
        """The group of each signature, by its number. Pure in the table: the order of arrival changes nothing."""
        return group_signatures(self.signatures)


def _keep(cache: dict[K, V], key: K, value: V) -> None:
    if len(cache) >= CACHED:
        cache.clear()
    cache[key] = value


def group_signatures(signatures: Sequence[Signature]) -> list[Group]:
    """The group of each signature, in their order. Only signatures of one kind and head are ever merged."""
    by_head: defaultdict[tuple[str, tuple[str, ...]], list[Signature]] = defaultdict(list)
    for signature in signatures:
        by_head[signature.kind, signature.head].append(signature)
    found: dict[str, Group] = {}
    for members in by_head.values():
        targets = merge({signature.words: signature.count for signature in members})
        gathered: defaultdict[Words, list[Signature]] = defaultdict(list)
        for signature in members:
            gathered[targets[signature.words]].append(signature)
        for words, together in gathered.items():
            group = make_group(words, together)
            found.update(dict.fromkeys(group.members, group))
    return [found[signature.id] for signature in signatures]


def make_group(words: Words, members: Sequence[Signature]) -> Group:
    """A group of one kind and head; its template is written as in the commonest member."""
    first = min(members, key=lambda member: (-member.count, member.words))
    return Group(
        identify(first.kind, first.head, words),
        first.kind,
        first.head,
        words,
        describe(first.head, written(first, words)),
        tuple(sorted(member.id for member in members)),
        sum(member.count for member in members),
        differences([member.words for member in members], words) if len(members) > 1 else (),
    )


def written(signature: Signature, group: Words) -> str:
    """The words of a group with the white space and punctuation of one of its signatures."""
    parts = [signature.gaps[0]]
    for word, (_, end) in zip(group, align(signature.words, group), strict=True):
        parts += [word, signature.gaps[end]]
    return " ".join("".join(parts).split())


def describe(head: tuple[str, ...], template: str) -> str:
    """One line for a person: the head, then the message."""
    return ": ".join(filter(None, [" ".join(head), template]))


def grouped_values(signature: Signature, group: Group, values: Sequence[str]) -> list[str]:
    """The values behind each variable of the group's template, from those of the signature's own variables."""
    if signature.words == group.words:
        return list(values)
    rest = iter(values)
    full = [next(rest) if word == VARIABLE else word for word in signature.words]
    spans = zip(group.words, align(signature.words, group.words), strict=True)
    return [" ".join(full[start:end]) for word, (start, end) in spans if word == VARIABLE]


def identify(kind: str, head: tuple[str, ...], words: Words) -> str:
    """Ten hexadecimal digits that name a signature or a group."""
    text = SEPARATED.join((kind, *head, "", *words))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:10]
