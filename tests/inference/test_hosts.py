"""Several servers that speak Ollama's protocol as one backend, through the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack, aclosing

import pytest

from metaagent.errors import BackendUnreachableError, ModelMissingError, ReplyError
from metaagent.inference.base import Backend, ChatRequest, Chunk, Deadlines, ModelInfo
from metaagent.inference.gateway import Gateway
from metaagent.inference.hosts import HostsBackend, HostState
from metaagent.inference.ollama import OllamaBackend
from tests.fakes.ollama_server import FakeOllama
from tests.inference.values import gateway, request

DOWN = "http://127.0.0.1:9"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Fleet:
    """Hosts over fakes (and URLs where nothing is), with all that they said."""

    def __init__(self, *places: FakeOllama | str, slots: int = 1, deadlines: Deadlines | None = None) -> None:
        urls = [place if isinstance(place, str) else place.url for place in places]
        self.clock = Clock()
        self.notices: list[str] = []
        self.seen: list[list[HostState]] = []
        self.backend = HostsBackend(
            {url: OllamaBackend(url, slots=slots, names={"small": "tiny"}) for url in urls},
            deadlines=deadlines,
            notice=self.notices.append,
            observe=self.seen.append,
            clock=self.clock,
        )
        self.door = gateway(self.backend, deadlines)

    async def __aenter__(self) -> Fleet:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.door.close()

    def states(self) -> list[str]:
        return [host.state.value for host in self.backend.states()]

    async def until(self, *states: str) -> None:
        """Wait for what a probe in the background finds."""
        async with asyncio.timeout(60):
            while self.states() != list(states):
                await asyncio.sleep(0.01)


@pytest.fixture
def fakes() -> Iterator[list[FakeOllama]]:
    with ExitStack() as stack:
        yield [stack.enter_context(FakeOllama(reply=f"from {number}").running()) for number in range(3)]


def counts(fakes: list[FakeOllama]) -> list[int]:
    return [len(fake.requests) for fake in fakes]


async def test_calls_at_once_are_spread(fakes: list[FakeOllama]) -> None:
    async with Fleet(*fakes, slots=2) as fleet:
        assert (fleet.backend.slots, fleet.backend.name) == (6, "ollama")
        await fleet.door.info("tiny")
        await asyncio.gather(*(fleet.door.chat(request(f"number {number}")) for number in range(6)))
        assert counts(fakes) == [2, 2, 2]
        assert await fleet.door.version() == "ollama 0.24.0"
        assert fleet.notices == []


async def test_calls_one_by_one_stay_where_their_prefix_is(fakes: list[FakeOllama]) -> None:
    async with Fleet(*fakes) as fleet:
        for _ in range(3):
            await fleet.door.chat(request())
        assert counts(fakes) == [3, 0, 0]


@pytest.mark.parametrize("fault", ["reset", "reset_at_once", "busy"])
async def test_a_host_that_fails_is_left_out_and_comes_back_after_a_probe(fakes: list[FakeOllama], fault: str) -> None:
    first, second = fakes[:2]
    first.behaviours = [fault]
    async with Fleet(first, second) as fleet:
        reply = await fleet.door.chat(request())
        assert (reply.text.strip(), reply.calls) == ("from 1", 2)  # asked again, elsewhere
        assert fleet.states() == ["out", "in"]
        fleet.clock.now = 4.9
        await fleet.door.chat(request())
        assert counts([first, second]) == [1, 2]
        fleet.clock.now = 5.1
        await fleet.door.chat(request())  # starts the probe, and does not wait for it
        await fleet.until("in", "in")
        assert (await fleet.door.chat(request())).text.strip() == "from 0"
    assert [text.split(" is ")[1][:8] for text in fleet.notices] == ["left out", "back"]
    assert [[host.state.value for host in seen] for seen in fleet.seen] == [["out", "in"], ["in", "in"], ["in", "in"]]


async def test_a_probe_that_fails_makes_the_pause_longer(fakes: list[FakeOllama]) -> None:
    first, second = fakes[:2]
    first.behaviours = ["reset"]
    async with Fleet(first, second) as fleet:
        await fleet.door.chat(request())
        first.version_answer = b"<html>no</html>"
        fleet.clock.now = 6.0
        await fleet.door.chat(request())
        await fleet.until("out", "in")
        assert fleet.backend.states()[0].pause == 10.0
        assert "0.24" not in fleet.backend.states()[0].reason


async def test_a_silent_host_is_left_out(fakes: list[FakeOllama]) -> None:
    first, second = fakes[:2]
    first.behaviours = ["hang_before_token"]
    backend = HostsBackend(
        {fake.url: OllamaBackend(fake.url) for fake in (first, second)}, deadlines=Deadlines(first_token=3.0)
    )
    door = gateway(backend, Deadlines(first_token=3.0))
    with pytest.raises(ReplyError) as caught:
        await door.chat(request())
    assert caught.value.reason == "first_token"
    assert (await door.chat(request())).text.strip() == "from 1"
    assert "silent for 3 s" in backend.states()[0].reason
    await door.close()


@pytest.mark.parametrize("fault", ["error_line", "context_error", "empty", "no_done"])
async def test_a_fault_of_the_call_is_no_fault_of_the_host(fakes: list[FakeOllama], fault: str) -> None:
    fakes[0].behaviours = [fault]
    async with Fleet(*fakes) as fleet:
        with pytest.raises(ReplyError):
            await fleet.door.chat(request())
        assert fleet.states() == ["in", "in", "in"]


async def test_the_only_host_that_is_left_is_probed_at_once(fakes: list[FakeOllama]) -> None:
    """A server that was killed and is back: nothing is gained by leaving it out."""
    first = fakes[0]
    async with Fleet(first, DOWN) as fleet:
        await fleet.door.chat(request())
        first.behaviours = ["reset", "reset"]
        assert (await fleet.door.chat(request())).calls == 3
        assert fleet.clock.now == 0.0
        assert fleet.states() == ["in", "out"]


async def test_no_host_answers() -> None:
    async with Fleet(DOWN, "http://127.0.0.1:10") as fleet:
        with pytest.raises(BackendUnreachableError, match=r"127\.0\.0\.1:9.*127\.0\.0\.1:10") as caught:
            await fleet.door.chat(request())
        assert caught.value.mend == "metaagent status --hosts"
        with pytest.raises(BackendUnreachableError):
            await fleet.door.version()


async def test_a_host_without_the_model_gets_no_calls(fakes: list[FakeOllama]) -> None:
    fakes[0].models = fakes[2].models = ("other",)
    async with Fleet(*fakes) as fleet:
        await asyncio.gather(*(fleet.door.chat(request(f"number {number}", model="small")) for number in range(4)))
        assert counts(fakes) == [0, 4, 0]
        with pytest.raises(ModelMissingError, match="none of the Ollama servers has absent"):
            await fleet.door.chat(request(model="absent"))


async def test_a_model_that_vanishes_is_looked_for_elsewhere(fakes: list[FakeOllama]) -> None:
    async with Fleet(*fakes[:2]) as fleet:
        await fleet.door.chat(request())
        fakes[0].models = ()
        reply = await fleet.door.chat(request())
        assert (reply.text.strip(), reply.calls) == ("from 1", 1)
        assert "has no model tiny" in fleet.notices[0]
        fakes[1].models = ()
        with pytest.raises(ModelMissingError):
            await fleet.door.chat(request())


async def test_the_same_name_with_other_content_is_another_model(fakes: list[FakeOllama]) -> None:
    fakes[1].digest = "ffff" * 16
    async with Fleet(*fakes[:2], slots=2) as fleet:
        replies = await asyncio.gather(*(fleet.door.chat(request(f"number {number}")) for number in range(4)))
        assert {reply.digest for reply in replies} == {fakes[0].digest}
        assert counts(fakes[:2]) == [4, 0]
        assert fleet.notices == [
            f"{fakes[1].url} has another tiny (ffffffffffff, not 0123456789ab): it gets no calls for it"
        ]


async def test_what_all_have(fakes: list[FakeOllama]) -> None:
    fakes[1].models = ("tiny:latest", "second:latest")
    async with Fleet(DOWN, *fakes[:2]) as fleet:
        assert {model.name for model in await fleet.backend.models()} == {"tiny:latest", "second:latest"}


class Slow:
    """A member whose replies wait for ``go``; ``most`` is how many calls were on it at once."""

    name, slots, deterministic, cuts_silently = "ollama", 2, True, True

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.now = self.most = 0
        self.broken = False

    async def version(self) -> str:
        return "ollama 1"

    async def models(self) -> list[ModelInfo]:
        return []

    async def describe(self, model: str) -> ModelInfo:
        if self.broken:
            raise ReplyError("down", reason="connect")
        return ModelInfo(model, "digest")

    async def stream(self, _: ChatRequest) -> AsyncGenerator[Chunk, None]:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await self.go.wait()
            yield Chunk("done", done=True)
        finally:
            self.now -= 1

    async def close(self) -> None:
        return


async def test_slots_are_per_host() -> None:
    first, second = Slow(), Slow()
    second.broken = True
    members: dict[str, Backend] = {"a": first, "b": second}
    door = Gateway(HostsBackend(members))
    calls = [asyncio.create_task(door.chat(request(f"number {number}"))) for number in range(4)]
    while first.now < 2:
        await asyncio.sleep(0)
    for _ in range(50):
        await asyncio.sleep(0)
    assert (first.now, second.now) == (2, 0)  # four slots in all, but two of them are down
    first.go.set()
    assert [reply.text for reply in await asyncio.gather(*calls)] == ["done"] * 4
    assert first.most == 2


async def test_a_call_that_is_cancelled_while_it_waits_holds_no_slot() -> None:
    member = Slow()
    backend = HostsBackend({"a": member})
    await backend.describe("tiny")
    streams = [backend.stream(request()) for _ in range(3)]
    waiting = [asyncio.create_task(anext(stream)) for stream in streams]
    while member.now < 2:
        await asyncio.sleep(0)
    for task in waiting[1:]:
        task.cancel()
    await asyncio.gather(*waiting[1:], return_exceptions=True)
    member.go.set()
    assert (await waiting[0]).text == "done"
    await streams[0].aclose()
    async with aclosing(backend.stream(request())) as again:
        assert [chunk.text async for chunk in again] == ["done"]
    assert member.now == 0
