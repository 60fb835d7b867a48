"""What the model weighed for a field of few values: from an engine's tokens to a reply's log-probabilities."""

from __future__ import annotations

import json
import math
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent.inference.logprobs import Token, choices, weigh

STATES = ("due", "open", "paid", "held")
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "customer": {"type": "string"},
        "status": {"type": "string", "enum": list(STATES)},
        "terms": {"type": "object", "properties": {"urgent": {"type": "boolean"}}},
    },
}


def said(*parts: str | tuple[str, dict[str, float]]) -> tuple[str, list[Token]]:
    """A reply in pieces; one that could have been another is given with the chance of each, itself included."""
    tokens = []
    for part in parts:
        text, chances = part if isinstance(part, tuple) else (part, {part: 1.0})
        others = tuple((other.encode(), math.log(chance)) for other, chance in chances.items())
        tokens.append(Token(text.encode(), math.log(chances[text]), others))
    return "".join(token.raw.decode() for token in tokens), tokens


def test_the_fields_of_few_values_are_found_at_any_depth() -> None:
    many = {"type": "string", "enum": [str(n) for n in range(31)]}
    schema = {**SCHEMA, "properties": {**SCHEMA["properties"], "country": many, "lines": {"type": "array"}}}
    assert choices(schema) == {"status": STATES, "terms.urgent": (True, False)}
    assert choices(None) == choices({"type": "string"}) == {}


def test_each_value_has_the_chance_of_the_token_that_it_begins_with() -> None:
    reply, tokens = said(
        '{"customer": "Ann said \\"status\\": \\"open\\"", "status": "',
        ("due", {"due": 0.6, "open": 0.25, "paid": 0.1, "soon": 0.05}),
        '", "terms": {"urgent": ',
        ("false", {"false": 0.9, "true": 0.1}),
        "}}",
    )
    found = weigh(SCHEMA, reply, tokens)
    assert found["terms.urgent"] == pytest.approx({"true": math.log(0.1), "false": math.log(0.9)}, abs=1e-3)
    told = {'"due"': 0.6, '"open"': 0.25, '"paid"': 0.1, "soon": 0.05}
    told['"held"'] = 0.05  # which was not told: as the least likely one that was
    assert found["status"] == pytest.approx({name: math.log(chance) for name, chance in told.items()}, abs=1e-3)


def test_values_that_begin_alike_are_told_apart_where_they_part() -> None:
    schema = {"properties": {"kind": {"enum": ["in-house", "invoice", "order"]}}}
    reply, tokens = said(
        '{"kind":',
        (' "in', {' "in': 0.8, ' "order': 0.2}),
        ("voice", {"voice": 0.75, "-house": 0.25}),
        '"}',
    )
    expected = {'"invoice"': math.log(0.6), '"in-house"': math.log(0.2), '"order"': math.log(0.2)}
    assert weigh(schema, reply, tokens)["kind"] == pytest.approx(expected, abs=1e-3)


def test_the_end_of_the_reply_is_no_word_that_the_model_thought_of() -> None:
    reply, tokens = said('{"status": "', ("due", {"due": 0.6, "": 0.3, "open": 0.1}), '"}')
    assert set(weigh(SCHEMA, reply, tokens)["status"]) == {f'"{state}"' for state in STATES}


def test_a_number_that_ends_where_another_goes_on() -> None:
    schema = {"properties": {"level": {"enum": [1, 10]}}}
    reply, tokens = said('{"level": ', ("1", {"1": 1.0}), (", ", {", ": 0.7, "0": 0.3}), '"a": 0}')
    assert weigh(schema, reply, tokens)["level"] == pytest.approx({"1": 0.0, "10": math.log(0.3)}, abs=1e-3)


def test_a_character_that_two_tokens_share_does_not_move_the_places() -> None:
    reply = '{"customer": "Zoë", "status": "open"}'
    raw = reply.encode()
    at = raw.index(b"\xc3") + 1
    end = raw.index(b"open")
    others = ((b"open", math.log(0.5)), (b"held", math.log(0.5)))
    tokens = [
        Token(raw[:at], 0.0, ((raw[:at], 0.0),)),
        Token(raw[at:end], 0.0, ((raw[at:end], 0.0),)),
        Token(b"open", math.log(0.5), others),
        Token(raw[end + 4 :], 0.0, ((raw[end + 4 :], 0.0),)),
        Token(b"", 0.0, ()),  # the end of the reply
    ]
    assert weigh(SCHEMA, reply, tokens)["status"]['"held"'] == pytest.approx(math.log(0.5), abs=1e-3)


def test_nothing_is_said_where_the_engine_said_nothing_or_something_else() -> None:
    reply, tokens = said('{"status": "', ("due", {"due": 0.6, "open": 0.4}), '"}')
    assert weigh(SCHEMA, reply, []) == {}
    assert weigh(SCHEMA, reply + " ", tokens) == {}
    assert weigh(SCHEMA, reply, [Token(token.raw, token.logprob) for token in tokens]) == {}
    assert weigh(None, reply, tokens) == {}
    assert weigh(SCHEMA, *said("no object at ", ("all", {"all": 0.5, "due": 0.5}))) == {}


def test_a_reply_that_was_cut_keeps_what_it_had() -> None:
    reply, tokens = said('{"status": "', ("due", {"due": 0.6, "open": 0.4}), '", "terms": {"urg')
    assert list(weigh(SCHEMA, reply, tokens)) == ["status"]


@given(
    st.sets(st.text("abc", min_size=1, max_size=4), min_size=2, max_size=6).map(sorted),
    st.data(),
)
def test_the_chances_are_those_of_the_tokens(values: list[str], data: st.DataObject) -> None:
    """Letter by letter: a value's chance is that of its way as far as it goes with the written one, and no further
    than where it is the only one left; together they are no more than certain."""
    written = data.draw(st.sampled_from(values))
    words = [json.dumps(value) for value in values]
    parts: list[str | tuple[str, dict[str, float]]] = ['{"kind": ']
    way = json.dumps(written)
    for at, letter in enumerate(way):
        there = sorted({word[at] for word in words if word.startswith(way[:at]) and len(word) > at})
        weights = [data.draw(st.floats(0.05, 1.0)) for _ in there]
        parts.append((letter, {one: weight / sum(weights) for one, weight in zip(there, weights, strict=True)}))
    reply, tokens = said(*parts, "}")
    found = weigh({"properties": {"kind": {"enum": values}}}, reply, tokens)["kind"]
    assert set(found) == set(words)
    assert sum(math.exp(value) for value in found.values()) == pytest.approx(1.0, abs=0.02)
    alone = next(at for at in range(1, len(way) + 1) if sum(word.startswith(way[:at]) for word in words) == 1)
    along = list(accumulate(token.logprob for token in tokens[1:]))
    assert found[way] == pytest.approx(along[alone - 1], abs=2e-3)
