"""The shape of a difference between what was expected and what came: part of a failure's fingerprint. Pure.

Where the place of a failure is an index (row 3, case 2), the place says nothing of what is wrong, and the values
themselves are no words to group by. Their shapes are: a number too large, or about 100 times so; another type; another
exception. Values are the JSON texts that error events carry; a value that JSON has no name for is written
``{"$": type, "args": [...]}``, and the end of a function ``{"returns": value}`` or ``{"raises": {"type": name}}``.
"""

from __future__ import annotations

import json
from math import isfinite, log10
from typing import Any, Final

MOST_TENS: Final = 6
_PLAIN = {
    str: "text",
    bool: "truth",
    int: "number",
    float: "number",
    type(None): "nothing",
    list: "list",
    dict: "mapping",
}


def shape(expected: str | None, got: str | None) -> str:
    """A few words, such as ``another type``; empty where the values are plain ones, which their place names better, or
    where there are none to compare. Coarse on purpose: a pattern is to be seen in many tasks."""
    wanted, came = _value(expected), _value(got)
    if isinstance(wanted, dict) and isinstance(came, dict) and _ends(wanted) and _ends(came):
        return _of_ends(wanted, came)
    if isinstance(wanted, list) and isinstance(came, list) and len(wanted) == len(came):
        return _of_rows(wanted, came)
    return ""


def _value(text: str | None) -> Any:
    try:
        return None if text is None else json.loads(text)
    except ValueError:
        return None


def _ends(value: dict[str, Any]) -> bool:
    return "returns" in value or "raises" in value


def _of_ends(wanted: dict[str, Any], came: dict[str, Any]) -> str:
    if "raises" not in wanted and "raises" not in came:
        return _of_values(wanted["returns"], came["returns"])
    if "raises" in wanted:
        return "another exception" if "raises" in came else "no exception"
    return "an exception"


def _of_rows(wanted: list[Any], came: list[Any]) -> str:
    found = {_of_values(one, other) for one, other in zip(wanted, came, strict=True) if one != other}
    return found.pop() if len(found) == 1 else "several values" if found else ""


def _of_values(wanted: Any, came: Any) -> str:
    one = _type(wanted)
    if one != _type(came):
        return "another type"
    if one == "number":
        return _of_numbers(wanted, came)
    if one == "text":
        return _of_texts(wanted, came)
    return f"another {one}"


def _of_numbers(wanted: float, came: float) -> str:
    """With the power of ten between them: a hundred times too much is a unit or a scale, a tenth too much is not."""
    way = "large" if came > wanted else "small"
    tens = round(abs(_size(came) - _size(wanted))) if _scaled(wanted, came) else 0
    return f"number about {10**tens} times too {way}" if 1 <= tens <= MOST_TENS else f"number too {way}"


def _scaled(wanted: float, came: float) -> bool:
    """Whether one may be a multiple of the other: neither zero nor infinite, and both of one sign."""
    plain = all(value and not (isinstance(value, float) and not isfinite(value)) for value in (wanted, came))
    return plain and (wanted > 0) == (came > 0)


def _size(number: float) -> float:
    return log10(abs(number))


def _of_texts(wanted: str, came: str) -> str:
    if wanted.casefold() == came.casefold():
        return "text in another case"
    if [c for c in wanted if c.isalnum()] == [c for c in came if c.isalnum()]:
        return "text with other punctuation"
    return "another text"


def _type(value: Any) -> str:
    if isinstance(value, dict) and isinstance(value.get("$"), str):
        return str(value["$"])
    return _PLAIN.get(type(value), "value")
