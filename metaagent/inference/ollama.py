"""The user's Ollama server, through the ``ollama`` library. Every failure of it is translated here, once.

Facts of its protocol that this file is built on: the last line of a reply has ``done: true``; an error can come as a
line in the middle of a reply with status 200; a full queue answers 503; a prompt that is too long is cut silently.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from pydantic import ValidationError

from metaagent.errors import BackendError, ConfigError, ModelMissingError, ReplyError
from metaagent.inference import catalog
from metaagent.inference.address import host_url, is_local, key_would_leak
from metaagent.inference.base import REPLY_REASONS, ChatRequest, Chunk, ModelInfo
from metaagent.inference.logprobs import TOP, Token, choices

try:
    import ollama
except ValueError as error:  # the library reads OLLAMA_HOST while it is imported
    raise ConfigError(
        f"OLLAMA_HOST {os.environ.get('OLLAMA_HOST')!r} is no address: {error}", mend="set it to HOST:PORT"
    ) from error

MOST_BYTES = 64 * 2**20
"""No answer is larger, whatever the gateway's limit on its text: a line without an end must not fill the memory."""

TRANSFER_SECONDS = 120.0
"""A server that takes or says nothing for so long, while it is given a model, has stalled."""

_BLOCK = 1 << 20
_MOST_TOP = 20
_START = "start it (ollama serve), or set OLLAMA_HOST or ollama.hosts in .metaagent/config.yaml"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a server's model is made of: the SHA-256 of its weights, its chat template and its stop words."""

    weights: str
    template: str
    stop: frozenset[str]


