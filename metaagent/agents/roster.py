"""The agents of a workspace: those of the configuration, or one default agent."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from metaagent.agents.roles import load_roles
from metaagent.errors import ConfigError, NotFoundError
from metaagent.records import Agent, Role

if TYPE_CHECKING:
    from metaagent.config import AgentConfig, Config


def roster(config: Config, paused: Collection[str] = ()) -> tuple[Agent, ...]:
    """All agents by id; ``paused`` are the ids that the ledger has paused.

    Raises ConfigError for an agent whose role is unknown, naming near ones.
    """
    roles = load_roles(config)
    agents = config.agents or _default(config)
    return tuple(_agent(agent_id, agents[agent_id], config, roles, agent_id in paused) for agent_id in sorted(agents))


def find_agent(agents: Iterable[Agent], agent_id: str) -> Agent:
    """The agent of that id; ``executor`` and ``executor:main`` name ``agent:executor:main`` where it is the only match.

    Raises NotFoundError naming near matches.
    """
    by_id = {agent.id: agent for agent in agents}
    if agent_id in by_id:
        return by_id[agent_id]
    short = [known for known in sorted(by_id) if known.startswith(f"agent:{agent_id}:") or known == f"agent:{agent_id}"]
    if len(short) == 1:
        return by_id[short[0]]
    near = short or difflib.get_close_matches(agent_id, by_id, n=3, cutoff=0.75)  # ids share their first part
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise NotFoundError(f"unknown agent '{agent_id}'{hint}", mend="metaagent agent list")


def role_in(agent_id: str) -> str:
    """The middle part of ``agent:ROLE:NAME``."""
    return agent_id.split(":", 2)[1]


def _default(config: Config) -> Mapping[str, AgentConfig]:
    from metaagent.config import DEFAULT_AGENT, AgentConfig  # pydantic is heavy, and loaded already by whoever has one

    return {DEFAULT_AGENT: AgentConfig(model=config.default_model)}


def _agent(agent_id: str, given: AgentConfig, config: Config, roles: Mapping[str, Role], paused: bool) -> Agent:
    from metaagent.config import seconds_of

    name = given.role or role_in(agent_id)
    if name not in roles:
        raise _unknown_role(agent_id, name, roles)
    return Agent(
        id=agent_id,
        role=name,
        model=given.model or config.default_model,
        capabilities=given.capabilities or roles[name].capabilities,
        temperature=given.temperature,
        heartbeat=seconds_of(given.heartbeat) if given.heartbeat else None,
        paused=paused,
        note=given.note,
    )


def _unknown_role(agent_id: str, name: str, roles: Iterable[str]) -> ConfigError:
    near = difflib.get_close_matches(name, roles, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(sorted(roles))}"
    return ConfigError(
        f".metaagent/config.yaml: agents.{agent_id}: unknown role '{name}'; {hint}",
        mend=f"set `role:` of {agent_id}, or add the role under `roles:` (metaagent config edit)",
    )
