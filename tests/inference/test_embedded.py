"""The embedded backend around an engine that is replaced by a small stand-in; the real one: tests/live."""

from __future__ import annotations

import asyncio
import dataclasses
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from metaagent.errors import BackendUnreachableError, ModelMissingError, ReplyError
from metaagent.inference import warm
from metaagent.inference.embedded import EmbeddedBackend, engine_request
from metaagent.inference.gateway import Gateway
from metaagent.records import Reply
from tests.inference.values import SCHEMA, gateway, request

Receive = Callable[[dict[str, Any]], bool]


def piece(text: str | None = None, finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"finish_reason": finish, "index": 0, "delta": {"content": text} if text else {}}]}


COUNTS = {
    "choices": [],
    "usage": {"prompt_tokens": 21, "completion_tokens": 3},
    "timings": {"prompt_ms": 250.0, "predicted_ms": 500.0},
}
TOO_LONG = {
    "error": {"code": 400, "type": "exceed_context_size_error", "message": "no", "n_prompt_tokens": 1531, "n_ctx": 1024}
}


class Engine:
    """Stands in for ``xllamacpp``: ``CommonParams`` and ``Server``, which plays ``pieces`` to the callback."""

    def __init__(self) -> None:
        self.pieces: list[dict[str, Any]] = [piece("Hel"), piece("lo"), piece(finish="stop"), COUNTS]
        self.endless = False
        self.raises: Exception | None = None
        self.load_error: Exception | None = None
        self.loaded: list[Any] = []
        self.bodies: list[dict[str, Any]] = []
        self.running = 0
        self.lock = threading.Lock()

    def CommonParams(self) -> SimpleNamespace:
        return SimpleNamespace(model=SimpleNamespace(), cpuparams=SimpleNamespace(), cpuparams_batch=SimpleNamespace())

    def Server(self, settings: Any) -> SimpleNamespace:
        if self.load_error is not None:
            raise self.load_error
        self.loaded.append(settings)
        return SimpleNamespace(handle_chat_completions=self.play)

    def play(self, body: dict[str, Any], receive: Receive) -> None:
        with self.lock:
            self.running += 1
        try:
            self.bodies.append(body)
            if self.raises is not None:
                raise self.raises
            for value in self.pieces:
                if receive(value):
                    return
            while self.endless and not receive(piece(f"{time.monotonic()} ")):
                time.sleep(0.002)
        finally:
            with self.lock:
                self.running -= 1


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    engine = Engine()
    monkeypatch.setitem(sys.modules, "xllamacpp", engine)
    yield engine
    assert engine.running == 0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(b"GGUF")
    return path


@contextmanager
def idle_soon(engine: Engine) -> Iterator[None]:
    yield
    end = time.monotonic() + 5
    while engine.running and time.monotonic() < end:
        time.sleep(0.01)


async def endless_call(engine: Engine, door: Gateway) -> asyncio.Task[Reply]:
    """A call that runs in the engine when this returns, and does not end by itself."""
    engine.endless, engine.pieces = True, [piece("x")]
    call = asyncio.create_task(door.chat(request()))
    while not engine.running:
        await asyncio.sleep(0.005)
    return call


async def test_a_reply_comes_piece_by_piece(engine: Engine, file: Path) -> None:
    backend = EmbeddedBackend({"tiny": file}, threads=1)
    chunks = [chunk async for chunk in backend.stream(request())]
    assert [chunk.text for chunk in chunks] == ["Hel", "lo", ""]
    last = chunks[-1]
    assert (last.done, last.finish, last.prompt_tokens, last.reply_tokens, last.model_seconds) == (
        True, "stop", 21, 3, 0.75,
    )  # fmt: skip
    await backend.close()
    assert len(engine.loaded) == 1


async def test_the_engine_is_set_up_for_its_slots_and_keeps_silent(engine: Engine, file: Path) -> None:
    backend = EmbeddedBackend({"tiny": file}, slots=3, threads=2)
    door = gateway(backend)
    assert (await door.chat(request(num_ctx=1024))).text == "Hello"
    settings = engine.loaded[0]
    assert (settings.n_ctx, settings.n_parallel, settings.cpuparams.n_threads) == (3072, 3, 2)
    assert (settings.verbosity, settings.warmup) == (-1, False)
    assert len(settings.api_keys[0]) == 64
    await door.close()


def test_everything_that_decides_is_sent() -> None:
    body = engine_request(
        dataclasses.replace(request(num_predict=9, temperature=0.7, seed=3, stop=("END",)), schema=SCHEMA)
    )
    assert (body["max_tokens"], body["temperature"], body["seed"], body["repeat_penalty"]) == (9, 0.7, 3, 1.0)
    assert body["stop"] == ["END"]
    assert body["response_format"]["json_schema"]["schema"] == SCHEMA
    assert "response_format" not in engine_request(request())


async def test_fields_of_few_values_come_with_log_probabilities(engine: Engine, file: Path) -> None:
    def token(text: str, *others: tuple[str, float]) -> dict[str, Any]:
        top = [{"bytes": list(one.encode()), "logprob": logprob} for one, logprob in ((text, -0.5), *others)]
        return {**top[0], "top_logprobs": top}

    def told(text: str, *tokens: dict[str, Any]) -> dict[str, Any]:
        made = piece(text)
        made["choices"][0]["logprobs"] = {"content": list(tokens)}
        return made

    schema = {"type": "object", "properties": {"state": {"enum": ["due", "open"]}}}
    begin = told('{"state": "', token('{"state":'), token(' "'))
    engine.pieces = [begin, told("due", token("due", ("open", -1.25))), told('"}', token('"}')), piece(finish="stop")]
    backend = EmbeddedBackend({"tiny": file})
    door = gateway(backend)
    reply = await door.chat(dataclasses.replace(request(), schema=schema))
    await door.close()
    assert reply.logprobs == {"state": {'"due"': -1.0, '"open"': -1.75}}  # the blank before them was no certainty
    assert (engine.bodies[0]["logprobs"], engine.bodies[0]["top_logprobs"]) == (True, 40)
    assert "logprobs" not in engine_request(dataclasses.replace(request(), schema=SCHEMA))


