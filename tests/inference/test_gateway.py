"""The gateway with scripted replies: slots, cache, retries, accounting. Broken servers: test_ollama.py."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from metaagent.errors import BackendUnreachableError, ModelMissingError, ReplyError
from metaagent.inference.base import (
    REPLY_REASONS,
    TRANSIENT_REASONS,
    ChatRequest,
    Chunk,
    Deadlines,
    MemoryCache,
    ModelInfo,
    Options,
)
from metaagent.inference.gateway import BusyMeter, Gateway, cache_key
from metaagent.inference.scripted import Answer, Script, ScriptedBackend
from metaagent.records import Message
from tests.inference.values import SCHEMA, gateway, request


class Counting:
    """A script that counts how many calls run at once."""

    def __init__(self, answers: list[str | Answer] | None = None) -> None:
        self.calls: list[ChatRequest] = []
        self.answers = answers or []

    def __call__(self, call: ChatRequest) -> str | Answer:
        self.calls.append(call)
        return self.answers.pop(0) if self.answers else f"reply {len(self.calls)}"


class Parallel(ScriptedBackend):
    """Notes how many calls run at once."""

    running = most = 0

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            async for chunk in super().stream(request):
                yield chunk
        finally:
            self.running -= 1


def cached(script: Script, cache: MemoryCache, digest: str = "d1", slots: int = 8) -> Gateway:
    return gateway(ScriptedBackend(script, digest=digest, deterministic=True, slots=slots), cache=cache)


async def test_a_reply_says_what_it_cost() -> None:
    door = gateway(ScriptedBackend(lambda _: Answer("yes", prompt_tokens=30, reply_tokens=2)))
    reply = await door.chat(request())
    assert (reply.text, reply.finish, reply.calls, reply.cached) == ("yes", "stop", 1, False)
    assert (reply.prompt_tokens, reply.reply_tokens, reply.truncated) == (30, 2, False)
    assert (door.usage.calls, door.usage.prompt_tokens, door.usage.reply_tokens) == (1, 30, 2)


async def test_no_more_calls_at_once_than_slots() -> None:
    backend = Parallel(lambda _: Answer("yes", delay=0.005), slots=3)
    door = gateway(backend)
    await asyncio.gather(*(door.chat(request(str(number))) for number in range(12)))
    assert (backend.most, backend.running) == (3, 0)


async def test_waiting_for_a_slot_is_not_in_the_seconds() -> None:
    door = gateway(ScriptedBackend(lambda _: Answer("yes", delay=0.05), slots=1))
    replies = await asyncio.gather(*(door.chat(request(str(number))) for number in range(4)))
    assert max(reply.seconds for reply in replies) < 0.15


async def test_the_cache_answers_the_same_request_again() -> None:
    cache, script = MemoryCache(), Counting()
    first = await cached(script, cache).chat(request())
    door = cached(script, cache)
    again = await door.chat(request())
    assert (again.text, again.cached, again.calls, again.seconds) == (first.text, True, 0, 0.0)
    assert again.reply_tokens == first.reply_tokens
    assert (len(script.calls), door.usage.cached, door.usage.calls) == (1, 1, 0)


async def test_who_asks_is_no_part_of_the_key() -> None:
    cache, script = MemoryCache(), Counting()
    await cached(script, cache).chat(request())
    await cached(script, cache).chat(dataclasses.replace(request(), agent="agent:qa:other"))
    assert len(script.calls) == 1


async def test_a_model_without_a_digest_is_not_cached() -> None:
    cache, script = MemoryCache(), Counting()
    for _ in range(2):
        await cached(script, cache, digest="").chat(request())
    assert (len(script.calls), cache.replies) == (2, {})


async def test_scripted_replies_are_not_cached_unless_they_say_so() -> None:
    cache, script = MemoryCache(), Counting()
    door = gateway(ScriptedBackend(script, digest="d"), cache=cache)
    assert [(await door.chat(request())).text for _ in range(2)] == ["reply 1", "reply 2"]


async def test_a_failure_is_not_cached() -> None:
    cache, script = MemoryCache(), Counting([Answer(error="error_line")])
    door = cached(script, cache)
    with pytest.raises(ReplyError):
        await door.chat(request())
    assert not (await door.chat(request())).cached


BASE = request()
OTHER_OPTIONS: dict[str, Any] = {
    "num_ctx": 1,
    "num_predict": 1,
    "temperature": 0.5,
    "seed": 9,
    "repeat_penalty": 1.1,
    "stop": ("x",),
}
INFO = ModelInfo("tiny", "d1", template="t", backend="ollama")


@pytest.mark.parametrize(
    "other",
    [
        cache_key(dataclasses.replace(BASE, messages=(Message("user", "x"),)), INFO, "1", 4),
        cache_key(dataclasses.replace(BASE, schema=SCHEMA), INFO, "1", 4),
        *(
            cache_key(dataclasses.replace(BASE, options=Options(**{name: value})), INFO, "1", 4)
            for name, value in OTHER_OPTIONS.items()
        ),
        cache_key(BASE, dataclasses.replace(INFO, digest="d2"), "1", 4),
        cache_key(BASE, dataclasses.replace(INFO, template="t2"), "1", 4),
        cache_key(BASE, dataclasses.replace(INFO, backend="embedded"), "1", 4),
        cache_key(BASE, INFO, "2", 4),
        cache_key(BASE, INFO, "1", 1),
    ],
)
def test_whatever_determines_a_reply_changes_the_key(other: str) -> None:
    assert other != cache_key(BASE, INFO, "1", 4)


def test_a_schema_in_another_order_is_another_schema() -> None:
    turned = {**SCHEMA, "properties": dict(reversed(list(SCHEMA["properties"].items())))}  # type: ignore[attr-defined]
    keys = {cache_key(dataclasses.replace(BASE, schema=schema), INFO, "1", 4) for schema in (SCHEMA, turned)}
    assert len(keys) == 2


@pytest.mark.parametrize("reason", sorted(set(REPLY_REASONS) - TRANSIENT_REASONS))
async def test_a_lasting_failure_is_not_asked_again(reason: str) -> None:
    script = Counting([Answer(error=reason)])
    with pytest.raises(ReplyError) as caught:
        await gateway(ScriptedBackend(script)).chat(request())
    assert (caught.value.reason, len(script.calls)) == (reason, 1)


@pytest.mark.parametrize("reason", sorted(TRANSIENT_REASONS))
async def test_a_passing_failure_is_asked_again_with_growing_pauses(reason: str) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    script = Counting([Answer(error=reason)] * 3)
    door = Gateway(ScriptedBackend(script), sleep=sleep, rng=random.Random(1))
    reply = await door.chat(request())
    assert reply.calls == 4
    assert (door.usage.calls, door.usage.failed) == (4, 3)
    assert all(0 < pause <= 0.5 * 2**number for number, pause in enumerate(pauses))
    assert len(set(pauses)) == 3


async def test_pauses_do_not_pass_the_deadline_for_all() -> None:
    script = Counting([Answer(error="overloaded")] * 9)
    door = Gateway(ScriptedBackend(script), Deadlines(total=0.01))
    with pytest.raises(ReplyError) as caught:
        await door.chat(request())
    assert (caught.value.reason, len(script.calls)) == ("overloaded", 1)


async def test_a_model_that_is_not_there_is_no_passing_trouble() -> None:
    class Without(ScriptedBackend):
        async def describe(self, model: str) -> ModelInfo:
            raise ModelMissingError(f"no {model}")

    with pytest.raises(ModelMissingError):
        await gateway(Without(lambda _: "x")).chat(request())


async def test_a_backend_that_does_not_describe_its_model_in_time() -> None:
    class Slow(ScriptedBackend):
        async def describe(self, model: str) -> ModelInfo:
            await asyncio.sleep(30)
            raise BackendUnreachableError(model)

    with pytest.raises(ReplyError) as caught:
        await gateway(Slow(lambda _: "x"), Deadlines(first_token=0.05)).chat(request())
    assert caught.value.reason == "first_token"


async def test_a_slow_answer_meets_the_deadline() -> None:
    door = gateway(ScriptedBackend(lambda _: Answer("late", delay=30)), Deadlines(first_token=0.05))
    with pytest.raises(ReplyError) as caught:
        await door.chat(request())
    assert caught.value.reason == "first_token"
    assert door.busy.active == 0


@pytest.mark.parametrize(("finish", "kept"), [("length", "repetition"), ("stop", "stop")])
async def test_a_repeating_reply_that_ends_by_itself_is_the_models_own(finish: str, kept: str) -> None:
    door = gateway(ScriptedBackend(lambda _: Answer("again " * 100, finish=finish)))
    assert (await door.chat(request())).finish == kept


async def test_a_cancelled_call_frees_its_slot() -> None:
    door = gateway(ScriptedBackend(lambda _: Answer("x", delay=0.2), slots=1))
    call = asyncio.create_task(door.chat(request()))
    await asyncio.sleep(0.02)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (await door.chat(request())).text == "x"


def test_busy_time_is_the_union_of_the_calls() -> None:
    now = 0.0
    meter = BusyMeter(lambda: now)
    meter.__enter__()
    now = 2.0
    meter.__enter__()
    now = 3.0
    meter.__exit__()
    now = 5.0
    assert meter.seconds == 5.0
    meter.__exit__()
    now = 9.0
    assert meter.seconds == 5.0
    with meter:
        now = 10.0
    assert meter.seconds == 6.0
