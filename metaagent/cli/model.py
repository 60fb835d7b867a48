"""``metaagent model``: which models there are, where they come from, and fetching or removing them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaagent.cli import render
from metaagent.cli.state import Column, State, Table, complete_model, current, noun, printable

if TYPE_CHECKING:
    from metaagent.config import Config
    from metaagent.inference.catalog import CatalogModel

app = noun("Models: which there are, where they come from.")

ModelName = Annotated[str, typer.Argument(metavar="MODEL", autocompletion=complete_model)]

PROBE_SECONDS = 1.0


class Source(StrEnum):
    """Where ``model pull`` fetches from."""

    URL = "url"
    WHEELS = "wheels"
    OLLAMA = "ollama"


@app.command("list")
def list_models() -> None:
    """List the pinned models, files of your own, and what an Ollama server has."""
    state = current()
    rows = _rows(*_setting(state))
    columns: list[Column | str] = ["name", Column("size", right=True), "where", "licence", "title"]
    cells = [(row["name"], _size(row["size"]), _where(row), row["licence"], row["title"]) for row in rows]
    state.out("model", rows, Table(columns, cells, empty="no models"))


@app.command("show")
def show(model: ModelName) -> None:
    """Show one model: size, SHA-256, licence, where it is and where it comes from."""
    state = current()
    config, root = _setting(state)
    row = next((row for row in _rows(config, root) if row["name"] == model), None)
    if row is None:
        from metaagent.inference.catalog import find

        find(model)  # raises, naming the nearest
        return
    details = {**row, **_catalog_details(model)}
    lines = [f"{name + ':':<12}{_shown(value)}" for name, value in details.items() if value not in (None, "", [])]
    state.out("model", details, printable("\n".join(lines), lines=True))


@app.command("pull")
def pull(
    model: Annotated[str | None, typer.Argument(metavar="[MODEL]", autocompletion=complete_model)] = None,
    source: Annotated[Source | None, typer.Option("--from", help="Only this source; default: each in order.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be fetched, and how much.")] = False,
) -> None:
    """Fetch a model (default: the configured one); goes on where an earlier pull broke off."""
    state = current()
    config, root = _setting(state)
    name = model or config.default_model
    if source is Source.OLLAMA or (source is None and _belongs_to_ollama(config, name)):
        _pull_by_ollama(state, config, name, dry_run)
        return
    from metaagent.inference import catalog
    from metaagent.inference.pull import pull as fetch
    from metaagent.inference.pull import space_needed

    known = catalog.find(name)
    named = _named(config, root)
    place = catalog.locate(known, named)
    if dry_run:
        plan = {"name": name, "present": place is not None, "bytes": 0 if place else known.size}
        need = (
            f"would fetch {_size(known.size)} to {catalog.models_folder()}, needs {_size(space_needed(known, 0))} free"
        )
        state.out("model", plan, f"{name} is here: {place.path}" if place else need)
        return
    order = [source.value] if source is not None else ["url", "wheels"]
    with _progress(state, name) as progress:
        place = fetch(known, named, progress=progress, notice=state.notice, order=order)
    row = next(row for row in _rows(config, root, ollama=False) if row["name"] == name)
    state.out("model", row, printable(f"{name} is here, SHA-256 verified: {place.path}"))


@app.command("remove")
def remove(
    model: ModelName,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed.")] = False,
) -> None:
    """Remove a model's files from our cache; files of your own and Ollama's stay."""
    from metaagent.inference import catalog
    from metaagent.inference import pull as puller

    state = current()
    known = catalog.find(model)
    files = puller.removable(known)
    if not files:
        state.notice(f"{model} is not in {catalog.models_folder()}; nothing to remove")
    elif not dry_run:
        _agree(state, yes, f"remove {', '.join(map(str, files))}?", model)
        files = puller.remove(known, state.notice)
    word = "would remove" if dry_run else "removed"
    state.out("model", {"name": model, "removed": [] if dry_run else files}, *(f"{word} {file}" for file in files))


def _agree(state: State, yes: bool, question: str, model: str) -> None:
    from metaagent.errors import UsageError

    answer = yes or state.ask(question)
    if answer is None:
        raise UsageError(
            "removing a model asks first, and nobody can answer here", mend=f"metaagent model remove {model} --yes"
        )
    if not answer:
        raise typer.Exit(0)


def _setting(state: State) -> tuple[Config, Path]:
    """The configuration and the workspace's folder; the defaults outside of one, where models are pulled too."""
    from metaagent.errors import NotFoundError

    try:
        return state.config(), state.workspace().root
    except NotFoundError:
        if state.directory is not None:
            raise
    from metaagent.config import parse_config

    return parse_config("", where="defaults"), Path.cwd()


