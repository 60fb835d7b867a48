"""The bootstrap of agents: connects, asks what is not yet known of model and agent, and keeps it in the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metaagent.agents.bootstrap import (
    Ask,
    Capability,
    Findings,
    Judge,
    Stage,
    examine_agent,
    examine_model,
    subject,
)
from metaagent.agents.probes import load_probes
from metaagent.agents.roles import load_roles
from metaagent.agents.roster import find_agent, roster
from metaagent.config import Config
from metaagent.errors import BackendError, EnvironmentFailedError, MetaagentError
from metaagent.inference.base import ChatRequest, ModelInfo, Options
from metaagent.inference.gateway import Gateway
from metaagent.inference.select import open_backend
from metaagent.ledger import bootstraps
from metaagent.ledger.bootstraps import Key
from metaagent.ledger.database import Ledger
from metaagent.orchestrator.judging import judge_with
from metaagent.records import Agent, Check, Message, Reply, Role, Task, Verdict
from metaagent.workspace import Workspace

STAGES = ("connection", "generation", "capabilities", "self-test")


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """What one agent came to: its four stages, and what its model showed. ``calls`` that it cost now; 0 where all was
    remembered."""

    agent_id: str
    model: str
    stages: tuple[Stage, ...]
    capabilities: tuple[Capability, ...] = ()
    roles: bool | None = None
    roles_say: str = ""
    digest: str = ""
    backend: str = ""
    engine: str = ""
    calls: int = 0
    mend: str | None = None

    @property
    def ready(self) -> bool:
        return all(stage.state == "passed" for stage in self.stages)

    @property
    def failed(self) -> Stage | None:
        return next((stage for stage in self.stages if stage.state == "failed"), None)

    @property
    def warnings(self) -> tuple[str, ...]:
        missing = [one for one in self.capabilities if one.shown is False]
        unclear = [one for one in self.capabilities if one.shown is None]
        told = [f"{one.name} is dropped: {one.says}" for one in missing]
        told += [f"{one.name} could not be judged: no sandbox" for one in unclear]
        return (*told, *([f"system prompts have no influence: {self.roles_say}"] if self.roles is False else []))


def bootstrap(
    workspace: Workspace, wanted: Sequence[str], *, force: bool = False, notice: Callable[[str], None]
) -> tuple[Bootstrap, ...]:
    """Bootstrap the agents of those ids, or all. Raises NotFoundError for one that is not there; what fails at the
    backend is a failed first stage."""
    agents = roster(workspace.config)
    chosen = [find_agent(agents, name) for name in wanted] if wanted else list(agents)
    with workspace.open_ledger() as ledger:
        return asyncio.run(_bootstrap(workspace, ledger, chosen, force, notice))


async def _bootstrap(
    workspace: Workspace, ledger: Ledger, agents: Sequence[Agent], force: bool, notice: Callable[[str], None]
) -> tuple[Bootstrap, ...]:
    try:
        backend = open_backend(workspace.config, workspace.root, notice=notice)
    except BackendError as error:
        return tuple(_unconnected(agent, error) for agent in agents)
    gateway = Gateway(backend, workspace.config.deadlines)
    asked: dict[str, Findings] = {}
    try:
        course = _Course(workspace, ledger, gateway, force, notice, asked)
        return tuple([await course.examine(agent) for agent in agents])
    finally:
        await gateway.close()


def _unconnected(agent: Agent, error: MetaagentError) -> Bootstrap:
    stages = (Stage("connection", "failed", error.message), *(Stage(name, "not run") for name in STAGES[1:]))
    return Bootstrap(agent.id, agent.model, stages, mend=error.mend)


@dataclass(slots=True)
class _Course:
    """``asked`` has the models that were asked in this call, so that agents of one model share their answers."""

    workspace: Workspace
    ledger: Ledger
    gateway: Gateway
    force: bool
    notice: Callable[[str], None]
    asked: dict[str, Findings]

    async def examine(self, agent: Agent) -> Bootstrap:
        role = load_roles(self.workspace.config)[agent.role]
        calls = self.gateway.usage.calls
        try:
            info, engine = await self.gateway.info(agent.model), await self.gateway.version()
            model = await self._model(agent, info, engine)
            own = await self._agent(agent, role, info, engine) if model.passed else None
        except BackendError as error:
            return _unconnected(agent, error)
        return joined(agent, info, engine, model, own, self.gateway.usage.calls - calls)

    async def _model(self, agent: Agent, info: ModelInfo, engine: str) -> Findings:
        key = key_of(info, engine)
        known = self.asked.get(agent.model) or self._remembered(key)
        if known is not None:
            return known
        self.notice(f"asking {agent.model} what it can do")
        found = await examine_model(load_probes(), self._ask(agent), self._judge(), ignores_roles(info))
        self._keep(key, agent.model, found)
        self.asked[agent.model] = found
        return found

    async def _agent(self, agent: Agent, role: Role, info: ModelInfo, engine: str) -> Findings:
        key = key_of(info, engine, subject(agent, role))
        known = self._remembered(key)
        if known is not None:
            return known
        found = await examine_agent(role, load_probes(), self._ask(agent), self._judge())
        self._keep(key, agent.model, found)
        return found

    def _remembered(self, key: Key) -> Findings | None:
        return None if self.force else remembered(self.ledger, key)

    def _keep(self, key: Key, model: str, found: Findings) -> None:
        if found.lasting:
            bootstraps.record(self.ledger, key, model, found.to_json())

    def _ask(self, agent: Agent) -> Ask:
        """Calls with the window of the agent's model as its runs have it: another one would load the model again."""
        settings = self.workspace.config.model(agent.model)

        async def ask(messages: tuple[Message, ...], tokens: int, schema: Mapping[str, Any] | None) -> Reply:
            options = Options(settings.num_ctx, tokens, repeat_penalty=settings.repeat_penalty)
            return await self.gateway.chat(ChatRequest(agent.model, messages, options, schema, agent.id))

        return ask

    def _judge(self) -> Judge:
        judge = judge_with(self.workspace, self.ledger, notice=self.notice)

        async def judged(artifact: str, checks: Sequence[Check]) -> tuple[Verdict, ...] | None:
            try:
                return await judge(artifact, checks, Task("", "bootstrap", checks=tuple(checks)))
            except EnvironmentFailedError:
                return None

        return judged


