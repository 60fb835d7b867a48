"""Stock tables: countries and currencies of ISO, months and weekdays, with their names in some fifty languages.

``stock.json`` is made from public data (its first line says which), ``words.json`` by hand; names in them are folded
(``words.fold``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

from metaagent.remedies.json.fields.words import fold


@dataclass(frozen=True, slots=True)
class Table:
    """Folded name -> row; ``columns`` name what a row holds. ``longest`` is the most words that a name has."""

    names: Mapping[str, tuple[Any, ...]]
    columns: tuple[str, ...]
    longest: int = 1

    def get(self, text: str, column: str) -> Any | None:
        row = self.names.get(fold(text))
        return None if row is None else row[self.columns.index(column)]


COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "country": ("alpha2", "alpha3", "numeric", "name", "currency", "calling"),
    "city": ("alpha2", "alpha3", "numeric", "name", "currency", "calling"),
    "currency": ("code", "minor", "name", "symbol"),
    "month": ("number", "padded", "name", "short"),
    "weekday": ("number", "zero", "name", "short", "two"),
    "boolean": ("boolean", "letter", "digit", "word", "number"),
}


@lru_cache(maxsize=2)
def _stock(name: str = "stock") -> dict[str, Any]:
    text = files("metaagent.remedies.json.fields").joinpath(f"{name}.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


@lru_cache(maxsize=8)
def listed(name: str) -> frozenset[str]:
    """A list of folded words: ``legal_forms`` of firms, ``titles`` of persons, ``particles``."""
    return frozenset(_stock("words")[name].split())


@lru_cache(maxsize=1)
def units() -> Mapping[str, tuple[str, Decimal]]:
    """Folded unit -> its kind (mass, length, volume, time) and size in the kind's base unit."""
    kinds = _stock("words")["units"]
    return {name: (kind, Decimal(size)) for kind, known in kinds.items() for name, size in known.items()}


@lru_cache(maxsize=1)
def lengths() -> Mapping[str, float]:
    """Folded word for a length of time -> minutes."""
    return {word: int(n) / 60 for n, words in _stock("words")["lengths"].items() for word in words.split()}


@lru_cache(maxsize=16)
def table(name: str) -> Table:
    """A stock table by name. Raises KeyError for one that is not there."""
    made = _MAKERS[name]()
    return Table(made, COLUMNS[name], max((key.count(" ") + 1 for key in made), default=1))


def _countries() -> dict[str, tuple[Any, ...]]:
    names: dict[str, tuple[Any, ...]] = {}
    for alpha2, alpha3, numeric, name, currency, calling, known in _stock()["countries"]:
        row = (alpha2, alpha3, numeric, name, currency, calling)
        for key in (*known, fold(name), alpha3.lower(), alpha2.lower()):
            names.setdefault(key, row)
    return names


@lru_cache(maxsize=1)
def calling_codes() -> frozenset[str]:
    """+ and digits."""
    return frozenset(row[5] for row in _countries().values() if row[5])


def _cities() -> dict[str, tuple[Any, ...]]:
    rows = {row[0]: tuple(row[:6]) for row in _stock()["countries"]}
    return {city: rows[code] for code, cities in _stock()["cities"].items() if code in rows for city in cities}


def _currencies() -> dict[str, tuple[Any, ...]]:
    names: dict[str, tuple[Any, ...]] = {}
    for code, minor, name, symbols, known in _stock()["currencies"]:
        row = (code, minor, name, symbols[0] if symbols else code)
        for key in (code.lower(), fold(name), *known):
            names.setdefault(key, row)
    return names


@lru_cache(maxsize=1)
def minor_units() -> Mapping[str, int]:
    """Currency code -> the decimals of its minor unit."""
    return {row[0]: row[1] for row in _stock()["currencies"]}


@lru_cache(maxsize=1)
def currency_symbols() -> Mapping[str, str]:
    """Symbol -> code, where only one currency has it; the dollar, pound and yen signs mean the commonest."""
    found: dict[str, set[str]] = {}
    for code, _, _, symbols, _ in _stock()["currencies"]:
        for symbol in symbols:
            found.setdefault(symbol, set()).add(code)
    common = {"$": "USD", "£": "GBP", "¥": "JPY", "€": "EUR"}
    return {symbol: next(iter(codes)) for symbol, codes in found.items() if len(codes) == 1} | common


@lru_cache(maxsize=1)
def month_numbers() -> Mapping[str, int]:
    return {name: int(number) for number, names in _stock()["months"].items() for name in names}


@lru_cache(maxsize=1)
def month_names() -> tuple[str, ...]:
    return tuple(_stock()["month_names"])


@lru_cache(maxsize=1)
def weekday_names() -> tuple[str, ...]:
    return tuple(_stock()["weekday_names"])


def _months() -> dict[str, tuple[Any, ...]]:
    rows = [(n, f"{n:02d}", name, name[:3]) for n, name in enumerate(month_names(), 1)]
    return {name: rows[number - 1] for name, number in month_numbers().items()}


def _weekdays() -> dict[str, tuple[Any, ...]]:
    rows = [(n, n - 1, name, name[:3], name[:2]) for n, name in enumerate(weekday_names(), 1)]
    return {name: rows[int(n) - 1] for n, names in _stock()["weekdays"].items() for name in names}


def _booleans() -> dict[str, tuple[Any, ...]]:
    yes, no = (True, "Y", "1", "yes", 1), (False, "N", "0", "no", 0)
    return {**dict.fromkeys(listed("yes"), yes), **dict.fromkeys(listed("no"), no)}


_MAKERS: Final = {
    "country": _countries,
    "city": _cities,
    "currency": _currencies,
    "month": _months,
    "weekday": _weekdays,
    "boolean": _booleans,
}
