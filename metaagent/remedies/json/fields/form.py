"""Whether a value is a program (program.py) that can be run: its form, and operators and guards that exist. Pure.

An operator's own parameters are not looked into, but for their size: where they do not fit, the expression gives
nothing. What a program costs grows with its size and with the reply's, and with nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from metaagent.remedies.json.fields.evaluate import EACH_DEPTH, MAX_DEPTH, MAX_STRING, OPERATORS
from metaagent.remedies.json.fields.guards import GUARDS, TRAITS

_SOURCES: Final = frozenset({"own", "text"})
_NAMED: Final = frozenset({"field", "fixed"})
MOST_PARTS: Final = 20_000
"""Expressions, guards, names and entries of tables in a program. Learning makes some hundreds."""


def program_flaw(program: Any) -> str:
    """What is wrong with a program, as the end of a sentence that begins with it; empty: nothing."""
    fields = program.get("fields") if isinstance(program, dict) else None
    if not isinstance(fields, list) or not fields:
        return "must have a list of fields"
    return _size_flaw(fields) or _first(_field_flaw(field) for field in fields)


def _size_flaw(fields: Sequence[Any]) -> str:
    parts: list[Any] = [fields]
    for count, part in enumerate(parts):  # grows on the way
        if isinstance(part, str) and len(part) > MAX_STRING:
            return f"must not hold texts of more than {MAX_STRING} characters"
        if count > MOST_PARTS:
            return f"must not have more than {MOST_PARTS} parts"
        parts += [*part, *part.values()] if isinstance(part, dict) else part if isinstance(part, list) else ()
    return ""


def _field_flaw(field: Any) -> str:
    if not isinstance(field, dict) or not isinstance(field.get("path"), str) or not field["path"]:
        return "must name the path of each field"
    if not isinstance(field.get("branches"), list) or not field["branches"]:
        return f"must have a list of branches for {field['path']!r}"
    wrong = _first(_branch_flaw(branch) for branch in field["branches"])
    return f"{wrong}, in a branch of {field['path']!r}" if wrong else ""


def _branch_flaw(branch: Any) -> str:
    if not isinstance(branch, dict) or "then" not in branch:
        return "must say what comes then"
    when = branch.get("when")
    return (_guard_flaw(when, 0) if when is not None else "") or _expression_flaw(branch["then"], 0)


def _expression_flaw(expression: Any, depth: int, *, of_each: bool = False) -> str:
    """An expression is ``[operator, parameters..., child]``; ``concat`` has children alone, sources have none. ``each``
    has an expression as its parameter, and none within another: the product of the lists may have no end."""
    if not _is_call(expression):
        return "must have expressions that are lists and begin with an operator"
    name, rest = expression[0], expression[1:]
    if name not in OPERATORS:
        return f"has an operator that does not exist: {name[:40]!r}"
    if depth > MAX_DEPTH:
        return f"must not nest expressions deeper than {MAX_DEPTH}"
    if name in _SOURCES or name == "const":
        return "" if len(rest) == (name == "const") else f"has {name!r} with the wrong number of parameters"
    if name in _NAMED:
        return "" if _is_texts(rest) and len(rest) == 1 else f"has {name!r} without the name of a field"
    children = rest if name == "concat" else rest[-1:]
    if not children:
        return f"has {name!r} without an expression that it works on"
    if name == "each":
        if of_each or len(rest) != 2:
            return "must have one expression in each 'each', and no other 'each' in that"
        if wrong := _expression_flaw(rest[0], EACH_DEPTH, of_each=True):
            return wrong
    return _first(_expression_flaw(child, depth + 1, of_each=of_each) for child in children)


def _guard_flaw(guard: Any, depth: int) -> str:
    if not _is_call(guard):
        return "must have guards that are lists and begin with a name"
    name, rest = guard[0], guard[1:]
    if name not in GUARDS:
        return f"has a guard that does not exist: {name[:40]!r}"
    if depth > MAX_DEPTH:
        return f"must not nest guards deeper than {MAX_DEPTH}"
    if name in ("and", "not"):
        fitting = bool(rest) and (name == "and" or len(rest) == 1)
        return _first(_guard_flaw(part, depth + 1) for part in rest) if fitting else f"has {name!r} without a guard"
    if not _is_texts(rest[:1]) or not rest:
        return f"has a guard {name!r} that does not say what it is about"
    if name == "trait" and rest[0] not in TRAITS:
        return f"has a trait that does not exist: {rest[0][:40]!r}"
    return "" if len(rest) >= GUARDS[name] else f"has a guard {name!r} with too few parameters"


def _is_call(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], str)


def _is_texts(values: Sequence[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def _first(flaws: Iterable[str]) -> str:
    return next(filter(None, flaws), "")
