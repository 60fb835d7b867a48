"""The building blocks of the JSON Schemas that --json prints; ``schemas.py`` and its neighbours put them together."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
COUNT: Schema = {"type": "integer", "minimum": 0}
TRUTH: Schema = {"type": "boolean"}
TIME: Schema = {"type": "string", "description": "UTC, ISO 8601"}
ANYTHING: Schema = {}
STATUS: Schema = {"enum": ["INBOX", "ASSIGNED", "IN_PROGRESS", "REVIEW", "DONE"]}
OUTCOME: Schema = {"enum": ["pass", "fail", "inconclusive", "interrupted"]}


def maybe(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def listed(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def mapped(schema: Schema) -> Schema:
    return {"type": "object", "additionalProperties": schema}


def record(title: str = "", /, **fields: Schema) -> Schema:
    """An object that always has all of the fields."""
    schema: Schema = {"type": "object", "properties": fields, "required": list(fields)}
    return {"title": title, **schema} if title else schema


def extended(base: Schema, title: str, /, **fields: Schema) -> Schema:
    return record(title, **base["properties"], **fields)


def either(*schemas: Schema) -> Schema:
    return {"anyOf": list(schemas)}


SHARE = record(k=COUNT, n=COUNT, low=NUMBER, high=NUMBER)
