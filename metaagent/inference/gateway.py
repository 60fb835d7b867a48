"""The only way to a model: slots, deadlines, retries, the reply cache, and a look at what came back.

Every call of the program goes through one ``Gateway``, whatever backend stands behind it. A call gives a complete
``Reply`` or raises; a ``ReplyError`` names its reason (``base.REPLY_REASONS``).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from metaagent.errors import BackendUnreachableError, ReplyError
from metaagent.inference import watch
from metaagent.inference.base import (
    REPLY_REASONS,
    TRANSIENT_REASONS,
    UNREACHABLE_REASONS,
    Backend,
    ChatRequest,
    Chunk,
    Deadlines,
    DeadlinesLike,
    ModelInfo,
    ReplyCache,
)
from metaagent.inference.logprobs import Token, weigh
from metaagent.records import Reply

T = TypeVar("T")

RETRIES = 4
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 15.0
MOST_CHARACTERS = 1_000_000
"""No reply is larger; a backend that sends more is broken, and its reply is dropped as it comes."""

_LOOK_EVERY = 80


def cache_key(request: ChatRequest, info: ModelInfo, engine_version: str, slots: int) -> str:
    """SHA-256 over everything that determines a reply. The number of slots is part of it: batching changes rounding."""
    options = request.options
    value = [
        "reply@2",
        info.backend,
        engine_version,
        slots,
        info.digest,
        info.template,
        [[message.role, message.content] for message in request.messages],
        [
            options.num_ctx,
            options.num_predict,
            options.temperature,
            options.seed,
            options.repeat_penalty,
            list(options.stop),
        ],
        # Key order is kept: a schema's order of properties is the order in which they are written.
        request.schema,
    ]
    return hashlib.sha256(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()


@dataclass(slots=True)
class BusyMeter:
    """Wall time during which at least one model call ran: the union of the calls' intervals."""

    clock: Callable[[], float] = time.monotonic
    active: int = 0
    _since: float = 0.0
    _closed: float = 0.0

    def __enter__(self) -> None:
        if self.active == 0:
            self._since = self.clock()
        self.active += 1

    def __exit__(self, *_: object) -> None:
        self.active -= 1
        if self.active == 0:
            self._closed += self.clock() - self._since

    @property
    def seconds(self) -> float:
        return self._closed + (self.clock() - self._since if self.active else 0.0)


@dataclass(slots=True)
class Usage:
    """What went through the gateway. ``calls`` counts requests sent, failed ones and retries included."""

    calls: int = 0
    cached: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    reply_tokens: int = 0
    model_seconds: float = 0.0

    def add(self, reply: Reply) -> None:
        self.prompt_tokens += reply.prompt_tokens or 0
        self.reply_tokens += reply.reply_tokens or 0
        self.model_seconds += reply.model_seconds


@dataclass(slots=True)
class _Received:
    """One reply as it came in."""

    text: str
    last: Chunk
    pieces: int
    repeated: bool
    tokens: Sequence[Token] = ()


def _most_prompt(request: ChatRequest) -> int:
    """A prompt has no more tokens than bytes, but for what a chat template adds."""
    return watch.prompt_bytes(request.messages) + 64 * len(request.messages) + 256