class OllamaBackend:
    """``host`` as in OLLAMA_HOST, which it defaults to. ``slots`` is the server's OLLAMA_NUM_PARALLEL. ``names`` maps
    our names of models to the server's; a name without an entry is sent as it is."""

    name = "ollama"
    deterministic = True
    cuts_silently = True

    def __init__(
        self,
        host: str | None = None,
        *,
        slots: int = 1,
        connect: float = 5.0,
        names: Mapping[str, str] | None = None,
        notice: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.slots = slots
        self.url = host_url(host)
        self._names = dict(names or {})
        self._notice = notice
        self._connect = connect
        self._settings = _client_settings(self.url, httpx.Timeout(None, connect=connect))
        self._settings["event_hooks"] = {"response": [_guard]}
        self._client = ollama.AsyncClient(self.url, **self._settings)
        if key_would_leak(self.url):
            notice(
                f"warning: OLLAMA_API_KEY is sent to {self.url}, which is neither this machine nor encrypted (https)"
            )

    def server_name(self, model: str) -> str:
        """What the server calls our model."""
        return self._names.get(model, model)

    async def version(self) -> str:
        """The server's version (the library has no call for it)."""
        try:
            async with httpx.AsyncClient(**self._settings) as client:
                answer = (await client.get(f"{self.url}/api/version")).raise_for_status().json()
                return f"ollama {answer['version']}"
        except _FAILURES as error:
            raise self._translated(error, "") from error

    async def models(self) -> list[ModelInfo]:
        try:
            return [_listed(model) for model in (await self._client.list()).models]
        except _FAILURES as error:
            raise self._translated(error, "") from error

    async def loaded(self) -> list[ModelInfo]:
        """What the server holds in memory, each with the context length that it was loaded with."""
        try:
            return [_listed(model) for model in (await self._client.ps()).models]
        except _FAILURES as error:
            raise self._translated(error, "") from error

    async def describe(self, model: str) -> ModelInfo:
        name = self.server_name(model)
        try:
            shown = await self._client.show(name)
        except _FAILURES as error:
            raise self._translated(error, name) from error
        listed = {entry.name: entry for entry in await self.models()}
        entry = listed.get(name) or listed.get(f"{name}:latest")
        template = shown.template or ""
        if ignores_roles(template):
            self._notice(f"warning: the template of {name} ignores roles; system prompts will not work as meant")
        return ModelInfo(
            name=model,
            digest=entry.digest if entry is not None else "",
            size=entry.size if entry is not None else None,
            context=_context_length(shown.modelinfo or {}),
            capabilities=tuple(shown.capabilities or ()),
            template=template,
            backend=self.name,
        )

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        name, asked = self.server_name(request.model), choices(request.schema)
        try:
            parts: AsyncIterator[ollama.ChatResponse] = await self._client.chat(
                model=name,
                messages=[{"role": message.role, "content": message.content} for message in request.messages],
                stream=True,
                format=dict(request.schema) if request.schema is not None else None,
                options=server_options(request),
                think=False,
                logprobs=bool(asked),
                top_logprobs=min(TOP, _MOST_TOP) if asked else None,
            )
            async with aclosing(parts):  # type: ignore[type-var]
                async for part in parts:
                    yield _chunk(part)
        except _FAILURES as error:
            raise self._translated(error, name) from error

    async def pull(self, model: str, progress: Callable[[int, int], None]) -> None:
        """Have the server fetch the model. ``progress`` gets bytes done and in all, per layer, as the server tells."""
        name = self.server_name(model)
        try:
            async for part in await self._client.pull(name, stream=True):
                if part.total:
                    progress(part.completed or 0, part.total)
        except _FAILURES as error:
            raise self._translated(error, name) from error

    async def recipe(self, model: str) -> Recipe | None:
        """What the server's model is made of; ``None`` where it has none of that name."""
        name = self.server_name(model)
        try:
            shown = await self._client.show(name)
        except _FAILURES as error:
            failure = self._translated(error, name)
            if isinstance(failure, ModelMissingError):
                return None
            raise failure from error
        weights = re.search(r"^FROM .*sha256-([0-9a-f]{64})\s*$", shown.modelfile or "", re.MULTILINE)
        stop = re.findall(r"^stop\s+(\S.*?)\s*$", shown.parameters or "", re.MULTILINE)
        return Recipe(weights[1] if weights else "", shown.template or "", frozenset(map(_unquoted, stop)))

    async def upload(self, path: Path, sha256: str, progress: Callable[[int, int], None]) -> None:
        """Give the server a file's content, block by block, unless it has it. ``progress`` as in ``pull``."""
        url = f"{self.url}/api/blobs/sha256:{sha256}"
        settings = {**self._settings, "timeout": httpx.Timeout(TRANSFER_SECONDS, connect=self._connect)}
        try:
            async with httpx.AsyncClient(**settings) as client:
                if (await client.head(url)).status_code != 200:
                    (await client.post(url, content=_blocks(path, progress))).raise_for_status()
        except _FAILURES as error:
            raise self._translated(error, "") from error

    async def create(self, model: str, file: str, recipe: Recipe) -> None:
        """Make a model of an uploaded GGUF file. ``file`` is only its name."""
        name = self.server_name(model)
        try:
            async with asyncio.timeout(TRANSFER_SECONDS):
                async for _ in await self._client.create(
                    name,
                    files={file: f"sha256:{recipe.weights}"},
                    template=recipe.template,
                    parameters={"stop": sorted(recipe.stop)},
                    stream=True,
                ):
                    pass  # errors are raised by the library; what became of it, recipe() tells
        except _FAILURES as error:
            raise self._translated(error, name) from error

    async def close(self) -> None:
        await self._client.close()  # type: ignore[no-untyped-call]

    def _translated(self, error: Exception, model: str) -> BackendError:
        failure = translate(error, self.url, model)
        ours = next((ours for ours, theirs in self._names.items() if theirs == model), model)
        if isinstance(failure, ModelMissingError) and catalog.is_pinned(ours):
            failure.mend = f"metaagent model pull {ours} --into ollama"
        return failure


def served_models(host: str | None, *, timeout: float) -> list[ModelInfo] | None:
    """The models that a server at ``host`` has; ``None`` where no Ollama server answers in time."""
    url = host_url(host)
    try:
        with ollama.Client(url, **_client_settings(url, httpx.Timeout(timeout))) as client:
            return [_listed(model) for model in client.list().models]
    except _FAILURES:
        return None


def has_model(served: Iterable[ModelInfo], name: str) -> bool:
    return any(model.name in {name, f"{name}:latest"} for model in served)


def ignores_roles(template: str) -> bool:
    """Whether a chat template (Ollama's own or Jinja) uses nothing of a message but its text."""
    return bool(template) and not any(word in template for word in (".System", ".Role", ".Messages", "role"))


def server_options(request: ChatRequest) -> dict[str, Any]:
    """All that decides about a reply is sent: defaults differ between versions. Stop words only where there are some,
    since an empty list would replace those of the model's own file."""
    options = request.options
    return {
        "num_ctx": options.num_ctx,
        "num_predict": options.num_predict,
        "temperature": options.temperature,
        "seed": options.seed,
        "repeat_penalty": options.repeat_penalty,
        **({"stop": list(options.stop)} if options.stop else {}),
    }


def _client_settings(url: str, timeout: httpx.Timeout) -> dict[str, Any]:
    # A proxy from the environment is for other machines: it could not reach our loopback address.
    key = os.environ.get("OLLAMA_API_KEY")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return {"timeout": timeout, "trust_env": not is_local(url), "headers": headers}


async def _blocks(path: Path, progress: Callable[[int, int], None]) -> AsyncIterator[bytes]:
    done, size = 0, path.stat().st_size
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block
            done += len(block)
            progress(done, size)


def _unquoted(word: str) -> str:
    """A parameter's value as it was set: ``show`` quotes those that are text."""
    try:
        return str(json.loads(word)) if word.startswith('"') else word
    except ValueError:
        return word


class _Limited(httpx.AsyncByteStream):
    """A response's bytes, up to MOST_BYTES."""

    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        seen = 0
        async for block in self._stream:
            seen += len(block)
            if seen > MOST_BYTES:
                raise ReplyError(f"ollama: {REPLY_REASONS['too_large']} ({seen:,} bytes)", reason="too_large")
            yield block

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _guard(response: httpx.Response) -> None:
    if isinstance(response.stream, httpx.AsyncByteStream):
        response.stream = _Limited(response.stream)
    if "text/html" in response.headers.get("content-type", ""):
        raise _page(str(response.request.url), response.status_code)


def _page(where: str, status: int | None = None) -> ReplyError:
    with_status = f" (status {status})" if status is not None else ""
    return ReplyError(
        f"{where} answers with a web page{with_status}, not as an Ollama server",
        reason="html",
        mend="is a proxy in the way (HTTP_PROXY, NO_PROXY), or OLLAMA_HOST another server?",
    )


# AttributeError and TypeError: the library takes a line that is JSON but no object for a message.
_FAILURES = (
    ollama.ResponseError,
    ollama.RequestError,
    httpx.HTTPError,
    httpx.InvalidURL,
    ConnectionError,
    TimeoutError,
    json.JSONDecodeError,
    ValidationError,
    AttributeError,
    TypeError,
    KeyError,
)


def translate(error: Exception, url: str, model: str) -> BackendError:
    """Our error for one of the library's, with what to do."""
    if isinstance(error, ollama.ResponseError):
        return _answered(error.status_code, error.error, url, model)
    if isinstance(error, httpx.HTTPStatusError):
        return _answered(error.response.status_code, error.response.text, url, model)
    if isinstance(error, json.JSONDecodeError):
        if error.doc.lstrip().startswith("<"):
            return _page(url)
        return ReplyError(f"{url} answers what is not JSON: {error.doc[:80]!r}", reason="garbage")
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | ConnectionError):
        return ReplyError(f"no Ollama server answers at {url}", reason="connect", mend=_START)
    if isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError | httpx.TimeoutException | TimeoutError):
        return ReplyError(f"the connection to {url} broke: {error or type(error).__name__}", reason="reset")
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
        return ReplyError(f"{url} is no usable address: {error}", reason="connect", mend=_START)
    return ReplyError(f"{url} does not answer as an Ollama server: {str(error)[:200]}", reason="garbage")