def _named(config: Config, root: Path) -> dict[str, Path]:
    return {name: root / Path(path).expanduser() for name, path in config.embedded.models.items()}


def _rows(config: Config, root: Path, *, ollama: bool = True) -> list[dict[str, Any]]:
    """One row for each model, wherever it is: catalog first, then the user's own files, then Ollama's."""
    from metaagent.inference import catalog

    named = _named(config, root)
    rows = [_catalog_row(model, named) for model in catalog.MODELS]
    known = {row["name"] for row in rows}
    rows += [_row(name, path=path, source="config") for name, path in named.items() if name not in known]
    return rows + (_ollama_rows(config) if ollama else [])


def _row(name: str, *, path: Path | None, source: str | None, **more: Any) -> dict[str, Any]:
    size = path.stat().st_size if path is not None and path.is_file() else None
    blank = {"title": "", "licence": "", "sha256": None}
    return {"name": name, "size": size, "present": size is not None, "source": source, "path": path, **blank, **more}


def _catalog_row(model: CatalogModel, named: Mapping[str, Path]) -> dict[str, Any]:
    from metaagent.inference import catalog

    place = catalog.locate(model, named)
    return _row(
        model.name,
        path=place.path if place else None,
        source=place.source if place else None,
        size=model.size,
        title=model.title,
        licence=model.licence,
        sha256=model.sha256,
    )


def _catalog_details(name: str) -> dict[str, Any]:
    from metaagent.inference import catalog

    model = next((model for model in catalog.MODELS if model.name == name), None)
    if model is None:
        return {}
    packages = [f"{part.package}=={part.version}" for part in model.parts]
    return {
        "context": model.context,
        "url": model.url,
        "packages": packages,
        "ollama": model.ollama,
        "cache": catalog.cached_file(model),
    }


def _ollama_rows(config: Config) -> list[dict[str, Any]]:
    from metaagent.inference.ollama import served_models

    host = config.ollama.hosts[0] if config.ollama.hosts else None
    served = served_models(host, timeout=PROBE_SECONDS) or []
    return [
        _row(model.name, path=None, source="ollama server", size=model.size, present=True, sha256=model.digest)
        for model in served
    ]


def _belongs_to_ollama(config: Config, name: str) -> bool:
    """Whether a pull goes through the server: it is the chosen backend, or nothing else knows the name."""
    from metaagent.inference import catalog
    from metaagent.inference.ollama import served_models

    if config.backend == "ollama":
        return True
    if any(model.name == name for model in catalog.MODELS):
        return False
    host = config.ollama.hosts[0] if config.ollama.hosts else None
    return config.backend == "auto" and served_models(host, timeout=PROBE_SECONDS) is not None


def _pull_by_ollama(state: State, config: Config, name: str, dry_run: bool) -> None:
    import asyncio

    from metaagent.inference.select import open_ollama

    backend = open_ollama(config, state.warn)

    async def fetch() -> None:
        try:
            with _progress(state, name) as progress:
                await backend.pull(name, progress)
        finally:
            await backend.close()

    if not dry_run:
        asyncio.run(fetch())
    word = "would be pulled" if dry_run else "is on the server"
    state.out(
        "model",
        {"name": name, "source": "ollama server", "present": not dry_run},
        printable(f"{name} {word}: {backend.url}"),
    )


@contextmanager
def _progress(state: State, name: str) -> Iterator[Callable[[int, int], None]]:
    """Bytes done and in all, on stderr: a bar with an estimate on a terminal, else a line for each tenth."""
    if state.quiet or not render.fancy(sys.stderr):
        yield _tenths(state, name)
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    console = Console(stderr=True, no_color=not render.colours(sys.stderr), highlight=False)
    label = TextColumn(printable(name), markup=False)
    columns = [label, BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()]
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _tenths(state: State, name: str) -> Callable[[int, int], None]:
    shown = 0

    def progress(done: int, total: int) -> None:
        nonlocal shown
        if total > 0 and done * 10 // total > shown:
            shown = done * 10 // total
            state.notice(f"{name}: {shown * 10}% of {_size(total)}")

    return progress


def _where(row: Mapping[str, Any]) -> str:
    if not row["present"]:
        return "not here"
    return f"{row['source']}: {row['path']}" if row["path"] else str(row["source"])


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return str(value[0]) if len(value) == 1 else f"{value[0]} ... {value[-1]} ({len(value)})"
    return str(value)


def _size(size: int | None) -> str:
    if size is None:
        return ""
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
