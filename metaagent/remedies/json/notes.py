"""Notes: before a field that takes judgement the model first writes, in the same call, what the text says of it.

A small model that quotes the line which decides before it decides is right more often. The note is for the model alone:
the fixer ``json.notes`` takes it out of the artifact again, after the learned ones, which may read it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from metaagent.records import ArtifactForm, Brief
from metaagent.remedies.json.strict import loads

MARK: Final = "_note"
LONGEST: Final = 120
"""Characters of a note: a line, about 30 tokens."""


def with_notes(form: ArtifactForm, fields: Sequence[str]) -> ArtifactForm:
    """The form with a note before each of the fields that its schema has, required where the field is."""
    asked = {} if form.schema is None else form.schema.get("properties", {})
    if form.schema is None or not asked:
        return form
    properties: dict[str, Any] = {}
    for name, schema in asked.items():
        if name in fields and f"{name}{MARK}" not in asked:
            properties[f"{name}{MARK}"] = {"type": "string", "maxLength": LONGEST}
        properties[name] = schema
    had = form.schema.get("required", ())
    required = [*had, *(name for name in properties if name not in asked and name.removesuffix(MARK) in had)]
    return replace(form, schema={**form.schema, "properties": properties, "required": required})


def fix(reply: str, brief: Brief, settings: Mapping[str, Any]) -> str | None:  # noqa: ARG001 - a fixer's signature
    """The object without notes; None where it has none that the task's own form does not ask for."""
    try:
        document = loads(reply)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    kept = without_notes(document, brief.artifact)
    return None if len(kept) == len(document) else json.dumps(kept, ensure_ascii=False, indent=2)


def without_notes(document: Mapping[str, Any], form: ArtifactForm) -> dict[str, Any]:
    """The document less the notes, which the task's own form does not ask for."""
    asked = (form.schema or {}).get("properties", {})
    return {key: value for key, value in document.items() if not _is_note(key, asked)}


def _is_note(key: str, asked: Mapping[str, Any]) -> bool:
    return key not in asked and key.endswith(MARK) and key.removesuffix(MARK) in asked
