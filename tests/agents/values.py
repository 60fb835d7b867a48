"""Values that the tests of this room share."""

from __future__ import annotations

from typing import Any

from metaagent.records import ArtifactForm, Brief

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"customer": {"type": "string"}, "currency": {"enum": ["EUR", "GBP"]}},
    "required": ["customer", "currency"],
    "additionalProperties": False,
}
GOAL = "Extract the invoice data from the note.\n"


def make_brief(text: str = "Müller owes 5 €.", **fields: Any) -> Brief:
    given: dict[str, Any] = {
        "task_id": "INV-001",
        "title": "Invoice INV-001",
        "goal": GOAL,
        "domain": "data.json.extract",
        "inputs": {"text": text},
        "artifact": ArtifactForm("json", SCHEMA),
        **fields,
    }
    return Brief(**given)
