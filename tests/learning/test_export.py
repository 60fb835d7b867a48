"""What was learned, in the forms that other tools read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent.learning.export import FORMS, MOST_EXAMPLES, Export, as_json, as_modelfile, read_json
from metaagent.ledger.protocols import protocol_hash
from metaagent.records import Protocol, Remedy

POOL = [
    {"task": f"T{n}", "group": "", "goal": "Read it", "inputs": {"text": f'note {n} """'}, "artifact": f'{{"n": {n}}}'}
    for n in range(9)
]
STANDING = "Promoted by a trial on 20 tasks."
REMEDIES = (
    Remedy("fixer", "json.fields", {"program": {}}),
    Remedy("rule", "dates", {"text": "Dates are ISO dates."}),
    Remedy("rule", "tax", {"text": "Amounts are net.", "trigger": {"any": ["revenue"]}}),
    Remedy("option", "options", {"num_predict": 900, "temperature": 0, "stop": ["END"], "constrained": True}),
    Remedy("exemplar", "nearest", {"pool": POOL, "count": 4}),
)


def export(*remedies: Remedy) -> Export:
    protocol = Protocol(2, "data.json", "qwen", remedies, protocol_hash("data.json", "qwen", remedies))
    return Export(protocol, ("country: its ISO code",), "qwen:1.5b", STANDING)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_carries_rules_conventions_and_a_few_examples(form: str) -> None:
    text = FORMS[form](export(*REMEDIES))
    assert "country: its ISO code" in text and "Dates are ISO dates." in text
    assert (STANDING in text) == (form in ("json", "agents-md", "claude-md")) and "proven" not in text
    if form != "json":
        assert "Where it is about revenue: Amounts are net." in text
        assert sum(f'"n": {n}' in text for n in range(9)) == MOST_EXAMPLES


@pytest.mark.parametrize("form", FORMS)
def test_a_protocol_that_adds_nothing_is_a_valid_export_too(form: str) -> None:
    assert FORMS[form](Export(Protocol(), (), "qwen:1.5b", "Never tried by a trial; not in force.")).strip()


def test_a_modelfile_has_one_from_line_and_its_long_texts_are_closed() -> None:
    text = as_modelfile(export(*REMEDIES))
    assert text.startswith("FROM qwen:1.5b\n")
    assert "PARAMETER num_predict 900" in text and 'PARAMETER stop "END"' in text and "constrained" not in text
    assert text.count('"""') == 2 * (1 + 2 * MOST_EXAMPLES)


def test_json_goes_round() -> None:
    made = export(*REMEDIES)
    assert read_json(as_json(made)) == ("data.json", "qwen", list(REMEDIES))


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"schema": "other"},
        {"schema": "metaagent/protocol@1", "domain": 1, "model": "m", "remedies": []},
        {"schema": "metaagent/protocol@1", "domain": "d", "model": "m", "remedies": [{"kind": "rule"}]},
        {
            "schema": "metaagent/protocol@1",
            "domain": "d",
            "model": "m",
            "remedies": [{"kind": "r", "name": "n", "settings": 3}],
        },
    ],
)
def test_what_is_no_export_is_said(body: Any) -> None:
    with pytest.raises(ValueError, match=r"schema|texts|kind and a name|mapping"):
        read_json(json.dumps(body))


@given(st.dictionaries(st.text(max_size=8), st.none() | st.integers() | st.text(max_size=8), max_size=4))
def test_settings_survive_as_they_are(settings: dict[str, Any]) -> None:
    made = export(Remedy("fixer", "x", settings))
    assert read_json(as_json(made))[2] == [Remedy("fixer", "x", settings)]
