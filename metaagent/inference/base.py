"""What a model backend is: the values that go in and come out, and the Protocol that the three backends keep.

A backend turns one request into a stream of chunks and says plainly when it cannot. It does not retry, watch the clock,
count slots or judge the reply: that is the gateway's work (gateway.py), the same for all of them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from metaagent.inference.logprobs import Token
from metaagent.records import Message, Reply

REPLY_REASONS: Mapping[str, str] = {
    "connect": "no connection to the backend",
    "reset": "the connection broke while the reply came in",
    "overloaded": "the backend's queue is full (503)",
    "first_token": "the first token did not come in time (loading the model counts)",
    "idle": "the reply stopped coming",
    "total": "the whole call took too long",
    "no_done": "the reply ended without saying that it was complete",
    "error_line": "the backend reported an error, at once or in the middle of the reply",
    "garbage": "the answer is not the backend's protocol",
    "html": "a web page came instead of an answer (a proxy, or another server)",
    "context": "the prompt does not fit the model's context window",
    "empty": "the model answered nothing",
    "too_large": "the reply is larger than any reply may be",
    "no_rule": "the scripted backend has no reply for this prompt",
}
"""Why a call can fail (``ReplyError.reason``), each with what it means."""

TRANSIENT_REASONS = frozenset({"connect", "reset", "overloaded"})
"""The reasons for which asking again may help; the gateway retries these and no other."""

UNREACHABLE_REASONS = frozenset({"connect", "reset", "html", "garbage"})
"""The reasons that mean, when the backend is first asked about itself or a model, that it is not usable at all."""


@dataclass(frozen=True, slots=True)
class Options:
    """What is sent with every call, never left to a backend's defaults. ``num_ctx`` is one call's window in tokens."""

    num_ctx: int = 4096
    num_predict: int = 512
    temperature: float = 0.0
    seed: int = 0
    repeat_penalty: float = 1.0
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One call. ``schema`` is a JSON Schema that constrains the output. ``agent`` names who asks: scripted replies may
    depend on it; it never reaches a model and is no part of the cache key."""

    model: str
    messages: tuple[Message, ...]
    options: Options = Options()
    schema: Mapping[str, Any] | None = None
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a reply. The last one has ``done`` and the counts, ``None`` where the backend did not say. ``tokens``:
    those that the piece is made of, where the request's schema has fields of few values and the engine tells them."""

    text: str
    done: bool = False
    finish: str = ""
    prompt_tokens: int | None = None
    reply_tokens: int | None = None
    model_seconds: float | None = None
    load_seconds: float | None = None
    tokens: tuple[Token, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a backend knows of a model. ``digest`` names its content; ``size`` is in bytes, ``context`` in tokens."""

    name: str
    digest: str
    size: int | None = None
    context: int | None = None
    capabilities: tuple[str, ...] = ()
    template: str = ""
    backend: str = ""


class Backend(Protocol):
    """One way to reach models. Methods raise ``BackendUnreachableError``, ``ModelMissingError`` or ``ReplyError``.

    ``deterministic``: the same request may be answered from the cache. ``cuts_silently``: an over-long prompt may lose
    its beginning without an error, so the gateway has to look for it. Closing a stream early stops the work behind it.
    """

    @property
    def name(self) -> str: ...

    @property
    def slots(self) -> int: ...

    @property
    def deterministic(self) -> bool: ...

    @property
    def cuts_silently(self) -> bool: ...

    async def version(self) -> str: ...

    async def models(self) -> list[ModelInfo]: ...

    async def describe(self, model: str) -> ModelInfo: ...

    def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]: ...

    async def close(self) -> None: ...


class ReplyCache(Protocol):
    """Replies by ``gateway.cache_key``. What is stored and given back is the reply as the model gave it."""

    def get(self, key: str) -> Reply | None: ...

    def put(self, key: str, reply: Reply) -> None: ...


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Deadlines of one call in seconds. ``connect`` is kept by the backend, the others by the gateway; ``total``
    includes retries and the pauses between them."""

    connect: float = 5.0
    first_token: float = 180.0
    idle: float = 60.0
    total: float = 600.0


class DeadlinesLike(Protocol):
    """What the gateway reads; both ``Deadlines`` and the user's ``config.Deadlines`` have it."""

    @property
    def first_token(self) -> float: ...

    @property
    def idle(self) -> float: ...

    @property
    def total(self) -> float: ...


@dataclass(slots=True)
class MemoryCache:
    """A reply cache that lives as long as the process; for tests and measurements without a ledger."""

    replies: dict[str, Reply] = field(default_factory=dict)

    def get(self, key: str) -> Reply | None:
        return self.replies.get(key)

    def put(self, key: str, reply: Reply) -> None:
        self.replies[key] = reply
