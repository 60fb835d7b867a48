"""The interpreter of expressions: trees of lists, as JSON holds them, ``[operator, parameters..., child...]``.

Sources: ``["own"]`` the field's own value, ``["field", name]`` another of the reply, ``["fixed", name]`` another
after its
program, ``["text"]`` the task's input, ``["const", value]``. Every operator is partial: where it does not apply the
expression gives ``NOTHING``, and so does any that breaks or that is not known. It never raises, and a text is never
run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from metaagent.remedies.json.fields import figures, lengths, moments, spans, stock, strings, windows
from metaagent.remedies.json.fields.words import fold

Expression = Sequence[Any]
MAX_STRING: Final = 2_000
MAX_DEPTH: Final = 12
EACH_DEPTH: Final = 6
"""Where the expression of an ``each`` begins to count."""


class Nothing:
    """The type of ``NOTHING``: an expression that does not apply. (JSON's null is a value.)"""

    def __repr__(self) -> str:
        return "NOTHING"


NOTHING: Final = Nothing()


@dataclass(slots=True)
class Scope:
    """What an expression can see: one place of one reply, and the text of its task. ``logprobs``: what the model
    weighed there, for a field of few values: value as JSON, or another token -> log-probability."""

    own: Any
    fields: Mapping[str, Any]
    text: str
    fixed: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""
    logprobs: Mapping[str, float] = field(default_factory=dict)


def evaluate(expression: Expression, scope: Scope) -> Any:
    """The value, or NOTHING."""
    try:
        return _run(expression, scope, 0)
    except Exception:  # noqa: BLE001 - the contract: a partial function; a program may come from anywhere
        return NOTHING


def _run(expression: Expression, scope: Scope, depth: int) -> Any:
    if depth > MAX_DEPTH:
        return NOTHING
    name = expression[0]
    if name == "own":
        return scope.own
    if name == "const":
        return expression[1]
    if name == "text":
        return scope.text
    if name == "field":
        return scope.fields.get(expression[1], NOTHING)
    if name == "fixed":
        return scope.fixed.get(expression[1], NOTHING)
    if name == "concat":
        return _concat([_run(part, scope, depth + 1) for part in expression[1:]])
    child = _run(expression[-1], scope, depth + 1)
    if child is NOTHING:
        return NOTHING
    return apply(name, expression[1:-1], child, scope)


def apply(name: str, parameters: Sequence[Any], value: Any, scope: Scope) -> Any:
    """One operator on one value: what the search composes programs from."""
    if name in strings.STRING:
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or not value or len(value) > MAX_STRING:
            return NOTHING
        return _made(strings.STRING[name](value, *parameters))
    operator = _OPERATORS.get(name)
    return NOTHING if operator is None else _made(operator(scope, value, *parameters))


def _made(value: Any) -> Any:
    if value is None or (isinstance(value, str) and len(value) > MAX_STRING):
        return NOTHING
    if isinstance(value, Decimal):
        return figures.plain(value) if abs(value) < figures.LIMIT else NOTHING
    return value


def _concat(parts: list[Any]) -> Any:
    texts = [str(p) if isinstance(p, int) and not isinstance(p, bool) else p for p in parts]
    return "".join(texts) if all(isinstance(text, str) and text for text in texts) else NOTHING


# Operators beyond strings: (scope, value, parameters...) -> value or None


def _text(value: Any) -> str:
    if not isinstance(value, (str, int, float)) or isinstance(value, bool):
        raise TypeError("a text is needed")
    return str(value)


def _lookup(_: Scope, value: Any, name: str, column: str) -> Any:
    return stock.table(name).get(_text(value).lower() if isinstance(value, bool) else _text(value), column)


def _find(_: Scope, value: Any, name: str, column: str, which: int = 0) -> Any:
    """The first (0) or last (-1) entry of a stock table that stands in the text. Codes count where they stand as
    codes."""
    found = mentions(name, _text(value)[: spans.MAX_TEXT])
    if not found:
        return None
    row = found[which]
    return row[stock.COLUMNS[name].index(column)]


@lru_cache(maxsize=8192)
def mentions(name: str, text: str) -> tuple[tuple[Any, ...], ...]:
    """The rows of a stock table whose names stand in the text, longest names first at each place, in order."""
    table = stock.table(name)
    raw, found = text.split(), list[tuple[Any, ...]]()
    words: list[tuple[str, bool]] = []
    for token in raw:
        upper = token.isupper()
        words += [(word, upper) for word in fold(token).split()]
    at = 0
    while at < len(words):
        for size in range(min(table.longest, 8, len(words) - at), 0, -1):
            key = " ".join(word for word, _ in words[at : at + size])
            row = table.names.get(key)
            if row is not None and (len(key) > 3 or words[at][1]):
                found.append(row)
                at += size - 1
                break
        at += 1
    return tuple(found)


def _table(_: Scope, value: Any, entries: Mapping[str, Any]) -> Any:
    key = fold(_text(value)) if isinstance(value, str) else repr(value)
    return entries.get(key, NOTHING)


def _grams(_: Scope, value: Any, entries: Mapping[str, Any]) -> Any:
    """A learned table over the words of a text: the value of the longest entry that stands in it."""
    text = f" {fold(_text(value))} "
    found = [key for key in entries if f" {key} " in text]
    return entries[max(found, key=len)] if found else NOTHING


def _keywords(_: Scope, value: Any, rules: Sequence[Sequence[Any]]) -> Any:
    """The value of the first keyword in the list that the text has."""
    from metaagent.remedies.json.fields.words import word_set

    known = word_set(_text(value))
    return next((made for word, made in rules if word in known), NOTHING)


def _date(scope: Scope, value: Any, order: str, form: str, which: int = 0, year: int | str = 0) -> Any:
    """``year``: that of days which name none; ``text`` for that of the task's text; 0: those are no dates."""
    found = moments.dates_in(_text(value), order, year, scope.text)
    return moments.show_date(found[which][2], form) if found and (which == 0 or len(found) > 1) else None


def _time(_: Scope, value: Any, form: str, which: int = 0, way: str = "", step: int = 1) -> Any:
    """``way`` up, down or near: to the next whole ``step`` minutes."""
    found = moments.times(_text(value))
    if not found or (which != 0 and len(found) < 2):
        return None
    return moments.show_time(moments.stepped(found[which][2], way, step), form)


def _window(_: Scope, value: Any, form: str, mark: str, times: str = "once") -> Any:
    found = windows.window(_text(value))
    return None if found is None else windows.show_window(found, form, mark, twice=times == "twice")


def _duration(_: Scope, value: Any, form: str, way: str = "", step: int = 1) -> Any:
    """``way`` up, down or near: to the next whole ``step`` minutes."""
    length = lengths.minutes(_text(value))
    if length is None:
        return None
    return lengths.show(lengths.stepped(length, way, step) if way else length, form)


def _minutes_as(_: Scope, value: Any, form: str) -> Any:
    length = figures.exact(value)
    return None if length is None else lengths.show(float(length), form)


def _number(_: Scope, value: Any, mark: str = "auto") -> Any:
    return figures.exact(value) if mark == "auto" or not isinstance(value, str) else figures.read_number(value, mark)


def _scale(_: Scope, value: Any, factor: str) -> Any:
    number = figures.exact(value)
    return None if number is None else number * Decimal(factor)


def _minor(scope: Scope, value: Any, name: str) -> Any:
    """A sum in the minor units of the currency in another field (cents; yen stay as they are)."""
    number, currency = figures.exact(value), scope.fixed.get(name, scope.fields.get(name))
    places = stock.minor_units().get(str(currency).upper())
    return None if number is None or places is None else figures.rounded(number.scaleb(places), 0)


def _major(scope: Scope, value: Any, name: str) -> Any:
    number, currency = figures.exact(value), scope.fixed.get(name, scope.fields.get(name))
    places = stock.minor_units().get(str(currency).upper())
    return None if number is None or places is None else number.scaleb(-places)


def _round(_: Scope, value: Any, places: int) -> Any:
    number = figures.exact(value)
    return None if number is None else figures.rounded(number, places)


def _negate(_: Scope, value: Any) -> Any:
    number = figures.exact(value)
    return None if number is None or not number else -number


def _absolute(_: Scope, value: Any) -> Any:
    number = figures.exact(value)
    return None if number is None else abs(number)


def _written(_: Scope, value: Any, form: str) -> Any:
    number = figures.exact(value)
    return None if number is None else figures.written(number, form)


def _measure(_: Scope, value: Any, unit: str) -> Any:
    found, wanted = figures.measure(_text(value)), stock.units()[unit]
    return None if found is None or found[1] != wanted[0] else figures.rounded(found[0] / wanted[1], 6).normalize()


def _arithmetic(scope: Scope, value: Any, sign: str, name: str) -> Any:
    first, second = figures.exact(value), figures.exact(scope.fields.get(name))
    if first is None or second is None:
        return None
    made = {"+": first + second, "-": first - second, "*": first * second}.get(sign)
    return first / second if made is None else made


def _phone(scope: Scope, value: Any, default: str) -> Any:
    """A telephone number as +, country code and digits; ``default`` is a calling code or ``field:NAME`` of a
    country."""
    text = _text(value).replace("(0)", "")
    digits = "".join(filter(str.isdigit, text))
    if not 5 <= len(digits) <= 15:
        return None
    if text.strip().startswith(("+", "(+")):
        return "+" + digits
    if digits.startswith("00"):
        return "+" + digits[2:]
    code = default
    if default.startswith("field:"):
        name = default[6:]
        code = stock.table("country").get(str(scope.fixed.get(name, scope.fields.get(name))), "calling") or ""
    return code + digits.removeprefix("0") if code else None


def _dialled(_: Scope, value: Any, form: str) -> Any:
    """A number with its country's code in another form: {c} is the code, {n} the rest."""
    digits = _text(value).removeprefix("+")
    code = next((digits[:length] for length in (4, 3, 2, 1) if f"+{digits[:length]}" in stock.calling_codes()), "")
    if not code or not digits.isdigit() or not isinstance(value, str) or not value.startswith("+"):
        return None
    return form.replace("{c}", code).replace("{n}", digits.removeprefix(code))


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list) or not all(isinstance(item, (str, int, float)) for item in value):
        raise TypeError("a plain list is needed")
    return value


