"""The static part of the search: expressions that need no example to be written down, grown level by level."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Final

from metaagent.learning.synthesis.json import operators as known
from metaagent.learning.synthesis.json.vectors import Vector, Vectors
from metaagent.remedies.json.fields import figures, lengths, moments, stock, windows
from metaagent.remedies.json.fields.evaluate import NOTHING, mentions


@dataclass(frozen=True, slots=True)
class Reach:
    """What the expressions of a field may start from: other fields of the reply (of them the enumerations), and
    whether the text."""

    fields: tuple[str, ...] = ()
    enumerations: tuple[str, ...] = ()
    money: tuple[str, ...] = ()
    mended: tuple[str, ...] = ()
    text: bool = True


def grow(vectors: Vectors, reach: Reach) -> None:
    """Fill ``vectors`` with everything up to four operators deep that looks like what is wanted."""
    sources = _sources(vectors, reach)
    wanted = [row.expected for row in vectors.rows if not row.right]
    texts = any(isinstance(value, str) for value in wanted)
    near = _chosen(vectors, sources, 14)
    if texts:
        _steps(vectors, [v for v in near if v.expression != ["text"]])
    strings = [v for v in vectors.best(16) if _textual(v)]
    typed = list(dict.fromkeys([*_plain(sources), *near, *strings]))
    _tables(vectors, typed)
    _moments(vectors, typed)
    _phones(vectors, typed, reach)
    if any(isinstance(value, int) for value in wanted):
        text = vectors.get(["text"])
        _made(vectors.grow(text, "days-between", order) for order in ("dmy", "mdy"))
    if any(_numeric(value) for value in wanted):
        _numbers(vectors, [*sources, *strings[:6]], reach, texts)
    if any(isinstance(value, list) for value in wanted) or any(isinstance(row.own, list) for row in vectors.rows):
        _lists(vectors, sources)
    for width in (30, 16, 8) if texts else ():
        _steps(vectors, [v for v in vectors.best(width) if _textual(v) and v.expression != ["text"]])


def _plain(sources: Iterable[Vector]) -> list[Vector]:
    return [v for v in sources if v.expression[0] in ("own", "field", "text")]


def _chosen(vectors: Vectors, sources: Sequence[Vector], count: int) -> list[Vector]:
    """The value itself, and of the others those nearest to what is wanted."""
    own = [v for v in sources if v.expression == ["own"]]
    return list(dict.fromkeys([*own, *vectors.best(count, sources)]))


def _numeric(value: Any) -> bool:
    if isinstance(value, str):
        letters = sum(map(str.isalpha, value))
        return any(map(str.isdigit, value)) and (
            letters <= 4 or (letters <= 12 and "." in value and figures.exact(value) is not None)
        )
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _textual(vector: Vector) -> bool:
    return any(isinstance(value, str) for value in vector.values)


def _sources(vectors: Vectors, reach: Reach) -> list[Vector]:
    own = vectors.get(["own"])
    made: list[Vector | None] = [own]
    made += [vectors.add(["field", name]) for name in reach.fields]
    if reach.text:
        for kind in known.SPAN_KINDS:
            made += [vectors.add([name, kind, ["own"]]) for name in ("near", "recover")]
            made += [vectors.add(["pick", kind, which, ["text"]]) for which in (0, 1, -1, "only")]
        made += [vectors.add(["extended", side, ["own"]]) for side in ("left", "right", "line")]
        made.append(vectors.add(["text"]))
    return [vector for vector in made if vector is not None]


def _steps(vectors: Vectors, bases: Iterable[Vector]) -> list[Vector]:
    made: list[Vector] = []
    for base in bases:
        for name, *parameters in known.STEPS:
            grown = vectors.grow(base, name, *parameters)
            if grown is not None:
                made.append(grown)
    return made


def _tables(vectors: Vectors, bases: Iterable[Vector]) -> None:
    for base in bases:
        short = base.expression != ["text"]
        for name in known.TABLES:
            if name == "boolean" and not short:
                continue
            if not _mentioned(base, name):
                continue
            for column in stock.COLUMNS[name]:
                if short:
                    vectors.grow(base, "lookup", name, column)
                if name != "boolean":
                    for which in (0, -1):
                        vectors.grow(base, "find", name, column, which)


def _mentioned(base: Vector, name: str) -> bool:
    """Whether a table has anything to say about the values: two of them name one of its rows."""
    texts = [value for value in base.values if isinstance(value, str)]
    return (
        sum(
            bool(mentions(name, text)) or stock.table(name).get(text, stock.COLUMNS[name][0]) is not None
            for text in texts
        )
        >= 2
    )


def _numbers(vectors: Vectors, bases: Sequence[Vector], reach: Reach, texts: bool) -> None:
    """Read, scale, combine, round, sign, write: a step is grown further where it gives the wanted number on two
    rows."""
    fractions = any(isinstance(row.expected, float) or "." in str(row.expected) for row in vectors.rows)
    for base in bases:
        if base.expression == ["text"] or base.expression[0] in _LITERAL:
            continue
        for unit in known.UNITS if any(isinstance(v, str) and figures.measure(v) for v in base.values) else ():
            _finish(vectors, _made([vectors.grow(base, "measure", unit)]), fractions, texts)
        if sum(figures.exact(value) is not None for value in base.values if value is not NOTHING) < 2:
            continue
        start = [base, *_made(vectors.grow(base, "number", mark) for mark in ("auto", ".", ","))]
        scaled = list(start)
        for vector in start[:2]:
            scaled += _made(vectors.grow(vector, "scale", factor) for factor in known.FACTORS)
            for name in reach.money:
                scaled += _made((vectors.grow(vector, "minor", name), vectors.grow(vector, "major", name)))
            for name in reach.fields if len(reach.fields) <= 12 else ():
                scaled += _made(
                    vectors.grow(vector, "arithmetic", sign, name)
                    for sign in "+-*/"
                    if not texts or _gives(vectors, vector, sign, name)
                )
        _finish(vectors, scaled, fractions, texts)


def _gives(vectors: Vectors, vector: Vector, sign: str, name: str) -> bool:
    """Whether the sum, difference, product or quotient with a field is the number that two wrong rows want."""
    return _wanted_numbers(vectors, vectors.applied(vector, "arithmetic", sign, name)) >= 2


_LITERAL: Final = ("written", "prefix", "suffix", "groups")


def _finish(vectors: Vectors, numbers: Sequence[Vector], fractions: bool, texts: bool) -> None:
    made = [v for v in numbers if _hits_number(vectors, v)]
    for places in (0, 1, 2, 3) if fractions else (0,):
        made += _made(vectors.grow(v, "round", places) for v in list(made) if v in numbers)
    for vector in made:
        if not texts:
            vectors.grow(vector, "negate")
            vectors.grow(vector, "absolute")
            continue
        vectors.grow(vector, "type", "text")
        for form in known.WRITTEN:
            vectors.grow(vector, "written", form)


def _hits_number(vectors: Vectors, vector: Vector) -> bool:
    """Whether its size is the wanted one, but for rounding, on two wrong rows."""
    count = 0
    for value, row in zip(vector.values, vectors.rows, strict=True):
        if row.right or value is NOTHING:
            continue
        got, wanted = figures.exact(value), figures.exact(row.expected)
        count += got is not None and wanted is not None and abs(abs(got) - abs(wanted)) <= abs(wanted) / 100
        if count >= 2:
            return True
    return False


def _phones(vectors: Vectors, bases: Sequence[Vector], reach: Reach) -> None:
    """Telephone numbers with their country's code, where wrong rows want such; the code of a field's country, or one
    that is wanted throughout; and those in other forms."""
    wanted = [row.expected for row in vectors.rows if not row.right and isinstance(row.expected, str)]
    starts = [
        "+" + "".join(filter(str.isdigit, value)).removeprefix("00")
        for value in wanted
        if value.strip().startswith(("+", "00", "(+"))
    ]
    if len(starts) < 2:
        return
    common = [code for code in stock.calling_codes() if sum(start.startswith(code) for start in starts) >= 2]
    defaults = [*(f"field:{name}" for name in reach.fields), *sorted(common, key=lambda code: (-len(code), code))[:6]]
    for base in bases:
        if base.expression == ["text"] or not any(
            isinstance(v, str) and sum(map(str.isdigit, v)) > 5 for v in base.values
        ):
            continue
        for default in defaults:
            for whole in _made([vectors.grow(base, "phone", default)]):
                for form in known.DIALLED:
                    vectors.grow(whole, "dialled", form)


def _made(found: Iterable[Vector | None]) -> list[Vector]:
    return [vector for vector in found if vector is not None]


def _moments(vectors: Vectors, bases: Sequence[Vector]) -> None:
    years = _years(vectors)
    for base in bases:
        for which in (0, -1):
            for order in ("dmy", "mdy"):
                for form in _date_forms(vectors, base, order, which):
                    vectors.grow(base, "date", order, form, which)
                for year in years:
                    for form in _date_forms(vectors, base, order, which, year):
                        vectors.grow(base, "date", order, form, which, year)
            for form in _time_forms(vectors, base, which):
                vectors.grow(base, "time", form, which)
            for way, step in _roundings(vectors):
                for form in _time_forms(vectors, base, which, way, step):
                    vectors.grow(base, "time", form, which, way, step)
        for window in _window_forms(vectors, base):
            vectors.grow(base, "window", *window)
        if base.expression == ["text"]:
            continue
        _lengths(vectors, base)
        for form in ("iso", "h:mm", "hh:mm", "XhYm"):
            vectors.grow(base, "minutes-as", form)


def _lengths(vectors: Vectors, base: Vector) -> None:
    """Lengths of time in each form; rounded where that is the number that two wrong rows want; numbers as texts where
    texts are wanted."""
    if not any(isinstance(v, str) and len(v) < 200 and lengths.minutes(v) is not None for v in base.values):
        return
    made = _made(vectors.grow(base, "duration", form) for form in known.LENGTHS)
    for form in known.LENGTHS[:4]:
        for way, step in known.ROUNDINGS:
            if _wanted_numbers(vectors, vectors.applied(base, "duration", form, way, step)) >= 2:
                made += _made([vectors.grow(base, "duration", form, way, step)])
    wanted = [row.expected for row in vectors.rows if not row.right]
    if any(isinstance(value, str) for value in wanted):
        _finish(vectors, made, any("." in str(value) for value in wanted), True)


def _wanted_numbers(vectors: Vectors, values: Iterable[Any]) -> int:
    """How many wrong rows want the number, or a text that holds it alone."""
    pairs = (
        (figures.exact(v), figures.exact(r.expected)) for v, r in zip(values, vectors.rows, strict=True) if not r.right
    )
    return sum(value is not None and value == wanted for value, wanted in pairs)


def _years(vectors: Vectors) -> list[int | str]:
    """The years that days without one may be of: the text's; one that no format shows; that of most wanted dates."""
    wanted = [row.expected for row in vectors.rows if isinstance(row.expected, str) and len(row.expected) < 30]
    seen = Counter(found[0][2].year for text in wanted if (found := moments.dates(text)))
    return ["text", moments.UNSHOWN, *(year for year, count in seen.most_common(1) if 2 * count > len(wanted))]


