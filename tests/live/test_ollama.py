"""A real Ollama server with the tiny pinned model, which our own code puts into it.

Not part of the default run: ``METAAGENT_TEST_OLLAMA=$(.ci/ollama) pytest -m live tests/live/test_ollama.py``.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import ollama
import pytest

from metaagent.errors import ModelMissingError, ReplyError
from metaagent.inference import catalog
from metaagent.inference.base import ChatRequest, Chunk, MemoryCache, Options
from metaagent.inference.gateway import Gateway
from metaagent.inference.hosts import HostsBackend
from metaagent.inference.install import install, needed, recipe_of
from metaagent.inference.ollama import OllamaBackend
from metaagent.inference.pull import pull
from metaagent.orchestrator.events import Event, Result
from metaagent.orchestrator.session import run
from metaagent.orchestrator.state import RunOptions
from metaagent.records import Message
from tests.conftest import Ran
from tests.inference.values import SCHEMA
from tests.live.ollama_process import BINARY_VARIABLE, PARALLEL, OllamaProcess, binary, running
from tests.live.weighing import WHALE, assert_weighed
from tests.orchestrator.place import make_place

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]

MODEL = catalog.find("smollm2-135m")
QUICK = "quick:latest"
"""The same model on one thread: on a busy machine two that wait for each other are slower by far."""

WINDOW = 256


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OllamaProcess]:
    command = binary()
    if command is None:
        pytest.skip(f"no Ollama server: {BINARY_VARIABLE} is not set (see .ci/ollama), and none is installed")
    with running(command, tmp_path_factory.mktemp("ollama")) as server:
        yield server


@pytest.fixture
def file() -> Path:
    place = pull(MODEL, {}, progress=lambda *_: None, notice=lambda _: None)
    return place.path


@pytest.fixture
async def backend(server: OllamaProcess, file: Path) -> AsyncIterator[OllamaBackend]:
    server.revive()
    backend = OllamaBackend(server.url, slots=PARALLEL, names={MODEL.name: MODEL.ollama})
    if await needed(MODEL, backend):
        await install(MODEL, file, backend, lambda *_: None)
        await ollama.AsyncClient(server.url).create(QUICK, from_=MODEL.ollama, parameters={"num_thread": 1})
    yield backend
    await backend.close()


def ask(text: str, model: str = QUICK, **options: object) -> ChatRequest:
    settings = Options(num_ctx=WINDOW, **{"num_predict": 16, **options})  # type: ignore[arg-type]
    return ChatRequest(model, (Message("system", "You answer briefly."), Message("user", text)), settings)


async def test_version_and_show(backend: OllamaBackend) -> None:
    assert re.fullmatch(r"ollama \d+\.\d+\.\d+\S*", await backend.version())
    info = await backend.describe(MODEL.name)
    assert (info.template, info.context, info.backend) == (MODEL.template, MODEL.context, "ollama")
    assert "completion" in info.capabilities and len(info.digest) == 64
    with pytest.raises(ModelMissingError, match="absent"):
        await backend.describe("absent")


async def test_what_the_server_has_is_as_it_is_pinned(backend: OllamaBackend) -> None:
    assert await backend.recipe(MODEL.name) == recipe_of(MODEL)
    assert not await needed(MODEL, backend)


def test_a_model_that_is_there_is_not_sent_again(
    server: OllamaProcess, backend: OllamaBackend, cli: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert backend.url == server.url
    monkeypatch.setenv("OLLAMA_HOST", server.url)
    ran = cli("model", "pull", MODEL.name, "--into", "ollama", "--json")
    assert (ran.status, ran.json["servers"]) == (0, [{"url": server.url, "model": MODEL.ollama, "sent": False}])


async def test_a_template_that_ignores_roles_is_seen(server: OllamaProcess, backend: OllamaBackend) -> None:
    notices: list[str] = []
    flat = dataclasses.replace(recipe_of(MODEL), template="{{ .Prompt }}")
    await backend.create("flat", MODEL.file, flat)
    other = OllamaBackend(server.url, notice=notices.append)
    assert (await other.describe("flat")).template == "{{ .Prompt }}"
    assert "ignores roles" in notices[0]
    await other.close()


async def test_chat_and_cache(backend: OllamaBackend) -> None:
    door = Gateway(backend, cache=MemoryCache())
    reply = await door.chat(ask("What is the capital of France?"))
    assert reply.text.strip()
    assert (reply.backend, len(reply.digest), reply.truncated) == ("ollama", 64, False)
    assert reply.prompt_tokens and reply.reply_tokens and 0 < reply.model_seconds <= reply.seconds + 1
    again = await door.chat(ask("What is the capital of France?"))
    assert (again.text, again.cached, door.usage.calls) == (reply.text, True, 1)


async def test_a_stream_comes_in_pieces(backend: OllamaBackend) -> None:
    chunks = [chunk async for chunk in backend.stream(ask("Write about the sea."))]
    assert len(chunks) > 3
    assert [chunk.done for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1].reply_tokens


async def test_a_schema_constrains_the_reply(backend: OllamaBackend) -> None:
    request = ask("Bob is 12 years old. Give name and age as JSON.", num_predict=64)
    reply = await Gateway(backend).chat(dataclasses.replace(request, schema=SCHEMA))
    value = json.loads(reply.text)
    assert set(value) == {"name", "age"} and isinstance(value["age"], int)


async def test_what_was_weighed_for_a_field_of_few_values_is_told(backend: OllamaBackend) -> None:
    await assert_weighed(backend, ask(WHALE, num_predict=64))


@pytest.mark.parametrize("words", [WINDOW + 40, 3 * WINDOW])
async def test_a_prompt_beyond_the_window_is_noticed(backend: OllamaBackend, words: int) -> None:
    """The server cuts it and answers with status 200, this model then mostly with nothing."""
    try:
        reply = await Gateway(backend).chat(ask(f"{'word ' * words} Name three colours.", num_predict=4))
    except ReplyError as error:
        assert error.reason == "context"
    else:
        assert reply.truncated is True


async def test_unload_and_reload(server: OllamaProcess, backend: OllamaBackend) -> None:
    door = Gateway(backend)
    await door.chat(ask("Hello", num_predict=2))
    (loaded,) = await backend.loaded()
    assert (loaded.name, loaded.context) == (QUICK, WINDOW)
    await ollama.AsyncClient(server.url).generate(QUICK, keep_alive=0)
    async with asyncio.timeout(60):
        while await backend.loaded():
            await asyncio.sleep(0.1)
    last = [chunk async for chunk in backend.stream(ask("Hello again", num_predict=2))][-1]
    assert last.done and last.load_seconds
    assert [model.context for model in await backend.loaded()] == [WINDOW]


async def test_two_models(backend: OllamaBackend) -> None:
    door = Gateway(backend)
    first, second = [await door.chat(ask("Hello", model=name, num_predict=2)) for name in (MODEL.name, QUICK)]
    assert (first.model, second.model) == (MODEL.name, QUICK)
    assert first.text and second.text and first.digest != second.digest
    assert QUICK in {model.name for model in await backend.loaded()}  # one runner serves both: the same weights


async def test_four_parallel_calls(backend: OllamaBackend) -> None:
    door = Gateway(backend)
    await door.chat(ask("Hello", num_predict=2))
    replies = await asyncio.gather(*(door.chat(ask(f"Write about the number {number}.")) for number in range(4)))
    assert all(reply.text.strip() for reply in replies)
    assert all((reply.truncated, reply.calls) == (False, 1) for reply in replies)
    assert door.usage.calls == 5


async def test_a_cancelled_call_ends_on_the_server(backend: OllamaBackend) -> None:
    """Else this would wait for hundreds of tokens, with the server's slots taken."""
    streams = [backend.stream(ask("Tell a very long story.", num_predict=200)) for _ in range(PARALLEL)]
    assert [type(await anext(stream)) for stream in streams] == [Chunk] * PARALLEL
    for stream in streams:
        await stream.aclose()
    reply = await Gateway(backend).chat(ask("Hello", num_predict=2))
    assert reply.text


