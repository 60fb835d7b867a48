"""What a run would do, without doing it: nothing is claimed, written or asked of a model."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from metaagent.agents.roster import find_agent
from metaagent.board.parse import BoardTask
from metaagent.board.store import read_board
from metaagent.ledger.database import Ledger
from metaagent.orchestrator.budget import Usage, used_up
from metaagent.orchestrator.crew import Crew, muster
from metaagent.orchestrator.plan import plan
from metaagent.orchestrator.snapshot import board_states, default_limits, join_all, reasons, used_before
from metaagent.orchestrator.state import RunOptions
from metaagent.records import Task
from metaagent.tasks.index import SpecIndex
from metaagent.workspace import Workspace


@dataclass(frozen=True, slots=True)
class DryLine:
    """``why`` explains the choice of the agent, or says that nobody may do the task."""

    task_id: str
    title: str
    priority: str
    agent_id: str | None
    why: str


@dataclass(frozen=True, slots=True)
class DryPlan:
    """The tasks in the order of work, and what is held back: waiting for other tasks, or left out for a reason."""

    lines: tuple[DryLine, ...]
    waiting: Mapping[str, tuple[str, ...]]
    left_out: Mapping[str, str]


def dry_plan(workspace: Workspace, options: RunOptions) -> DryPlan:
    """Read the board as it stands, without giving ids to hand-written items."""
    board = read_board(workspace.board_path)
    index = SpecIndex(workspace.root, default_limits(workspace.config))
    joined, held = join_all([_named(line) for line in board.tasks], index)
    with _known(workspace) as ledger:
        used = used_before(ledger) if ledger else {}
        crew = muster(workspace.config, ledger, board_states(board.agents))
    over = {}
    for task in joined:
        reason = used_up(task.limits, used.get(task.id, Usage()))
        if reason:
            over[task.id] = f"goes to REVIEW: {reason}"
    found = plan(joined, frozenset(options.tasks), {**reasons(held), **over})
    only = find_agent(crew.agents, options.agent).id if options.agent else None
    lines = tuple(_line(crew, task, only) for task in found.ready[: options.limit])
    return DryPlan(lines, found.waiting, found.left_out)


def _known(workspace: Workspace) -> AbstractContextManager[Ledger | None]:
    """The ledger where there is one: a look makes none."""
    return workspace.open_ledger(read_only=True) if workspace.ledger_path.exists() else nullcontext()


def _named(line: BoardTask) -> BoardTask:
    """A hand-written item gets its id only when a run writes the board."""
    return line if line.id else line._replace(id=f"(line {line.line})")


def _line(crew: Crew, task: Task, only: str | None) -> DryLine:
    scores = [score for score in crew.ranking(task) if only is None or score.agent_id == only]
    best = scores[0] if scores and scores[0].eligible else None
    why = best.explanation if best else "; ".join(f"{score.agent_id}: {score.reason}" for score in scores)
    return DryLine(task.id, task.title, str(task.priority), best.agent_id if best else None, why)
