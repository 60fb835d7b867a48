"""``json.expected``, a key check: the values that fields must have.

    values: {customer: Acme, "lines[0].amount": 1250}   path -> value; fields that are not named are not checked
    tolerance: 0.01   or   {total: 0.01}                absolute, inclusive
    unordered: true   or   [lines]                      the order of list items does not count
    ignore_case: true or   [customer]

A wrong value is a finding of kind assertion, a missing field one of kind schema; location is the field's path.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from metaagent.records import Check
from metaagent.validators.compare import Comparison, Rule, Rules, size
from metaagent.validators.options import number, only
from metaagent.validators.paths import MISSING, Part, find, read_path, show_path
from metaagent.validators.protocol import MAX_FINDINGS, Artifact, CheckContext, Options, OptionsError, Prepared, Result

_SCALARS = (str, int, float, bool, type(None))


@dataclass(frozen=True, slots=True)
class _Field:
    path: str
    parts: tuple[Part, ...]
    expected: Any
    rule: Rule


@dataclass(frozen=True, slots=True)
class _Expected:
    fields: tuple[_Field, ...]
    rules: Rules
    units: int

    def judge(self, artifact: Artifact, check: Check, context: CheckContext) -> Result:  # noqa: ARG002
        document = artifact.document()
        if document.problem is not None:
            return Result(0, (document.problem,))
        comparison = Comparison(self.rules)
        held = sum(_held(comparison, field, document.value) for field in self.fields)
        return Result(held, tuple(comparison.findings[:MAX_FINDINGS]))


def _held(comparison: Comparison, field: _Field, document: Any) -> int:
    parts, expected = field.parts, field.expected
    plain = len(parts) == 1 and type(document) is dict
    got = document.get(parts[0], MISSING) if plain else find(document, parts)
    if got is MISSING:
        comparison.missing(expected, field.path)
        return 0
    if type(got) is type(expected) and got == expected and isinstance(expected, _SCALARS):
        return 1
    return comparison.held(got, expected, field.path, field.path, field.rule)


def prepare(options: Options) -> Prepared:
    only(options, ("values", "tolerance", "unordered", "ignore_case"))
    values = options.get("values")
    if not isinstance(values, Mapping) or not values:
        raise OptionsError("must map fields to their expected values, like {total: 12.5}", "values")
    rules = _rules(options)
    fields = tuple(_field(str(name), value, rules) for name, value in values.items())
    return _Expected(fields, rules, sum(size(field.expected) for field in fields))


def _field(name: str, expected: Any, rules: Rules) -> _Field:
    parts = _path(name, "values")
    path = show_path(parts)
    return _Field(path, parts, expected, rules.at(path, path, rules.default))


def _path(name: str, option: str, *, general: bool = False) -> tuple[Part, ...]:
    try:
        parts = read_path(name)
    except ValueError as error:
        raise OptionsError(str(error), option) from None
    if None in parts and not general:
        raise OptionsError(f"{name!r} names many places; an expected value needs one", option)
    return parts


def _rules(options: Options) -> Rules:
    default, by_path = Rule(), dict[str, dict[str, Any]]()
    for option in ("tolerance", "unordered", "ignore_case"):
        value = options.get(option)
        if value is None:
            continue
        if isinstance(value, Mapping):
            named = {str(name): _setting(option, one) for name, one in value.items()}
        elif isinstance(value, (list, tuple)):
            named = {str(name): _setting(option, True) for name in value}
        else:
            default = replace(default, **{option: _setting(option, value)})
            continue
        for name, one in named.items():
            by_path.setdefault(show_path(_path(name, option, general=True)), {})[option] = one
    return Rules(default, {path: replace(default, **settings) for path, settings in by_path.items()})


def _setting(option: str, value: Any) -> Any:
    if option == "tolerance":
        return number(value, option)
    if not isinstance(value, bool):
        raise OptionsError("must be true, false or a list of fields", option)
    return value