def _date_forms(vectors: Vectors, base: Vector, order: str, which: int, year: int | str = 0) -> list[str]:
    """The formats in which a date of the base is what two wrong rows want, or is a part of it."""
    forms: Counter[str] = Counter()
    for value, row in zip(base.values, vectors.rows, strict=True):
        if row.right or not isinstance(value, str) or not isinstance(row.expected, (str, int)):
            continue
        found = moments.dates_in(value, order, year, row.scope.text)
        if found:
            forms.update(_fitting(_shown_dates(found[which][2]), str(row.expected)))
    fitting = [form for form, count in forms.most_common(24) if count >= 2]
    return [form for form in fitting if "YY" not in form and "DDD" not in form] if year == moments.UNSHOWN else fitting


def _roundings(vectors: Vectors) -> list[tuple[str, int]]:
    """The ways to round a time that give what is wanted: its steps hold for all times that wrong rows want."""
    wanted = [row.expected for row in vectors.rows if not row.right and isinstance(row.expected, str)]
    clocks = [found[0][2] for text in wanted if len(text) < 20 and (found := moments.times(text))]
    if len(clocks) < 3:
        return []
    whole = max((step for _, step in known.ROUNDINGS if all(clock[1] % step == 0 for clock in clocks)), default=0)
    return [(way, step) for way, step in known.ROUNDINGS if step == whole]


