"""Python values as JSON, and when two of them are equal. Pure.

Texts, numbers, booleans, null, lists and dicts with text keys stand for themselves. All else is ``{"$": NAME, "args":
[...]}``: tuple, set, frozenset (one list of the items), dict (one list of pairs, where a key is no text), bytes (hex),
float (nan, inf), datetime.date, datetime.datetime, datetime.timedelta, decimal.Decimal, fractions.Fraction, and
LIBRARY.CLASS of the check's fixture, with the class's fields (``__match_args__``) as arguments. A Counter, defaultdict
or OrderedDict counts as a dict.

Equal means: true is not 1, a tuple is no list; numbers are equal when their values are (2 and 2.0), fractions within a
relative 1e-9; the order of a set's items and of a dict's keys does not matter.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from metaagent.validators.compare import is_number, match
from metaagent.validators.jsontext import json_text

TOLERANCE: Final = 1e-9
STANDARD: Final = frozenset(
    {
        *("tuple", "set", "frozenset", "dict", "bytes", "float"),
        *("datetime.date", "datetime.datetime", "datetime.timedelta", "decimal.Decimal", "fractions.Fraction"),
    }
)
_UNORDERED: Final = frozenset({"set", "frozenset", "dict"})


def problem(value: Any, library: str | None) -> str | None:
    """Why a value of a case does not hold, or None."""
    if isinstance(value, list):
        return next((said for item in value if (said := problem(item, library))), None)
    if not isinstance(value, Mapping):
        return None
    if "$" not in value:
        return next((said for item in value.values() if (said := problem(item, library))), None)
    name, args = value["$"], value.get("args")
    if set(value) != {"$", "args"} or not isinstance(name, str) or not isinstance(args, list):
        return f'{json_text(value, 80)} must be like {{"$": "tuple", "args": [[1, 2]]}}'
    if name not in STANDARD and not (library and name.startswith(f"{library}.")):
        return f"{name!r} is no name that a value may have; known: {', '.join(sorted(STANDARD))}"
    return problem(args, library)


def same(got: Any, expected: Any) -> bool:
    if isinstance(expected, bool) or expected is None or isinstance(expected, str):
        return type(got) is type(expected) and bool(got == expected)
    if is_number(expected):
        return is_number(got) and _numbers(got, expected)
    if isinstance(expected, list):
        return isinstance(got, list) and _lists(got, expected)
    if not isinstance(got, dict) or got.keys() != expected.keys():
        return False
    if "$" in expected and expected["$"] in _UNORDERED:
        return bool(got["$"] == expected["$"]) and _unordered(got["args"], expected["args"])
    return all(same(got[key], value) for key, value in expected.items())


def _numbers(got: float, expected: float) -> bool:
    if got == expected:
        return True
    if isinstance(got, int) and isinstance(expected, int):
        return False
    try:
        return math.isclose(got, expected, rel_tol=TOLERANCE)
    except OverflowError:
        return False


def _lists(got: list[Any], expected: list[Any]) -> bool:
    return len(got) == len(expected) and all(same(one, other) for one, other in zip(got, expected, strict=True))


def _unordered(got: Any, expected: Any) -> bool:
    """The one argument of a set or a dict: the same items in any order."""
    shaped = isinstance(got, list) and len(got) == len(expected) == 1 and isinstance(got[0], list)
    if not shaped or len(got[0]) != len(expected[0]):
        return False
    return len(match(got[0], expected[0], same)) == len(expected[0])
