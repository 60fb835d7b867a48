"""Paths into JSON: ``total``, ``customer.name``, ``lines[0].amount``, ``["a.b"]`` for names with dots, ``lines[*]`` for
every item of a list."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

Part = str | int | None
"""A name, an index, or None for every item."""

_PART = re.compile(r'(?:^|\.)([^.\[\]"]+)|\[(\d{1,9}|\*)\]|\[("(?:[^"\\]|\\.)*")\]')
_PLAIN = re.compile(r'[^.\[\]"]+')


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()


def read_path(text: str) -> tuple[Part, ...]:
    """The parts of a path; ValueError where it is not one."""
    parts: list[Part] = []
    at = 0
    while at < len(text):
        match = _PART.match(text, at)
        if match is None:
            raise ValueError(f"{text!r} is not a path like total, customer.name or lines[0].amount")
        name, index, quoted = match.groups()
        if name is not None:
            parts.append(name)
        elif quoted is not None:
            parts.append(json.loads(quoted))
        else:
            parts.append(None if index == "*" else int(index))
        at = match.end()
    if not parts:
        raise ValueError("an empty path")
    return tuple(parts)


def show_path(parts: Sequence[Part]) -> str:
    text = ""
    for part in parts:
        text = child(text, part)
    return text


def child(path: str, part: Part) -> str:
    """The path of a member or item of what stands at ``path``."""
    if part is None:
        return f"{path}[*]"
    if isinstance(part, int):
        return f"{path}[{part}]"
    if not _PLAIN.fullmatch(part):
        return f"{path}[{json.dumps(part)}]"
    return f"{path}.{part}" if path else part


def find(document: Any, parts: Sequence[Part]) -> Any:
    """The value at a path without ``[*]``, or MISSING."""
    value = document
    for part in parts:
        if isinstance(part, str) and isinstance(value, dict):
            value = value.get(part, MISSING)
        elif isinstance(part, int) and isinstance(value, list) and part < len(value):
            value = value[part]
        else:
            return MISSING
    return value


def find_all(document: Any, parts: Sequence[Part], path: str = "") -> Iterator[tuple[str, Any]]:
    """Every place that a path with ``[*]`` names, with its own path; MISSING where it ends early."""
    if not parts:
        yield path, document
    elif parts[0] is not None:
        yield from find_all(find(document, parts[:1]), parts[1:], child(path, parts[0]))
    elif isinstance(document, list):
        for index, item in enumerate(document):
            yield from find_all(item, parts[1:], child(path, index))
    else:
        yield child(path, None), MISSING
