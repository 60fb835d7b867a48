"""``json.schema``: the artifact fits a JSON Schema (draft 2020-12).

Units are the schema's named properties and the value as a whole; an error counts against the property it is under.
References out of the schema are not followed: a check never opens a connection.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from metaagent.records import Check, ErrorKind, Finding
from metaagent.validators.accept import Accepts, compiled
from metaagent.validators.expressions import search
from metaagent.validators.jsontext import json_text, kind_of, storable
from metaagent.validators.options import only
from metaagent.validators.paths import child, show_path
from metaagent.validators.protocol import MAX_FINDINGS, Artifact, CheckContext, Options, OptionsError, Prepared, Result

_Error = Any
"""A jsonschema.ValidationError: imported late, and its typing knows less than its documentation."""

_MAX_ERRORS = 200
_TYPES = {
    "string": "a string",
    "number": "a number",
    "integer": "an integer",
    "boolean": "a boolean",
    "array": "a list",
    "object": "an object",
    "null": "null",
}


@dataclass(frozen=True, slots=True)
class _Schema:
    accepts: Accepts | None
    validator: Any
    properties: frozenset[str]
    units: int

    def judge(self, artifact: Artifact, check: Check, context: CheckContext) -> Result:  # noqa: ARG002
        document = artifact.document()
        if document.problem is not None:
            return Result(0, (document.problem,))
        if self.accepts is not None and self.accepts(document.value):
            return Result(self.units)
        errors = list(islice(self.validator.iter_errors(document.value), _MAX_ERRORS))
        if not errors:
            return Result(self.units)
        findings = [finding for error in errors for finding in _findings(error)]
        findings.sort(key=lambda finding: finding.location)
        return Result(self._held(errors), tuple(findings[:MAX_FINDINGS]))

    def _held(self, errors: Iterable[_Error]) -> int:
        broken: set[str | None] = set()
        for error in errors:
            if not error.absolute_path and error.validator == "type":
                return 0
            broken |= self._blamed(error)
        return max(0, self.units - len(broken))

    def _blamed(self, error: _Error) -> set[str | None]:
        if error.absolute_path:
            names = {str(error.absolute_path[0])}
        elif error.validator == "required":
            names = {name for name in error.validator_value if name not in error.instance}
        else:
            names = set()
        return {name if name in self.properties else None for name in names} or {None}


def prepare(options: Options) -> Prepared:
    only(options, ("schema",))
    schema = options.get("schema")
    if not isinstance(schema, Mapping):
        raise OptionsError("must be a JSON Schema", "schema")
    properties = schema.get("properties")
    named = frozenset(properties) if isinstance(properties, Mapping) else frozenset[str]()
    validator = _validator(dict(schema))
    return _Schema(compiled(schema), validator, named, 1 + len(named))


def _validator(schema: dict[str, Any]) -> Any:
    from jsonschema import Draft202012Validator, SchemaError, validators
    from referencing import Registry

    try:
        json.dumps(schema)
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        where = show_path(list(error.absolute_path)) or "the schema"
        raise OptionsError(f"is not a JSON Schema: {where}: {storable(error.message[:200])}", "schema") from None
    except (TypeError, ValueError, RecursionError) as error:
        raise OptionsError(f"is not a JSON Schema: {error}", "schema") from None
    bounded = {name: _bounded(name, Draft202012Validator.VALIDATORS[name]) for name in _EXPRESSIONS}
    kind = validators.extend(  # type: ignore[no-untyped-call]
        Draft202012Validator, {"uniqueItems": _unique, **bounded}
    )
    return kind(schema, registry=Registry())


_EXPRESSIONS = ("pattern", "patternProperties", "additionalProperties")
"""Keywords whose expressions the library tries without an end: they are tried before it, with one."""


def _bounded(keyword: str, check: Any) -> Any:
    def checked(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
        if keyword == "pattern" and isinstance(instance, str):
            search(re.compile(value), instance)
        elif keyword != "pattern" and isinstance(instance, dict):
            for expression in map(re.compile, schema.get("patternProperties", ())):
                for name in instance:
                    search(expression, name)
        return check(validator, value, instance, schema)

    return checked


def _unique(_validator: Any, wanted: bool, instance: Any, _schema: Any) -> Iterable[_Error]:
    """By hash: the library compares pairs, which takes hours for the list that a hostile reply holds."""
    from jsonschema import ValidationError

    if wanted and isinstance(instance, list):
        seen = {json.dumps(_unified(item), sort_keys=True) for item in instance}
        if len(seen) != len(instance):
            yield ValidationError("items stand twice")


def _unified(value: Any) -> Any:
    """The value with 1.0 as 1, which JSON Schema calls equal."""
    if isinstance(value, dict):
        return {name: _unified(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_unified(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _findings(error: _Error) -> list[Finding]:
    path = show_path([part if isinstance(part, (str, int)) else str(part) for part in error.absolute_path])
    if error.validator == "required" and isinstance(error.instance, dict):
        return [_finding(child(path, name), "missing field") for name in _absent(error)]
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        names = _unexpected(error)
        return [_finding(child(path, name), "unexpected field", got=error.instance[name]) for name in names]
    message, expected = _message(error)
    return [_finding(path, message, expected, got=error.instance)]


_NOTHING = object()


def _finding(path: str, message: str, expected: Any = _NOTHING, got: Any = _NOTHING) -> Finding:
    return Finding(
        ErrorKind.SCHEMA,
        storable(message),
        storable(path),
        None if expected is _NOTHING else json_text(expected),
        None if got is _NOTHING else json_text(got, 400),
    )


def _absent(error: _Error) -> list[str]:
    """This error's missing field: the library raises one error for each."""
    absent = [name for name in error.validator_value if name not in error.instance]
    named = [name for name in absent if error.message.startswith(repr(name))]
    return named[:1] or absent


def _unexpected(error: _Error) -> list[str]:
    known = set(error.schema.get("properties", ())) if isinstance(error.schema, Mapping) else set()
    return [name for name in error.instance if name not in known][:20]


def _message(error: _Error) -> tuple[str, Any]:
    if error.validator == "type":
        wanted = error.validator_value
        names = [wanted] if isinstance(wanted, str) else list(wanted)
        return f"{kind_of(error.instance)} instead of {' or '.join(_TYPES.get(name, name) for name in names)}", _NOTHING
    if error.validator == "enum":
        return "not one of the allowed values", error.validator_value
    if error.validator == "pattern":
        return "does not match the pattern", error.validator_value
    if error.validator in ("anyOf", "oneOf"):
        return "fits none of the alternatives" if error.context else "fits more than one alternative", _NOTHING
    if error.validator in _BOUNDS:
        return _BOUNDS[error.validator], error.validator_value
    return f"breaks the schema's {error.validator}", _NOTHING


_BOUNDS = {
    "minimum": "below the minimum",
    "maximum": "above the maximum",
    "exclusiveMinimum": "not above the exclusive minimum",
    "exclusiveMaximum": "not below the exclusive maximum",
    "minLength": "too short",
    "maxLength": "too long",
    "minItems": "too few items",
    "maxItems": "too many items",
    "multipleOf": "not a multiple",
    "uniqueItems": "items stand twice",
    "const": "not the one allowed value",
}
