"""Frozen values that cross rooms. No behaviour beyond small derived properties, and no imports of ours.

Times are timezone-aware UTC ``datetime`` values; durations are seconds; token counts are ``None`` where the backend
did not say. Ids are ULIDs (26 characters, sortable by time) made by the writer, except task ids (``TASK-001``), agent
ids (``agent:ROLE:NAME``) and board stamps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Literal

Logprobs = Mapping[str, Mapping[str, float]]
"""Path of a field -> value as JSON, or another token -> log-probability that the model would have written it there."""


class Status(StrEnum):
    """The five sections of the board."""

    INBOX = "INBOX"
    ASSIGNED = "ASSIGNED"
    IN_PROGRESS = "IN_PROGRESS"
    REVIEW = "REVIEW"
    DONE = "DONE"


class AgentState(StrEnum):
    ACTIVE = "ACTIVE"
    IDLE = "IDLE"
    BLOCKED = "BLOCKED"


class Priority(StrEnum):
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class Outcome(StrEnum):
    """What a verdict or an attempt came to. Inconclusive: a check or the infrastructure broke, or nothing checked."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


class ErrorKind(StrEnum):
    FORMAT = "format"
    SYNTAX = "syntax"
    NAME = "name"
    SIGNATURE = "signature"
    EXCEPTION = "exception"
    ASSERTION = "assertion"
    TIMEOUT = "timeout"
    RESOURCE = "resource"
    SCHEMA = "schema"
    TOOL = "tool"
    CONTEXT = "context"
    MODEL = "model"
    REJECTION = "rejection"
    INFRASTRUCTURE = "infrastructure"


class Strategy(StrEnum):
    """How an attempt is made. Conversational: one call. Reasoning: plan, then write. Deterministic: no model call."""

    CONVERSATIONAL = "conversational"
    REASONING = "reasoning"
    DETERMINISTIC = "deterministic"


class Rung(StrEnum):
    """One step of the retry ladder inside an attempt, in this order."""

    CONVERSATIONAL = "conversational"
    FRESH = "fresh"
    SAMPLE = "sample"
    PLAN = "plan"


