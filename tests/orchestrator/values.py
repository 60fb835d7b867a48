"""Small values, and hands that answer from a list: an attempt without ledger, board or gateway."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from metaagent.agents.roles import built_in_roles
from metaagent.config import ModelConfig
from metaagent.errors import ReplyError
from metaagent.inference.base import ChatRequest
from metaagent.orchestrator.attempt import Assignment, Hands
from metaagent.records import (
    Agent,
    ArtifactForm,
    Attempt,
    Check,
    Limits,
    Outcome,
    Protocol,
    Purpose,
    Reply,
    Status,
    Step,
    Task,
    Verdict,
)
from metaagent.validators.base import judge

AGENT = Agent("agent:executor:main", "executor", "small")
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
SCHEMA = {"type": "object", "required": ["total"], "properties": {"total": {"type": "integer"}}}
CHECKS = (
    Check("json.parse", True),
    Check("json.schema", True, {"schema": SCHEMA}),
    Check("json.expected", False, {"values": {"total": 90210}}),
)


def make_task(task_id: str = "TASK-001", **fields: Any) -> Task:
    given: dict[str, Any] = {
        "goal": "Extract the total.",
        "domain": "data.json.extract",
        "inputs": {"text": "A total of some sort."},
        "artifact": ArtifactForm("json", SCHEMA),
        "checks": CHECKS,
        "hash": f"hash-{task_id}",
    }
    return Task(task_id, f"Title of {task_id}", **{**given, **fields})


def make_reply(text: str, finish: str = "stop", **fields: Any) -> Reply:
    given = {"prompt_tokens": 10, "reply_tokens": 5, "seconds": 0.5, "model_seconds": 0.25}
    return Reply(text, "small", "digest", "fake", finish, **{**given, **fields})


def make_attempt(outcome: Outcome = Outcome.FAIL, **fields: Any) -> Attempt:
    given: dict[str, Any] = {
        "id": "A1",
        "task_id": "TASK-001",
        "task_hash": "hash",
        "agent_id": AGENT.id,
        "model": "small",
        "digest": "",
        "protocol": "",
        "purpose": Purpose.RUN,
        "number": 1,
        "started": START,
        "ended": START + timedelta(seconds=2),
        "score": 0.5,
        "reason": "because",
        "rungs": 1,
        "passed_first": False,
        "calls": 1,
        "prompt_tokens": 10,
        "reply_tokens": 5,
        "model_seconds": 0.1,
        "cost": 0.0,
        "artifact": "{}",
    }
    return Attempt(outcome=outcome, **{**given, **fields})


def failed_step(reason: str = "idle") -> Step:
    return Step(2, "model", "fresh", START, 0.1, "prompt", error=f"{reason}: broken")


@dataclass
class Fake:
    """``replies`` in turn: a text, a Reply, or an error to raise. Keeps requests, steps and what was judged."""

    replies: list[str | Reply | Exception]
    stop: Callable[[], str | None] = lambda: None
    verdicts: Callable[[str], tuple[Verdict, ...]] | None = None
    requests: list[ChatRequest] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    judged: list[str] = field(default_factory=list)

    def hands(self) -> Hands:
        ids = count(1)
        return Hands(
            chat=self._chat,
            judge=self._judge,
            on_step=lambda _attempt, step: self.steps.append(step),
            now=lambda: START + timedelta(seconds=next(ids)),
            new_id=lambda: f"E{next(ids)}",
            stop=self.stop,
        )

    async def _chat(self, request: ChatRequest) -> Reply:
        self.requests.append(request)
        answer = self.replies.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return make_reply(answer) if isinstance(answer, str) else answer

    async def _judge(self, artifact: str, checks: Sequence[Check], _task: Task) -> tuple[Verdict, ...]:
        self.judged.append(artifact)
        return self.verdicts(artifact) if self.verdicts else judge(artifact, checks)

    def prompt(self, index: int = -1) -> str:
        return "\n".join(message.content for message in self.requests[index].messages)


def make_assignment(task: Task | None = None, **fields: Any) -> Assignment:
    given: dict[str, Any] = {
        "id": "A1",
        "task": task or make_task(),
        "agent": AGENT,
        "role": built_in_roles()["executor"],
        "protocol": Protocol(),
        "settings": ModelConfig(),
    }
    return Assignment(**{**given, **fields})


def reply_error(reason: str) -> ReplyError:
    return ReplyError(f"fake: {reason}", reason=reason)


def open_task(task_id: str, status: Status = Status.INBOX, **fields: Any) -> Task:
    return make_task(task_id, status=status, limits=fields.pop("limits", Limits()), **fields)
