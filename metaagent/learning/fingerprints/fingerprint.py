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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from metaagent.learning.fingerprints.masks import (
    RUN,
    SEPARATED,
    VARIABLE,
    Finder,
    Form,
    collapse,
    collapse_fully,
    finder,
    form_of,
    joined_values,
)
from metaagent.learning.fingerprints.merge import Difference, Words, align, differences, merge

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


_Known = tuple[int, Form, Finder]
"""Of a collapsed text: its signature's number, its form, and what finds the runs of its originals."""


class Miner:
    """Counts signatures in memory that is bounded by their number, whatever the number of failures."""

    def __init__(self) -> None:
        self.signatures: list[Signature] = []
        self._numbers: dict[tuple[str, tuple[str, ...], Words], int] = {}
        self._lines: dict[str, _Known] = {}
        self._messages: dict[tuple[str, tuple[str, ...], str], _Known] = {}

    def line(self, text: str) -> int:
        """The number of a log line's signature, counted once more."""
        found = self._lines.get(collapse(text))
        number = found[0] if found is not None else self._new_line(text)[0]
        self.signatures[number].count += 1
        return number

    def line_values(self, text: str) -> tuple[int, str | None]:
        """The same, with the values of the variables, joined by ``masks.SEPARATED`` (None: there are no variables)."""
        number, form, find = self._lines.get(collapse(text)) or self._new_line(text)
        self.signatures[number].count += 1
        return number, joined_values(text, form, find)

    def failure(self, failure: Failure) -> int:
        """The number of any failure's signature, counted once more."""
        return self.failure_values(failure)[0]

    def failure_values(self, failure: Failure) -> tuple[int, str | None]:
        """The same, with the values of the variables."""
        if failure.kind == "log" and not failure.head:
            return self.line_values(failure.message)
        text = failure.message[:LONGEST]
        collapsed = collapse_fully(collapse(text))
        key = (failure.kind, failure.head, collapsed)
        found = self._messages.get(key)
        if found is None:
            form = form_of(collapsed, message=True)
            find: Finder = RUN.findall  # the key tells nothing about letters before digits
            found = self._number(failure.kind, failure.head, form), form, find
            _keep(self._messages, key, found)
        self.signatures[found[0]].count += 1
        return found[0], joined_values(text, found[1], found[2])

    def _new_line(self, text: str) -> _Known:
        collapsed = collapse(text)
        key = collapse_fully(collapsed)
        found = self._lines.get(key)
        if found is None:
            form = form_of(key)
            found = (self._number("log", (), form), form, finder(key))
            _keep(self._lines, key, found)
        found = (found[0], found[1], finder(collapsed))
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


def regrouper(signature: Signature, group: Group) -> Callable[[Sequence[str]], list[str]]:
    """From the values of a signature's own variables, those behind each variable of its group's template."""
    if signature.words == group.words:
        return list
    aligned = zip(group.words, align(signature.words, group.words), strict=True)
    spans = [span for word, span in aligned if word == VARIABLE]
    words = signature.words

    def regroup(values: Sequence[str]) -> list[str]:
        rest = iter(values)
        full = [next(rest) if word == VARIABLE else word for word in words]
        return [" ".join(full[start:end]) for start, end in spans]

    return regroup


def identify(kind: str, head: tuple[str, ...], words: Words) -> str:
    """Ten hexadecimal digits that name a signature or a group."""
    text = SEPARATED.join((kind, *head, "", *words))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:10]
