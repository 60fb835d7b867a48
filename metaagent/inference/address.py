"""Where an Ollama server is, from what a person writes. Pure; importing it loads no library."""

from __future__ import annotations

import ipaddress
import os
from urllib.parse import urlsplit

from metaagent.errors import ConfigError

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 11434


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
