"""Candidate steps (see remedies/sql/views.py) from the tables and the data alone: what a house may mean by its rows and
its numbers. Which of them hold here is for the search to find out."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from metaagent.learning.synthesis.sql.data import Data, Profile
from metaagent.remedies.sql.schema import Table
from metaagent.remedies.sql.shares import NAMES
from metaagent.remedies.sql.tree import named as quoted

Step = Mapping[str, Any]

_RATES: Final = ("rate", "pct", "percent", "vat", "tax", "discount", "share")
_FACTORS: Final = (100, 1000, 60, 3600, 10)
_DIGITS: Final = (2, 0, 1, None)
_WEEK: Final = "strftime('%Y', {}, '-3 days', 'weekday 4')"
_WEEK_NUMBER: Final = "printf('%02d', (strftime('%j', {}, '-3 days', 'weekday 4') - 1) / 7 + 1)"
_DATES: Final[Mapping[str, tuple[str, ...]]] = {
    "week": (
        f"{_WEEK} || '-W' || {_WEEK_NUMBER}",
        f"{_WEEK} || '-' || {_WEEK_NUMBER}",
        f"{_WEEK} || 'W' || {_WEEK_NUMBER}",
        _WEEK_NUMBER,
        "(strftime('%j', {}, '-3 days', 'weekday 4') - 1) / 7 + 1",
        "strftime('%Y-W%W', {})",
        "date({}, '-6 days', 'weekday 1')",
        "date({}, 'weekday 0', '-6 days')",
        "date({}, '-6 days', 'weekday 0')",
    ),
    "month": ("strftime('%Y-%m', {})", "strftime('%m', {})", "strftime('%m/%Y', {})", "strftime('%Y-%m-01', {})"),
    "quarter": (
        "strftime('%Y', {}) || '-Q' || ((strftime('%m', {}) + 2) / 3)",
        "'Q' || ((strftime('%m', {}) + 2) / 3)",
        "(strftime('%m', {}) + 2) / 3",
    ),
    "year": ("strftime('%Y', {})", "CAST(strftime('%Y', {}) AS INTEGER)"),
    "day": ("strftime('%Y-%m-%d', {})", "strftime('%d/%m/%Y', {})", "strftime('%d.%m.%Y', {})"),
    "date": ("strftime('%Y-%m-%d', {})", "strftime('%d/%m/%Y', {})", "strftime('%d.%m.%Y', {})"),
    "hour": ("strftime('%H', {})", "CAST(strftime('%H', {}) AS INTEGER)"),
}

_DAY_FORMS: Final = tuple(
    f"strftime('{form}', {{}})" for form in ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y/%m/%d", "%Y%m%d")
)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_FIRST: Final = ("first", "given", "fore")
_LAST: Final = ("last", "family", "sur")
_PERSONS: Final = (
    "{last} || ', ' || {first}",
    "UPPER({last}) || ', ' || {first}",
    "{first} || ' ' || {last}",
    "{first} || ' ' || UPPER({last})",
    "{last} || ' ' || {first}",
    "substr({first}, 1, 1) || '. ' || {last}",
    "{last} || ', ' || substr({first}, 1, 1) || '.'",
)


def key_of(step: Step) -> str:
    """One text for one convention, whatever limits it."""
    return json.dumps({name: value for name, value in step.items() if name not in ("unless", "only")}, sort_keys=True)


def steps(data: Data, read: Collection[str], named: Collection[str], outputs: Collection[str]) -> list[Step]:
    """``read``: tables that statements read; ``named``: columns that they name; ``outputs``: names of results."""
    found: list[Step] = []
    wanted = {above for table in read for above in data.schema.tables if table in data.schema.below(above)}
    for name in sorted(wanted):
        found += _kept(data, data.schema.tables[name])
    for name in sorted(read):
        found += _values(data, data.schema.tables[name], named)
    found += _scales(data, named)
    for name in sorted(outputs):
        found += [{"do": "date", "name": name, "is": text} for word in _DATES if word in name for text in _DATES[word]]
    found += _shifts(data, read, named)
    found += [{"do": "ties", "by": by, "descending": down} for by in ("key", "name") for down in (False, True)]
    return [*found, {"do": "key"}]


def _kept(data: Data, table: Table) -> Iterator[Step]:
    for column in table.columns:
        profile = data.of(table.name, column.name)
        if data.is_key(table.name, column.name):
            continue
        for where in _conditions(quoted(column.name), profile):
            yield {"do": "keep", "table": table.name, "where": where}


def _conditions(name: str, profile: Profile) -> Iterator[str]:
    if profile.nulls and profile.common:
        yield f"{name} IS NULL"
        yield f"NOT {name} IS NULL"
    if profile.flag:
        yield from (f"{name} = {value}" for value in sorted(set(profile.common)))
    elif profile.few and len(profile.common) > 1:
        for value in profile.common:
            text = f"'{str(value).replace(chr(39), chr(39) * 2)}'" if isinstance(value, str) else str(value)
            yield f"COALESCE({name}, '') <> {text}" if profile.nulls else f"{name} <> {text}"
    elif profile.numeric and min(profile.common) <= 0:
        yield f"{name} > 0"
    elif profile.common and all(isinstance(value, str) for value in profile.common):
        yield from (f"NOT {name} LIKE '{pattern}'" for pattern in _affixes(profile))


def _affixes(profile: Profile) -> list[str]:
    """Beginnings and domains that a few of the texts share: test entries are often told by them."""
    counts: Counter[str] = Counter()
    for value in profile.common:
        head, separator, _ = str(value).partition(" ")
        if separator and len(head) > 2 and "%" not in head:
            counts[f"{head} %"] += 1
        _, at, domain = str(value).partition("@")
        if at:
            counts[f"%@{domain}"] += 1
    few = [(count, text) for text, count in counts.items() if 2 <= count <= len(profile.common) * 0.3]
    return [text.replace("'", "''") for _, text in sorted(few, reverse=True)[:5]]


def _values(data: Data, table: Table, named: Collection[str]) -> Iterator[Step]:
    for column in table.columns:
        profile = data.of(table.name, column.name)
        if column.name not in named or not profile.numeric or profile.flag or data.is_key(table.name, column.name):
            continue
        for text in [*_own(data, table, column.name, profile), *_children(data, table, column.name)]:
            yield {"do": "value", "table": table.name, "column": column.name, "is": text}


def instead(data: Data, read: Collection[str], named: Collection[str]) -> Iterator[Step]:
    """Columns of days that stand for another of their row: which of them a thing belongs to."""
    for table in (data.schema.tables[name] for name in sorted(read)):
        days = [name for name in table.names if _daily(data.of(table.name, name))]
        for name in days:
            if name in named:
                yield from (
                    {"do": "value", "table": table.name, "column": name, "is": quoted(other)}
                    for other in days
                    if other != name
                )


def _own(data: Data, table: Table, name: str, profile: Profile) -> Iterator[str]:
    """With the other numbers of the row: rates, parts in the same unit, quantities."""
    if profile.nulls:
        yield "COALESCE({}, 0)"
    for other in table.columns:
        beside = data.of(table.name, other.name)
        if other.name == name or not beside.numeric or beside.flag or data.is_key(table.name, other.name):
            continue
        if any(word in other.name for word in _RATES):
            rate = quoted(other.name) if max(beside.common) <= 1 else f"{quoted(other.name)} / 100.0"
            yield f"{{}} / (1 + {rate})"
            yield f"{{}} * (1 - {rate})"
            yield f"{{}} * (1 + {rate})"
        elif _unit(other.name) == _unit(name):
            yield f"{{}} - COALESCE({quoted(other.name)}, 0)"
            yield f"{{}} + COALESCE({quoted(other.name)}, 0)"
            if beside.nulls:
                yield f"COALESCE({quoted(other.name)}, {{}})"
        elif all(type(value) is int for value in beside.common):
            yield f"{{}} * {quoted(other.name)}"


def _children(data: Data, table: Table, name: str) -> Iterator[str]:
    """Less (or with) the sums of what belongs to the row, in the same unit."""
    for child in data.schema.tables.values():
        for key in child.parents:
            if key.table != table.name or child.name == table.name:
                continue
            for column in child.columns:
                if _unit(column.name) == _unit(name) and data.of(child.name, column.name).numeric:
                    belongs = f"{quoted(key.column)} = {quoted(table.name)}.{quoted(key.target)}"
                    inner = f"SELECT SUM({quoted(column.name)}) FROM main.{quoted(child.name)} WHERE {belongs}"
                    yield f"{{}} - COALESCE(({inner}), 0)"
                    yield f"{{}} + COALESCE(({inner}), 0)"


def _unit(name: str) -> str:
    return name.rpartition("_")[2] if "_" in name else ""


def _scales(data: Data, named: Collection[str]) -> Iterator[Step]:
    units: dict[str, list[str]] = {}
    for table in data.schema.tables.values():
        for column in table.columns:
            if data.of(table.name, column.name).numeric and not data.is_key(table.name, column.name):
                units.setdefault(_unit(column.name) or column.name, []).append(f"{table.name}.{column.name}")
    for columns in units.values():
        if not any(column.partition(".")[2] in named for column in columns):
            continue
        if all(data.of(*_split(column)).flag for column in columns):
            continue
        for by in _FACTORS:
            for digits in _DIGITS:
                yield {"do": "scale", "columns": sorted(columns), "by": by, "digits": digits}


def forms(data: Data, read: Collection[str], said: Collection[str], outputs: Collection[str] = ()) -> Iterator[Step]:
    """What is tried first, for it makes single values right and changes no rows: days in the columns whose names end
    alike, names of persons, and the texts that are ``said`` in results and stand nowhere in the data."""
    yield from ({"do": "missing", "is": text} for text in sorted(said))
    yield from ({"do": "round", "digits": digits} for digits in (1, 2, 0))
    if any(NAMES.search(name) for name in outputs):
        yield from _shares()
    for columns in _days(data).values():
        yield from ({"do": "form", "columns": sorted(columns), "is": text} for text in _DAY_FORMS)
    for table in (data.schema.tables[name] for name in sorted(read)):
        first, last = (next((n for n in table.names if n.startswith(words)), None) for words in (_FIRST, _LAST))
        if first and last:
            for text in _PERSONS:
                written = text.replace("{first}", f"{{{first}}}").replace("{last}", f"{{{last}}}")
                yield {"do": "form", "table": table.name, "columns": sorted((first, last)), "is": written}
                for firm in _firms(data, table, (first, last)):
                    text = f"COALESCE({{{firm}}}, {written})"
                    yield {"do": "form", "table": table.name, "columns": sorted((first, last, firm)), "is": text}


def _shares() -> Iterator[Step]:
    for by, signs in ((100, ("", "%", " %")), (1, ("",))):
        yield from (
            {"do": "share", "by": by, "digits": digits, "sign": sign} for sign in signs for digits in (0, 1, 2, 3)
        )


def _firms(data: Data, table: Table, person: Collection[str]) -> list[str]:
    """Texts that some rows have beside a person's name, such as the firm."""
    return [
        name
        for name in table.names
        if name not in person
        and (profile := data.of(table.name, name)).nulls
        and not profile.few
        and all(isinstance(value, str) and not _DAY.fullmatch(value) for value in profile.common)
    ]


