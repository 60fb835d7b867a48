"""Regular expressions that cannot hold a check up: what might take long runs in a process that can be ended.

Python's ``re`` knows no time limit. An expression whose cost on a text is small, by its form and the text's length, is
tried here and now; that is nearly always so. All others cost a process of some 20 ms and have ``SECONDS``: then the
check cannot judge, for neither the text nor who wrote it is to blame for such an expression.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from metaagent.validators.jsontext import json_text
from metaagent.validators.process import run
from metaagent.validators.protocol import CannotJudgeError

SECONDS: Final = 2.0
MAX_STEPS: Final = 20_000_000
"""What may run here: the length of the text to the power of the repeats in the expression that have no small bound."""
_SMALL, _FEW, _MANY = 64, 3, 12
"""A repeat up to so often counts as none; up to so often what is repeated may have choices; so many in all."""
_RUNNER = Path(__file__).with_name("expression_runner.py")
_HOPELESS: Final = 99
_REPEATS: Final = frozenset({"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"})


def search(expression: re.Pattern[str], text: str, *, whole: bool = False) -> tuple[int, int] | None:
    """Where the expression first fits, or all of the text (``whole``); CannotJudgeError where that takes too long."""
    degree = _degree(expression.pattern, expression.flags) + (0 if whole else 1)
    if degree < _HOPELESS and (len(text) + 1) ** min(degree, 9) <= MAX_STEPS:
        found = expression.fullmatch(text) if whole else expression.search(text)
        return None if found is None else found.span()
    return _apart(expression, text, whole)


def _apart(expression: re.Pattern[str], text: str, whole: bool) -> tuple[int, int] | None:
    order = {"pattern": expression.pattern, "flags": expression.flags, "text": text, "whole": whole}
    command = [sys.executable, "-I", "-S", "-B", str(_RUNNER)]
    ended = run(command, json.dumps(order).encode(), seconds=SECONDS, environment={}, folder=None)
    if ended.timed_out:
        shown = json_text(expression.pattern, 100)
        raise CannotJudgeError(
            f"the expression {shown} took more than {SECONDS:g} s on this text: write it without nested repeats"
        )
    try:
        found = json.loads(ended.output)
        return None if found is None else (int(found[0]), int(found[1]))
    except (ValueError, TypeError, IndexError):
        raise CannotJudgeError(
            f"the expression could not be tried: {ended.errors[-200:].decode(errors='replace')}"
        ) from None


@lru_cache(maxsize=1024)
def _degree(pattern: str, flags: int) -> int:
    """How many repeats without a small bound stand in the expression; ``_HOPELESS`` where one holds what is ambiguous
    itself, for then the time may double with each character."""
    from re import _parser  # type: ignore[attr-defined]

    try:
        parsed = _parser.parse(pattern, flags)
        return _HOPELESS if _choices(parsed) > _MANY else _count(parsed)
    except (re.error, RecursionError, OverflowError):
        return _HOPELESS


def _count(items: Iterable[Any]) -> int:
    total = 0
    for operation, argument in items:
        name = str(operation)
        inner = [_count(part) for part in _parts(argument)]
        if name in _REPEATS and argument[1] > 1:
            if any(inner) or (argument[1] > _FEW and _choices(argument[2])):
                return _HOPELESS
            total += argument[1] > _SMALL
        elif name == "BRANCH":
            total += max(inner, default=0)
        else:
            total += name == "GROUPREF"
            total += sum(inner)
    return total


def _choices(items: Iterable[Any]) -> int:
    """How often there is more than one way to go on: alternatives, references, and repeats of open length."""
    total = 0
    for operation, argument in items:
        name = str(operation)
        total += name in ("BRANCH", "GROUPREF") or (name in _REPEATS and argument[0] != argument[1])
        total += sum(_choices(part) for part in _parts(argument))
    return total


def _parts(argument: Any) -> list[Any]:
    """The expressions inside of one: ``re``'s parser nests them in tuples and lists."""
    from re import _parser  # type: ignore[attr-defined]

    if isinstance(argument, _parser.SubPattern):
        return [argument]
    if isinstance(argument, (tuple, list)):
        return [part for one in argument for part in _parts(one)]
    return []
