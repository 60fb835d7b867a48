"""Runs functions on cases, in a process of its own: JSON on stdin, JSON on stdout. For sources of this repository only;
it is no sandbox.

    {"path": where house is, "jobs": [{"reference", "entry", "naive": convention?, "tests": [...], "examples": [...]?}]}

A job's answer is a list with {"expected": value} or {"raises": {...}} for each test, and after them {"repr": text} for
each example, an expression.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from types import ModuleType
from typing import Any
from unittest.mock import patch


def decoded(value: Any, names: dict[str, Callable[..., Any]]) -> Any:
    if isinstance(value, list):
        return [decoded(item, names) for item in value]
    if isinstance(value, dict) and "$" in value:
        return names[value["$"]](*[decoded(item, names) for item in value["args"]])
    if isinstance(value, dict):
        return {key: decoded(item, names) for key, item in value.items()}
    return value


def encoded(value: Any) -> Any:
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) is list:
        return [encoded(item) for item in value]
    if type(value) is dict and all(isinstance(key, str) and key != "$" for key in value):
        return {key: encoded(item) for key, item in value.items()}
    name, args = _parts(value)
    return {"$": name, "args": encoded(args)}


def _parts(value: Any) -> tuple[str, list[Any]]:
    kind = type(value).__name__
    if kind == "tuple":
        return kind, [list(value)]
    if kind == "set":
        return kind, [sorted(value)]
    if kind == "dict":
        return kind, [[list(pair) for pair in value.items()]]
    if kind == "date":
        return "datetime.date", [value.year, value.month, value.day]
    fields = {"Money": ("cents", "currency"), "Ok": ("value",), "Err": ("code",)}[kind]
    return f"house.{kind}", [getattr(value, field) for field in fields]


def outcome(function: Callable[..., Any], test: dict[str, Any], names: dict[str, Callable[..., Any]]) -> dict[str, Any]:
    args, kwargs = decoded(test["args"], names), decoded(test.get("kwargs", {}), names)
    try:
        return {"expected": encoded(function(*args, **kwargs))}
    except Exception as error:  # noqa: BLE001 - whatever the function raises is its outcome
        kind = type(error)
        name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__.split('.')[0]}.{kind.__name__}"
        return {"raises": {"type": name, "message": str(error)}}


# What somebody writes who does not know a convention


def bare(value: Any, kind: str) -> Any:
    """The encoded outcome without what the convention ``kind`` adds to it."""
    if isinstance(value, list):
        return [bare(item, kind) for item in value]
    if not isinstance(value, dict):
        return value
    value = {key: bare(item, kind) for key, item in value.items()}
    name, args = value.get("$"), value.get("args")
    if kind == "money" and name == "house.Money":
        return args[0]
    if kind == "tuple" and name == "tuple":
        return args[0]
    if kind == "result" and name in ("house.Ok", "house.Err"):
        return args[0] if name == "house.Ok" else None
    refused = {"refusal": "house.InvalidValue", "stock": "house.OutOfStock", "currency": "house.CurrencyMismatch"}
    if kind in refused and value.get("type") == refused[kind]:
        return {**value, "type": "ValueError"}
    return value


def _calendar_week(day: date) -> str:
    return "{}-W{:02}".format(*day.isocalendar()[:2])


NAIVE: dict[str, dict[str, Any]] = {
    "rounding": {"money.rounded": lambda value: round(float(value))},
    "closed-days": {"dates.is_business_day": lambda _: True},
    "fiscal": {
        "dates.fiscal_year": lambda day: day.year,
        "dates.fiscal_quarter": lambda day: f"{day.year}-Q{(day.month + 2) // 3}",
        "dates.fiscal_week": _calendar_week,
    },
    "naming": {
        "naming.code": lambda text: text.upper().replace(" ", "-"),
        "naming.key": lambda text: text.lower().replace(" ", "_"),
        "naming.numbered": lambda prefix, number: f"{prefix.upper()}-{number}",
    },
    "docstring": {"docs.docstring": lambda summary, params=None, returns="": f"{summary}\n{params}\n{returns}"},
    "shown": {
        "money.Money.__str__": lambda money: f"{money.cents / 100:.2f} {money.currency}",
        "dates.show_date": date.isoformat,
        "naming.MISSING": "-",
    },
}


@contextmanager
def without(house: ModuleType, convention: str | None) -> Iterator[None]:
    """The house library as somebody imagines it who does not know the convention."""
    patches = []
    for name, stand_in in NAIVE.get(convention or "", {}).items():
        patches.append(patch(f"house.{name}", stand_in))
        if hasattr(house, name.split(".", 1)[1]):
            patches.append(patch(f"house.{name.split('.', 1)[1]}", stand_in))
    for one in patches:
        one.start()
    try:
        yield
    finally:
        for one in reversed(patches):
            one.stop()


def answer(job: dict[str, Any], house: ModuleType, names: dict[str, Callable[..., Any]]) -> list[Any]:
    convention = job.get("naive")
    with without(house, convention):
        space: dict[str, Any] = {"__name__": "candidate"}
        exec(job["reference"], space)
        found = [outcome(space[job["entry"]], test, names) for test in job["tests"]]
        shown = [{"repr": repr(eval(call, {**space, "date": date}))} for call in job.get("examples", ())]
    return [*(bare(one, convention) if convention else one for one in found), *shown]


def main() -> None:
    request = json.load(sys.stdin)
    sys.path.insert(0, request["path"])
    import house  # type: ignore[import-not-found]

    names: dict[str, Callable[..., Any]] = {"tuple": tuple, "set": set, "dict": dict, "datetime.date": date}
    names.update({f"house.{name}": getattr(house, name) for name in ("Money", "Ok", "Err")})
    json.dump([answer(job, house, names) for job in request["jobs"]], sys.stdout)


if __name__ == "__main__":
    main()
