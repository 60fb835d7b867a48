"""``metaagent status``: the workspace at a glance, read from board and ledger without changing either."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaagent.cli import listing, servers
from metaagent.cli.render import counted
from metaagent.cli.state import State, Table, current, printable

if TYPE_CHECKING:
    from metaagent.board.parse import Board
    from metaagent.ledger.database import Ledger

BLOCKERS = 10
"""More than these are counted, not listed (``--json`` has them all): a glance stays one."""


@dataclass(frozen=True, slots=True)
class Glance:
    """``blockers``: tasks in REVIEW, which wait for a person, with the reason where one is known. ``interrupted``: what
    a crash left behind and the next run heals. ``problems``: what keeps the board from being written or read."""

    workspace: Path
    board: dict[str, int]
    agents: list[dict[str, Any]]
    running: list[dict[str, Any]]
    blockers: list[dict[str, Any]]
    last_run: dict[str, Any] | None
    interrupted: dict[str, int]
    problems: list[dict[str, Any]]
    hosts: list[dict[str, Any]]


def command(
    hosts: Annotated[bool, typer.Option("--hosts", help="Ask each Ollama server now; waits 2 s at most.")] = False,
) -> None:
    """The workspace at a glance: counts, agents, running work, blockers, hosts."""
    state = current()
    found = glance(state, ask_hosts=hosts)
    state.out("status", found, *_human(found))
    state.notice(f"next: {next_step(found)}")


def glance(state: State, *, ask_hosts: bool = False) -> Glance:
    board = state.board()
    hosts = servers.asked(state.config()) if ask_hosts else servers.remembered(state.workspace())
    if state.has_ledger():
        with state.ledger(read_only=True) as ledger:
            return _look(state, board, ledger, hosts)
    return _look(state, board, None, hosts)


def _look(state: State, board: Board, ledger: Ledger | None, hosts: list[dict[str, Any]]) -> Glance:
    from metaagent.records import Status

    counts = {status.value: 0 for status in Status}
    for task in board.tasks:
        counts[task.status.value] += 1
    return Glance(
        workspace=state.workspace().root,
        board=counts,
        agents=_agents(board, ledger),
        running=_running(board, ledger),
        blockers=_blockers(board, ledger),
        last_run=_last_run(ledger),
        interrupted=_interrupted(ledger),
        problems=[{"line": one.line, "message": one.message, "mend": one.mend} for one in listing.problems(board)],
        hosts=hosts,
    )


def _agents(board: Board, ledger: Ledger | None) -> list[dict[str, Any]]:
    paused: frozenset[str] = frozenset()
    if ledger is not None:
        from metaagent.ledger.agent_states import paused as paused_agents

        paused = frozenset(paused_agents(ledger))
    return [
        {"id": agent.id, "state": "PAUSED" if agent.id in paused else agent.state, "note": agent.note}
        for agent in board.agents
    ]


def _running(board: Board, ledger: Ledger | None) -> list[dict[str, Any]]:
    if ledger is None:
        return []
    from metaagent.ledger import claims

    titles = {task.id: task.title for task in board.tasks}
    return [
        {"task": claim.task_id, "title": titles.get(claim.task_id, ""), "agent": claim.agent_id, "pid": claim.pid}
        for claim in claims.live(ledger, datetime.now(UTC))
    ]


def _blockers(board: Board, ledger: Ledger | None) -> list[dict[str, Any]]:
    reasons: dict[str, str] = {}
    if ledger is not None:
        from metaagent.ledger.tasks import last_reasons

        reasons = last_reasons(ledger, "REVIEW")
    return [
        {"task": task.id, "title": task.title, "reason": reasons.get(task.id or "", "waits for a decision")}
        for task in board.tasks
        if task.status.value == "REVIEW"
    ]


def _last_run(ledger: Ledger | None) -> dict[str, Any] | None:
    if ledger is None:
        return None
    from metaagent.ledger import runs

    row = runs.last(ledger, "run")
    if row is None:
        return None
    summary = json.loads(row["summary"]) if row["summary"] else None
    names = ("id", "started", "ended", "status", "attempts")
    return {**{name: row[name] for name in names}, "summary": summary}


def _interrupted(ledger: Ledger | None) -> dict[str, int]:
    """Open intents of dead processes, leases of dead runs, and attempts that nobody works on any more."""
    if ledger is None:
        return {"operations": 0, "claims": 0, "attempts": 0}
    from metaagent.ledger import attempts, claims, operations

    now = datetime.now(UTC)
    return {
        "operations": sum(one.abandoned for one in operations.pending(ledger)),
        "claims": len(claims.stale(ledger, now)),
        "attempts": len(attempts.unfinished(ledger, now)),
    }


def _human(found: Glance) -> list[str | Table]:
    counts = "  ".join(f"{name} {count}" for name, count in found.board.items())
    parts: list[str | Table] = [printable(str(found.workspace)), counts]
    if found.last_run:
        parts.append(_run_line(found.last_run))
    if found.agents:
        rows = [(agent["id"], agent["state"], agent["note"]) for agent in found.agents]
        parts += ["", Table(["agent", "state", "note"], rows)]
    if found.running:
        rows = [(one["task"], one["agent"], one["title"]) for one in found.running]
        parts += ["", Table(["running", "agent", "title"], rows)]
    if found.blockers:
        rows = [(one["task"] or "-", one["reason"], one["title"]) for one in found.blockers[:BLOCKERS]]
        parts += ["", Table(["blocker", "reason", "title"], rows)]
        if len(found.blockers) > BLOCKERS:
            parts.append(f"... and {len(found.blockers) - BLOCKERS} more: metaagent task list --status REVIEW")
    if found.hosts:
        host_rows = [(one["url"], one["state"], one["note"]) for one in found.hosts]
        parts += ["", Table(["host", "state", "note"], host_rows)]
    if any(found.interrupted.values()):
        left = ", ".join(f"{count} {name}" for name, count in found.interrupted.items() if count)
        parts += ["", f"interrupted: {left}; the next run heals them"]
    for problem in found.problems:
        parts += ["", printable(f"WORKING.md:{problem['line']}: {problem['message']}")]
    return parts


def _run_line(run: dict[str, Any]) -> str:
    state = run["status"] or "has not ended"
    return f"last run {str(run['started'])[:19].replace('T', ' ')}: {state}, {counted(run['attempts'], 'attempt')}"


def next_step(found: Glance) -> str:
    if found.problems:
        return "metaagent board check"
    if found.blockers and found.blockers[0]["task"]:
        return f"metaagent task why {found.blockers[0]['task']}"
    if found.board["INBOX"] or found.board["ASSIGNED"]:
        return "metaagent run"
    return 'metaagent task add "something to do"'