def key_of(info: ModelInfo, engine: str, subject: str = "") -> Key:
    return Key(info.digest, info.backend, engine, load_probes().version, subject)


def remembered(ledger: Ledger, key: Key) -> Findings | None:
    stored = bootstraps.latest(ledger, key)
    return Findings.from_json(stored) if stored is not None else None


def recalled(ledger: Ledger, config: Config, agent: Agent, info: ModelInfo, engine: str) -> Bootstrap | None:
    """The agent's last bootstrap with this very model and engine; None where it had none. Asks nobody."""
    role = load_roles(config)[agent.role]
    model = remembered(ledger, key_of(info, engine))
    if model is None:
        return None
    own = remembered(ledger, key_of(info, engine, subject(agent, role))) if model.passed else None
    return None if own is None and model.passed else joined(agent, info, engine, model, own, 0)


def joined(agent: Agent, info: ModelInfo, engine: str, model: Findings, own: Findings | None, calls: int) -> Bootstrap:
    """Pure: the four stages in their order. A stage after one that failed did not run."""
    last = own.stages[0] if own is not None else Stage("self-test", "not run")
    return Bootstrap(
        agent.id,
        agent.model,
        (Stage("connection", "passed", f"{engine}, {info.digest[:12] or 'no digest'}"), *model.stages, last),
        model.capabilities,
        model.roles,
        model.roles_say,
        info.digest,
        info.backend,
        engine,
        calls,
    )


def ignores_roles(info: ModelInfo) -> bool:
    """Whether its template says so by itself. Templates come from servers alone."""
    if not info.template:
        return False
    from metaagent.inference.ollama import ignores_roles as ignores

    return ignores(info.template)
