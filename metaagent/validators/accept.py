"""A JSON Schema compiled to a quick test, for the common case of an artifact that fits.

It only ever says yes: ``None`` is compiled where a schema uses a keyword that is not known here, and a value that it
does not accept goes to the library, which says why. So it must be strict, never complete; a property test holds it so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from metaagent.validators.expressions import search

Accepts = Callable[[Any], bool]

_TYPES: dict[str, frozenset[type]] = {
    "string": frozenset({str}),
    "integer": frozenset({int}),
    "number": frozenset({int, float}),
    "boolean": frozenset({bool}),
    "null": frozenset({type(None)}),
    "array": frozenset({list}),
    "object": frozenset({dict}),
}
_SILENT = frozenset({"title", "description", "default", "examples", "$comment", "$schema", "deprecated"})
_OBJECT = frozenset({"properties", "required", "additionalProperties"})


def compiled(schema: Any) -> Accepts | None:
    """The test for a schema that holds, or None where it has a keyword that this does not know."""
    if not isinstance(schema, Mapping):
        return None
    tests: list[Accepts] = []
    for name in schema:
        if name in _SILENT or (name in _OBJECT and name != "properties" and "properties" in schema):
            continue
        test = _KEYWORDS[name](schema[name], schema) if name in _KEYWORDS else None
        if test is None:
            return None
        tests.append(test)
    return _all(tests)


def _all(tests: list[Accepts]) -> Accepts:
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        first, second = tests
        return lambda value: first(value) and second(value)
    return lambda value: all(test(value) for test in tests)


def _type(kind: Any, _schema: Mapping[str, Any]) -> Accepts:
    """Stricter than the library in one thing: 3.0 is no integer here."""
    kinds = frozenset().union(*(_TYPES[name] for name in ([kind] if isinstance(kind, str) else kind)))
    return lambda value: type(value) in kinds


def _enum(values: Any, _schema: Mapping[str, Any]) -> Accepts | None:
    if not all(isinstance(value, str) for value in values):
        return None
    choices = frozenset(values)
    return lambda value: type(value) is str and value in choices


def _pattern(text: Any, _schema: Mapping[str, Any]) -> Accepts:
    expression = re.compile(text)
    return lambda value: type(value) is str and search(expression, value) is not None


def _properties(properties: Any, schema: Mapping[str, Any]) -> Accepts | None:
    """Together with required and additionalProperties: one pass over the members."""
    extra = schema.get("additionalProperties", True)
    known = {name: compiled(inner) for name, inner in properties.items()}
    if not isinstance(extra, bool) or None in known.values():
        return None
    required = frozenset(schema.get("required", ()))

    def test(value: Any) -> bool:
        if type(value) is not dict or not required <= value.keys():
            return False
        for name, member in value.items():
            inner = known.get(name)
            if inner is None:
                if not extra:
                    return False
            elif not inner(member):
                return False
        return True

    return test


def _items(schema: Any, _schema: Mapping[str, Any]) -> Accepts | None:
    inner = compiled(schema)
    if inner is None or "prefixItems" in _schema:
        return None
    return lambda value: type(value) is list and all(map(inner, value))


def _number(holds: Callable[[Any, Any], bool]) -> Callable[[Any, Mapping[str, Any]], Accepts]:
    return lambda bound, _schema: lambda value: type(value) in (int, float) and holds(value, bound)


def _length(
    kind: type[str] | type[list[Any]], holds: Callable[[int, Any], bool]
) -> Callable[[Any, Mapping[str, Any]], Accepts]:
    return lambda bound, _schema: lambda value: isinstance(value, kind) and holds(len(value), bound)


_KEYWORDS: dict[str, Callable[[Any, Mapping[str, Any]], Accepts | None]] = {
    "type": _type,
    "enum": _enum,
    "pattern": _pattern,
    "properties": _properties,
    "items": _items,
    "minimum": _number(lambda value, bound: bool(value >= bound)),
    "maximum": _number(lambda value, bound: bool(value <= bound)),
    "minLength": _length(str, lambda length, bound: bool(length >= bound)),
    "maxLength": _length(str, lambda length, bound: bool(length <= bound)),
    "minItems": _length(list, lambda length, bound: bool(length >= bound)),
    "maxItems": _length(list, lambda length, bound: bool(length <= bound)),
}