def _answered(status: int, text: str, url: str, model: str) -> BackendError:
    said = str(text).strip()[:300]
    if said.startswith("<"):
        return _page(url, status)
    if status in {429, 503}:
        return ReplyError(f"{url} is overloaded ({status}): {said}", reason="overloaded")
    if status == 404 and model:
        return ModelMissingError(f"the Ollama server at {url} has no model {model}", mend=f"ollama pull {model}")
    if "context" in said and ("exceed" in said or "length" in said):
        return ReplyError(f"ollama: {said}", reason="context", mend="raise models.NAME.num_ctx, or shorten the inputs")
    return ReplyError(f"ollama: {said}" + (f" (status {status})" if status > 0 else ""), reason="error_line")


def _chunk(part: ollama.ChatResponse) -> Chunk:
    text = (part.message.content if part.message is not None else None) or ""
    tokens = tuple(map(_token, part.logprobs or ()))
    if not part.done:
        return Chunk(text, tokens=tokens)
    durations = [value for value in (part.prompt_eval_duration, part.eval_duration) if value is not None]
    return Chunk(
        text,
        done=True,
        finish=part.done_reason or "",
        prompt_tokens=part.prompt_eval_count,
        reply_tokens=part.eval_count,
        model_seconds=_seconds(sum(durations)) if durations else None,
        load_seconds=_seconds(part.load_duration) if part.load_duration is not None else None,
        tokens=tokens,
    )


def _token(told: Any) -> Token:
    """The library leaves out a token's bytes: one that is a part of a character comes as a mark for what cannot be
    read, and the reply has no log-probabilities then (logprobs.weigh)."""
    others = tuple((one.token.encode(), one.logprob) for one in told.top_logprobs or ())
    return Token(told.token.encode(), told.logprob, others)


def _seconds(nanoseconds: int) -> float | None:
    return nanoseconds / 1e9 if nanoseconds >= 0 else None


def _listed(model: Any) -> ModelInfo:
    return ModelInfo(
        name=model.model or "",
        digest=model.digest or "",
        size=int(model.size) if model.size is not None else None,
        context=getattr(model, "context_length", None),
        backend="ollama",
    )


def _context_length(facts: Mapping[str, Any]) -> int | None:
    lengths = [value for key, value in facts.items() if key.endswith(".context_length") and isinstance(value, int)]
    return lengths[0] if lengths else None