def periods(data: Data) -> list[Step]:
    """What is tried last, once the rows that count are found: another month in which a year begins, another day on
    which a month does."""
    if not _days(data):
        return []
    years = [{"do": "year", "months": months} for months in range(1, 12)]
    return [*years, *({"do": "month", "day": day} for day in range(2, 29))]


def _days(data: Data) -> dict[str, list[str]]:
    """By the ending of their names: the columns that hold days."""
    found: dict[str, list[str]] = {}
    for table in data.schema.tables.values():
        for name in table.names:
            if _daily(data.of(table.name, name)):
                found.setdefault(name.rpartition("_")[2], []).append(f"{table.name}.{name}")
    return found


def _daily(profile: Profile) -> bool:
    values = profile.common[:20]
    return bool(values) and all(isinstance(one, str) and _DAY.fullmatch(one) for one in values)


def _split(column: str) -> tuple[str, str]:
    table, _, name = column.partition(".")
    return table, name


def _shifts(data: Data, read: Collection[str], named: Collection[str]) -> Iterator[Step]:
    """Columns with a time of day: the house may live by another clock."""
    for table in sorted(read):
        for column in data.schema.tables[table].columns:
            values = data.of(table, column.name).common[:20]
            timed = values and all(
                isinstance(value, str) and len(value) >= 16 and value[13:14] == ":" for value in values
            )
            if column.name not in named or not timed:
                continue
            for hours in [hour for hour in range(-12, 15) if hour]:
                for codes in (["%H"], ["%H", "%d", "%w", "%j"]):
                    yield {"do": "shift", "column": f"{table}.{column.name}", "by": f"{hours:+d} hours", "codes": codes}


def _timed(value: Any) -> bool:
    return isinstance(value, str) and len(value) >= 16 and value[13:14] == ":"