def _sort(_: Scope, value: Any, order: str) -> Any:
    key: Callable[[Any], Any] = (lambda item: fold(str(item))) if any(isinstance(i, str) for i in value) else float
    return sorted(_listed(value), key=key, reverse=order == "down")


def _unique(_: Scope, value: Any) -> Any:
    return list(dict.fromkeys(_listed(value)))


def _reverse(_: Scope, value: Any) -> Any:
    return _listed(value)[::-1]


def _join(_: Scope, value: Any, mark: str) -> Any:
    return mark.join(str(item) for item in _listed(value))


def _split(_: Scope, value: Any, mark: str) -> Any:
    return [part.strip() for part in _text(value).split(mark) if part.strip()] if isinstance(value, str) else None


def _sort_by(_: Scope, value: Any, key: str, order: str) -> Any:
    if not isinstance(value, list) or not all(isinstance(item, dict) and key in item for item in value):
        return None
    numeric = all(isinstance(item[key], (int, float)) for item in value)
    return sorted(value, key=lambda i: i[key] if numeric else str(i[key]), reverse=order == "down")


def _each(scope: Scope, value: Any, expression: Expression) -> Any:
    """An expression on every item of a list."""
    made = [_run(expression, Scope(item, scope.fields, scope.text, scope.fixed), EACH_DEPTH) for item in _listed(value)]
    return None if any(item is NOTHING for item in made) else made


