"""``metaagent run``: work through the board."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from metaagent.cli.complete import one_of
from metaagent.cli.locking import IF_LOCKED
from metaagent.cli.state import complete_agent, complete_task, current

if TYPE_CHECKING:
    from metaagent.orchestrator.events import Summary
    from metaagent.workspace import Workspace


def command(
    task: Annotated[
        list[str] | None, typer.Argument(help="Task ids; default: every open task.", autocompletion=complete_task)
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Go on until no task can be tried again.")] = False,
    agent: Annotated[
        str | None, typer.Option(metavar="AGENT", help="Only this agent.", autocompletion=complete_agent)
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, max=256, help="Attempts at once; default: the backend's slots.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Start at most this many attempts.")] = None,
    retries: Annotated[int | None, typer.Option(min=0, max=10, help="Further rungs after the first try.")] = None,
    budget: Annotated[str | None, typer.Option(metavar="BUDGET", help="10m, 200calls or 50ktokens.")] = None,
    if_locked: Annotated[
        str | None, typer.Option(**one_of(IF_LOCKED), help="Be the only run; what to do when one is going on.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and by whom.")] = False,
) -> None:
    """Work through the board: pick tasks, let agents attempt them, check, retry, record."""
    from metaagent.cli.progress import show_plan, show_summary, watching
    from metaagent.orchestrator.budget import parse_budget
    from metaagent.orchestrator.dryrun import dry_plan
    from metaagent.orchestrator.runlock import run_lock
    from metaagent.orchestrator.session import run
    from metaagent.orchestrator.state import RunOptions

    state = current()
    options = RunOptions(
        tasks=tuple(task or ()),
        all=all_,
        agent=agent,
        jobs=jobs,
        limit=limit,
        retries=retries,
        budget=parse_budget(budget or None),
    )
    workspace = state.workspace()
    if dry_run:
        show_plan(state, dry_plan(workspace, options))
        return
    with run_lock(workspace, if_locked) as held:
        if not held:
            state.notice("another run is going on; nothing done")
            state.out("run", _nothing(workspace))
            return
        with watching(state, limit) as observer:
            summary = run(workspace, options, observer)
    show_summary(state, summary)
    raise typer.Exit(summary.status)


def _nothing(workspace: Workspace) -> Summary:
    """What a run came to that did not begin."""
    from metaagent.orchestrator.events import Summary

    return Summary(
        run_id="",
        results=(),
        tasks=0,
        passed=0,
        passed_first=0,
        failed=0,
        review=0,
        inconclusive=0,
        calls=0,
        tokens=0,
        seconds=0.0,
        busy=0.0,
        conflicts=0,
        stopped="another run is going on",
        status=0,
        artifacts=workspace.artifacts_dir,
    )
