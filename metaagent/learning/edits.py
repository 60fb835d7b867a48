"""A person's edits of patterns: split, merge, label. Facts about signatures, which are the same in every run; so they
hold when patterns are made anew. The latest word on a signature counts. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from metaagent.learning.fingerprints.fingerprint import Group, Signature, describe, written
from metaagent.learning.fingerprints.masks import VARIABLE
from metaagent.learning.fingerprints.merge import Words, differences, squeezed


@dataclass(frozen=True, slots=True)
class Edit:
    """``action`` is split (each of the signatures alone), merge (all of them are ``pattern``) or label (``text``)."""

    action: str
    pattern: str
    signatures: tuple[str, ...]
    text: str = ""


def apply_edits(signatures: Sequence[Signature], groups: Sequence[Group], edits: Sequence[Edit]) -> list[Group]:
    """The group of each signature, in their order, with the edits in force."""
    said: dict[str, str] = {}
    found = {signature.id: group.id for signature, group in zip(signatures, groups, strict=True)}
    for edit in edits:
        if edit.action == "split":
            said.update((signature, signature) for signature in edit.signatures)
        elif edit.action == "merge" and len({found[one] for one in edit.signatures if one in found}) == 1:
            for one in edit.signatures:  # parts of one group: it is as if it had never been split
                said.pop(one, None)
        elif edit.action == "merge":
            said.update(dict.fromkeys(edit.signatures, edit.pattern))
    if not said:
        return list(groups)
    gathered: defaultdict[str, list[int]] = defaultdict(list)
    for number, (signature, group) in enumerate(zip(signatures, groups, strict=True)):
        gathered[said.get(signature.id, group.id)].append(number)
    made: dict[int, Group] = {}
    for key, numbers in gathered.items():
        group = _group(key, [signatures[n] for n in numbers], groups[numbers[0]])
        made.update(dict.fromkeys(numbers, group))
    return [made[number] for number in range(len(signatures))]


def _group(key: str, members: Sequence[Signature], found: Group) -> Group:
    """The group as it was found where a person changed nothing about it; else one by a person's word."""
    ids = tuple(sorted(member.id for member in members))
    if ids == found.members and key == found.id:
        return found
    first = min(members, key=lambda member: (-member.count, member.words))
    count = sum(member.count for member in members)
    if len(members) == 1:
        text = describe(first.head, written(first, first.words))
        return Group(key, first.kind, first.head, first.words, text, ids, count)
    if set(ids) < set(found.members):  # a part of what was merged by itself: still of its form
        kept = differences([member.words for member in members], found.words)
        return replace(found, id=key, members=ids, count=count, differences=kept)
    words = _common(first.words, [member.words for member in members])
    text = describe(first.head, written(first, words))
    return Group(key, first.kind, first.head, words, text, ids, count, by_person=True)


def _common(first: Words, members: Sequence[Words]) -> Words:
    """The words that all have, variables where they differ; those of the first where they are of different length."""
    if len({len(words) for words in members}) > 1:
        return first
    return squeezed(tuple(words[0] if len(set(words)) == 1 else VARIABLE for words in zip(*members, strict=True)))


def labels(signatures: Sequence[Signature], groups: Sequence[Group], edits: Sequence[Edit]) -> Mapping[str, str]:
    """By the id of a group, what a person calls it: the latest label of any of its signatures."""
    group_of = {signature.id: group.id for signature, group in zip(signatures, groups, strict=True)}
    named: dict[str, str] = {}
    for edit in edits:
        if edit.action == "label":
            named.update((group_of[one], edit.text) for one in edit.signatures if one in group_of)
    return {key: text for key, text in named.items() if text}
