"""JSON as text: read strictly, without ever raising, and written for people and for the ledger.

Strict means RFC 8259 and a little more: no NaN or Infinity, no number too large for a float, no key twice in one
object, no more than ``MAX_DEPTH`` levels and ``MAX_CHARACTERS`` characters. A deep or a huge reply is a wrong reply;
the limits keep it from costing more than that.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from metaagent.records import ErrorKind, Finding

MAX_DEPTH: Final = 64
MAX_CHARACTERS: Final = 1_000_000
MAX_SHOWN: Final = 4_000
_BRACKETS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed artifact: ``value`` where ``problem`` is None."""

    value: Any
    problem: Finding | None = None


class _NotJsonError(ValueError):
    pass


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise _NotJsonError(f"the key {json_text(name, 80)} stands twice in one object")
            seen.add(name)
    return members


def _constant(name: str) -> Any:
    raise _NotJsonError(f"{name} is not JSON")


def _number(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise _NotJsonError("a number is too large")
    return value


_DECODER = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_constant, parse_float=_number)
_DECIMALS = json.JSONDecoder(parse_float=Decimal)


def read_document(text: str) -> Document:
    """Parse; what does not parse becomes a finding of kind format."""
    if len(text) > MAX_CHARACTERS:
        return _broken(f"{len(text)} characters, a JSON artifact may have {MAX_CHARACTERS}", kind=ErrorKind.RESOURCE)
    if too_deep(text):
        return _broken(f"nested deeper than {MAX_DEPTH} levels")
    try:
        return Document(_DECODER.decode(text))
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        return _broken(f"not JSON: {_reason(text, error)}", where, text, error.pos)
    except _NotJsonError as error:
        return _broken(str(error))
    except RecursionError:
        return _broken(f"nested deeper than {MAX_DEPTH} levels")
    except ValueError:  # the digits of an integer are limited by the interpreter
        return _broken("a number has too many digits")


def read_decimals(text: str) -> Any:
    """The value with fractions as Decimal, so that trailing zeros count. Only for text that ``read_document`` read."""
    return _DECIMALS.decode(text)


def _broken(
    message: str, location: str = "", text: str = "", position: int = 0, *, kind: ErrorKind = ErrorKind.FORMAT
) -> Document:
    got = json_text(text[max(0, position - 20) : position + 20]) if text else None
    return Document(None, Finding(kind, message, location, None, got))


def _reason(text: str, error: json.JSONDecodeError) -> str:
    """Name the common slips of models; else what the parser said."""
    head = text.lstrip()
    if not head:
        return "the reply is empty"
    if head.startswith("```"):
        return "it stands in a code fence"
    if error.msg == "Extra data":
        return "text follows the value"
    if head[0] not in '{["-0123456789tfn':
        return "text stands before the value"
    return error.msg[0].lower() + error.msg[1:]


def too_deep(text: str, limit: int = MAX_DEPTH) -> bool:
    """Whether brackets outside of strings nest deeper than ``limit``. A text with few brackets is not looked at."""
    if text.count("[") + text.count("{") <= limit:
        return False
    depth = 0
    for match in _BRACKETS.finditer(text):
        mark = text[match.start()]
        if mark in "[{":
            depth += 1
            if depth > limit:
                return True
        elif mark in "]}":
            depth -= 1
    return False


def json_text(value: Any, limit: int = MAX_SHOWN) -> str:
    """The value as JSON text, safe to store and to print: clipped, and without lone surrogates."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (RecursionError, ValueError, TypeError):
        text = '"(a value that cannot be shown)"'
    if len(text) > limit:
        text = text[:limit] + f"... ({len(text)} characters)"
    return storable(text)


def storable(text: str) -> str:
    """The text with lone surrogates escaped: nothing else keeps a str out of UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="backslashreplace").decode()
    return text


def kind_of(value: Any) -> str:
    """The JSON type of a value, in words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float, Decimal)):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "a list" if isinstance(value, list) else "an object"
