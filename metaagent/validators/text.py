"""Text checks.

    text.length    {words: {min: 10, max: 50}}, also chars and lines
    text.contains  {all: [a, b], any: [c, d], regex: "..."}     or a list, which means all
    text.forbids   {any: [a, b], regex: ["...", "..."]}         or a list, which means any
    text.expected  {value: "..."}   a key check; white space around and between words does not count

``ignore_case: true`` fits the last three. Each listed part is one unit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from metaagent.records import Check, ErrorKind, Finding
from metaagent.validators.expressions import search
from metaagent.validators.jsontext import json_text
from metaagent.validators.options import flag, number, only, pattern, texts
from metaagent.validators.protocol import Artifact, CheckContext, Options, OptionsError, Prepared, Result

MAX_SEARCHED = 1_000_000
"""Expressions search this many characters at most, so that a huge reply cannot buy much time."""

Test = Callable[[str], Finding | None]


@dataclass(frozen=True, slots=True)
class _Tests:
    tests: tuple[Test, ...]

    @property
    def units(self) -> int:
        return len(self.tests)

    def judge(self, artifact: Artifact, check: Check, context: CheckContext) -> Result:  # noqa: ARG002
        findings = tuple(found for test in self.tests if (found := test(artifact.text)) is not None)
        return Result(len(self.tests) - len(findings), findings)


_MEASURES: dict[str, Callable[[str], int]] = {
    "chars": len,
    "words": lambda text: len(text.split()),
    "lines": lambda text: len(text.strip("\n").split("\n")) if text.strip("\n") else 0,
}


def prepare_length(options: Options) -> Prepared:
    only(options, _MEASURES)
    tests = tuple(_length(name, options[name]) for name in _MEASURES if name in options)
    return _some(tests, "needs chars, words or lines, like {words: {max: 50}}")


def _length(name: str, bounds: Any) -> Test:
    if not isinstance(bounds, Mapping) or not bounds:
        raise OptionsError("must be like {min: 10, max: 50}", name)
    only(bounds, ("min", "max"))
    least = number(bounds.get("min", 0), f"{name}.min")
    most = number(bounds["max"], f"{name}.max") if "max" in bounds else None
    if most is not None and most < least:
        raise OptionsError("min is above max: no text fits", name)

    def test(text: str) -> Finding | None:
        got = _MEASURES[name](text)
        if got < least:
            return Finding(ErrorKind.ASSERTION, f"too few {name}", name, f"{least:g}", str(got))
        if most is not None and got > most:
            return Finding(ErrorKind.ASSERTION, f"too many {name}", name, f"{most:g}", str(got))
        return None

    return test


def _some(tests: tuple[Test, ...], message: str) -> Prepared:
    if not tests:
        raise OptionsError(message)
    return _Tests(tests)


def prepare_contains(options: Options) -> Prepared:
    only(options, ("all", "any", "regex", "ignore_case"))
    ignore = flag(options, "ignore_case")
    tests = [_contains((part,), "required part is missing", ignore) for part in texts(options, "all")]
    if alternatives := texts(options, "any"):
        tests.append(_contains(alternatives, "none of the required parts is there", ignore))
    tests += [_matches(pattern(text, "regex", ignore_case=ignore)) for text in texts(options, "regex")]
    return _some(tuple(tests), "needs all, any or regex, like {all: [total, date]}")


def prepare_forbids(options: Options) -> Prepared:
    only(options, ("any", "regex", "ignore_case"))
    ignore = flag(options, "ignore_case")
    tests = [_lacks(part, ignore) for part in texts(options, "any")]
    tests += [_avoids(pattern(text, "regex", ignore_case=ignore)) for text in texts(options, "regex")]
    return _some(tuple(tests), "needs any or regex, like {any: [TODO]}")


def prepare_expected(options: Options) -> Prepared:
    only(options, ("value", "ignore_case"))
    value = options.get("value")
    if not isinstance(value, str) or not value.strip():
        raise OptionsError("must be the expected text, not empty", "value")
    ignore = flag(options, "ignore_case")
    wanted = _squeezed(value, ignore)

    def test(text: str) -> Finding | None:
        if _squeezed(text, ignore) == wanted:
            return None
        return Finding(ErrorKind.ASSERTION, "wrong text", "", json_text(value), json_text(text))

    return _Tests((test,))


def _squeezed(text: str, ignore_case: bool) -> str:
    return " ".join((text.casefold() if ignore_case else text).split())


def _within(part: str, text: str, ignore_case: bool) -> bool:
    return part in text or (ignore_case and part.casefold() in text.casefold())


def _contains(parts: tuple[str, ...], message: str, ignore_case: bool) -> Test:
    expected = json_text(parts[0] if len(parts) == 1 else list(parts))

    def test(text: str) -> Finding | None:
        if any(_within(part, text, ignore_case) for part in parts):
            return None
        return Finding(ErrorKind.ASSERTION, message, "", expected)

    return test


def _matches(expression: re.Pattern[str]) -> Test:
    def test(text: str) -> Finding | None:
        if search(expression, text[:MAX_SEARCHED]):
            return None
        return Finding(ErrorKind.ASSERTION, "required pattern is missing", "", json_text(expression.pattern))

    return test


def _lacks(part: str, ignore_case: bool) -> Test:
    def test(text: str) -> Finding | None:
        if not _within(part, text, ignore_case):
            return None
        at = text.find(part)
        return Finding(ErrorKind.ASSERTION, "forbidden part is there", _line(text, at), None, json_text(part))

    return test


def _avoids(expression: re.Pattern[str]) -> Test:
    def test(text: str) -> Finding | None:
        span = search(expression, text[:MAX_SEARCHED])
        if span is None:
            return None
        got = json_text(text[slice(*span)], 400)
        return Finding(ErrorKind.ASSERTION, "forbidden pattern is there", _line(text, span[0]), None, got)

    return test


def _line(text: str, at: int) -> str:
    return f"line {text.count(chr(10), 0, at) + 1}" if at >= 0 else ""