class Purpose(StrEnum):
    """Why an attempt was made. Only RUN touches the board."""

    RUN = "run"
    EVALUATE = "evaluate"
    TRIAL = "trial"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one task may use up in all its attempts together; ``None``: no limit. Cost is in the config's currency."""

    attempts: int | None = 3
    seconds: float | None = None
    tokens: int | None = None
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One validator call of a task. A public check needs no answer key and its findings may be told to the agent;
    the evidence of a key check goes to the ledger and to learning, never into a prompt for that task."""

    validator: str
    public: bool
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ArtifactForm:
    """What an agent has to deliver. ``schema`` is a JSON Schema, told to the agent and used for constrained output."""

    format: str = "text"
    schema: Mapping[str, Any] | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A unit of work: the board's line, joined with its specification where it has one.

    ``hash`` names the content that attempts are judged by (goal, inputs, artifact, checks), so that evidence of an
    older version of the task is never mixed with evidence of this one. ``group`` is the content group (near-duplicates
    share one); ``family`` the stratum. ``reference`` is a known good artifact; it is an answer and never enters a
    prompt of this task.
    """

    id: str
    title: str
    status: Status = Status.INBOX
    goal: str = ""
    domain: str | None = None
    priority: Priority = Priority.NORMAL
    due: date | None = None
    assignees: tuple[str, ...] = ()
    depends: tuple[str, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    artifact: ArtifactForm = field(default_factory=ArtifactForm)
    checks: tuple[Check, ...] = ()
    limits: Limits = field(default_factory=Limits)
    strategy: Strategy | None = None
    set: str | None = None
    group: str | None = None
    family: str | None = None
    reference: str | None = None
    source: str | None = None
    hash: str = ""


@dataclass(frozen=True, slots=True)
class Brief:
    """All of a task that a prompt may be rendered from. It has no field for key checks or the reference, so a prompt
    cannot hold the answer that it is judged by. ``group`` is a hash of the content group, which keeps near-duplicates
    apart; it is compared, never shown."""

    task_id: str
    title: str
    goal: str
    domain: str | None
    inputs: Mapping[str, str]
    artifact: ArtifactForm
    group: str = ""

    @property
    def own_text(self) -> str:
        """What tells this task from others of its set: its inputs; the goal of a task without any."""
        return "\n".join(self.inputs.values()) if self.inputs else self.goal


@dataclass(frozen=True, slots=True)
class Role:
    """A kind of agent, as data. ``system`` and ``task`` are prompt templates with ``{placeholders}``; ``skills`` maps
    a domain prefix to a score in [0, 1] for how suited the role is; ``may`` lists what it may do (agents/roles.yaml).
    """

    name: str
    purpose: str
    system: str
    task: str
    capabilities: tuple[str, ...] = ()
    skills: Mapping[str, float] = field(default_factory=dict)
    may: tuple[str, ...] = ("write",)


@dataclass(frozen=True, slots=True)
class Agent:
    """A named role with a model. ``heartbeat`` is in seconds, ``None`` for never."""

    id: str
    role: str
    model: str
    capabilities: tuple[str, ...] = ()
    temperature: float = 0.0
    heartbeat: float | None = None
    paused: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Remedy:
    """One candidate change. ``kind`` is fixer, option, check, strategy, exemplar, rule or route."""

    kind: str
    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Protocol:
    """The versioned, immutable set of remedies in force for a domain and model. Version 0 is empty: one model call,
    nothing added. ``hash`` is the SHA-256 of its canonical JSON (domain, model, remedies)."""

    version: int = 0
    domain: str = ""
    model: str = ""
    remedies: tuple[Remedy, ...] = ()
    hash: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model answered to one call, and what it cost.

    ``finish`` is ``stop`` or ``length`` as the backend said, or ``repetition`` where our watchdog ended it. ``seconds``
    is the wall time of the call, queueing for a slot excluded; ``model_seconds`` the time the model worked on it;
    ``truncated`` is None where it cannot be known. ``calls`` counts requests sent, retries included (0: cached).
    ``logprobs``: what the model weighed in the place of each field of few values (inference/logprobs.py); empty where
    the backend does not tell.
    """

    text: str
    model: str
    digest: str
    backend: str
    finish: str
    prompt_tokens: int | None
    reply_tokens: int | None
    seconds: float
    model_seconds: float
    truncated: bool | None = None
    cached: bool = False
    calls: int = 1
    logprobs: Logprobs = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check saw go wrong. ``location`` is a JSON path, a line or a test id; ``expected`` and ``got``
    are JSON texts where the check compares values."""

    kind: ErrorKind
    message: str
    location: str = ""
    expected: str | None = None
    got: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check said. ``held`` of ``checked`` things held; a check that broke is inconclusive, with one finding of
    kind infrastructure."""

    validator: str
    public: bool
    outcome: Outcome
    checked: int
    held: int
    findings: tuple[Finding, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class ErrorEvent:
    """One typed failure with its evidence. ``validator`` is empty for failures outside of checks (model, context)."""

    id: str
    attempt_id: str
    step: int
    task_id: str
    kind: ErrorKind
    message: str
    validator: str = ""
    public: bool = True
    location: str = ""
    expected: str | None = None
    got: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One model call, fixer or validation inside an attempt, numbered from 1, with the full texts. ``output`` is what a
    fixer made of the reply."""

    number: int
    kind: Literal["model", "validation", "fixer", "tool"]
    name: str
    started: datetime
    seconds: float
    prompt: str | None = None
    reply: Reply | None = None
    verdicts: tuple[Verdict, ...] = ()
    error: str | None = None
    output: str | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of one agent at one task under one protocol version, complete. A pure value: it can be made anywhere.

    ``score`` is the share of the task's key units (public ones where it has no key check) that held in the best rung.
    ``reason`` says in one line why it ended as it did.
    """

    id: str
    task_id: str
    task_hash: str
    agent_id: str
    model: str
    digest: str
    protocol: str
    purpose: Purpose
    number: int
    started: datetime
    ended: datetime
    outcome: Outcome
    score: float
    reason: str
    rungs: int
    passed_first: bool
    calls: int
    prompt_tokens: int
    reply_tokens: int
    model_seconds: float
    cost: float
    artifact: str | None
    steps: tuple[Step, ...] = ()
    events: tuple[ErrorEvent, ...] = ()