def _time_forms(vectors: Vectors, base: Vector, which: int, way: str = "", step: int = 1) -> list[str]:
    forms: Counter[str] = Counter()
    for value, row in zip(base.values, vectors.rows, strict=True):
        if row.right or not isinstance(value, str) or not isinstance(row.expected, str):
            continue
        found = moments.times(value)
        if found:
            forms.update(_fitting(_shown_times(moments.stepped(found[which][2], way, step)), row.expected))
    return [form for form, count in forms.most_common(12) if count >= 2]


def _window_forms(vectors: Vectors, base: Vector) -> list[tuple[str, str, str]]:
    """The ways to write a window of time that two wrong rows want."""
    forms: Counter[tuple[str, str, str]] = Counter()
    for value, row in zip(base.values, vectors.rows, strict=True):
        if row.right or not isinstance(value, str) or not isinstance(row.expected, str) or len(row.expected) > 30:
            continue
        found = windows.window(value)
        if found is not None:
            forms.update(form for form, text in _shown_windows(found).items() if text == row.expected)
    return [form for form, count in forms.most_common(6) if count >= 2]


@lru_cache(maxsize=4096)
def _shown_windows(found: windows.Window) -> Mapping[tuple[str, str, str], str]:
    return {
        (form, mark, times): windows.show_window(found, form, mark, twice=times == "twice")
        for form in known.TIME_FORMS
        for mark in known.WINDOW_MARKS
        for times in ("once", "twice")
    }


