"""Learned rules as plain code around an answer's function: guards before it, conversions of what comes out. Pure.

A rule is a mapping; ``when`` limits it to tasks of certain words (words.py). By ``kind``:

| kind | keys | meaning |
| --- | --- | --- |
| guard | ``if`` over ``value``, ``do`` over ``name`` and ``value``, ``on`` | a parameter that it is true of ends it |
| error | ``do`` | what happens in place of an exception of the answer's own |
| failure | ``do`` | the same, and where nothing (None) came back |
| result | ``if`` (one of CONDITIONS), ``give`` over ``result`` | what is returned in place of the result |
| whole | ``give`` | what is returned in place of calling the answer's function |
| text | ``find`` (one of PATTERNS), ``give`` over ``found`` | what stands in a text in place of what is found in it |

``on`` says when a guard looks: before the ``call``, or after a ``failure``: an error, or None came back. ``arg1``,
``arg2``, ``arg3`` stand for the parameters by place; ``low`` and ``high`` for a range that the text states for one.
A rule whose parameters the function does not have is left out.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from metaagent.remedies.python.tree import Function

_NUMBER: Final = "isinstance({0}, (int, float)) and not isinstance({0}, bool)"

CONDITIONS: Final[Mapping[str, str]] = {
    "a number": _NUMBER.format("result"),
    "a whole number": "isinstance(result, int) and not isinstance(result, bool)",
    "a fraction": "isinstance(result, float)",
    "a truth value": "isinstance(result, bool)",
    "a text": "isinstance(result, str)",
    "an empty text": 'result == ""',
    "a list": "isinstance(result, list)",
    "a list of numbers": f"isinstance(result, list) and all({_NUMBER.format('item')} for item in result)",
    "a tuple": "isinstance(result, tuple)",
    "a tuple of numbers": f"isinstance(result, tuple) and all({_NUMBER.format('item')} for item in result)",
    "a list or tuple of numbers": "isinstance(result, (list, tuple)) and "
    f"all({_NUMBER.format('item')} for item in result)",
    "a list or tuple": "isinstance(result, (list, tuple))",
    "a set": "isinstance(result, (set, frozenset))",
    "a dict": "isinstance(result, dict)",
    "a dict of numbers": f"isinstance(result, dict) and all({_NUMBER.format('item')} for item in result.values())",
    "a date": 'type(result).__name__ == "date"',
    "nothing": "result is None",
    "false": "result is False",
    "minus one": "result == -1",
    "an empty list": "result == []",
    "an empty dict": "result == {}",
    "a value": "result is not None",
}

PATTERNS: Final[Mapping[str, tuple[str, str]]] = {
    "a date": (r"\d{4}-\d\d-\d\d(?: 00:00:00)?", "date.fromisoformat(found[0][:10])"),
    "a day/month/year": (r"\d\d?[./]\d\d?[./]\d{4}", "date(*map(int, re.split('[./]', found[0])[::-1]))"),
    "a number": (r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.]*\d)", "float(found[0]) if '.' in found[0] else int(found[0])"),
    "a whole number": (r"(?<![\w.,])-?\d+(?!\w|[.,]\d)", "int(found[0])"),
    "an amount": (
        r"(?:[$€£]|\b[A-Z]{3}\b)? ?-?(?<![\w.])\d+(?:\.\d+)?(?![\w.]*\d) ?(?:[$€£]|\b[A-Z]{3}\b|\bcents?\b)?",
        "(lambda number: float(number) if '.' in number else int(number))(re.sub('[^0-9.-]', '', found[0]))",
    ),
    "None": (r"\bNone\b", "None"),
}
"""What is found in a text, and the value that it is read as."""

MODULES: Final[Mapping[str, str]] = {
    "date": "from datetime import date",
    "datetime": "from datetime import datetime",
    "timedelta": "from datetime import timedelta",
    "Decimal": "from decimal import Decimal",
    "Fraction": "from fractions import Fraction",
    "math": "import math",
    "re": "import re",
}
"""Imports of the names that rules may use, beside a library's."""


def wrapper(function: Function, inner: str, rules: Sequence[Mapping[str, Any]], ranges: Ranges) -> str | None:
    """The code of a function of the answer's name and signature that calls ``inner``, the answer's own; None where no
    rule fits it."""
    made = _Wrapper(function, inner, ranges)
    for rule in rules:
        made.add(rule)
    return made.code()


Ranges = Mapping[str, tuple[str, str]]


