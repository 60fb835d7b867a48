"""Several hosts as one backend: a call goes to the least loaded one that has the model.

A host that fails is left out for a while (breaker.py) and comes back after a probe. Where no host is left, all are
probed at once before a call is given up, so a single host is never left out while nothing else could do its work.
Slots are per host. The same name with other content is another model: replies and cache entries carry one digest.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TypeVar

from metaagent.errors import BackendError, ModelMissingError, ReplyError
from metaagent.inference.base import Backend, ChatRequest, Chunk, Deadlines, DeadlinesLike, ModelInfo
from metaagent.inference.breaker import Breaker, State, answered, failed, probing, state

T = TypeVar("T")

PROBE_SECONDS = 5.0
_NEARLY = 0.9

HOST_REASONS = frozenset({"connect", "reset", "overloaded", "html", "garbage"})
"""The reasons of a ``ReplyError`` that speak against the host, not against the request or the model."""


@dataclass(slots=True)
class _Host:
    """``infos``: what is known of its models, ``None`` for one that it does not have. ``active``: calls on it now."""

    url: str
    backend: Backend
    breaker: Breaker = field(default_factory=Breaker)
    active: int = 0
    infos: dict[str, ModelInfo | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HostState:
    """One host as it stands: ``pause`` is how long it is left out from now, ``reason`` why."""

    url: str
    state: State
    pause: float = 0.0
    reason: str = ""


class HostsBackend:
    """``members``: one backend per host, by its URL, in order of preference. ``observe`` gets every host's state when
    one has changed. ``deadlines`` are the gateway's: a host that let one pass in silence has failed."""

    deterministic = True
    cuts_silently = True

    def __init__(
        self,
        members: Mapping[str, Backend],
        *,
        deadlines: DeadlinesLike | None = None,
        notice: Callable[[str], None] = lambda _: None,
        observe: Callable[[list[HostState]], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hosts = [_Host(url, backend) for url, backend in members.items()]
        self.name = self._hosts[0].backend.name
        self.slots = sum(host.backend.slots for host in self._hosts)
        self._deadlines: DeadlinesLike = deadlines if deadlines is not None else Deadlines()
        self._notice = notice
        self._observe = observe
        self._clock = clock
        self._digests: dict[str, str] = {}
        self._told: set[str] = set()
        self._changed = asyncio.Event()
        self._probes: dict[str, asyncio.Task[None]] = {}

    def states(self) -> list[HostState]:
        now = self._clock()
        return [
            HostState(
                host.url, state(host.breaker, now), max(0.0, (host.breaker.until or now) - now), host.breaker.reason
            )
            for host in self._hosts
        ]

    def load(self) -> dict[str, int]:
        """How many calls each host is at work on."""
        return {host.url: host.active for host in self._hosts}

    async def version(self) -> str:
        """The versions of the hosts that answer: replies of different versions may differ."""
        answers = await asyncio.gather(*(self._asked(host, host.backend.version) for host in self._hosts))
        versions = sorted({answer for answer in answers if answer is not None})
        if not versions:
            raise self._none_answers()
        return " + ".join(versions)

    async def models(self) -> list[ModelInfo]:
        """What the hosts that answer have, each name once."""
        found: dict[str, ModelInfo] = {}
        for models in await asyncio.gather(*(self._asked(host, host.backend.models) for host in self._hosts)):
            found = {**{model.name: model for model in models or ()}, **found}
        return list(found.values())

    async def describe(self, model: str) -> ModelInfo:
        """The model as the first host has it that answers; from then on the others must have the same."""
        await asyncio.gather(*(self._learn(host, model) for host in self._hosts))
        having = [host for host in self._hosts if self._has(host, model)]
        if not having:
            raise self._lacking(model)
        info = having[0].infos[model]
        assert info is not None
        return info

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        while True:
            host = await self._take(request.model)
            try:
                async with aclosing(self._watched(host, request)) as chunks:
                    async for chunk in chunks:
                        yield chunk
                return
            except ModelMissingError as error:  # it vanished there; another host may have it
                host.infos[request.model] = None
                self._notice(f"{error.message}; it gets no more calls for it")
            finally:
                host.active -= 1
                self._wake()

    async def close(self) -> None:
        probes = list(self._probes.values())
        for probe in probes:
            probe.cancel()
        await asyncio.gather(*probes, return_exceptions=True)
        for host in self._hosts:
            await host.backend.close()
        self._observe(self.states())

    async def _take(self, model: str) -> _Host:
        """A slot of the least loaded host; waits while all those that could do it are full."""
        while True:
            self._probe_due()
            if not any(self._has(host, model) for host in self._in()):
                await self._last_resort(model)
            able = [host for host in self._in() if self._has(host, model)]
            if not able:
                raise self._lacking(model)
            free = [host for host in able if host.active < host.backend.slots]
            if free:
                host = min(free, key=lambda host: host.active / host.backend.slots)
                host.active += 1
                return host
            await self._changed.wait()

    async def _last_resort(self, model: str) -> None:
        """No host that is in has the model: ask all, those that are left out too, before their time."""
        for host in self._hosts:
            if host.breaker.until is not None:
                self._probe(host)
        if self._probes:
            await asyncio.wait(self._probes.values())  # not gather: a call that is cancelled leaves the others' probes
        await asyncio.gather(*(self._learn(host, model) for host in self._in() if model not in host.infos))

    async def _watched(self, host: _Host, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """The host's own stream; how it ends tells about the host."""
        patience, heard = self._deadlines.first_token, self._clock()
        try:
            async with aclosing(host.backend.stream(request)) as chunks:
                async for chunk in chunks:
                    self._answered(host)
                    patience, heard = self._deadlines.idle, self._clock()
                    yield chunk
        except ReplyError as error:
            if error.reason in HOST_REASONS:
                self._failed(host, error.message)
            raise
        except (GeneratorExit, asyncio.CancelledError):
            if self._clock() - heard >= _NEARLY * patience:  # the gateway gave it up
                self._failed(host, f"silent for {patience:g} s")
            raise

    def _probe_due(self) -> None:
        for host in self._hosts:
            if state(host.breaker, self._clock()) is State.DUE:
                self._probe(host)

    def _probe(self, host: _Host) -> None:
        """Ask the host in the background, once at a time, whether it is back and what it has."""
        if host.url in self._probes:
            return
        host.breaker = probing(host.breaker)
        task = asyncio.create_task(self._ask_again(host))
        self._probes[host.url] = task
        task.add_done_callback(lambda _: self._probes.pop(host.url, None))

    async def _ask_again(self, host: _Host) -> None:

        async def question() -> dict[str, ModelInfo | None]:
            await host.backend.version()
            return {model: await self._info(host, model) for model in self._digests}

        infos = await self._asked(host, question)
        if infos is not None:
            host.infos = infos
        self._wake()

    async def _learn(self, host: _Host, model: str) -> None:
        """Ask a host for the model."""

        async def question() -> dict[str, ModelInfo | None]:
            return {model: await self._info(host, model)}

        host.infos |= await self._asked(host, question) or {}

    async def _info(self, host: _Host, model: str) -> ModelInfo | None:
        try:
            return await host.backend.describe(model)
        except ModelMissingError:
            return None

    async def _asked(self, host: _Host, question: Callable[[], Awaitable[T]]) -> T | None:
        """The answer to a short question. A host that gives none in time has failed, one that does is in."""
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                answer = await question()
        except TimeoutError:
            self._failed(host, f"no answer in {PROBE_SECONDS:g} s")
            return None
        except BackendError as error:
            self._failed(host, error.message)
            return None
        self._answered(host)
        return answer

    def _in(self) -> list[_Host]:
        return [host for host in self._hosts if host.breaker.until is None]

    def _has(self, host: _Host, model: str) -> bool:
        """Whether the host has the model, with the content that the first one had."""
        info = host.infos.get(model)
        if info is None:
            return False
        wanted = self._digests.setdefault(model, info.digest)
        if info.digest != wanted:
            host.infos[model] = None
            self._tell_once(
                f"{host.url} has another {model} ({info.digest[:12]}, not {wanted[:12]}): it gets no calls for it"
            )
        return info.digest == wanted

    def _tell_once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._notice(text)

    def _failed(self, host: _Host, reason: str) -> None:
        before = host.breaker
        host.breaker = failed(before, self._clock(), reason)
        if host.breaker is not before:
            if not before.failures:
                self._notice(f"{host.url} is left out for a while: {reason}")
            self._observe(self.states())
        self._wake()

    def _answered(self, host: _Host) -> None:
        if host.breaker.failures:
            host.breaker = answered(host.breaker)
            self._notice(f"{host.url} is back")
            self._observe(self.states())
            self._wake()

    def _wake(self) -> None:
        """Let every call that waits for a slot look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    def _lacking(self, model: str) -> BackendError:
        if len(self._in()) < len(self._hosts):
            return self._none_answers(f" that has {model}")
        where = ", ".join(host.url for host in self._hosts)
        return ModelMissingError(
            f"none of the Ollama servers has {model}: {where}", mend=f"metaagent model pull {model}"
        )

    def _none_answers(self, what: str = "") -> ReplyError:
        reasons = "; ".join(f"{host.url}: {host.breaker.reason}" for host in self._hosts if host.breaker.reason)
        return ReplyError(
            f"no Ollama server{what} answers ({reasons})", reason="connect", mend="metaagent status --hosts"
        )