async def test_a_prompt_beyond_the_window_is_an_error(engine: Engine, file: Path) -> None:
    engine.pieces = [TOO_LONG]
    door = gateway(EmbeddedBackend({"tiny": file}))
    with pytest.raises(ReplyError, match="1531 tokens") as caught:
        await door.chat(request())
    assert caught.value.reason == "context"
    await door.close()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"pieces": [piece("x"), {"error": {"message": "out of memory"}}]}, "error_line"),
        ({"pieces": [{"error": "plain"}]}, "error_line"),
        ({"raises": ValueError("unrecognized type")}, "error_line"),
        ({"pieces": [piece("x")]}, "no_done"),
        ({"pieces": [piece(finish="stop"), COUNTS]}, "empty"),
    ],
)
async def test_a_broken_call_is_named(engine: Engine, file: Path, change: dict[str, Any], reason: str) -> None:
    for name, value in change.items():
        setattr(engine, name, value)
    door = gateway(EmbeddedBackend({"tiny": file}))
    with pytest.raises(ReplyError) as caught:
        await door.chat(request())
    assert caught.value.reason == reason
    await door.close()


async def test_counts_may_be_missing(engine: Engine, file: Path) -> None:
    engine.pieces = [piece("x"), piece(finish="length")]
    door = gateway(EmbeddedBackend({"tiny": file}))
    reply = await door.chat(request())
    assert (reply.finish, reply.prompt_tokens, reply.reply_tokens) == ("length", None, None)
    await door.close()


async def test_an_abandoned_call_stops_the_engine(engine: Engine, file: Path) -> None:
    door = gateway(EmbeddedBackend({"tiny": file}))
    call = await endless_call(engine, door)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    with idle_soon(engine):
        pass
    assert engine.running == 0
    await door.close()


async def test_closing_ends_what_is_running(engine: Engine, file: Path) -> None:
    backend = EmbeddedBackend({"tiny": file})
    call = await endless_call(engine, gateway(backend))
    await backend.close()
    assert engine.running == 0
    with pytest.raises(ReplyError):
        await call


async def test_calls_at_once_share_one_load(engine: Engine, file: Path) -> None:
    door = gateway(EmbeddedBackend({"tiny": file}))
    await asyncio.gather(*(door.chat(request(str(number))) for number in range(6)))
    assert len(engine.loaded) == 1
    await door.close()


async def test_a_larger_window_loads_again_and_a_smaller_one_does_not(engine: Engine, file: Path) -> None:
    door = gateway(EmbeddedBackend({"tiny": file}, slots=1))
    for window in (1024, 512, 2048, 1024):
        await door.chat(request(num_ctx=window))
    assert [settings.n_ctx for settings in engine.loaded] == [1024, 2048]
    await door.close()


async def test_an_engine_stays_loaded_from_one_stage_of_a_command_to_the_next(engine: Engine, file: Path) -> None:
    async def stage(window: int = 512, slots: int = 4) -> None:
        door = gateway(EmbeddedBackend({"tiny": file}, slots=slots))
        assert (await door.chat(request(num_ctx=window))).text == "Hello"
        await door.close()

    with warm.kept():
        for window in (512, 512, 1024, 512):
            with warm.kept():  # a stage that keeps some itself, inside a command that does
                await stage(window)
        assert [settings.n_ctx for settings in engine.loaded] == [2048, 4096]
        await stage(slots=1)  # another engine, in place of the first
        await stage()
        assert len(engine.loaded) == 4
    await stage()
    await stage()
    assert len(engine.loaded) == 6


async def test_what_was_running_when_a_stage_ended_does_not_go_on_in_the_next(engine: Engine, file: Path) -> None:
    with warm.kept():
        backend = EmbeddedBackend({"tiny": file})
        call = await endless_call(engine, gateway(backend))
        await backend.close()
        with pytest.raises(ReplyError):
            await call
        assert engine.running == 0
        engine.endless, engine.pieces = False, Engine().pieces
        door = gateway(EmbeddedBackend({"tiny": file}))
        assert (await door.chat(request())).text == "Hello"
        await door.close()
    assert len(engine.loaded) == 1


async def test_a_file_that_does_not_load_can_be_mended(engine: Engine, file: Path) -> None:
    engine.load_error = RuntimeError("Failed to init server")
    door = gateway(EmbeddedBackend({"tiny": file}))
    with pytest.raises(BackendUnreachableError, match="cannot load"):
        await door.chat(request())
    engine.load_error = None
    assert (await door.chat(request())).text == "Hello"
    await door.close()


async def test_a_model_that_is_not_here_says_what_to_pull(tmp_path: Path) -> None:
    backend = EmbeddedBackend({"tiny": tmp_path / "absent.gguf"})
    for model in ("tiny", "other"):
        with pytest.raises(ModelMissingError) as caught:
            await backend.describe(model)
        assert caught.value.mend == f"metaagent model pull {model}"


async def test_what_it_knows_of_a_model(file: Path) -> None:
    backend = EmbeddedBackend({"tiny": file})
    (info,) = await backend.models()
    assert (info.name, info.size, info.backend, len(info.digest)) == ("tiny", 4, "embedded", 64)
