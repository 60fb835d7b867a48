"""Inferring a JSON Schema from values: what the expected columns of a table look like."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

MAX_CHOICES: Final = 12
MIN_REPEATS: Final = 3
MAX_CHOICE_LENGTH: Final = 60
_INTEGER = re.compile(r"-?(0|[1-9]\d{0,17})")
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d{1,12})?")


def typed(cells: Sequence[str]) -> list[Any]:
    """A column's cells with the one type that fits all of them. ``007`` and ``1,250`` stay texts."""
    texts = [cell.strip() for cell in cells]
    if all(_INTEGER.fullmatch(text) for text in texts):
        return [int(text) for text in texts]
    if all(_NUMBER.fullmatch(text) for text in texts):
        return [float(text) for text in texts]
    if all(text in ("true", "false", "True", "False", "TRUE", "FALSE") for text in texts):
        return [text.lower() == "true" for text in texts]
    return texts


def infer(values: Sequence[Any]) -> dict[str, Any]:
    """A schema that all the values fit."""
    kinds = sorted({_kind(value) for value in values})
    if "number" in kinds and "integer" in kinds:
        kinds.remove("integer")
    schema: dict[str, Any] = {"type": kinds[0] if len(kinds) == 1 else kinds}
    if kinds == ["string"]:
        return {**schema, **_choices(values)}
    if kinds == ["array"]:
        items = [item for value in values for item in value]
        return {**schema, **({"items": infer(items)} if items else {})}
    return {**schema, **_members(values)} if kinds == ["object"] else schema


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return kinds[type(value)]


def _choices(values: Sequence[str]) -> dict[str, Any]:
    """An enumeration where at least two texts come back at least three times each on average."""
    distinct = sorted(set(values))
    few = 2 <= len(distinct) <= MAX_CHOICES and len(distinct) * MIN_REPEATS <= len(values)
    return {"enum": distinct} if few and all(len(text) <= MAX_CHOICE_LENGTH for text in distinct) else {}


def _members(values: Sequence[dict[str, Any]]) -> dict[str, Any]:
    names = list(dict.fromkeys(name for value in values for name in value))
    properties = {name: infer([value[name] for value in values if name in value]) for name in names}
    required = [name for name in names if all(name in value for value in values)]
    return {"properties": properties, "required": required}
