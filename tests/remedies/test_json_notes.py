"""Notes: asked for before a field, in the model's schema alone; nothing of them is left in what is delivered."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import validate

from metaagent.records import ArtifactForm, Brief, Protocol, Remedy
from metaagent.remedies.apply import apply
from metaagent.remedies.fixers import find_fixer, fix
from metaagent.remedies.json.notes import with_notes

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "state"],
    "properties": {"name": {"type": "string"}, "state": {"enum": ["open", "held"]}, "late": {"type": "boolean"}},
}
names = st.sampled_from(["a", "b", "state", "a_note", "state_note", "note", "_note"])


def brief(schema: Any = SCHEMA) -> Brief:
    return Brief("T-1", "a task", "do it", None, {}, ArtifactForm("json", schema))


def test_a_note_stands_before_its_field_and_is_required_where_the_field_is() -> None:
    asked = with_notes(ArtifactForm("json", SCHEMA), ["state", "late", "nothing"]).schema
    assert asked is not None
    assert list(asked["properties"]) == ["name", "state_note", "state", "late_note", "late"]
    assert asked["required"] == ["name", "state", "state_note"]
    validate({"name": "x", "state_note": "waits", "state": "held"}, asked)
    assert SCHEMA["required"] == ["name", "state"]  # the task's own form stays as it is


@pytest.mark.parametrize("form", [ArtifactForm("text"), ArtifactForm("json"), ArtifactForm("json", {"type": "array"})])
def test_a_form_without_fields_is_asked_as_it_is(form: ArtifactForm) -> None:
    assert with_notes(form, ["state"]) == form


@given(st.dictionaries(names, st.just({})), st.lists(names, unique=True), st.dictionaries(names, st.integers()))
def test_what_is_delivered_is_the_reply_without_the_notes_that_were_asked_for(
    properties: dict[str, Any], fields: list[str], reply: dict[str, int]
) -> None:
    schema = {"type": "object", "properties": properties}
    asked = with_notes(ArtifactForm("json", schema), fields).schema
    assert asked is not None
    added = set(asked["properties"]) - set(properties)
    kept = {key: value for key, value in reply.items() if key in properties}
    noted = kept | dict.fromkeys(added, "a line")
    made = find_fixer("json.notes")(json.dumps(noted), brief(schema), {})
    assert (json.loads(made) if made is not None else noted) == kept


@pytest.mark.parametrize("reply", ["", "no json", "[1]", "4", "null", '{"name": "x"}', '{"other_note": 1}', "[" * 9999])
def test_it_abstains_where_there_is_no_note(reply: str) -> None:
    assert find_fixer("json.notes")(reply, brief(), {}) is None


def test_a_protocol_asks_with_notes_and_judges_without_them() -> None:
    remedies = (
        Remedy("option", "notes", {"fields": ["state"]}),
        Remedy("fixer", "json.notes"),
        Remedy("fixer", "json.fields", {"program": {"fields": []}}),
    )
    applied = apply(Protocol(remedies=remedies), brief())
    assert applied.brief == brief() and list(applied.asked.artifact.schema or {}) == list(SCHEMA)
    assert "state_note" in (applied.asked.artifact.schema or {})["properties"]
    reply = '{"name": "x", "state_note": "waits", "state": "held"}'
    assert json.loads(fix(applied.fixers, reply, applied.brief)[-1].text) == {"name": "x", "state": "held"}
    assert apply(Protocol(), brief()).asked == brief()
