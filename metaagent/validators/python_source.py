"""What the checks of Python source have in common: the ways in which a reply is no Python at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from metaagent.records import ErrorKind, Finding
from metaagent.validators.jsontext import json_text, storable

MAX_SOURCE: Final = 200_000


def form(text: str) -> Finding | None:
    """Why a text need not be read as Python, or None."""
    if not text.strip():
        return Finding(ErrorKind.FORMAT, "not Python: the reply is empty")
    if len(text) > MAX_SOURCE:
        return Finding(ErrorKind.RESOURCE, f"{len(text)} characters; an answer may have {MAX_SOURCE}")
    if "\0" in text or storable(text) is not text:
        return Finding(ErrorKind.FORMAT, "not Python: it holds characters that no text has")
    if text.lstrip().startswith("```"):
        return Finding(ErrorKind.FORMAT, "not Python: it stands in a code fence")
    return None


def syntax(message: Mapping[str, Any], source: str) -> Finding:
    """The finding for what the compiler said: ``{"syntax": text, "line": number or null}``."""
    lines, number = source.splitlines(), message.get("line")
    where = f"line {number}" if isinstance(number, int) else ""
    if any(line.startswith("```") for line in lines):
        return Finding(ErrorKind.FORMAT, "not Python alone: a code fence and text stand around it", where)
    line = lines[number - 1] if isinstance(number, int) and 0 < number <= len(lines) else None
    got = None if line is None else json_text(line, 200)
    return Finding(ErrorKind.SYNTAX, storable(str(message["syntax"])[:300]), where, None, got)
