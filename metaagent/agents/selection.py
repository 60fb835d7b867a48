"""Which agent gets a task. Pure: the same values give the same ranking, whatever order they come in.

score = 40% capability + 30% history + 20% load + 10% availability, each part from 0 to 1:

- capability: 1 - (1 - skill) * (1 - named). The skill is the role's, of the longest prefix of the task's domain that
  the role names; ``named`` is the share of the domain that the agent's capabilities name (a capability is a part of a
  domain, ``json``, or a prefix of one, ``data.json``). Parts of the domain that need a capability which the agent's
  model was asked for in its bootstrap and did not show (NEEDS) count neither for the skill nor as named.
- history: the mean of a Beta distribution over the agent's pass rate. The prior at the top is Laplace's Beta(1, 1), so
  that an agent without history has 0.5; below, each level of the domain (all, data, data.json, data.json.extract)
  starts from its parent's mean with the weight of two attempts. So evidence from near domains counts where there is
  little of the own, and an attempt that passed never lowers a score.
- load: 1 / (1 + tasks that the agent has open).
- availability: 1 when idle or never seen on the board, 0.5 when active.

Agents that are paused or BLOCKED, and roles that may not write, are not eligible. An eligible agent that the board
assigns the task to comes first, whatever its score.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NewType

from metaagent.records import Agent, AgentState, Role, Task

WEIGHTS: Mapping[str, float] = MappingProxyType({"capability": 0.4, "history": 0.3, "load": 0.2, "availability": 0.1})
PRIOR_PASSES = 1.0
PRIOR_WEIGHT = 2.0
"""Laplace's rule of succession: one pass in two attempts before any evidence."""

NEEDS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("code", "python", "sql", "function"), "coding"),
        **dict.fromkeys(("logic", "math", "plan", "planning"), "reasoning"),
        **dict.fromkeys(("write", "story"), "creative"),
        **dict.fromkeys(("classify", "summary"), "analytical"),
        "json": "json",
        "tool": "tool_call",
    }
)
"""The capability, as a bootstrap finds it, that a part of a domain stands on."""

Tally = tuple[int, int]
"""Passes and attempts."""
History = NewType("History", dict[tuple[str, str], Tally])
"""(agent, domain prefix) -> what the agent did in that domain and all below it; the prefix ``""`` is everything."""
NO_HISTORY = History({})


@dataclass(frozen=True, slots=True)
class Part:
    """One weighted part of a score: ``value`` from 0 to 1, and why in words."""

    name: str
    weight: float
    value: float
    why: str


@dataclass(frozen=True, slots=True)
class Score:
    """An agent's standing for one task. ``reason`` says why it is assigned or not eligible, empty where neither."""

    agent_id: str
    total: float
    eligible: bool
    assigned: bool
    parts: tuple[Part, ...]
    reason: str = ""

    @property
    def explanation(self) -> str:
        """One line for a person: the total and how it came about, or why there is none."""
        if not self.eligible:
            return f"not eligible: {self.reason}"
        parts = "; ".join(f"{part.name} {part.value:.2f} x {part.weight:.0%} ({part.why})" for part in self.parts)
        return f"{self.total:.3f} = {parts}" + (f"; {self.reason}" if self.reason else "")


def roll_up(history: Mapping[tuple[str, str | None], Tally]) -> History:
    """Sums what agents did by domain into what they did under each prefix of it. Do it once, not for each task."""
    sums: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for (agent_id, domain), (passes, total) in history.items():
        for prefix in prefixes(domain):
            entry = sums[agent_id, prefix]
            entry[0] += passes
            entry[1] += total
    return History({key: (passes, total) for key, (passes, total) in sums.items()})


def prefixes(domain: str | None) -> tuple[str, ...]:
    """``data.json.extract`` -> ``("", "data", "data.json", "data.json.extract")``, general to specific."""
    parts = domain.split(".") if domain else []
    return ("", *(".".join(parts[: end + 1]) for end in range(len(parts))))


def rank(
    task: Task,
    agents: Iterable[Agent],
    roles: Mapping[str, Role],
    *,
    history: History = NO_HISTORY,
    load: Mapping[str, int] = MappingProxyType({}),
    states: Mapping[str, AgentState] = MappingProxyType({}),
    lacking: Mapping[str, frozenset[str]] = MappingProxyType({}),
) -> tuple[Score, ...]:
    """All agents, best first: eligible before not eligible, assigned before not, by score, ties by id.

    ``load`` counts the tasks each agent has open; ``states`` are the board's; ``lacking`` are the capabilities that an
    agent's model did not show in its bootstrap.
    """
    scores = [
        _score(
            task,
            agent,
            roles.get(agent.role),
            history,
            load.get(agent.id, 0),
            states.get(agent.id),
            lacking.get(agent.id, frozenset()),
        )
        for agent in agents
    ]
    return tuple(
        sorted(scores, key=lambda score: (not score.eligible, not score.assigned, -score.total, score.agent_id))
    )