def _classified(scope: Scope, value: Any, weights: Mapping[str, Mapping[str, float]], margin: float) -> Any:
    """The value with the highest score: a weight for each token that the model weighed there, times its log-probability
    (the lowest told, where it was not told); "" is the constant. The written one stays where it is within the margin.
    """
    told = scope.logprobs
    if not told:
        return NOTHING
    least = min(told.values())
    scores = {
        name: sum(weight * (told.get(token, least) if token else 1.0) for token, weight in tokens.items())
        for name, tokens in weights.items()
    }
    written = scores.get(json.dumps(value, ensure_ascii=False))
    best = max(scores, key=scores.__getitem__)
    return NOTHING if written is None else json.loads(best) if scores[best] > written + margin else value


def _type(_: Scope, value: Any, name: str) -> Any:
    if name == "text":
        return str(value).lower() if isinstance(value, bool) else _text(value)
    return [value] if name == "list" and not isinstance(value, list) else None


_OPERATORS: Final[dict[str, Callable[..., Any]]] = {
    "lookup": _lookup, "find": _find, "table": _table, "grams": _grams, "keywords": _keywords, "date": _date,
    "days-between": lambda _, value, order: moments.days_between(_text(value), order),
    "time": _time, "window": _window, "duration": _duration, "minutes-as": _minutes_as,
    "number": _number, "scale": _scale,
    "minor": _minor, "major": _major, "round": _round, "negate": _negate, "absolute": _absolute, "written": _written,
    "measure": _measure, "arithmetic": _arithmetic, "phone": _phone, "dialled": _dialled, "sort": _sort,
    "unique": _unique, "reverse": _reverse, "join": _join, "classified": _classified,
    "split": _split, "sort-by": _sort_by, "each": _each, "type": _type,
    "pick": lambda _, value, kind, which: spans.pick(kind, which, _text(value)),
    "recover": lambda scope, value, kind: spans.recover(kind, value, scope.text),
    "near": lambda scope, value, kind: spans.near(kind, value, scope.text),
    "extended": lambda scope, value, side: spans.extended(side, _text(value), scope.text),
    "after": lambda _, value, label: spans.after_label(label, _text(value)),
}  # fmt: skip

OPERATORS: Final = frozenset({"own", "const", "text", "field", "fixed", "concat", *strings.STRING, *_OPERATORS})
"""Every name that an expression may begin with."""
