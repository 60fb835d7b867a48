"""Agents that advise: they fill in a missing domain, plan a strategy, word a failure, comment on an artifact.

Advice never judges and never enters an attempt's prompt. A question that fails, or an answer of no use, is no advice.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from metaagent.agents import advice
from metaagent.agents.prompts import Feedback
from metaagent.config import Config
from metaagent.errors import ReplyError
from metaagent.inference.base import ChatRequest, Options
from metaagent.orchestrator.attempt import transcript
from metaagent.orchestrator.strategies import seed
from metaagent.records import Agent, Brief, ErrorKind, Reply, Role, Step, Strategy

_COMMENT_TOKENS = 400


@dataclass(frozen=True, slots=True)
class Said:
    """Advice in words for a person: who says it, in which role, and what."""

    agent_id: str
    role: str
    body: str


@dataclass(slots=True)
class Advisers:
    """The advising agents of a workspace. ``steps`` collects the calls made since it was last taken."""

    agents: Sequence[Agent]
    roles: Mapping[str, Role]
    config: Config
    chat: Callable[[ChatRequest], Awaitable[Reply]]
    now: Callable[[], datetime]
    strategies: dict[str, Strategy | None] = field(default_factory=dict)

    def who(self, ability: str) -> list[tuple[Agent, Role]]:
        """The agents that are not paused and whose role may do this: domain, why, comment or strategy."""
        pairs = [(agent, self.roles[agent.role]) for agent in self.agents if not agent.paused]
        return [(agent, role) for agent, role in pairs if ability in role.may]

    async def domain(self, brief: Brief, known: Collection[str], steps: list[Step]) -> str | None:
        """A domain for a task that has none, out of those that exist; None where nobody can say."""
        for agent, role in self.who("domain")[:1]:
            reply = await self._ask(agent, advice.ask_domain(role, brief, known), "domain", brief.task_id, steps)
            return advice.read_domain(reply, known) if reply else None
        return None

    async def strategy(self, brief: Brief, shared: str, steps: list[Step]) -> Strategy | None:
        """How a task that leaves it open is made; asked once for all tasks of one set (``shared`` names it)."""
        for agent, role in self.who("strategy")[:1]:
            if shared not in self.strategies:
                reply = await self._ask(agent, advice.ask_strategy(role, brief), "strategy", brief.task_id, steps)
                self.strategies[shared] = advice.read_strategy(reply) if reply else None
            return self.strategies[shared]
        return None

    async def why(self, brief: Brief, known: Feedback, kinds: Sequence[ErrorKind], steps: list[Step]) -> list[Said]:
        """Why a task failed, in words for a person."""
        for agent, role in self.who("why")[:1]:
            reply = await self._ask(agent, advice.ask_why(role, brief, known, kinds), "why", brief.task_id, steps)
            words = advice.read_why(reply) if reply else None
            return [Said(agent.id, role.name, words)] if words else []
        return []

    async def comments(self, brief: Brief, artifact: str, steps: list[Step]) -> list[Said]:
        """What validator and qa say about an artifact that nothing checks: advice to the person who decides."""
        said = []
        for agent, role in self.who("comment"):
            reply = await self._ask(agent, advice.ask_comment(role, brief, artifact), "comment", brief.task_id, steps)
            comment = advice.read_comment(reply) if reply else None
            if comment:
                concerns = "".join(f"\n- {concern}" for concern in comment.concerns)
                said.append(Said(agent.id, role.name, comment.text + concerns))
        return said

    async def _ask(
        self, agent: Agent, question: advice.Question, name: str, task_id: str, steps: list[Step]
    ) -> str | None:
        settings = self.config.model(agent.model)
        options = Options(
            num_ctx=settings.num_ctx,
            num_predict=min(settings.num_predict, _COMMENT_TOKENS),
            temperature=agent.temperature,
            seed=seed(task_id, 0),
            repeat_penalty=settings.repeat_penalty,
        )
        request = ChatRequest(agent.model, question.messages, options, question.schema, agent=agent.id)
        number, started, clock = len(steps) + 1, self.now(), time.perf_counter()
        reply, failure = None, None
        try:
            reply = await self.chat(request)
        except ReplyError as error:
            failure = f"{error.reason}: {error.message}"
        prompt, seconds = transcript(question.messages), time.perf_counter() - clock
        steps.append(Step(number, "model", f"advice.{name}", started, seconds, prompt, reply, error=failure))
        return reply.text if reply else None