class _Wrapper:
    """Collects the lines of each part: before the call, on an error, on nothing, and after it."""

    def __init__(self, function: Function, inner: str, ranges: Ranges) -> None:
        self._function, self._inner, self._ranges = function, inner, ranges
        self._names = parameters(function)
        self._before: list[str] = []
        self._error: list[str] = []
        self._nothing: list[str] = []
        self._after: list[str] = []
        self._whole: str | None = None

    def add(self, rule: Mapping[str, Any]) -> None:
        match rule["kind"]:
            case "guard":
                places = {"call": [self._before], "failure": [self._error, self._nothing]}[rule.get("on", "call")]
                for place in places:
                    place.extend(self._guards(rule))
            case "error":
                self._error.extend(self._fitted([rule["do"]]))
            case "failure":
                self._error.extend(self._fitted([rule["do"]]))
                self._nothing.extend(self._fitted([rule["do"]]))
            case "whole" if self._whole is None:
                self._whole = next(iter(self._fitted([f"return {rule['give']}"])), None)
            case "result":
                condition = CONDITIONS[rule["if"]]
                if rule.get("except"):
                    condition = f"{condition} and not isinstance(result, ({', '.join(rule['except'])},))"
                lines = [f"if {condition}:", f"    result = {rule['give']}"]
                self._after.extend(self._fitted(lines))
            case "text":
                pattern, value = PATTERNS[rule["find"]]
                give = re.sub(r"\bfound\b", f"({value})", rule["give"])
                lines = [
                    "if isinstance(result, str):",
                    f"    result = re.sub({pattern!r}, lambda found: {give}, result)",
                ]
                self._after.extend(self._fitted(lines))

    def code(self) -> str | None:
        if not (self._before or self._error or self._nothing or self._after or self._whole):
            return None
        lines = [*self._before]
        call = f"{self._inner}({self._arguments()})"
        if self._whole is not None:
            lines.append(self._whole)
        elif not self._error and not self._after and not self._nothing:
            lines.append(f"return {call}")
        else:
            lines += self._call(call)
            if self._nothing:
                lines += ["if result is None:", *(f"    {line}" for line in self._nothing)]
            lines += [*self._after, "return result"]
        head = f"def {self._function.name}({ast.unparse(_bare(self._function.args))}):"
        return "\n".join([head, *(f"    {line}" for line in lines)]) + "\n"

    def _call(self, call: str) -> list[str]:
        if not self._error:
            return [f"result = {call}"]
        handled = [f"    {line}" for line in self._error]
        if not self._error[-1].startswith(("return", "raise")):
            handled.append("    raise")
        return ["try:", f"    result = {call}", "except Exception:", *handled]

    def _guards(self, rule: Mapping[str, Any]) -> Iterable[str]:
        for name in self._names:
            condition, action = rule["if"], rule["do"]
            if re.search(r"\b(low|high)\b", condition):
                if name not in self._ranges:
                    continue
                low, high = self._ranges[name]
                condition = re.sub(r"\bhigh\b", high, re.sub(r"\blow\b", low, condition))
            yield f"if {_with(condition, value=name)}:"
            yield f"    {_with(action, name=repr(name), value=name)}"

    def _fitted(self, lines: Sequence[str]) -> list[str]:
        """The lines with parameters by place as names; none of them where one is not there."""
        places = {f"arg{number}": name for number, name in enumerate(self._names, 1)}
        made = [_with(line, **places) for line in lines]
        return [] if any(re.search(r"\barg\d\b", line) for line in made) else made

    def _arguments(self) -> str:
        given = self._function.args
        parts = [one.arg for one in (*given.posonlyargs, *given.args)]
        parts += [f"*{given.vararg.arg}"] if given.vararg else []
        parts += [f"{one.arg}={one.arg}" for one in given.kwonlyargs]
        parts += [f"**{given.kwarg.arg}"] if given.kwarg else []
        return ", ".join(parts)


def parameters(function: Function) -> list[str]:
    given = function.args
    return [one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)]


def _bare(given: ast.arguments) -> ast.arguments:
    """The parameters without annotations, which may name what only the answer's own lines know."""
    bare = copy.deepcopy(given)
    for one in ast.walk(bare):
        if isinstance(one, ast.arg):
            one.annotation = None
    return bare


def _with(line: str, **names: str) -> str:
    """The line of code with these names replaced."""
    return _put(line, tuple(sorted(names.items())))


@lru_cache(maxsize=4096)
def _put(line: str, names: tuple[tuple[str, str], ...]) -> str:
    code = line.strip()
    if code.startswith("if ") and code.endswith(":"):
        made = f"if {ast.unparse(_Replaced(dict(names)).visit(ast.parse(code[3:-1], mode='eval')))}:"
    else:
        made = ast.unparse(_Replaced(dict(names)).visit(ast.parse(code)))
    return " " * (len(line) - len(line.lstrip())) + made


class _Replaced(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.expr:
        new = self._names.get(node.id)
        return node if new is None else ast.parse(new, mode="eval").body