def choose(scores: Sequence[Score]) -> Score | None:
    """The best eligible one of a ranking, None where nobody is."""
    return scores[0] if scores and scores[0].eligible else None


def expected_pass_rate(agent_id: str, domain: str | None, history: History) -> float:
    """The mean of the agent's pass rate in the domain, the evidence of the levels above as prior."""
    mean = PRIOR_PASSES / PRIOR_WEIGHT
    for prefix in prefixes(domain):
        passes, total = history.get((agent_id, prefix), (0, 0))
        mean = (passes + PRIOR_WEIGHT * mean) / (total + PRIOR_WEIGHT)
    return mean


def skill_of(role: Role, domain: str | None) -> tuple[str, float]:
    """The longest prefix of the domain that the role has a skill for, and the skill; 0 where it has none."""
    for prefix in reversed(prefixes(domain)):
        if prefix in role.skills:
            return prefix, role.skills[prefix]
    return "", 0.0


def named_share(capabilities: Iterable[str], domain: str | None, lacking: frozenset[str] = frozenset()) -> float:
    """The share of the domain's parts that the capabilities name, singly or as a prefix; parts that need what is
    ``lacking`` are never named."""
    parts = domain.split(".") if domain else []
    named: set[int] = set()
    for capability in capabilities:
        steps = capability.split(".")
        if parts[: len(steps)] == steps:
            named.update(range(len(steps)))
        named.update(index for index, part in enumerate(parts) if part == capability)
    kept = [index for index in named if NEEDS.get(parts[index]) not in lacking]
    return len(kept) / len(parts) if parts else 0.0


def _score(
    task: Task,
    agent: Agent,
    role: Role | None,
    history: History,
    open_tasks: int,
    state: AgentState | None,
    lacking: frozenset[str],
) -> Score:
    obstacle = _obstacle(agent, role, state)
    assigned = agent.id in task.assignees
    parts = (
        _capability(task, agent, role, lacking),
        _past(task, agent, history),
        Part("load", WEIGHTS["load"], 1 / (1 + max(0, open_tasks)), f"{_count(open_tasks, 'task')} open"),
        _availability(state, obstacle),
    )
    total = 0.0 if obstacle else sum(part.weight * part.value for part in parts)
    reason = obstacle or ("the board assigns the task to it" if assigned else "")
    return Score(agent.id, total, not obstacle, assigned, parts, reason)


def _obstacle(agent: Agent, role: Role | None, state: AgentState | None) -> str:
    if role is None:
        return f"its role '{agent.role}' is unknown"
    if "write" not in role.may:
        return f"its role '{role.name}' advises and writes no artifacts"
    if agent.paused:
        return f"paused; `metaagent agent resume {agent.id}`"
    if state is AgentState.BLOCKED:
        return "BLOCKED on the board"
    return ""


def _capability(task: Task, agent: Agent, role: Role | None, lacking: frozenset[str]) -> Part:
    prefix, skill = skill_of(role, task.domain) if role else ("", 0.0)
    named = named_share(agent.capabilities, task.domain, lacking)
    why = f"{agent.role} has skill {skill:.2f} for {prefix or 'any domain'}"
    if task.domain:
        why += f"; its capabilities name {named:.0%} of {task.domain}"
    parts = task.domain.split(".") if task.domain else []
    lost = [part for part in parts if NEEDS.get(part) in lacking]
    if lost:
        skill *= 1 - len(lost) / len(parts)
        why += f"; {agent.model} did not show what {' and '.join(lost)} needs"
    return Part("capability", WEIGHTS["capability"], 1 - (1 - skill) * (1 - named), why)


def _past(task: Task, agent: Agent, history: History) -> Part:
    tallies = [(prefix, history.get((agent.id, prefix), (0, 0))) for prefix in reversed(prefixes(task.domain))]
    known = next(((prefix, tally) for prefix, tally in tallies if tally[1]), None)
    if known is None:
        why = "no history yet; counted as one pass in two"
    else:
        prefix, (passes, total) = known
        why = f"passed {passes} of {total} in {prefix or 'all domains'}"
    return Part("history", WEIGHTS["history"], expected_pass_rate(agent.id, task.domain, history), why)


def _availability(state: AgentState | None, obstacle: str) -> Part:
    if obstacle:
        return Part("availability", WEIGHTS["availability"], 0.0, "not eligible")
    if state is AgentState.ACTIVE:
        return Part("availability", WEIGHTS["availability"], 0.5, "ACTIVE on the board")
    return Part("availability", WEIGHTS["availability"], 1.0, "IDLE on the board" if state else "not busy")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
