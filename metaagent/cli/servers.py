"""What commands do with the configured Ollama servers: look, let them fetch, give them a model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaagent.cli.state import State, printable
from metaagent.cli.transfer import transferred

if TYPE_CHECKING:
    from metaagent.config import Config
    from metaagent.errors import MetaagentError
    from metaagent.inference.base import ModelInfo
    from metaagent.inference.ollama import OllamaBackend
    from metaagent.workspace import Workspace

PROBE_SECONDS = 1.0
STATUS_SECONDS = 2.0


def remembered(workspace: Workspace) -> list[dict[str, Any]]:
    """How each of several configured servers did when it was last used; asks nobody. Empty where no run has used
    several."""
    from metaagent.inference.host_memory import host_file, recall

    known = recall(host_file(workspace.root))
    if not known:
        return []
    from metaagent.inference.select import server_urls

    rows = []
    for url in server_urls(workspace.config):
        one = known.get(url)
        if one is None:
            rows.append(_host_row(url, "unknown", "not used yet"))
        elif one.until is None:
            rows.append(_host_row(url, "in", f"last used {_clock(one.seen)}", one.seen))
        else:
            again = f"left out until {_clock(one.until)}, then probed: {one.reason}"
            rows.append(_host_row(url, "out", again, one.seen))
    return rows


def asked(config: Config) -> list[dict[str, Any]]:
    """How each configured server does now; one that does not answer costs STATUS_SECONDS, several no more."""
    from metaagent.inference.select import ask_servers, lacking

    now = datetime.now(UTC)
    rows = []
    for url, models in ask_servers(config, STATUS_SECONDS).items():
        if models is None:
            rows.append(_host_row(url, "out", "no Ollama server answers", now))
            continue
        missing = lacking(config, models)
        note = f"lacks {', '.join(missing)}" if missing else f"has {len(models)} models, those in use among them"
        rows.append(_host_row(url, "in", note, now))
    return rows


def _host_row(url: str, state: str, note: str, seen: datetime | None = None) -> dict[str, Any]:
    return {"url": url, "state": state, "note": note, "seen": seen}


def _clock(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def served(config: Config) -> list[ModelInfo]:
    """What the servers that answer have, each model once."""
    from metaagent.inference.select import ask_servers

    found = [model for models in ask_servers(config, PROBE_SECONDS).values() for model in models or ()]
    return list({(model.name, model.digest): model for model in found}.values())


def only_there(config: Config, name: str) -> bool:
    """Whether a server has to fetch the model itself: it is none of the catalog's, and a server may be used."""
    from metaagent.inference import catalog
    from metaagent.inference.select import ask_servers

    if catalog.is_pinned(name) or config.backend not in {"auto", "ollama"}:
        return False
    return config.backend == "ollama" or any(
        models is not None for models in ask_servers(config, PROBE_SECONDS).values()
    )


def pull(state: State, config: Config, name: str, dry_run: bool) -> None:
    """Let each server fetch the model from its own registry."""
    import asyncio

    async def fetch() -> list[str]:
        async with _servers(state, config) as servers:
            for server in servers:
                if not dry_run:
                    with transferred(state, name) as progress:
                        await server.pull(name, progress)
            return [server.url for server in servers]

    urls = asyncio.run(fetch())
    word = "would be pulled" if dry_run else "is on the server"
    state.out(
        "model",
        {"name": name, "source": "ollama server", "present": not dry_run},
        *(printable(f"{name} {word}: {url}") for url in urls),
    )


def install(state: State, config: Config, name: str, fetch: Callable[[], Path], dry_run: bool, replace: bool) -> None:
    """Put a pinned model into each server that lacks it. ``fetch`` brings its file here, only where one does. A server
    that cannot be had keeps the others from nothing; its error is raised after them."""
    import asyncio

    rows, failures = asyncio.run(_install(state, config, name, fetch, dry_run, replace))
    words = {True: "would be put into" if dry_run else "is now in", False: "is already in"}
    lines = (f"{name} {words[row['sent']]} the server {row['url']} as {row['model']}" for row in rows)
    if rows:
        state.out("model", {"name": name, "servers": rows, "dry_run": dry_run}, *map(printable, lines))
    for error in failures[1:]:
        state.warn(error.message)
    if failures:
        raise failures[0]


async def _install(
    state: State, config: Config, name: str, fetch: Callable[[], Path], dry_run: bool, replace: bool
) -> tuple[list[dict[str, Any]], list[MetaagentError]]:
    from metaagent.errors import BackendError, UsageError
    from metaagent.inference import catalog
    from metaagent.inference import install as installing

    model = catalog.find(name)
    rows: list[dict[str, Any]] = []
    failures: list[MetaagentError] = []
    async with _servers(state, config) as servers:
        for server in servers:
            try:
                lacks = await installing.needed(model, server, replace=replace)
                if lacks and not dry_run:
                    path = fetch()
                    with transferred(state, f"{name} to {server.url}") as progress:
                        await installing.install(model, path, server, progress)
            except (BackendError, UsageError) as error:
                failures.append(error)
            else:
                rows.append({"url": server.url, "model": server.server_name(name), "sent": lacks})
    return rows, failures


@asynccontextmanager
async def _servers(state: State, config: Config) -> AsyncIterator[list[OllamaBackend]]:
    from metaagent.inference.select import open_servers

    servers = open_servers(config, state.warn)
    try:
        yield servers
    finally:
        for server in servers:
            await server.close()
