"""What a run is asked for, and its state while it lasts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from metaagent.errors import MetaagentError
from metaagent.inference.gateway import Gateway
from metaagent.ledger.database import Ledger
from metaagent.ledger.protocols import InForce
from metaagent.ledger.writer import Statement
from metaagent.orchestrator.advisers import Advisers
from metaagent.orchestrator.budget import Budget, Usage, spent
from metaagent.orchestrator.crew import Crew
from metaagent.orchestrator.events import Observer, Result
from metaagent.orchestrator.judging import Judge
from metaagent.orchestrator.plan import Queue
from metaagent.orchestrator.snapshot import Obstacle
from metaagent.orchestrator.writer import BoardWriter
from metaagent.workspace import Workspace


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What was asked for. ``tasks`` empty: every open task. ``all``: try again until nothing can be tried again;
    otherwise each task is attempted at most once. ``retries`` and ``jobs`` None: as configured."""

    tasks: tuple[str, ...] = ()
    all: bool = False
    agent: str | None = None
    jobs: int | None = None
    limit: int | None = None
    retries: int | None = None
    budget: Budget = field(default_factory=Budget)
    command: str = "run"


@dataclass(slots=True)
class Session:
    """The state of one run, alive as long as the run."""

    workspace: Workspace
    options: RunOptions
    observe: Observer
    ledger: Ledger
    run_id: str
    gateway: Gateway
    writer: BoardWriter
    crew: Crew
    retries: int
    jobs: int
    lease: float
    queue: Queue = field(default_factory=Queue)
    usage: dict[str, Usage] = field(default_factory=dict)
    seen: Mapping[str, int] = field(default_factory=dict)
    started: int = 0
    tried: set[str] = field(default_factory=set)
    results: list[Result] = field(default_factory=list)
    begun_at: float = field(default_factory=time.monotonic)
    steps: dict[str, list[Statement]] = field(default_factory=dict)
    running: set[asyncio.Task[None]] = field(default_factory=set)
    finishing: set[asyncio.Task[None]] = field(default_factory=set)
    active: set[str] = field(default_factory=set)
    domains: tuple[str, ...] = ()
    active_protocols: dict[tuple[str | None, str], InForce] = field(default_factory=dict)
    advisers: Advisers | None = None
    judge: Judge | None = None
    broken: int = 0
    stopped: str | None = None
    full: str | None = None
    obstacles: dict[str, Obstacle] = field(default_factory=dict)
    interrupted: bool = False
    failure: MetaagentError | None = None

    def now(self) -> datetime:
        return datetime.now(UTC)

    def stop(self, reason: str, failure: MetaagentError | None = None) -> None:
        """Start nothing more; the first reason stands."""
        self.stopped = self.stopped or reason
        self.failure = self.failure or failure

    def open(self) -> bool:
        """Whether new attempts may start: nothing stopped the run, and its limit of attempts is not reached."""
        return not self.stopped and not self.full

    def interrupt(self) -> None:
        """Ctrl-C or SIGTERM: end what is running, keep what is finished. A second call changes nothing: what is being
        given back must not be cancelled while it is."""
        if self.interrupted:
            return
        self.stop("interrupted")
        self.interrupted = True
        # One turn of the loop later: a task that is cancelled before its first step never runs, and could not give its
        # claim back.
        loop = asyncio.get_running_loop()
        for task in self.running:
            loop.call_soon(task.cancel)

    @property
    def spent(self) -> Usage:
        """What went through the gateway: also the calls of advisers, and those that failed."""
        used = self.gateway.usage
        seconds = time.monotonic() - self.begun_at
        return Usage(seconds=seconds, tokens=used.prompt_tokens + used.reply_tokens, calls=used.calls)

    def why_stop(self) -> str | None:
        """Why no further rung or attempt may start, or None."""
        return self.stopped or spent(self.options.budget, self.spent)
