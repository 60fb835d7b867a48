"""The user's Ollama server, through the ``ollama`` library. Every failure of it is translated here, once.

Facts of its protocol that this file is built on: the last line of a reply has ``done: true``; an error can come as a
line in the middle of a reply with status 200; a full queue answers 503; a prompt that is too long is cut silently.
"""

from __future__ import annotations

import ipaddress
import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from contextlib import aclosing
from typing import Any
from urllib.parse import urlsplit

import httpx
from pydantic import ValidationError

from metaagent.errors import BackendError, ConfigError, ModelMissingError, ReplyError
from metaagent.inference.base import REPLY_REASONS, ChatRequest, Chunk, ModelInfo

try:
    import ollama
except ValueError as error:  # the library reads OLLAMA_HOST while it is imported
    raise ConfigError(
        f"OLLAMA_HOST {os.environ.get('OLLAMA_HOST')!r} is no address: {error}", mend="set it to HOST:PORT"
    ) from error

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 11434
MOST_BYTES = 64 * 2**20
"""No answer is larger, whatever the gateway's limit on its text: a line without an end must not fill the memory."""

_START = "start it (ollama serve), or set OLLAMA_HOST or ollama.hosts in .metaagent/config.yaml"


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
        self._settings = _client_settings(self.url, httpx.Timeout(None, connect=connect))
        self._settings["event_hooks"] = {"response": [_guard]}
        self._client = ollama.AsyncClient(self.url, **self._settings)
        if key_would_leak(self.url):
            notice(
                f"warning: OLLAMA_API_KEY is sent to {self.url}, which is neither this machine nor encrypted (https)"
            )

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
        name = self._names.get(model, model)
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
        name = self._names.get(request.model, request.model)
        try:
            parts: AsyncIterator[ollama.ChatResponse] = await self._client.chat(
                model=name,
                messages=[{"role": message.role, "content": message.content} for message in request.messages],
                stream=True,
                format=dict(request.schema) if request.schema is not None else None,
                options=server_options(request),
                think=False,
            )
            async with aclosing(parts):  # type: ignore[type-var]
                async for part in parts:
                    yield _chunk(part)
        except _FAILURES as error:
            raise self._translated(error, name) from error

    async def pull(self, model: str, progress: Callable[[int, int], None]) -> None:
        """Have the server fetch the model. ``progress`` gets bytes done and in all, per layer, as the server tells."""
        name = self._names.get(model, model)
        try:
            async for part in await self._client.pull(name, stream=True):
                if part.total:
                    progress(part.completed or 0, part.total)
        except _FAILURES as error:
            raise self._translated(error, name) from error

    async def close(self) -> None:
        await self._client.close()  # type: ignore[no-untyped-call]

    def _translated(self, error: Exception, model: str) -> BackendError:
        return translate(error, self.url, model)


def host_url(host: str | None = None) -> str:
    """The server's URL from what a person writes: ``host``, ``host:port``, ``:port`` or a URL, as Ollama reads it. An
    address that a server listens on everywhere (0.0.0.0) means this machine."""
    text = (host or os.environ.get("OLLAMA_HOST") or "").strip().strip("\"'") or DEFAULT_HOST
    scheme, separator, _ = text.partition("://")
    try:
        parts = urlsplit(text if separator else f"http://{text}")
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"OLLAMA_HOST {text!r} is no address: {error}", mend="set it to HOST:PORT") from None
    if parts.scheme not in {"http", "https"}:
        raise ConfigError(f"OLLAMA_HOST {text!r}: {scheme} is not http or https", mend="set it to HOST:PORT")
    usual = {"http": 80, "https": 443}[parts.scheme] if separator else DEFAULT_PORT
    name = {"0.0.0.0": DEFAULT_HOST, "::": "::1"}.get(parts.hostname or "", parts.hostname or DEFAULT_HOST)
    name = f"[{name}]" if ":" in name else name
    return f"{parts.scheme}://{name}:{port or usual}{parts.path.rstrip('/')}"


def is_local(url: str) -> bool:
    """Whether the URL's host is this machine."""
    name = urlsplit(url).hostname or ""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def key_would_leak(url: str) -> bool:
    """Whether OLLAMA_API_KEY, which the library sends to any host, would travel in the open."""
    return bool(os.environ.get("OLLAMA_API_KEY")) and not is_local(url) and not url.startswith("https://")


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
    return {"timeout": timeout, "trust_env": not is_local(url)}


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
    if isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError | httpx.TimeoutException):
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
    if not part.done:
        return Chunk(text)
    durations = [value for value in (part.prompt_eval_duration, part.eval_duration) if value is not None]
    return Chunk(
        text,
        done=True,
        finish=part.done_reason or "",
        prompt_tokens=part.prompt_eval_count,
        reply_tokens=part.eval_count,
        model_seconds=_seconds(sum(durations)) if durations else None,
        load_seconds=_seconds(part.load_duration) if part.load_duration is not None else None,
    )


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