class Gateway:
    """``deadlines`` in seconds; ``retries`` after the first try, for ``TRANSIENT_REASONS`` only. A cached reply has
    ``cached=True`` and ``calls=0``, and cost no time; its token counts are those of the call that made it."""

    def __init__(
        self,
        backend: Backend,
        deadlines: DeadlinesLike | None = None,
        cache: ReplyCache | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rng: random.Random | None = None,
        retries: int = RETRIES,
        most_characters: int = MOST_CHARACTERS,
    ) -> None:
        self.backend = backend
        self.busy = BusyMeter(clock)
        self.usage = Usage()
        self._deadlines: DeadlinesLike = deadlines if deadlines is not None else Deadlines()
        self._cache = cache if backend.deterministic else None
        self._clock = clock
        self._sleep = sleep
        self._rng = rng if rng is not None else random.Random()
        self._retries = retries
        self._most = most_characters
        self._slots = asyncio.Semaphore(backend.slots)
        self._infos: dict[str, ModelInfo] = {}
        self._version: str | None = None
        self._density: dict[str, float] = {}

    @property
    def caches(self) -> bool:
        """Whether the same request asked again is answered from a cache."""
        return self._cache is not None

    async def info(self, model: str) -> ModelInfo:
        """What the backend says of the model; asked once."""
        if model not in self._infos:
            self._infos[model] = await self._ask_about(lambda: self.backend.describe(model))
        return self._infos[model]

    async def version(self) -> str:
        """The engine's version; asked once."""
        if self._version is None:
            self._version = await self._ask_about(self.backend.version)
        return self._version

    async def chat(self, request: ChatRequest) -> Reply:
        info = self._infos.get(request.model) or await self.info(request.model)
        if self._cache is None or not info.digest:
            return await self._call(request, info)
        key = cache_key(request, info, await self.version(), self.backend.slots)
        known = self._cache.get(key)
        if known is not None:
            self.usage.cached += 1
            return replace(known, cached=True, calls=0, seconds=0.0, model_seconds=0.0)
        reply = await self._call(request, info)
        self._cache.put(key, reply)
        return reply

    async def close(self) -> None:
        await self.backend.close()

    async def _call(self, request: ChatRequest, info: ModelInfo) -> Reply:
        async with self._slots:
            started = self._clock()
            end = asyncio.get_running_loop().time() + self._deadlines.total
            received, calls = await self._persist(lambda: self._receive(request, end), end)
            reply = self._reply(request, info, received, self._clock() - started, calls)
        self.usage.add(reply)
        return reply

    async def _persist(self, ask: Callable[[], Awaitable[T]], end: float | None = None) -> tuple[T, int]:
        """The result and the number of tries. Pauses double, with jitter, so that clients do not return in step."""
        tries = 0
        while True:
            tries += 1
            try:
                return await ask(), tries
            except ReplyError as error:
                pause = self._rng.uniform(0.1, 1.0) * min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (tries - 1))
                late = end is not None and asyncio.get_running_loop().time() + pause >= end
                if error.reason not in TRANSIENT_REASONS or tries > self._retries or late:
                    raise
                await self._sleep(pause)

    async def _ask_about(self, question: Callable[[], Awaitable[T]]) -> T:
        """A question that is no chat: retried in the same way, each try under the first-token deadline. A backend that
        does not even answer this is unusable, which is more than one failed call: ``BackendUnreachableError``."""

        async def ask() -> T:
            try:
                async with asyncio.timeout(self._deadlines.first_token) as alarm:
                    return await question()
            except TimeoutError as error:
                if not alarm.expired():
                    raise
                raise self._failure("first_token") from error

        try:
            return (await self._persist(ask))[0]
        except ReplyError as error:
            if error.reason not in UNREACHABLE_REASONS:
                raise
            raise BackendUnreachableError(error.message, mend=error.mend) from error

    async def _receive(self, request: ChatRequest, end: float) -> _Received:
        self.usage.calls += 1
        try:
            with self.busy:
                received = await self._read(request, end)
            if not received.text.strip():
                raise self._nothing_said(request, received)
            return received
        except ReplyError:
            self.usage.failed += 1
            raise

    def _nothing_said(self, request: ChatRequest, received: _Received) -> ReplyError:
        """A prompt whose question was cut away is often answered with nothing: that is not the model's fault."""
        size = watch.prompt_bytes(request.messages)
        cut = self._truncated(request, size, watch.plausible_count(received.last.prompt_tokens, _most_prompt(request)))
        return self._failure("context", "it was cut, and nothing was answered") if cut else self._failure("empty")

    async def _read(self, request: ChatRequest, end: float) -> _Received:
        """One try. One timer serves all deadlines; it is moved on with each chunk."""
        loop_time = asyncio.get_running_loop().time
        idle = self._deadlines.idle
        reason = "first_token"
        text = ""
        pieces = looked = 0
        tokens: list[Token] = []
        stream = self.backend.stream(request)
        try:
            async with asyncio.timeout_at(min(loop_time() + self._deadlines.first_token, end)) as alarm:
                async for chunk in stream:
                    tokens += chunk.tokens
                    if chunk.text:
                        text += chunk.text
                        pieces += 1
                    if len(text) > self._most:
                        raise self._failure("too_large", f"after {len(text):,} characters")
                    if chunk.done:
                        looped = chunk.finish == "length" and watch.repeats(text)
                        return _Received(text, chunk, pieces, looped, tokens)
                    if len(text) - looked >= _LOOK_EVERY:
                        looked = len(text)
                        if watch.repeats(text):
                            return _Received(text, chunk, pieces, True)
                    reason = "idle"
                    alarm.reschedule(min(loop_time() + idle, end))
        except TimeoutError as error:
            if not alarm.expired():
                raise
            raise self._failure("total" if loop_time() >= end else reason) from error
        finally:
            await stream.aclose()
        if watch.stuck(text):
            return _Received(text, Chunk(""), pieces, True)
        raise self._failure("no_done", f"after {len(text):,} characters")

    def _reply(self, request: ChatRequest, info: ModelInfo, got: _Received, seconds: float, calls: int) -> Reply:
        last = got.last
        size = watch.prompt_bytes(request.messages)
        prompt_tokens = watch.plausible_count(last.prompt_tokens, _most_prompt(request))
        limit = request.options.num_predict
        reply_tokens = watch.plausible_count(last.reply_tokens, limit + 8 if limit > 0 else self._most)
        if got.repeated and not last.done:
            reply_tokens = got.pieces  # ended by us: a piece is at least one token
        return Reply(
            text=got.text,
            model=request.model,
            digest=info.digest,
            backend=self.backend.name,
            finish="repetition" if got.repeated else last.finish or "stop",
            prompt_tokens=prompt_tokens,
            reply_tokens=reply_tokens,
            seconds=seconds,
            model_seconds=seconds if last.model_seconds is None else last.model_seconds,
            truncated=self._truncated(request, size, prompt_tokens),
            calls=calls,
            logprobs=weigh(request.schema, got.text, got.tokens),
        )

    def _truncated(self, request: ChatRequest, size: int, prompt_tokens: int | None) -> bool | None:
        if not self.backend.cuts_silently:
            return False
        density = self._density.get(request.model, watch.BYTES_PER_TOKEN)
        if prompt_tokens and size > 400 and watch.certainly_fits(request, size):
            # Only a count can be too low (a cached prefix left out), so the densest text seen is nearest to the truth.
            self._density[request.model] = min(density, size / prompt_tokens)
        return watch.truncated(request, size, prompt_tokens, density)

    def _failure(self, reason: str, detail: str = "") -> ReplyError:
        message = f"{self.backend.name}: {REPLY_REASONS[reason]}"
        return ReplyError(f"{message} ({detail})" if detail else message, reason=reason)