def _fitting(shown: Mapping[str, str], wanted: str) -> Iterable[str]:
    return (form for form, text in shown.items() if text == wanted or (len(text) > 3 and text in wanted))


@lru_cache(maxsize=4096)
def _shown_dates(day: date) -> Mapping[str, str]:
    return {form: moments.show_date(day, form) for form in known.DATE_FORMS}


@lru_cache(maxsize=4096)
def _shown_times(clock: tuple[int, int, int]) -> Mapping[str, str]:
    return {form: moments.show_time(clock, form) for form in known.TIME_FORMS}


def _lists(vectors: Vectors, sources: Sequence[Vector]) -> None:
    bases = [v for v in sources if any(isinstance(value, list) for value in v.values)]
    for base in list(sources):
        if base.expression != ["text"] and _textual(base):
            bases += _made(vectors.grow(base, "split", mark) for mark in known.SPLITS)
            bases += _made([vectors.grow(base, "type", "list")])
    keys = _item_keys(vectors)
    for _ in range(2):
        grown: list[Vector] = []
        for base in bases:
            grown += _made(vectors.grow(base, name, *parameters) for name, *parameters in known.LIST_STEPS)
            grown += _made(vectors.grow(base, "sort-by", key, order) for key in keys for order in ("up", "down"))
            grown += _made(vectors.grow(base, "each", [*step, ["own"]]) for step in known.STEPS[:24])
        bases = vectors.best(16, grown)


def _item_keys(vectors: Vectors) -> list[str]:
    keys: dict[str, None] = {}
    for row in vectors.rows:
        if isinstance(row.own, list):
            keys |= dict.fromkeys(key for item in row.own[:3] if isinstance(item, dict) for key in item)
    return list(keys)[:8]


def constants(vectors: Vectors) -> list[Any]:
    """What wrong rows want, commonest first."""
    counts: dict[str, list[Any]] = {}
    for row in vectors.rows:
        if not row.right and isinstance(row.expected, (str, int, float, bool, type(None))):
            counts.setdefault(repr(row.expected), []).append(row.expected)
    return [values[0] for values in sorted(counts.values(), key=len, reverse=True) if len(values) >= 2][:20]
