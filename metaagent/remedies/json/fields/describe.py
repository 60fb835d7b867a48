"""Programs in words: a line for each branch, like ``country: find(own) in country -> alpha3, else the name``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from metaagent.remedies.json.fields.moments import UNSHOWN

_QUOTE: Final = '"'


def describe(program: Mapping[str, Any]) -> Iterator[str]:
    """One line for each branch of each field, in the order they are tried."""
    for field in program.get("fields", ()):
        for branch in field["branches"]:
            when = branch.get("when")
            said = say(branch["then"])
            yield f"{field['path']}: {said}" + (f", when {say_guard(when)}" if when is not None else "")


def say(expression: Sequence[Any]) -> str:
    """An expression as a chain, from its source to its last operator."""
    name = expression[0]
    if name == "own" and len(expression) == 1:
        return "own value"
    if name == "text" and len(expression) == 1:
        return "text"
    if name == "const":
        return _value(expression[1])
    if name == "field":
        return f"field {expression[1]}"
    if name == "fixed":
        return f"mended {expression[1]}"
    if name == "concat":
        return " + ".join(_group(part) for part in expression[1:])
    return f"{_group(expression[-1])} -> {_step(name, expression[1:-1])}"


def _group(expression: Sequence[Any]) -> str:
    said = say(expression)
    return f"({said})" if expression[0] == "concat" else said


def _step(name: str, parameters: Sequence[Any]) -> str:
    if name in ("lookup", "find"):
        where = "" if name == "lookup" else " in it"
        last = ", last" if parameters[2:] == [-1] or tuple(parameters[2:]) == (-1,) else ""
        return f"{parameters[0]}{where}{last} as {parameters[1]}"
    if name in ("table", "grams") and isinstance(parameters[0], Mapping):
        shown = ", ".join(f"{key}: {_value(value)}" for key, value in list(parameters[0].items())[:8])
        more = len(parameters[0]) - 8
        return f"learned table {{{shown}{f', {more} more' if more > 0 else ''}}}"
    if name == "date" and len(parameters) > 3:
        return f"{_step(name, parameters[:3])}, with or without a year{_of_year(parameters[3])}"
    if name == "classified" and isinstance(parameters[0], Mapping):
        return f"classified by what else the model thought of: {'; '.join(_classes(parameters[0]))}"
    if name == "minor":
        return f"minor units of {parameters[0]}"
    if name == "after":
        return f"what follows {_value(parameters[0])}"
    if name == "recover":
        return f"the {parameters[0]} of the text that it comes from, else the first"
    if name == "near":
        return f"the {parameters[0]} of the text that it comes from"
    if name == "each":
        return f"each ({say(parameters[0])})"
    return " ".join([name, *(_value(parameter) for parameter in parameters)])


def _of_year(year: Any) -> str:
    """That of days that name none; nothing where the format shows none."""
    return " (the text's)" if year == "text" else "" if year == UNSHOWN else f" ({year})"


def _value(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _classes(weights: Mapping[str, Any]) -> Iterator[str]:
    """For each value the tokens that speak most for it."""
    for value, tokens in weights.items():
        found = tokens if isinstance(tokens, Mapping) else {}
        heavy = [token for token, weight in found.items() if token and isinstance(weight, int | float) and weight > 0]
        heavy.sort(key=lambda token: -found[token])
        yield f"{value} where {', '.join(_value(token.strip(_QUOTE)) for token in heavy[:3]) or 'nothing else'}"


def say_guard(guard: Sequence[Any]) -> str:
    name = guard[0]
    if name == "and":
        return " and ".join(say_guard(part) for part in guard[1:])
    if name == "not":
        return f"not ({say_guard(guard[1])})"
    if name == "word":
        return f"the text has {_value(guard[1])}"
    if name == "settled":
        return f"{', '.join(guard[1:])} needed no mending"
    if name == "mostly-settled":
        return f"most of {', '.join(guard[1:])} needed no mending"
    if name == "title-word":
        return f"the title has {_value(guard[1])}"
    if name == "own-word":
        return f"the value has {_value(guard[1])}"
    if name == "beside":
        return f"{_value(guard[2])} stands {'before' if guard[1] == 'left' else 'after'} it"
    if name == "trait":
        return f"it {guard[1]}"
    if name == "shape":
        return f"{guard[1].replace(':', ' ')} looks like {_value(guard[2])}"
    return f"{guard[1].replace(':', ' ')} is {_value(guard[2])}"
