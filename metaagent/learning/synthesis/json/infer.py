"""The part of the search that reads examples: parameters and concatenations that turn a value at hand into the wanted
one.
Only rows in ``train`` are read, so that cross-validation stays honest."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from metaagent.learning.synthesis.json.vectors import Vector, Vectors
from metaagent.remedies.json.fields.evaluate import NOTHING, Expression
from metaagent.remedies.json.fields.figures import exact
from metaagent.remedies.json.fields.words import fold


def infer(vectors: Vectors, train: int) -> list[Vector]:
    """New vectors made from the examples in ``train``."""
    found: dict[int, Vector] = {}
    bases = [v for v in vectors.best(40) if any(isinstance(x, str) for x in v.values) and v.expression != ["text"]]
    for base in bases:
        for name, parameters in _parameters(vectors, base, train):
            vector = vectors.get([name, *parameters, base.expression])
            found[id(vector)] = vector
    for factor, base in _ratios(vectors, train):
        vector = vectors.get(["scale", factor, base])
        found[id(vector)] = vector
    for expression in _labelled(vectors, train):
        vector = vectors.get(expression)
        found[id(vector)] = vector
    for expression in _tables(vectors, train):
        vector = vectors.get(expression)
        found[id(vector)] = vector
    for expression in _concatenations(vectors, train, found):
        vector = vectors.get(expression)
        found[id(vector)] = vector
    return [vector for vector in found.values() if vector.hits & vectors.wrong & train]


_LEARNED: Final = frozenset(
    {"table", "grams", "drop", "prefix", "suffix", "without-prefix", "without-suffix", "mask", "concat", "after"}
)


def has_learned(expression: Any) -> bool:
    """Whether a part of the expression was made from examples."""
    if not isinstance(expression, (list, tuple)) or not expression:
        return False
    return expression[0] in _LEARNED or any(has_learned(part) for part in expression[1:])


def _wrong(vectors: Vectors, train: int) -> list[int]:
    return [n for n in range(len(vectors.rows)) if (vectors.wrong & train) >> n & 1]


def _parameters(vectors: Vectors, base: Vector, train: int) -> Iterable[tuple[str, tuple[Any, ...]]]:
    """Operators whose parameter several rows agree on."""
    seen: dict[tuple[str, tuple[Any, ...]], set[str]] = defaultdict(set)
    for n in _wrong(vectors, train):
        value, row = base.values[n], vectors.rows[n]
        if isinstance(value, str) and isinstance(row.expected, str) and value != row.expected:
            for found in _differences(value, row.expected):
                seen[found].add(row.group)
    yield from (found for found, groups in seen.items() if len(groups) >= 2)
    yield from _drops(vectors, base, train)


def _differences(value: str, wanted: str) -> Iterable[tuple[str, tuple[Any, ...]]]:
    if wanted.endswith(value):
        yield "prefix", (wanted[: -len(value)],)
    if wanted.startswith(value):
        yield "suffix", (wanted[len(value) :],)
    if value.endswith(wanted):
        yield "without-prefix", (value[: -len(wanted)],)
    if value.startswith(wanted) and wanted:
        yield "without-suffix", (value[len(wanted) :],)
    marks = [mark for mark in value if mark.isalnum()]
    if marks and marks == [mark for mark in wanted if mark.isalnum()]:
        yield "mask", ("".join("#" if mark.isalnum() else mark for mark in wanted),)


def _drops(vectors: Vectors, base: Vector, train: int) -> Iterable[tuple[str, tuple[Any, ...]]]:
    """Tables of words that the wanted value has not: each dropped for two groups at least, and kept nowhere."""
    dropped: dict[str, dict[str, set[str]]] = {"start": defaultdict(set), "end": defaultdict(set)}
    kept: set[str] = set()
    for n, row in enumerate(vectors.rows):
        value = base.values[n]
        if not train >> n & 1 or not isinstance(value, str) or not isinstance(row.expected, str):
            continue
        tokens, wanted = [fold(t) for t in value.split()], [fold(t) for t in row.expected.split()]
        at = next((i for i in range(len(tokens) - len(wanted) + 1) if tokens[i : i + len(wanted)] == wanted), None)
        kept |= set(wanted)
        if at is not None and wanted:
            for word in tokens[:at]:
                dropped["start"][word].add(row.group)
            for word in tokens[at + len(wanted) :]:
                dropped["end"][word].add(row.group)
    for where, words in dropped.items():
        listed = sorted(w for w, groups in words.items() if w and len(groups) >= 2 and w not in kept)
        if listed:
            yield "drop", (where, listed)
    both = {w for words in dropped.values() for w, g in words.items() if w and len(g) >= 2 and w not in kept}
    if both:
        yield "drop", ("any", sorted(both))


def _labelled(vectors: Vectors, train: int) -> Iterable[list[Any]]:
    """What stands after a word of the text that precedes the wanted values of two groups."""
    seen: dict[str, set[str]] = defaultdict(set)
    for n in _wrong(vectors, train):
        row = vectors.rows[n]
        if not isinstance(row.expected, str) or len(row.expected) < 2:
            continue
        at = row.scope.text.find(row.expected)
        before = re.search(r"([^\W\d_]{2,})\W{0,3}$", row.scope.text[max(0, at - 40) : at]) if at > 0 else None
        if before is not None:
            seen[before[1].lower()].add(row.group)
    for label in sorted(label for label, groups in seen.items() if len(groups) >= 2):
        yield ["after", label, ["text"]]
        yield ["clause", ["after", label, ["text"]]]


def _ratios(vectors: Vectors, train: int) -> Iterable[tuple[str, Any]]:
    for base in [v for v in vectors.best(60) if any(isinstance(x, (int, float)) for x in v.values)][:20]:
        seen: dict[str, set[str]] = defaultdict(set)
        for n in _wrong(vectors, train):
            got, wanted = (
                exact(base.values[n]) if base.values[n] is not NOTHING else None,
                exact(vectors.rows[n].expected),
            )
            if got and wanted and not isinstance(vectors.rows[n].expected, str):
                seen[str(round(float(wanted / got), 6))].add(vectors.rows[n].group)
        yield from ((factor, base.expression) for factor, groups in seen.items() if len(groups) >= 3)


def _tables(vectors: Vectors, train: int) -> Iterable[list[Any]]:
    """Learned tables: a value that always wants the same other one. Support of two groups, pure."""
    bases: list[Expression] = [["own"], ["lower", ["own"]]]
    bases += [v.expression for v in vectors.tried.values() if v.expression[0] in ("field", "fixed")]
    for base in bases:
        entries = _pure(vectors, vectors.get(base), train)
        if entries:
            yield ["table", entries, base]
    yield from _grams(vectors, train)


def _pure(vectors: Vectors, vector: Vector, train: int) -> Mapping[str, Any]:
    wanted: dict[str, dict[str, tuple[Any, set[str]]]] = defaultdict(dict)
    for n, row in enumerate(vectors.rows):
        value = vector.values[n]
        if train >> n & 1 and isinstance(value, (str, int, float, bool)):
            key = fold(value) if isinstance(value, str) else repr(value)
            wanted[key].setdefault(repr(row.expected), (row.expected, set()))[1].add(row.group)
    made = {}
    for key, ways in wanted.items():
        if key and len(ways) == 1:
            value, groups = next(iter(ways.values()))
            if len(groups) >= 2 and isinstance(value, (str, int, float, bool, type(None))):
                made[key] = value
    return made


def _grams(vectors: Vectors, train: int) -> Iterable[list[Any]]:
    """Tables from n-grams of the text to wanted values, for fields of few values; and to the first or last part of
    values that are made of parts, where that is one of a few."""
    rows = [row for n, row in enumerate(vectors.rows) if train >> n & 1]
    plain = [row for row in rows if isinstance(row.expected, (str, int, float, bool, type(None)))]
    wanted = [[(row.group, row.scope.text, row.expected) for row in plain]]
    texts = [row for row in plain if isinstance(row.expected, str)]
    for mark in ("-", "/", " ", ":", "."):
        made_of_parts = [row for row in texts if mark in row.expected]
        if rows and len(made_of_parts) >= 0.8 * len(rows):
            for at in (0, -1):
                wanted.append([(row.group, row.scope.text, row.expected.split(mark)[at]) for row in made_of_parts])
    for known in wanted:
        entries = _gram_table(known, len(rows))
        if entries:
            yield ["grams", dict(sorted(entries.items())), ["text"]]


def _gram_table(known: Sequence[tuple[str, str, Any]], total: int) -> Mapping[str, Any]:
    """From (group, text, wanted value): the n-grams that tell a value. An entry must beat chance."""
    counts: dict[str, int] = defaultdict(int)
    for _, _, value in known:
        counts[repr(value)] += 1
    if len(counts) < 2 or max(counts.values()) < 2:
        return {}
    seen: dict[str, dict[str, tuple[Any, set[str]]]] = defaultdict(dict)
    for group, text, value in known:
        for gram in _ngrams(text):
            seen[gram].setdefault(repr(value), (value, set()))[1].add(group)
    sizes: dict[int, int] = defaultdict(int)
    for ways in seen.values():
        sizes[sum(len(groups) for _, groups in ways.values())] += 1
    entries = {}
    for gram, ways in seen.items():
        value, groups = next(iter(ways.values()))
        prior = counts[repr(value)] / total
        if len(ways) == 1 and len(groups) >= 2 and prior ** len(groups) * sizes[len(groups)] < 0.2:
            entries[gram] = value
    return entries


def _ngrams(text: str) -> set[str]:
    words = fold(text).split()[:400]
    return {" ".join(words[at : at + size]) for size in (1, 2, 3) for at in range(len(words) - size + 1)}


# Concatenations: the wanted text as pieces at hand and short literals between them


def _concatenations(vectors: Vectors, train: int, inferred: Collection[int]) -> list[list[Any]]:
    wrong = [n for n in _wrong(vectors, train) if isinstance(vectors.rows[n].expected, str)]
    if len(wrong) < 2:
        return []
    pieces = _pieces(vectors, wrong, inferred)
    made: dict[str, list[Any]] = {}
    groups: set[str] = set()
    for n in wrong:
        row = vectors.rows[n]
        if row.group in groups or len(row.expected) > 120:
            continue
        groups.add(row.group)
        for expression in _parses(
            row.expected, [(vector, cost) for vector, cost in pieces if vector.values[n] is not NOTHING], n
        ):
            made.setdefault(repr(expression), expression)
        if len(groups) >= 12:
            break
    return list(made.values())[:150]


def _pieces(vectors: Vectors, wrong: list[int], inferred: Collection[int]) -> list[tuple[Vector, float]]:
    """What parts of the wanted values can be made of, with the cost of each: low where it fits on most rows. Of what
    examples taught only what these very examples did (``inferred``: ids of vectors)."""
    found: list[tuple[Vector, float]] = []
    for vector in vectors.all.values():
        if vector.size > 3.6 or vector.expression[0] in ("const", "text", "concat"):
            continue
        if has_learned(vector.expression) and id(vector) not in inferred:
            continue
        fits = applied = 0
        for n in wrong:
            value, wanted = vector.values[n], vectors.rows[n].expected
            if value is NOTHING:
                continue
            text = str(value) if isinstance(value, int) else value
            applied += 1
            fits += isinstance(text, str) and 0 < len(text) < len(wanted) and text in wanted
        if fits >= 2 and fits >= 0.25 * len(wrong):
            found.append((vector, 0.4 + 0.08 * vector.size + 4.0 * (1 - fits / len(wrong)) ** 2))
    return sorted(found, key=lambda item: item[1])[:250]


def _parses(wanted: str, pieces: list[tuple[Vector, float]], n: int) -> list[list[Any]]:
    """The cheapest ways to write a text from pieces and literals."""
    starts: dict[int, list[tuple[int, Vector, float]]] = defaultdict(list)
    for vector, cost in pieces:
        text = str(vector.values[n])
        at = wanted.find(text)
        while at >= 0:
            starts[at].append((at + len(text), vector, cost))
            at = wanted.find(text, at + 1)
    best: list[list[tuple[float, tuple[Any, ...]]]] = [[] for _ in range(len(wanted) + 1)]
    best[0] = [(0.0, ())]
    for at in range(len(wanted)):
        for cost, parts in sorted(best[at], key=lambda item: item[0])[:8]:
            literal = 0.3 if not wanted[at].isalnum() else 1.4
            best[at + 1].append((cost + literal, (*parts, wanted[at])))
            for end, vector, extra in starts[at]:
                best[end].append((cost + extra, (*parts, vector)))
    ways = sorted(best[-1], key=lambda item: item[0])[:10]
    return [made for _, parts in ways if (made := _joined(parts)) is not None]


def _joined(parts: tuple[Any, ...]) -> list[Any] | None:
    made: list[Any] = []
    literals = 0
    for part in parts:
        if not isinstance(part, str):
            made.append(part.expression)
        elif made and made[-1][0] == "const":
            made[-1] = ["const", made[-1][1] + part]
            literals += part.isalnum()
        else:
            made.append(["const", part])
            literals += part.isalnum()
    sources = sum(part[0] != "const" for part in made)
    return ["concat", *made] if sources and len(made) > 1 and literals <= 6 else None
