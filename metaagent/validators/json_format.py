r"""``json.format``: the house format of fields, as a public check. A rule is a regular expression for the text, or

    date: "%Y-%m-%d"        a real date, written just so      case: upper | lower | title
    decimals: 2             digits after the point, as written      integer: true
    enum: [open, paid]      one of these, case and all        regex: "INV-\d+"
    min: 0, max: 100        numbers                           optional: true   may be missing or null

Fields are paths; ``lines[*].amount`` is every item's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from metaagent.records import Check, ErrorKind, Finding
from metaagent.validators.compare import is_number
from metaagent.validators.expressions import search
from metaagent.validators.jsontext import json_text, read_decimals
from metaagent.validators.options import only, pattern
from metaagent.validators.paths import MISSING, Part, find_all, read_path
from metaagent.validators.protocol import MAX_FINDINGS, Artifact, CheckContext, Options, OptionsError, Prepared, Result

MAX_FIELD = 10_000
"""Texts longer than this have no house format: it keeps a slow expression from meeting a huge text."""

Test = Callable[[Any], str | None]
"""What is wrong with a value, or None."""


@dataclass(frozen=True, slots=True)
class _Field:
    parts: tuple[Part, ...]
    tests: tuple[Test, ...]
    optional: bool
    expected: str

    def findings(self, document: Any) -> Iterator[Finding]:
        for path, value in find_all(document, self.parts):
            if self.optional and (value is MISSING or value is None):
                continue
            if value is MISSING:
                yield Finding(ErrorKind.SCHEMA, "missing field", path, self.expected, None)
                continue
            message = next((said for test in self.tests if (said := test(value)) is not None), None)
            if message is not None:
                yield Finding(ErrorKind.FORMAT, message, path, self.expected, json_text(_plain(value), 400))


@dataclass(frozen=True, slots=True)
class _Format:
    fields: tuple[_Field, ...]
    decimal: bool

    @property
    def units(self) -> int:
        return len(self.fields)

    def judge(self, artifact: Artifact, check: Check, context: CheckContext) -> Result:  # noqa: ARG002
        document = artifact.document()
        if document.problem is not None:
            return Result(0, (document.problem,))
        value = read_decimals(artifact.text) if self.decimal else document.value
        by_field = [list(field.findings(value)) for field in self.fields]
        found = [finding for findings in by_field for finding in findings]
        return Result(sum(not findings for findings in by_field), tuple(found[:MAX_FINDINGS]))


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def prepare(options: Options) -> Prepared:
    if not options:
        raise OptionsError("needs a rule for at least one field, like {date: '\\d{4}-\\d{2}-\\d{2}'}")
    fields = tuple(_field(str(name), rule) for name, rule in options.items())
    return _Format(fields, any(isinstance(rule, Mapping) and "decimals" in rule for rule in options.values()))


def _field(name: str, rule: Any) -> _Field:
    try:
        parts = read_path(name)
    except ValueError as error:
        raise OptionsError(str(error), name) from None
    rule = {"regex": rule} if isinstance(rule, str) else rule
    if not isinstance(rule, Mapping) or not rule:
        raise OptionsError("must be a regular expression or rules like {date: '%Y-%m-%d'}", name)
    only(rule, ("optional", *_TESTS))
    tests = tuple(_TESTS[one](setting, f"{name}.{one}") for one, setting in rule.items() if one != "optional")
    shown = {one: setting for one, setting in rule.items() if one != "optional"}
    return _Field(parts, tests, rule.get("optional") is True, json_text(shown))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and len(value) <= MAX_FIELD else None


def _regex(setting: Any, option: str) -> Test:
    return partial(_match, pattern(setting, option))


def _match(expression: re.Pattern[str], value: Any) -> str | None:
    text = _text(value)
    return None if text is not None and search(expression, text, whole=True) else "does not match the pattern"


def _date(setting: Any, option: str) -> Test:
    if not isinstance(setting, str) or "%" not in setting:
        raise OptionsError("must be a date format like '%Y-%m-%d'", option)
    try:
        datetime.strptime(datetime(2026, 11, 23).strftime(setting), setting)
    except ValueError as error:
        raise OptionsError(f"is not a date format: {error}", option) from None
    return partial(_is_date, setting)


def _is_date(form: str, value: Any) -> str | None:
    text = _text(value)
    try:
        if text is not None and datetime.strptime(text, form).strftime(form) == text:
            return None
    except (ValueError, OverflowError):
        pass
    return "not a date in the format"


def _enum(setting: Any, option: str) -> Test:
    if not isinstance(setting, (list, tuple)) or not setting:
        raise OptionsError("must be a list of values", option)
    allowed = [json_text(value) for value in setting]
    return lambda value: None if json_text(_plain(value)) in allowed else "not one of the allowed values"


_CASES: dict[str, Callable[[str], str]] = {"upper": str.upper, "lower": str.lower, "title": str.title}


def _case(setting: Any, option: str) -> Test:
    if setting not in _CASES:
        raise OptionsError("must be upper, lower or title", option)
    change = _CASES[setting]

    def test(value: Any) -> str | None:
        text = _text(value)
        return None if text is not None and change(text) == text else f"not in {setting} case"

    return test


def _decimals(setting: Any, option: str) -> Test:
    if isinstance(setting, bool) or not isinstance(setting, int) or setting < 0:
        raise OptionsError("must be a whole number, 0 or more", option)
    return partial(_has_decimals, setting)


def _has_decimals(wanted: int, value: Any) -> str | None:
    if isinstance(value, str):
        digits = len(value.partition(".")[2]) if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value) else -1
    elif is_number(value) or isinstance(value, Decimal):
        exponent = Decimal(value).as_tuple().exponent
        digits = max(0, -exponent) if isinstance(exponent, int) else -1
    else:
        digits = -1
    return None if digits == wanted else "not the number of decimals"


def _integer(setting: Any, option: str) -> Test:
    if setting is not True:
        raise OptionsError("can only be true", option)
    return lambda value: None if isinstance(value, int) and not isinstance(value, bool) else "not a whole number"


def _bound(word: str, holds: Callable[[Any, Any], bool], setting: Any, option: str) -> Test:
    if not is_number(setting):
        raise OptionsError("must be a number", option)

    def test(value: Any) -> str | None:
        numeric = is_number(value) or isinstance(value, Decimal)
        return None if numeric and holds(value, setting) else word

    return test


_TESTS: dict[str, Callable[[Any, str], Test]] = {
    "regex": _regex,
    "date": _date,
    "enum": _enum,
    "case": _case,
    "decimals": _decimals,
    "integer": _integer,
    "min": partial(_bound, "below the minimum", lambda value, limit: value >= limit),
    "max": partial(_bound, "above the maximum", lambda value, limit: value <= limit),
}
