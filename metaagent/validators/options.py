"""Reading a check's options: small readers that name the option which does not hold."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from metaagent.validators.protocol import Options, OptionsError


def nearest(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` or the known names, for the end of an error text."""
    known = list(known)
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(known)}" if known else ""


def only(options: Options, known: Iterable[str]) -> None:
    known = list(known)
    for name in options:
        if name not in known:
            raise OptionsError(f"unknown option {name!r}{nearest(str(name), known)}", str(name))


def texts(options: Options, name: str) -> tuple[str, ...]:
    """One text or a list of texts."""
    value = options.get(name)
    if value is None:
        return ()
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, (list, tuple)) or not all(isinstance(item, str) and item for item in values):
        raise OptionsError("must be a text or a list of texts, none of them empty", name)
    return tuple(values)


def flag(options: Options, name: str) -> bool:
    value = options.get(name, False)
    if not isinstance(value, bool):
        raise OptionsError("must be true or false", name)
    return value


def number(value: Any, option: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value or value < 0:
        raise OptionsError("must be a number, 0 or more", option)
    return value


def pattern(value: Any, option: str, *, ignore_case: bool = False) -> re.Pattern[str]:
    if not isinstance(value, str):
        raise OptionsError("must be a regular expression in quotes", option)
    try:
        return re.compile(value, re.IGNORECASE if ignore_case else 0)
    except (re.error, RecursionError, OverflowError) as error:
        raise OptionsError(f"is not a regular expression: {error}", option) from None
