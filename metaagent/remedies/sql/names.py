"""The column names that a question asks for, read from its own text. Pure.

Questions name columns as a list of plain words: after "columns" or "column", after a colon, as the last sentence, or
after a verb such as "call" or "need". A note in parentheses after a name is about the column, not a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_NAME: Final = r"[`'\"*]{0,2}[a-z][a-z0-9]*(?:_[a-z0-9]+)*[`'\"*]{0,2}"
_LIST: Final = re.compile(rf"(?<![\w-]){_NAME}(?:(?:\s*,\s*(?:and\s+|then\s+)?|\s+and\s+|\s+then\s+){_NAME})*(?![\w-])")
_ITEM: Final = re.compile(_NAME)
_NOTE: Final = re.compile(r"\(([^()]*)\)")
_CUE: Final = re.compile(
    r"(?:\b(?:columns?|fields?|headers?|headings?)\b(?:\s+(?:are|is|named|called|should be))?\s*[:,]?\s*"
    r"|\b(?:call(?:ed)?|named?|naming|labell?ed|headed)\s+(?:it\s+|them\s+|the\s+(?:column|result|number)s?\s+)?:?\s*"
    r"|\b(?-i:AS)\s+|(?:,|\bit|\bthem|\bresult)\s+as\s+)$",
    re.IGNORECASE,
)
_VERB: Final = re.compile(
    r"\b(?:need|want|show|give(?:\s+me)?|list|return|with|please|get|see|include)\s+(?:the\s+)?$", re.I
)
_WORDS: Final = frozenset(
    (
        *("a", "an", "and", "are", "as", "at", "be", "by", "do", "does", "for", "from", "has", "have", "how", "i"),
        *("in", "is", "it", "its", "me", "my", "no", "not", "of", "on", "or", "our", "please", "same", "so"),
        *("that", "the", "their", "them", "then", "they", "this", "to", "up", "us", "was", "we", "were", "what"),
        *("when", "where", "which", "who", "with", "you", "your", "one", "number", "column", "columns", "order"),
        *("first", "last", "there", "here", "all"),
    )
)
_SPLIT: Final = re.compile(r"(?<=[.?!:;])\s+|\n+")


@dataclass(frozen=True, slots=True)
class Named:
    """A column that a text asks for. ``note`` is what stands in parentheses after its name."""

    name: str
    note: str = ""


@lru_cache(maxsize=1024)
def asked_columns(text: str) -> tuple[Named, ...]:
    """The columns in their order; empty where the text names none plainly."""
    best: tuple[float, tuple[Named, ...]] = (0.0, ())
    for score, names in _candidates(text):
        if score >= best[0]:
            best = (score, names)
    return best[1] if best[0] >= 1 else ()


def _candidates(text: str) -> Iterator[tuple[float, tuple[Named, ...]]]:
    notes: list[tuple[int, str]] = []
    plain = ""
    position = 0
    for note in _NOTE.finditer(text):
        kept = text[position : note.start()].rstrip()
        plain += kept
        notes.append((len(plain), note[1].strip()))
        position = note.end()
        inside = _cued(note[1])
        if inside:
            yield 3.0, inside
        elif len(listed := _items(note[1])) > 1 and not text[note.end() :].strip(" .!"):
            yield 1.5, tuple(Named(name) for name in listed)
    plain += text[position:]
    start = 0
    for sentence in _SPLIT.split(plain):
        start = plain.index(sentence, start)
        yield from _in_sentence(plain, sentence, start, notes)
        start += len(sentence)


def _cued(note: str) -> tuple[Named, ...]:
    """``(column products)``: a note that is a list of its own."""
    found = re.fullmatch(r"(?:as\s+)?(?:columns?|fields?)(?:\s+(?:named|called))?\s*:?\s*(.+)", note.strip(), re.I)
    names = _items(found[1]) if found else ()
    return tuple(Named(name) for name in names)


def _in_sentence(
    plain: str, sentence: str, start: int, notes: Sequence[tuple[int, str]]
) -> Iterator[tuple[float, tuple[Named, ...]]]:
    for found in _LIST.finditer(sentence):
        for offset, chunk in _trimmed(found[0]):
            names = _items(chunk)
            if not names:
                continue
            begin = found.start() + offset
            before, after = sentence[:begin], sentence[begin + len(chunk) :]
            score = _score(plain, start + begin, before, after, names)
            yield score, _with_notes(chunk, names, start + begin, notes)


def _trimmed(chunk: str) -> Iterator[tuple[int, str]]:
    """The list itself, and what is left of it when words of speech are cut from its front or its end."""
    separators = list(re.finditer(r"\s*,\s*(?:and\s+|then\s+)?|\s+and\s+|\s+then\s+", chunk))
    starts = [0, *(found.end() for found in separators)]
    ends = [len(chunk), *(found.start() for found in reversed(separators))]
    for start in starts:
        for end in ends:
            if start < end:
                yield start, chunk[start:end]


def _items(chunk: str) -> tuple[str, ...]:
    parts = re.split(r"\s*,\s*(?:and\s+|then\s+)?|\s+and\s+|\s+then\s+", chunk.strip().rstrip("."))
    names = [part.strip("`'\"* ") for part in parts]
    plain = all(re.fullmatch(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*", name) and name not in _WORDS for name in names)
    return tuple(names) if plain and len(set(names)) == len(names) else ()


def _score(plain: str, begin: int, before: str, after: str, names: tuple[str, ...]) -> float:
    cue = _CUE.search(before) is not None
    last = not plain[begin:].lstrip(" ")[sum(map(len, names)) :].strip(" .,;`'\"") or not after.strip(" .!;`'\"*")
    alone = not before.strip(" `'\"*(")
    after_colon = alone and plain[:begin].rstrip(" `'\"*").endswith(":")
    whole = not after.strip(" .!?;`'\"*") or after.lstrip(" `'\"*").startswith((".", ","))
    polite = after.strip(" .!;").lower() in ("please", "in this order", "in that order", "only", "")
    score = 0.0
    if cue:
        score += 3.0
    if after_colon and (whole or polite):
        score += 2.5
    elif alone and (whole or polite):
        score += 2.0
    if _VERB.search(before) and (whole or polite):
        score += 1.2
    if any("_" in name for name in names):
        score += 1.0
    if len(names) > 1 and (whole or polite):
        score += 0.5
    if last and before.rstrip().endswith(","):
        score += 0.8
    return score + 0.05 * len(names) if score else 0.0


def _with_notes(chunk: str, names: tuple[str, ...], begin: int, notes: Sequence[tuple[int, str]]) -> tuple[Named, ...]:
    ends = {}
    for found in _ITEM.finditer(chunk):
        ends[found[0].strip("`'\"*")] = begin + found.end()
    return tuple(Named(name, next((note for end, note in notes if end == ends.get(name)), "")) for name in names)
