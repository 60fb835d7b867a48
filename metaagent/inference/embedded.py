"""Models in this process: llama.cpp through ``xllamacpp``, for a machine without a model server.

One engine per model, loaded at the first call and kept; its slots share the work of concurrent calls (continuous
batching). The engine calls back on a thread of its own for each piece of a reply; a true answer from the callback makes
it stop, which is how an abandoned stream is ended.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import secrets
import threading
from collections.abc import AsyncGenerator, Callable, Hashable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from metaagent.errors import BackendUnreachableError, ModelMissingError, ReplyError
from metaagent.inference import catalog, warm
from metaagent.inference.base import ChatRequest, Chunk, ModelInfo
from metaagent.inference.logprobs import TOP, Token, choices

Piece = Mapping[str, Any]

SLOTS = 4
BATCH = 512
"""Tokens of prompts worked on at a time: between two batches replies go on, and a cancelled call ends."""

PROMPT_CACHE_MIB = 256
WAIT_VARIABLE = "OMP_WAIT_POLICY"
_JOIN_SECONDS = 30.0


@dataclass(slots=True)
class _Engine:
    """A loaded model. ``calls`` are the threads at work in it; ``stopping`` asks them to end."""

    server: Any
    num_ctx: int
    calls: set[threading.Thread] = field(default_factory=set)
    stopping: threading.Event = field(default_factory=threading.Event)

    def rest(self) -> bool:
        """Stop the calls; whether all have ended. Blocks until the piece in work is done."""
        self.stopping.set()
        calls = list(self.calls)
        for call in calls:
            call.join(_JOIN_SECONDS)
        return not any(call.is_alive() for call in calls)

    def end(self) -> None:
        """Stop the calls, then free the model."""
        self.rest()
        self.server = None

    def put_by(self, key: Hashable) -> None:
        """Stop the calls; free the model, unless it stays loaded for the next backend."""
        if self.rest() and warm.put(key, self):
            self.stopping.clear()
        else:
            self.end()


class EmbeddedBackend:
    """``files`` maps model names to GGUF files; ``threads`` defaults to the processors this process may use."""

    name = "embedded"
    deterministic = True
    cuts_silently = False

    def __init__(
        self,
        files: Mapping[str, Path],
        *,
        slots: int = SLOTS,
        threads: int | None = None,
        notice: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.slots = slots
        self._files = dict(files)
        self._threads = threads or _processors()
        self._notice = notice
        self._engines: dict[str, asyncio.Task[_Engine]] = {}
        atexit.register(self._end_all)

    async def version(self) -> str:
        return f"xllamacpp {version('xllamacpp')}"

    async def models(self) -> list[ModelInfo]:
        return [await self.describe(name) for name in self._files]

    async def describe(self, model: str) -> ModelInfo:
        path = self._file(model)
        digest = await asyncio.to_thread(catalog.remembered_sha256, path)
        known = next((entry for entry in catalog.MODELS if entry.sha256 == digest), None)
        return ModelInfo(
            name=model,
            digest=digest,
            size=path.stat().st_size,
            context=known.context if known is not None else None,
            capabilities=("completion",),
            backend=self.name,
        )

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        engine = await self._engine(request.model, request.options.num_ctx)
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[Piece | Exception | None] = asyncio.Queue()
        stop = threading.Event()

        def put(piece: Piece | Exception | None) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody reads any more
                loop.call_soon_threadsafe(pieces.put_nowait, piece)

        def receive(piece: Piece) -> bool:
            put(piece)
            return stop.is_set() or engine.stopping.is_set()

        def work() -> None:
            try:
                engine.server.handle_chat_completions(engine_request(request), receive)
                put(None)
            except Exception as error:  # noqa: BLE001 - a boundary: carried to the reader, who raises
                put(error)
            finally:
                engine.calls.discard(threading.current_thread())

        call = threading.Thread(target=work, name="metaagent-embedded", daemon=True)
        engine.calls.add(call)
        call.start()
        try:
            async for chunk in _chunks(pieces):
                yield chunk
        finally:
            stop.set()

    async def close(self) -> None:
        engines = dict(self._engines)
        self._engines.clear()
        for model, loading in engines.items():
            with contextlib.suppress(BackendUnreachableError):
                await asyncio.to_thread((await loading).put_by, self._key(model))
        atexit.unregister(self._end_all)

    def _end_all(self) -> None:
        for loading in self._engines.values():
            if loading.done() and not loading.cancelled() and loading.exception() is None:
                loading.result().end()

    def _file(self, model: str) -> Path:
        path = self._files.get(model)
        if path is None or not path.is_file():
            where = f" at {path}" if path is not None else ""
            raise ModelMissingError(f"the model {model} is not here{where}", mend=f"metaagent model pull {model}")
        return path

    async def _engine(self, model: str, num_ctx: int) -> _Engine:
        """The loaded engine with a window of at least ``num_ctx``; a larger one than before means loading again."""
        while True:
            loading = self._engines.get(model)
            if loading is None or _broken(loading):
                loading = self._engines[model] = asyncio.create_task(self._load(model, num_ctx, None))
            engine = await asyncio.shield(loading)
            if engine.num_ctx >= num_ctx:
                return engine
            if self._engines.get(model) is loading:
                self._engines[model] = asyncio.create_task(self._load(model, num_ctx, engine))

    async def _load(self, model: str, num_ctx: int, old: _Engine | None) -> _Engine:
        path = self._file(model)
        if old is None:
            old = warm.take(self._key(model))
            if old is not None and old.num_ctx >= num_ctx:
                return old
        if old is not None:
            for call in list(old.calls):
                await asyncio.to_thread(call.join)
            await asyncio.to_thread(old.end)
        self._notice(f"loading {model} ({path.stat().st_size / 1e9:.1f} GB, {self.slots} slots of {num_ctx} tokens)")
        try:
            server = await asyncio.to_thread(self._start, path, num_ctx)
        except Exception as error:
            raise BackendUnreachableError(
                f"the embedded engine cannot load {path}: {error}", mend=f"metaagent model show {model}"
            ) from error
        return _Engine(server, num_ctx)

    def _key(self, model: str) -> Hashable:
        return (self._files.get(model), self.slots, self._threads)

    def _start(self, path: Path, num_ctx: int) -> Any:
        xllamacpp = _engine_module()
        settings = xllamacpp.CommonParams()
        settings.model.path = str(path)
        settings.n_ctx = num_ctx * self.slots
        settings.n_parallel = self.slots
        settings.n_batch = settings.n_ubatch = min(BATCH, num_ctx)
        settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = self._threads
        settings.cache_ram_mib = PROMPT_CACHE_MIB
        settings.warmup = False
        settings.verbosity = -1
        # The engine opens a loopback port of its own that nothing here uses: close it to everybody else.
        settings.api_keys = [secrets.token_hex(32)]
        settings.ui = False
        return xllamacpp.Server(settings)


def _engine_module() -> Any:
    """The engine, imported so that its threads sleep while they wait for each other. By default they spin, and beside
    any other busy process that makes it 5 to 10 times slower (measured on 2 cores). OMP_WAIT_POLICY, which the library
    reads once when it is loaded, stays the user's where it is set."""
    own = WAIT_VARIABLE not in os.environ
    os.environ.setdefault(WAIT_VARIABLE, "passive")
    try:
        import xllamacpp
    finally:
        if own:
            del os.environ[WAIT_VARIABLE]
    return xllamacpp


