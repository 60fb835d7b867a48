"""Who works in a run: the agents, their roles, what they did before, and how much each has in hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from metaagent.agents.bootstrap import lacking
from metaagent.agents.roles import load_roles
from metaagent.agents.roster import find_agent, roster
from metaagent.agents.selection import History, Score, choose, rank, roll_up
from metaagent.config import Config
from metaagent.ledger import agent_states, attempts, bootstraps
from metaagent.ledger.database import Ledger
from metaagent.records import Agent, AgentState, Role, Task


@dataclass(slots=True)
class Crew:
    """``states`` are the board's; ``lacking`` what each agent's model did not show in its bootstrap; ``load`` counts
    the tasks that each agent has in hand in this run."""

    agents: tuple[Agent, ...]
    roles: Mapping[str, Role]
    history: History
    states: Mapping[str, AgentState]
    lacking: Mapping[str, frozenset[str]] = field(default_factory=dict)
    load: Counter[str] = field(default_factory=Counter)

    def ranking(self, task: Task) -> tuple[Score, ...]:
        return rank(
            task,
            self.agents,
            self.roles,
            history=self.history,
            load=self.load,
            states=self.states,
            lacking=self.lacking,
        )

    def choose(self, task: Task, only: str | None = None) -> Agent | None:
        """The best eligible agent for a task; ``only`` leaves no choice."""
        scores = self.ranking(task)
        if only is not None:
            scores = tuple(score for score in scores if score.agent_id == only)
        best = choose(scores)
        return find_agent(self.agents, best.agent_id) if best else None


def muster(config: Config, ledger: Ledger | None, states: Mapping[str, AgentState]) -> Crew:
    """The agents of a workspace as a run meets them; without a ledger nobody has a history or is paused.

    Raises ConfigError for an agent whose role is unknown.
    """
    paused = agent_states.paused(ledger) if ledger else frozenset()
    history = attempts.history(ledger) if ledger else {}
    agents = roster(config, paused)
    found = bootstraps.by_model(ledger) if ledger else {}
    return Crew(agents, load_roles(config), roll_up(history), states, lacking(agents, found))
