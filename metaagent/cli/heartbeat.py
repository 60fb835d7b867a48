"""``metaagent heartbeat``: one pass for the agents that are due."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from metaagent.cli.complete import one_of
from metaagent.cli.locking import IF_LOCKED
from metaagent.cli.state import Column, Table, complete_agent, current

if TYPE_CHECKING:
    from metaagent.orchestrator.heartbeat import Pulse


def command(
    agent: Annotated[
        str | None, typer.Option(metavar="AGENT", help="This agent, due or not.", autocompletion=complete_agent)
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most this many attempts for each agent.")] = None,
    budget: Annotated[str | None, typer.Option(metavar="BUDGET", help="10m, 200calls or 50ktokens.")] = None,
    if_locked: Annotated[
        str, typer.Option(**one_of(IF_LOCKED), help="What to do while another heartbeat is going on.")
    ] = "skip",
) -> None:
    """One pass for the agents that are due; made for cron."""
    from metaagent.cli.progress import watching
    from metaagent.orchestrator.budget import parse_budget
    from metaagent.orchestrator.heartbeat import heartbeat
    from metaagent.orchestrator.runlock import run_lock
    from metaagent.orchestrator.state import RunOptions

    state = current()
    options = RunOptions(agent=agent, limit=limit, budget=parse_budget(budget or None), command="heartbeat")
    with run_lock(state.workspace(), if_locked) as held:
        if not held:
            state.notice("another heartbeat or run is going on; nothing done")
            state.out("heartbeat", [])
            return
        with watching(state) as observer:
            pulses = heartbeat(state.workspace(), options, observer)
    rows = [
        (pulse.agent_id, "ok" if pulse.ok else "failed", pulse.tries, *_counts(pulse), pulse.message)
        for pulse in pulses
    ]
    columns: list[Column | str] = [
        "agent",
        "result",
        Column("tries", True),
        Column("tasks", True),
        Column("passed", True),
        "message",
    ]
    table = Table(columns, rows, empty="" if state.quiet else "no agent is due")
    state.out("heartbeat", pulses, *([] if state.quiet else [table]))
    for pulse in pulses:
        if not pulse.ok:
            state.warn(f"error: heartbeat of {pulse.agent_id} failed after {pulse.tries} tries: {pulse.message}")
    raise typer.Exit(max((pulse.status for pulse in pulses), default=0))


def _counts(pulse: Pulse) -> tuple[int | None, int | None]:
    """Tasks and passes of a heartbeat; nothing where it failed before there were any."""
    return (pulse.summary.tasks, pulse.summary.passed) if pulse.summary else (None, None)
