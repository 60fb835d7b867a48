"""What both engines must tell of a field of few values."""

from __future__ import annotations

import dataclasses
import json

import pytest

from metaagent.inference.base import Backend, ChatRequest
from metaagent.inference.gateway import Gateway

WHALE = 'A whale swims by. Give its size as JSON, such as {"size": "small"}.'
SIZES = {"type": "object", "properties": {"size": {"enum": ["big", "small"]}}, "required": ["size"]}


async def assert_weighed(backend: Backend, asked: ChatRequest) -> None:
    """Every value is weighed, the written one is the likeliest, words that no value allows are told (the grammar cuts
    them off later), and it is much the same the next time."""
    door, request = Gateway(backend), dataclasses.replace(asked, schema=SIZES)
    reply = await door.chat(request)
    told, written = reply.logprobs["size"], json.dumps(json.loads(reply.text)["size"])
    assert set(told) > {'"big"', '"small"'} and all(value <= 0 for value in told.values())
    assert told[written] == max(told[name] for name in ('"big"', '"small"'))
    assert len(told) >= 10
    again = await door.chat(request)
    assert again.logprobs["size"][written] == pytest.approx(told[written], abs=0.5)
