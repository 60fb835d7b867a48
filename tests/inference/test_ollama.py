"""The Ollama backend and the gateway against a real server, through the real library."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from metaagent.errors import BackendUnreachableError, ConfigError, ModelMissingError, ReplyError
from metaagent.inference.address import host_url, is_local, key_would_leak
from metaagent.inference.base import Deadlines
from metaagent.inference.gateway import Gateway
from metaagent.inference.ollama import (
    OllamaBackend,
    has_model,
    ignores_roles,
    served_models,
)
from tests.fakes.ollama_server import FakeOllama, never_accepting
from tests.inference.values import QUICK, SCHEMA, gateway, request


@pytest.fixture
def fake() -> Iterator[FakeOllama]:
    with FakeOllama().running() as server:
        yield server


@asynccontextmanager
async def opened(fake: FakeOllama, deadlines: Deadlines | None = None, **settings: Any) -> AsyncIterator[Gateway]:
    door = gateway(OllamaBackend(fake.url), deadlines, **settings)
    try:
        yield door
    finally:
        await door.close()


async def test_a_good_reply(fake: FakeOllama) -> None:
    async with opened(fake) as door:
        reply = await door.chat(request())
    assert reply.text.strip() == fake.reply
    assert (reply.finish, reply.backend, reply.calls, reply.truncated) == ("stop", "ollama", 1, False)
    assert (reply.prompt_tokens, reply.reply_tokens, reply.model_seconds) == (12, 11, 0.75)
    assert reply.digest == "0123456789abcdef" * 4


async def test_everything_that_decides_is_sent(fake: FakeOllama) -> None:
    wanted = dataclasses.replace(request(num_ctx=2048, num_predict=99, temperature=0.7, seed=5), schema=SCHEMA)
    async with opened(fake) as door:
        await door.chat(wanted)
    sent = fake.requests[0]
    assert sent["options"] == {
        "num_ctx": 2048,
        "num_predict": 99,
        "temperature": 0.7,
        "seed": 5,
        "repeat_penalty": 1.0,
    }
    assert (sent["format"], sent["think"], sent["stream"]) == (SCHEMA, False, True)
    assert sent["messages"][0] == {"role": "system", "content": "Be brief."}


async def test_fields_of_few_values_come_with_log_probabilities(fake: FakeOllama) -> None:
    schema = {"type": "object", "properties": {"state": {"enum": ["due", "open"]}, "note": {"type": "string"}}}
    fake.reply, fake.others = '{"state": "due", "note": "Zoë"}', [{"token": '"open', "logprob": -1.25}]
    async with opened(fake) as door:
        told = await door.chat(dataclasses.replace(request(), schema=schema))
        plain = await door.chat(dataclasses.replace(request(), schema=SCHEMA))
    assert told.logprobs == {"state": {'"due"': -0.5, '"open"': -1.25}}
    assert plain.logprobs == {}
    assert [(sent.get("logprobs"), sent.get("top_logprobs")) for sent in fake.requests] == [(True, 20), (False, None)]


async def test_stop_words_are_sent_only_where_there_are_some(fake: FakeOllama) -> None:
    async with opened(fake) as door:
        await door.chat(request(stop=("END",)))
    assert fake.requests[0]["options"]["stop"] == ["END"]


async def test_our_name_of_a_model_is_translated(fake: FakeOllama) -> None:
    door = gateway(OllamaBackend(fake.url, names={"small": "tiny:latest"}))
    reply = await door.chat(request(model="small"))
    await door.close()
    assert (reply.model, fake.requests[0]["model"]) == ("small", "tiny:latest")


async def test_a_pinned_model_that_is_missing_says_how_to_put_it_there(fake: FakeOllama) -> None:
    backend = OllamaBackend(fake.url, names={"smollm2-135m": "smollm2:135m"})
    with pytest.raises(ModelMissingError, match="has no model smollm2:135m") as caught:
        await backend.describe("smollm2-135m")
    assert caught.value.mend == "metaagent model pull smollm2-135m --into ollama"
    with pytest.raises(ModelMissingError) as caught:
        await backend.describe("absent")
    assert caught.value.mend == "ollama pull absent"
    await backend.close()


FAILURES = {
    "garbage": "garbage",
    "array": "garbage",
    "wrong_types": "garbage",
    "html": "html",
    "html_502": "html",
    "html_unlabelled": "html",
    "no_done": "no_done",
    "nothing": "no_done",
    "error_line": "error_line",
    "error_500": "error_line",
    "context_error": "context",
    "empty": "empty",
    "huge": "too_large",
    "huge_line": "too_large",
    "endless_line": "too_large",
}


@pytest.mark.parametrize("behaviour", FAILURES)
async def test_a_broken_answer_is_named_and_not_asked_again(fake: FakeOllama, behaviour: str) -> None:
    fake.behaviours = [behaviour]
    async with opened(fake) as door:
        with pytest.raises(ReplyError) as caught:
            await door.chat(request())
        assert caught.value.reason == FAILURES[behaviour]
        assert len(fake.requests) == 1
        assert (await door.chat(request())).text.strip() == fake.reply  # the next call finds all in order
        assert (door.usage.calls, door.usage.failed) == (2, 1)


@pytest.mark.parametrize("behaviour", ["busy", "reset", "reset_at_once"])
async def test_a_passing_trouble_is_asked_again(fake: FakeOllama, behaviour: str) -> None:
    fake.behaviours = [behaviour] * 3
    async with opened(fake) as door:
        reply = await door.chat(request())
    assert (reply.calls, len(fake.requests)) == (4, 4)


async def test_a_server_that_stays_busy_is_given_up(fake: FakeOllama) -> None:
    fake.behaviours = ["busy"] * 9
    async with opened(fake) as door:
        with pytest.raises(ReplyError) as caught:
            await door.chat(request())
    assert (caught.value.reason, len(fake.requests)) == ("overloaded", 5)


HANGS = {"hang_before_token": "first_token", "hang_after_headers": "first_token", "hang_in_the_middle": "idle"}


@pytest.mark.parametrize("behaviour", HANGS)
async def test_a_silent_server_meets_a_deadline(fake: FakeOllama, behaviour: str) -> None:
    fake.behaviours = [behaviour]
    async with opened(fake, QUICK) as door:
        with pytest.raises(ReplyError) as caught:
            await door.chat(request())
    assert caught.value.reason == HANGS[behaviour]


async def test_a_reply_without_an_end_meets_the_deadline_for_all_of_it(fake: FakeOllama) -> None:
    fake.behaviours = ["drip"]
    async with opened(fake, dataclasses.replace(QUICK, total=0.3)) as door:
        with pytest.raises(ReplyError) as caught:
            await door.chat(request())
    assert caught.value.reason == "total"


async def test_a_connection_that_is_never_made_meets_its_deadline() -> None:
    with never_accepting() as url:
        backend = OllamaBackend(url, connect=0.1)
        for question in (backend.describe("tiny"), anext(backend.stream(request()))):
            with pytest.raises(ReplyError) as caught:
                await question
            assert caught.value.reason == "connect"
        await backend.close()


async def test_no_server_says_what_to_start() -> None:
    door = gateway(OllamaBackend("127.0.0.1:9"))
    with pytest.raises(BackendUnreachableError, match="no Ollama server answers") as caught:
        await door.chat(request())
    await door.close()
    assert "ollama serve" in str(caught.value.mend)
    assert caught.value.exit_status == 4


async def test_a_server_that_goes_away_is_a_failed_call() -> None:
    with FakeOllama().running() as fake:
        door = gateway(OllamaBackend(fake.url))
        await door.chat(request())
    with pytest.raises(ReplyError) as caught:
        await door.chat(request("again"))
    await door.close()
    assert caught.value.reason in {"connect", "reset"}


async def test_a_missing_model_says_what_to_pull(fake: FakeOllama) -> None:
    async with opened(fake) as door:
        with pytest.raises(ModelMissingError) as caught:
            await door.chat(request(model="absent"))
    assert caught.value.mend == "ollama pull absent"


async def test_missing_counts_are_unknown_and_not_zero(fake: FakeOllama) -> None:
    fake.behaviours = ["no_counts"]
    async with opened(fake) as door:
        reply = await door.chat(request())
    assert (reply.prompt_tokens, reply.reply_tokens) == (None, None)
    assert reply.model_seconds == reply.seconds


async def test_counts_that_cannot_be_true_are_unknown(fake: FakeOllama) -> None:
    fake.behaviours = ["lies"]
    async with opened(fake) as door:
        reply = await door.chat(request())
    assert (reply.prompt_tokens, reply.reply_tokens) == (None, None)
    assert reply.model_seconds >= 0


async def test_a_cut_prompt_is_suspected(fake: FakeOllama) -> None:
    fake.behaviours = ["truncated", "no_counts"]
    long = request("every word counts here " * 500, num_ctx=1024)
    async with opened(fake) as door:
        assert (await door.chat(long)).truncated is True
        assert (await door.chat(long)).truncated is None
        assert (await door.chat(request("short", num_ctx=1024))).truncated is False


async def test_a_cut_prompt_that_is_answered_with_nothing_is_a_matter_of_the_window(fake: FakeOllama) -> None:
    fake.behaviours = ["truncated_empty"]
    async with opened(fake) as door:
        with pytest.raises(ReplyError) as caught:
            await door.chat(request("every word counts here " * 500, num_ctx=1024))
        assert caught.value.reason == "context"


@pytest.mark.parametrize("behaviour", ["repeats", "thirty_tokens"])
async def test_a_reply_that_repeats_itself_is_ended(fake: FakeOllama, behaviour: str) -> None:
    fake.behaviours = [behaviour]
    async with opened(fake) as door:
        reply = await door.chat(request())
    assert reply.finish == "repetition"
    assert len(reply.text) < 2000
    assert reply.reply_tokens and reply.reply_tokens > 10


async def test_an_abandoned_reply_closes_the_connection(fake: FakeOllama) -> None:
    fake.behaviours = ["drip"]
    async with opened(fake) as door:
        call = asyncio.create_task(door.chat(request()))
        while not fake.requests:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await asyncio.to_thread(fake.broken_off.wait, 5)
        assert door.busy.active == 0


async def test_what_the_server_says_of_a_model(fake: FakeOllama) -> None:
    backend = OllamaBackend(fake.url)
    info = await backend.describe("tiny")
    assert (info.context, info.capabilities, info.size) == (8192, ("completion",), 1000)
    assert await backend.version() == "ollama 0.24.0"
    assert [model.name for model in await backend.models()] == ["tiny:latest"]
    assert [model.context for model in await backend.loaded()] == [4096]
    await backend.close()


async def test_a_template_without_roles_is_noticed(fake: FakeOllama) -> None:
    fake.template = "{{ .Prompt }}"
    notices: list[str] = []
    backend = OllamaBackend(fake.url, notice=notices.append)
    await backend.describe("tiny")
    await backend.close()
    assert "ignores roles" in notices[0]
    assert not ignores_roles("{% for message in messages %}{{ message['role'] }}{% endfor %}")


async def test_a_pull_shows_its_progress(fake: FakeOllama) -> None:
    backend = OllamaBackend(fake.url)
    steps: list[tuple[int, int]] = []
    await backend.pull("tiny", lambda done, total: steps.append((done, total)))
    assert steps == [(100, 1000), (500, 1000), (1000, 1000)]
    with pytest.raises(ReplyError, match="does not exist"):
        await backend.pull("absent", lambda *_: None)
    await backend.close()


@pytest.mark.parametrize("answer", [b"<html>no</html>", b"[]", b'{"other": 1}'])
async def test_another_server_on_the_port_is_no_ollama(fake: FakeOllama, answer: bytes) -> None:
    fake.version_answer = fake.tags_answer = answer
    backend = OllamaBackend(fake.url)
    for question in (backend.version, backend.models):
        with pytest.raises(ReplyError) as caught:
            await question()
        assert caught.value.reason in {"html", "garbage"}
    await backend.close()
    assert served_models(fake.url, timeout=1) is None


def test_what_a_server_has(fake: FakeOllama) -> None:
    served = served_models(fake.url, timeout=1)
    assert served is not None and [model.name for model in served] == ["tiny:latest"]
    assert has_model(served, "tiny") and not has_model(served, "tin")
    assert served_models("127.0.0.1:9", timeout=1) is None


@pytest.mark.parametrize(
    ("written", "url"),
    [
        (None, "http://127.0.0.1:11434"),
        ("", "http://127.0.0.1:11434"),
        ("box", "http://box:11434"),
        (":4000", "http://127.0.0.1:4000"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:80", "http://127.0.0.1:80"),
        ("[::]:4000", "http://[::1]:4000"),
        ("https://box.example", "https://box.example:443"),
        ("http://box/path/", "http://box:80/path"),
    ],
)
def test_hosts_as_people_write_them(monkeypatch: pytest.MonkeyPatch, written: str | None, url: str) -> None:
    monkeypatch.delenv("OLLAMA_HOST")
    assert host_url(written) == url


def test_the_environment_names_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "elsewhere:5000")
    assert host_url() == "http://elsewhere:5000"
    assert host_url("here") == "http://here:11434"


@pytest.mark.parametrize("written", ["ftp://box", "box:port", "http://[::1"])
def test_a_host_that_is_no_address(written: str) -> None:
    with pytest.raises(ConfigError):
        host_url(written)


def test_local_addresses() -> None:
    assert all(is_local(f"http://{host}:1") for host in ("localhost", "127.0.0.1", "127.3.0.1", "[::1]", "a.localhost"))
    assert not any(is_local(f"http://{host}:1") for host in ("box", "10.0.0.1", "localhost.example"))


@pytest.mark.parametrize(("host", "warned"), [("box", True), ("https://box", False), ("127.0.0.1", False)])
def test_a_key_in_the_open_is_warned_of(monkeypatch: pytest.MonkeyPatch, host: str, warned: bool) -> None:
    notices: list[str] = []
    OllamaBackend(host, notice=notices.append)
    assert notices == []
    monkeypatch.setenv("OLLAMA_API_KEY", "secret-value")
    OllamaBackend(host, notice=notices.append)
    assert key_would_leak(host_url(host)) is warned
    assert [("OLLAMA_API_KEY" in text, "secret-value" in text) for text in notices] == [(True, False)] * warned


async def test_a_proxy_of_the_environment_does_not_get_local_calls(
    fake: FakeOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with opened(fake) as door:
        assert (await door.chat(request())).text


def test_an_address_that_is_none_is_the_users_setting_not_our_bug() -> None:
    """In a process of its own: the library reads OLLAMA_HOST while it is imported."""
    code = "import metaagent.inference.ollama"
    ran = subprocess.run([sys.executable, "-c", code], env={**os.environ, "OLLAMA_HOST": ":::bad"}, capture_output=True)
    assert b"ConfigError: OLLAMA_HOST ':::bad' is no address" in ran.stderr