async def test_a_call_goes_on_elsewhere_when_its_host_dies(
    server: OllamaProcess, backend: OllamaBackend, tmp_path: Path
) -> None:
    """Two servers on the same models; the first is killed in the middle of a reply and comes back."""
    del backend  # the model is there
    notices: list[str] = []
    (tmp_path / "models").symlink_to(server.folder / "models")
    with running(server.command, tmp_path) as other:
        members = {one.url: OllamaBackend(one.url) for one in (server, other)}
        hosts = HostsBackend(members, notice=notices.append)
        door = Gateway(hosts)
        try:
            await door.chat(ask("Hello", num_predict=2))
            call = asyncio.create_task(door.chat(ask("Tell a very long story.", num_predict=200)))
            while not hosts.load()[server.url]:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.5)
            server.kill()
            reply = await call
            assert (reply.calls, [host.state == "in" for host in hosts.states()]) == (2, [False, True])
            assert "is left out for a while" in notices[0]
            server.start()
            server.wait()
            async with asyncio.timeout(120):
                while [host.state for host in hosts.states()] != ["in", "in"]:
                    await door.chat(ask("Hello", num_predict=1))
                    await asyncio.sleep(0.5)
        finally:
            await door.close()


def test_a_run_survives_the_kill_of_its_server(server: OllamaProcess, backend: OllamaBackend, tmp_path: Path) -> None:
    """kill -9 in the middle of a run, and its return: every task is where it belongs; the next run does the rest."""
    assert backend.url == server.url
    place = make_place(
        tmp_path / "place",
        6,
        config=f"backend: ollama\ndefault_model: '{QUICK}'\nollama: {{hosts: ['{server.url}'], parallel: 2}}\n"
        f"models: {{'{QUICK}': {{num_ctx: 1024, num_predict: 24}}}}\nrun: {{retries: 0}}\ncache: false\n",
    )
    back = threading.Timer(1.0, server.start)

    def kill_at_first(event: Event) -> None:
        place.events.append(event)
        if isinstance(event, Result) and len(place.results()) == 1:
            server.kill()
            back.start()

    summary = run(place.workspace, RunOptions(jobs=2), kill_at_first)
    back.join()
    server.wait()
    assert len(place.results()) >= 2 and summary.status in (0, 1, 4)
    assert place.where("IN_PROGRESS") == []
    place.nothing_left_behind()
    broken = [task for task, result in place.results().items() if result.outcome == "inconclusive"]
    retried = place.rows("SELECT count(*) FROM v_steps WHERE calls > 1")[0][0]
    assert broken or retried  # the kill was felt
    again = place.run(jobs=2)
    assert (again.status in (0, 1), again.inconclusive) == (True, 0)
    place.nothing_left_behind()
