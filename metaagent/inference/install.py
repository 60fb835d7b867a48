"""Giving a pinned model to an Ollama server: its verified file, its chat template, its stop words; nothing guessed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from metaagent.errors import BackendUnreachableError, UsageError
from metaagent.inference.catalog import CatalogModel
from metaagent.inference.ollama import OllamaBackend, Recipe


def recipe_of(model: CatalogModel) -> Recipe:
    return Recipe(model.sha256, model.template, frozenset(model.stop))


async def needed(model: CatalogModel, server: OllamaBackend, *, replace: bool = False) -> bool:
    """Whether the server lacks the pinned model. Another model under its name is a ``UsageError``, unless it may be
    replaced: what a person put there is not ours."""
    there = await server.recipe(model.name)
    if there == recipe_of(model):
        return False
    if there is not None and not replace:
        name = server.server_name(model.name)
        raise UsageError(
            f"the server at {server.url} has another {name}: {differences(there, recipe_of(model))}",
            mend=f"metaagent model pull {model.name} --into ollama --replace, or another name in "
            f"models.{model.name}.ollama of .metaagent/config.yaml",
        )
    return True


async def install(model: CatalogModel, path: Path, server: OllamaBackend, progress: Callable[[int, int], None]) -> None:
    """Put the model's file, which is verified, on the server under its name. The file is never in memory as a whole,
    and what the server has already is not sent again."""
    wanted = recipe_of(model)
    await server.upload(path, model.sha256, progress)
    await server.create(model.name, model.file, wanted)
    made = await server.recipe(model.name)
    if made != wanted:
        found = differences(made, wanted) if made else "it has none of that name"
        raise BackendUnreachableError(f"the server at {server.url} did not make {model.name} as asked: {found}")


def differences(there: Recipe, wanted: Recipe) -> str:
    """What of a server's model is not as it is pinned, in words."""
    pairs = {
        "its weights are not the pinned file": there.weights != wanted.weights,
        "its chat template differs": there.template != wanted.template,
        "its stop words differ": there.stop != wanted.stop,
    }
    return ", ".join(text for text, differs in pairs.items() if differs)
