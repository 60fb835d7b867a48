"""Three-way line merging for what is neither task nor agent nor generated: a person's own lines.

A line that either side added is in the result; a line is gone only when one side removed it and the other left it.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

Opcode = tuple[str, int, int, int, int]


def opcodes(old: Sequence[bytes], new: Sequence[bytes]) -> list[Opcode]:
    """How ``old`` becomes ``new``; common ends are taken off first, because boards are long and edits are short."""
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    tail = 0
    while tail < min(len(old), len(new)) - start and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    middle_old, middle_new = old[start : len(old) - tail], new[start : len(new) - tail]
    matcher = SequenceMatcher(None, middle_old, middle_new, autojunk=False)
    found: list[Opcode] = [
        (tag, a + start, b + start, c + start, d + start) for tag, a, b, c, d in matcher.get_opcodes() if tag != "equal"
    ]
    return found


def splices(
    base: Sequence[bytes], ours: Sequence[bytes], theirs: Sequence[bytes], *, remove: bool = True
) -> list[tuple[int, int, list[bytes]]]:
    """What has to change in ``theirs`` so that it also has what ``ours`` changed since ``base``."""
    place = _places(base, theirs)
    found: list[tuple[int, int, list[bytes]]] = []
    for _, start, end, first, last in opcodes(base, ours):
        if remove:
            found += [(at, at + 1, []) for at in (place[index] for index in range(start, end)) if at is not None]
        at = _after(place, start if remove else end)
        new = list(ours[first:last])
        if new and not _holds(theirs, new):
            found.append((at, at, new))
    return found


def _places(base: Sequence[bytes], theirs: Sequence[bytes]) -> list[int | None]:
    """Where each line of ``base`` stands in ``theirs``; None when it is gone there."""
    place: list[int | None] = []
    shift = 0
    for _, start, end, _, last in opcodes(base, theirs):
        place += [index + shift for index in range(len(place), start)]
        place += [None] * (end - start)
        shift = last - end
    return place + [index + shift for index in range(len(place), len(base))]


def _after(place: Sequence[int | None], index: int) -> int:
    """The position in theirs behind what stands before ``index`` in base."""
    for before in range(index - 1, -1, -1):
        at = place[before]
        if at is not None:
            return at + 1
    return 0


def _holds(theirs: Sequence[bytes], new: Sequence[bytes]) -> bool:
    """Whether these lines stand there already, one below the other: both sides added them."""
    if not any(line.strip() for line in new):
        return False
    size, first = len(new), new[0]
    return any(line == first and list(theirs[at : at + size]) == list(new) for at, line in enumerate(theirs))


def merged(
    base: Sequence[bytes], ours: Sequence[bytes], theirs: Sequence[bytes], *, remove: bool = True
) -> list[bytes]:
    """The three-way merge itself."""
    out: list[bytes] = []
    position = 0
    for start, end, new in sorted(splices(base, ours, theirs, remove=remove), key=lambda splice: splice[:2]):
        out += theirs[position:start]
        out += new
        position = max(position, end)
    return out + list(theirs[position:])
