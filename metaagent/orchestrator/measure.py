"""Attempts that measure: any task under any protocol, recorded with their purpose, never touching the board."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from metaagent.errors import UsageError
from metaagent.inference.base import ChatRequest
from metaagent.inference.gateway import Gateway
from metaagent.learning.splits import salted
from metaagent.ledger import attempts, replies
from metaagent.ledger.database import Ledger
from metaagent.ledger.ulid import new_ulid
from metaagent.ledger.writer import Statement
from metaagent.orchestrator.attempt import Assignment, Hands, attempt
from metaagent.orchestrator.budget import Usage
from metaagent.orchestrator.crew import Crew
from metaagent.orchestrator.judging import Judge
from metaagent.records import Agent, Attempt, Limits, Outcome, Protocol, Purpose, Reply, Step, Task
from metaagent.workspace import Workspace

Chat = Callable[[ChatRequest], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Stand:
    """What measuring attempts are made with. ``agent`` None: the best one for each task."""

    workspace: Workspace
    ledger: Ledger
    run_id: str
    gateway: Gateway
    crew: Crew
    judge: Judge
    purpose: Purpose
    agent: str | None = None
    retries: int = 0


def agent_for(stand: Stand, task: Task) -> Agent:
    """Raises UsageError where nobody may do it."""
    agent = stand.crew.choose(replace(task, assignees=()), stand.agent)
    if agent is None:
        raise UsageError(f"no agent may do {task.id}", mend="metaagent agent list")
    return agent


async def measure(stand: Stand, task: Task, agent: Agent, protocol: Protocol, chat: Chat | None = None) -> Attempt:
    """One attempt, in the ledger when it returns. The task's own limits do not hold: both arms get the same."""
    attempt_id, rows = new_ulid(), list[Statement]()

    def keep(_attempt: str, step: Step) -> None:
        rows.extend(attempts.step_batch(attempt_id, step, stand.run_id))

    assignment = Assignment(
        id=attempt_id,
        task=replace(task, limits=Limits(attempts=None)),
        agent=agent,
        role=stand.crew.roles[agent.role],
        protocol=protocol,
        settings=stand.workspace.config.model(agent.model),
        purpose=stand.purpose,
        retries=stand.retries,
    )
    started = datetime.now(UTC)
    hands = Hands(chat or stand.gateway.chat, stand.judge, keep, lambda: datetime.now(UTC), new_ulid)
    made = await attempt(assignment, hands)
    start = attempts.start_batch(
        attempt_id, stand.run_id, task, agent, protocol.hash, stand.purpose, 1, started, ledger=stand.ledger
    )
    end = attempts.end_batch(made, run_id=stand.run_id, backend=stand.gateway.backend.name)
    await asyncio.wrap_future(stand.ledger.submit([*start, *rows, *end]))
    return made


async def pair(
    stand: Stand, journal: Journal, task: Task, control: Protocol, candidate: Protocol
) -> tuple[Attempt, Attempt]:
    """Both attempts at one task, one after the other; which comes first is by a hash, so that neither has the habit."""
    agent = agent_for(stand, task)
    candidate_first = int(salted(journal.name, "arm", task.id), 16) % 2 == 1
    arms = [control, candidate]
    made: dict[str, Attempt] = {}
    for protocol in reversed(arms) if candidate_first else arms:
        attempt = await measure(stand, task, agent, protocol, journal.chat)
        if attempt.outcome is Outcome.INCONCLUSIVE:  # once more: infrastructure breaks for a moment, mostly
            attempt = await measure(stand, task, agent, protocol, journal.chat)
        made[protocol.hash] = attempt
    return made[control.hash], made[candidate.hash]


@dataclass(slots=True)
class Journal:
    """The replies of one trial, or of one confirmation of an alarm, durable before they are used: what was killed does
    not ask again, and where both arms send the identical prompt and options, one reply serves both."""

    ledger: Ledger
    gateway: Gateway
    name: str
    spent: Usage = field(default_factory=Usage)
    _asked: dict[str, asyncio.Future[Reply]] = field(default_factory=dict)

    async def chat(self, request: ChatRequest) -> Reply:
        key = self._key(request)
        known = self._asked.get(key)
        if known is not None:  # being asked by another attempt in this moment
            return replace(await known, cached=True, calls=0)
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._asked[key] = future
        try:
            reply = await self._ask(key, request)
        except BaseException as error:
            future.set_exception(error)
            future.exception()  # it is raised here; whoever else waits gets it too
            raise
        else:
            future.set_result(reply)
            return reply
        finally:
            del self._asked[key]

    async def _ask(self, key: str, request: ChatRequest) -> Reply:
        stored = replies.LedgerReplyCache(self.ledger).get(key)
        if stored is not None:
            return stored
        reply = await self.gateway.chat(request)
        tokens = (reply.prompt_tokens or 0) + (reply.reply_tokens or 0)
        self.spent = self.spent.plus(Usage(calls=reply.calls, tokens=tokens))
        await asyncio.wrap_future(self.ledger.submit(replies.put_batch(key, reply, self.ledger.now())))
        return reply

    def _key(self, request: ChatRequest) -> str:
        options = request.options
        value = [
            request.model,
            [[message.role, message.content] for message in request.messages],
            [options.num_ctx, options.num_predict, options.temperature, options.seed, options.repeat_penalty],
            list(options.stop),
            request.schema,
        ]
        return f"{self.name}:{hashlib.sha256(json.dumps(value, ensure_ascii=False).encode()).hexdigest()}"
