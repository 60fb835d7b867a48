"""What answers: the backend, the models that the agents use, and what each agent has shown."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from metaagent.doctor.condition import Condition, failure, waits
from metaagent.errors import MetaagentError, ModelMissingError

if TYPE_CHECKING:
    from metaagent.config import Config
    from metaagent.inference.base import Backend, ModelInfo
    from metaagent.inference.gateway import Gateway
    from metaagent.orchestrator.bootstrap import Bootstrap
    from metaagent.workspace import Workspace

_ANSWER_SECONDS = 10.0
_HASH_SECONDS = 120.0
"""A model file is read whole the first time it is described."""


@dataclass(slots=True)
class Engine:
    """What is known of the backend after it was examined."""

    conditions: list[Condition]
    version: str = ""
    backend: str = ""
    infos: dict[str, ModelInfo] | None = None


def examine(config: Config, root: Path) -> Engine:
    """Asks the backend for its version and for each model in use; nothing is generated."""
    from metaagent.inference.select import open_backend

    warnings: list[str] = []
    try:
        backend = open_backend(config, root, notice=warnings.append)
    except ModelMissingError as error:
        return Engine([waits("backend", "models"), failure("models", error)])
    except (MetaagentError, OSError) as error:
        return Engine([failure("backend", error), waits("models", "backend")])
    return asyncio.run(_ask(backend, config, warnings))


async def _ask(backend: Backend, config: Config, warnings: list[str]) -> Engine:
    from metaagent.inference.base import Deadlines
    from metaagent.inference.gateway import Gateway

    engine = Engine([], backend=backend.name, infos={})
    gateway = Gateway(backend, Deadlines(first_token=_ANSWER_SECONDS), retries=0)
    try:
        engine.version = await gateway.version()
        engine.conditions += _backend(engine, backend, warnings)
    except MetaagentError as error:
        engine.conditions += [failure("backend", error), waits("models", "backend")]
        return engine
    else:
        thorough = Gateway(backend, Deadlines(first_token=_HASH_SECONDS), retries=0)
        for condition in [await _model(engine, thorough, config, name) for name in _names(config)]:
            engine.conditions.append(condition)
        return engine
    finally:
        await gateway.close()


def _names(config: Config) -> tuple[str, ...]:
    from metaagent.inference.select import models_in_use

    return models_in_use(config)


def _backend(engine: Engine, backend: Backend, warnings: list[str]) -> Iterator[Condition]:
    details = {"name": backend.name, "version": engine.version, "slots": backend.slots}
    url = getattr(backend, "url", "")
    says = f"{backend.name}: {engine.version}{f' at {url}' if url else ''}, {backend.slots} at once"
    for warning in warnings:
        yield Condition("backend", "warning", warning.removeprefix("warning: "), details=details)
    yield Condition("backend", "ok", says, details=details)


async def _model(engine: Engine, gateway: Gateway, config: Config, name: str) -> Condition:
    try:
        info = await gateway.info(name)
    except MetaagentError as error:
        return failure("models", error, name)
    assert engine.infos is not None
    engine.infos[name] = info
    return model_condition(info, config)


def model_condition(info: ModelInfo, config: Config) -> Condition:
    """Pure: is it what its name says, and does its template use more of a message than its text?"""
    from metaagent.inference import catalog

    details = {"digest": info.digest, "size": info.size, "context": info.context, "backend": info.backend}
    pinned = next((entry for entry in catalog.MODELS if entry.name == info.name), None)
    own = info.name in config.embedded.models
    if info.backend == "embedded" and pinned is not None and not own and info.digest != pinned.sha256:
        says = f"its file is not the pinned one (SHA-256 {info.digest[:12]}, not {pinned.sha256[:12]})"
        mend = f"metaagent model remove {info.name} && metaagent model pull {info.name}"
        return Condition("models", "failed", says, mend, info.name, details)
    if info.template and _ignores_roles(info.template):
        says = "its chat template ignores roles: system prompts do not work as meant"
        mend = "give it a template with roles (ollama create), then: metaagent agent bootstrap --all"
        return Condition("models", "warning", says, mend, info.name, details)
    parts = [info.digest[:12] or "no digest", *([f"window {info.context}"] if info.context else [])]
    return Condition("models", "ok", ", ".join(parts), None, info.name, details)


def _ignores_roles(template: str) -> bool:
    from metaagent.inference.ollama import ignores_roles  # loaded already: only its models have templates here

    return ignores_roles(template)


def agents(engine: Engine, config: Config, place: Workspace | None, *, recorded: bool) -> Iterator[Condition]:
    """What each agent showed in its last bootstrap with this very model and engine. ``recorded``: there is a ledger
    that can be read. Nobody is asked."""
    from metaagent.agents.roster import roster
    from metaagent.orchestrator.bootstrap import recalled

    infos = engine.infos or {}
    for agent in roster(config):
        info = infos.get(agent.model)
        if info is None:
            yield Condition("agents", "not checked", f"waits for the model {agent.model}", name=agent.id)
            continue
        known = None
        if place is not None and recorded:
            with place.open_ledger(read_only=True) as ledger:
                known = recalled(ledger, config, agent, info, engine.version)
        yield agent_condition(agent.id, known)


def agent_condition(agent_id: str, known: Bootstrap | None) -> Condition:
    """Pure: an agent that was never tried is no failure, one that did not get through is."""
    if known is None:
        mend = f"metaagent agent bootstrap {agent_id}"
        return Condition("agents", "warning", "not bootstrapped with this model and engine", mend, agent_id)
    shown = [one.name for one in known.capabilities if one.shown]
    details = {"shown": shown, "not_shown": [one.name for one in known.capabilities if one.shown is False]}
    if known.failed is not None:
        says = f"{known.failed.name} failed: {known.failed.says}"
        mend = f"metaagent agent edit {agent_id} --model MODEL, or: metaagent agent bootstrap {agent_id} --force"
        return Condition("agents", "failed", says, mend, agent_id, details)
    if known.warnings:
        mend = f"metaagent agent show {agent_id}"
        return Condition("agents", "warning", "; ".join(known.warnings), mend, agent_id, details)
    return Condition("agents", "ok", f"shows {', '.join(shown)}", None, agent_id, details)