def engine_request(request: ChatRequest) -> dict[str, Any]:
    """The request as the engine takes it (the shape of OpenAI's chat completions)."""
    options = request.options
    body: dict[str, Any] = {
        "messages": [{"role": message.role, "content": message.content} for message in request.messages],
        "max_tokens": options.num_predict,
        "temperature": options.temperature,
        "seed": options.seed,
        "repeat_penalty": options.repeat_penalty,
        "stop": list(options.stop),
        "stream": True,
        "stream_options": {"include_usage": True},
        "cache_prompt": True,
        "return_progress": True,  # a callback for each batch of the prompt, so that it can be cancelled
    }
    if request.schema is not None:
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "reply", "strict": True, "schema": dict(request.schema)},
        }
    if choices(request.schema):
        body |= {"logprobs": True, "top_logprobs": TOP}
    return body


async def _chunks(pieces: asyncio.Queue[Piece | Exception | None]) -> AsyncGenerator[Chunk, None]:
    """The pieces as chunks. The finish and the counts come in separate pieces; one last chunk has both."""
    finish: str | None = None
    last: Piece = {}
    while (piece := await pieces.get()) is not None:
        if isinstance(piece, Exception):
            raise ReplyError(f"embedded: the engine refused the call: {piece}", reason="error_line") from piece
        if "error" in piece:
            raise _refusal(piece["error"])
        if piece.get("usage"):
            last = piece
        for choice in piece.get("choices") or ():
            finish = choice.get("finish_reason") or finish
            text = (choice.get("delta") or {}).get("content")
            if text:
                yield Chunk(text, tokens=_tokens(choice))
    if finish is not None:
        yield _last_chunk(finish, last)


def _tokens(choice: Piece) -> tuple[Token, ...]:
    listed = (choice.get("logprobs") or {}).get("content") or ()
    return tuple(
        Token(
            bytes(one["bytes"]),
            one["logprob"],
            tuple((bytes(other["bytes"]), other["logprob"]) for other in one.get("top_logprobs") or ()),
        )
        for one in listed
    )


def _last_chunk(finish: str, piece: Piece) -> Chunk:
    usage = piece.get("usage") or {}
    timings = piece.get("timings") or {}
    milliseconds = [timings[name] for name in ("prompt_ms", "predicted_ms") if name in timings]
    return Chunk(
        "",
        done=True,
        finish=finish,
        prompt_tokens=usage.get("prompt_tokens"),
        reply_tokens=usage.get("completion_tokens"),
        model_seconds=sum(milliseconds) / 1000 if milliseconds else None,
    )


def _refusal(error: Any) -> ReplyError:
    details = error if isinstance(error, Mapping) else {"message": str(error)}
    if details.get("type") == "exceed_context_size_error":
        return ReplyError(
            f"embedded: the prompt has {details.get('n_prompt_tokens')} tokens, "
            f"the model's window {details.get('n_ctx')}",
            reason="context",
            mend="raise models.NAME.num_ctx in .metaagent/config.yaml, or shorten the task's inputs",
        )
    return ReplyError(f"embedded: {details.get('message', details)}", reason="error_line")


def _broken(loading: asyncio.Task[_Engine]) -> bool:
    return loading.done() and (loading.cancelled() or loading.exception() is not None)


def _processors() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1
