"""One pass for the agents that are due, as cron calls it. Who is due is a pure decision; a failed pass is repeated."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from metaagent.agents.roster import find_agent, roster
from metaagent.errors import BackendError, InterruptedRunError, MetaagentError
from metaagent.ledger import agent_states, heartbeats
from metaagent.ledger.heartbeats import Beat
from metaagent.orchestrator.events import Observer, Summary
from metaagent.orchestrator.session import run
from metaagent.orchestrator.state import RunOptions
from metaagent.records import Agent
from metaagent.workspace import Workspace

TRIES = 3
FIRST_PAUSE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Pulse:
    """What one agent's heartbeat came to. ``summary`` is None where it failed, ``message`` then says why."""

    agent_id: str
    ok: bool
    tries: int
    message: str
    summary: Summary | None = None

    @property
    def status(self) -> int:
        """The exit status that it leads to."""
        if self.summary is not None:
            return self.summary.status
        return 0 if self.ok else BackendError.exit_status

    @property
    def interrupted(self) -> bool:
        return self.summary is not None and self.summary.status == InterruptedRunError.exit_status


def due(agents: Iterable[Agent], beats: Mapping[str, Beat], now: datetime) -> tuple[Agent, ...]:
    """The agents whose last heartbeat is at least one interval ago, or never was; not the paused, nor those without
    an interval. The longest overdue comes first. A tenth of the interval is forgiven, since cron counts in minutes."""
    waits = []
    for agent in agents:
        if agent.paused or agent.heartbeat is None:
            continue
        beat = beats.get(agent.id)
        late = (now - beat.time) - timedelta(seconds=0.9 * agent.heartbeat) if beat else timedelta.max
        if late >= timedelta(0):
            waits.append((late, agent))
    waits.sort(key=lambda pair: pair[1].id)
    waits.sort(key=lambda pair: pair[0], reverse=True)
    return tuple(agent for _, agent in waits)


def heartbeat(
    workspace: Workspace,
    options: RunOptions,
    observe: Observer,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[Pulse, ...]:
    """Run every due agent once, one after the other; ``options.agent`` names one, due or not.

    A pass that the backend or another failure ended is tried again, three times in all; the result is in the ledger.
    """
    with workspace.open_ledger() as ledger:
        agents = roster(workspace.config, agent_states.paused(ledger))
        beats = heartbeats.last(ledger)
    if options.agent:
        chosen: tuple[Agent, ...] = (find_agent(agents, options.agent),)
    else:
        chosen = due(agents, beats, datetime.now(UTC))
    pulses: list[Pulse] = []
    for agent in chosen:
        pulses.append(_beat(workspace, replace(options, agent=agent.id), observe, sleep))
        if pulses[-1].interrupted:
            break
    return tuple(pulses)


def _beat(workspace: Workspace, options: RunOptions, observe: Observer, sleep: Callable[[float], None]) -> Pulse:
    agent_id = options.agent or ""
    for tried in range(1, TRIES + 1):
        try:
            summary = run(workspace, options, observe)
        except MetaagentError as error:
            last = tried == TRIES or not isinstance(error, BackendError)
            if last:
                return _note(workspace, Pulse(agent_id, False, tried, error.message))
        else:
            if summary.status in (0, 1, InterruptedRunError.exit_status) or tried == TRIES:
                return _note(
                    workspace, Pulse(agent_id, summary.status in (0, 1), tried, summary.stopped or "", summary)
                )
        sleep(FIRST_PAUSE_SECONDS * 2 ** (tried - 1))
    raise AssertionError("the last try returns")


def _note(workspace: Workspace, pulse: Pulse) -> Pulse:
    with workspace.open_ledger() as ledger:
        heartbeats.record(ledger, pulse.agent_id, "ok" if pulse.ok else "failed", pulse.tries, pulse.message)
    return pulse
