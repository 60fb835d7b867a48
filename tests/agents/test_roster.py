"""The roster: configured agents with their defaults, and near names for unknown ones."""

from __future__ import annotations

import pytest

from metaagent.agents.roles import built_in_roles
from metaagent.agents.roster import find_agent, role_in, roster
from metaagent.config import AgentConfig, Config, RoleConfig
from metaagent.errors import ConfigError, NotFoundError
from metaagent.records import Agent


def test_without_agents_there_is_one() -> None:
    (agent,) = roster(Config(default_model="m"))
    assert (agent.id, agent.role, agent.model, agent.paused) == ("agent:executor:main", "executor", "m", False)
    assert agent.capabilities == built_in_roles()["executor"].capabilities


def test_an_agent_has_what_is_given_and_defaults_for_the_rest() -> None:
    given = AgentConfig(
        role="coding", model="big", capabilities=("python",), temperature=0.2, heartbeat="15m", note="n"
    )
    agents = {"agent:coder:main": given, "agent:coding:b": AgentConfig()}
    coder, plain = roster(Config(agents=agents), {"agent:coder:main"})
    assert coder == Agent("agent:coder:main", "coding", "big", ("python",), 0.2, 900.0, True, "n")
    assert plain.role == "coding" and plain.model == Config().default_model and not plain.paused


def test_the_order_is_that_of_ids() -> None:
    ids = ["agent:qa:z", "agent:coding:a", "agent:executor:b"]
    agents = roster(Config(agents={agent_id: AgentConfig() for agent_id in ids}))
    assert [agent.id for agent in agents] == sorted(ids)


def test_a_role_of_the_user_has_agents() -> None:
    role = RoleConfig(purpose="p", system="s", task="{goal}{form}{inputs}", capabilities=("german",))
    agents = roster(Config(roles={"translator": role}, agents={"agent:translator:main": AgentConfig()}))
    assert agents[0].capabilities == ("german",)


def test_an_unknown_role_names_the_agent_and_a_near_role() -> None:
    with pytest.raises(ConfigError, match=r"agents\.agent:coder:main: unknown role 'codin'; did you mean 'coding'\?"):
        roster(Config(agents={"agent:coder:main": AgentConfig(role="codin")}))
    with pytest.raises(ConfigError, match=r"unknown role 'zzz'; there are analytical, "):
        roster(Config(agents={"agent:zzz:main": AgentConfig()}))


def test_an_agent_is_found_by_id_and_by_what_is_unique_of_it() -> None:
    agents = roster(Config(agents={name: AgentConfig() for name in ("agent:coding:a", "agent:coding:b", "agent:qa:a")}))
    assert find_agent(agents, "agent:coding:a").id == "agent:coding:a"
    assert find_agent(agents, "coding:b").id == "agent:coding:b"
    assert find_agent(agents, "qa").id == "agent:qa:a"
    with pytest.raises(NotFoundError, match=r"unknown agent 'coding'; did you mean agent:coding:a or agent:coding:b\?"):
        find_agent(agents, "coding")
    with pytest.raises(NotFoundError, match="did you mean agent:qa:a") as caught:
        find_agent(agents, "agent:qa:aa")
    assert caught.value.mend == "metaagent agent list"
    with pytest.raises(NotFoundError, match=r"unknown agent 'zebra'$"):
        find_agent(agents, "zebra")


def test_the_role_stands_in_the_id() -> None:
    assert role_in("agent:coding:main") == "coding"
