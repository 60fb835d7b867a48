from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from metaagent.validators.accept import compiled

TYPES = ["string", "integer", "number", "boolean", "null", "array", "object"]
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([0.5, 1.0, 2.0])
    | st.sampled_from(["", "a", "ab", "B"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
leaves = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(TYPES) | st.lists(st.sampled_from(TYPES), min_size=1, max_size=3, unique=True),
        "enum": st.lists(st.sampled_from(["a", "ab", "B"]), min_size=1, unique=True),
        "pattern": st.sampled_from(["^a", "b$", "B"]),
        "minimum": st.integers(-1, 1),
        "maximum": st.integers(0, 2),
        "minLength": st.integers(0, 2),
        "maxLength": st.integers(0, 2),
        "minItems": st.integers(0, 2),
        "maxItems": st.integers(0, 2),
        "description": st.just("said"),
    },
)
schemas = st.recursive(
    leaves,
    lambda inner: (
        st.fixed_dictionaries(
            {"properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=3)},
            optional={
                "required": st.lists(st.sampled_from("abcd"), max_size=2, unique=True),
                "additionalProperties": st.booleans(),
                "type": st.just("object"),
            },
        )
        | st.builds(lambda items: {"items": items}, inner)
    ),
    max_leaves=5,
)


@settings(max_examples=400, deadline=None)
@given(schemas, values)
def test_it_accepts_only_what_the_library_accepts(schema: dict[str, Any], value: Any) -> None:
    accepts = compiled(schema)
    assert accepts is not None
    if accepts(value):
        assert Draft202012Validator(schema).is_valid(value)


@pytest.mark.parametrize(
    "schema",
    [
        True,
        {"anyOf": []},
        {"$ref": "#"},
        {"enum": [1]},
        {"additionalProperties": {}},
        {"required": ["a"]},
        {"items": {"not": {}}},
    ],
)
def test_what_it_does_not_know_is_left_to_the_library(schema: Any) -> None:
    assert compiled(schema) is None


def test_the_usual_schema_is_accepted_at_once() -> None:
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 1},
            "status": {"enum": ["open", "paid"]},
            "total": {"type": ["number", "null"], "description": "in cents"},
            "lines": {"type": "array", "items": {"type": "integer"}},
        },
        "required": ["name"],
        "additionalProperties": False,
    }
    accepts = compiled(schema)
    assert accepts is not None
    assert accepts({"name": "a", "status": "open", "total": None, "lines": [1, 2]})
    for wrong in ({"name": ""}, {"status": "open"}, {"name": "a", "more": 1}, {"name": "a", "lines": [True]}, []):
        assert not accepts(wrong)
