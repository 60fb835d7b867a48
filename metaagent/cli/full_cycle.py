"""``metaagent full-cycle``: run, learn, measure, evaluate, in one command that is fit for cron."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaagent.cli.learn_loop import quiet_observer, table
from metaagent.cli.learn_propose import Domain
from metaagent.cli.locking import IfLocked, only_run
from metaagent.cli.metrics import Metric
from metaagent.cli.state import State, Table, current

if TYPE_CHECKING:
    from metaagent.orchestrator.events import Event, Observer
    from metaagent.orchestrator.full_cycle import Cycle

NOTHING: dict[str, Any] = {
    "run": {"tasks": 0, "passed": 0, "failed": 0},
    **dict.fromkeys(("watched", "learned", "measured", "summaries"), ()),
    "calls": 0,
    "seconds": 0.0,
}
"""A cycle that did not begin."""


def command(
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many attempts at the board, and sealed tasks measured.")
    ] = None,
    budget: Annotated[
        str | None, typer.Option(metavar="BUDGET", help="10m, 200calls or 50ktokens; a third at most for the board.")
    ] = None,
    domain: Domain = None,
    retries: Annotated[int, typer.Option(min=0, max=10, help="In the run: further rungs after the first try.")] = 0,
    metric: Metric = "auto",
    jobs: Annotated[int | None, typer.Option(min=1, max=256, help="Model calls at once.")] = None,
    if_locked: IfLocked = "fail",
) -> None:
    """Run the board, learn from its errors, measure sealed tasks, and say whether it improves. Resumable."""
    from metaagent.cli.evaluate import learning_report, learning_summaries
    from metaagent.cli.learn_test import watching as watching_trials
    from metaagent.orchestrator.budget import parse_budget
    from metaagent.orchestrator.full_cycle import CycleOptions, full_cycle

    state = current()
    options = CycleOptions(limit, retries, domain, parse_budget(budget or None), metric, jobs)
    with only_run(state, if_locked, "full-cycle", NOTHING) as held:
        if not held:
            return
        with watching_trials(state) as watch:
            cycle = full_cycle(state.workspace(), options, _observer(state), watch, state.notice)
    summaries = learning_summaries(state)
    learned: list[Table | str] = [] if cycle.status else [table(list(cycle.learned)), ""]
    state.out("full-cycle", _row(cycle, summaries), *learned, *learning_report(summaries))
    _close(state, cycle)
    raise typer.Exit(cycle.status)


def _observer(state: State) -> Observer:
    """Results of the run as lines on stderr, since stdout is for what the cycle came to; measurements are quiet."""
    from metaagent.cli.progress import result_line
    from metaagent.orchestrator.events import Result

    others = quiet_observer(state)

    def observe(event: Event) -> None:
        if isinstance(event, Result) and event.status is not None:
            state.notice(result_line(event))
        else:
            others(event)

    return observe


def _row(cycle: Cycle, summaries: list[Any]) -> dict[str, Any]:
    from dataclasses import asdict

    from metaagent.cli.learn_loop import row

    return {
        "run": {"tasks": cycle.run.tasks, "passed": cycle.run.passed, "failed": cycle.run.failed},
        "watched": [asdict(one) for one in cycle.watched],
        "learned": [row(one) for one in cycle.learned],
        "measured": [{"run_id": one.run_id, "tasks": one.tasks, "passed": one.passed} for one in cycle.measured],
        "summaries": summaries,
        "calls": cycle.calls,
        "seconds": cycle.seconds,
    }


def _close(state: State, cycle: Cycle) -> None:
    for one in cycle.watched:
        seen = f"{one.watch.errors} errors in {one.watch.attempts} real attempts since its promotion"
        state.notice(f"watched {one.protocol[:12]} ({one.domain or 'no domain'}): {one.verdict}, {seen}")
    for text in dict.fromkeys(text for one in cycle.learned for text in one.said):
        state.notice(text)
    promoted = [result.candidate for one in cycle.learned for result in one.trials if result.activation]
    tasks = f"{cycle.run.tasks} tasks: {cycle.run.passed} passed, {cycle.run.failed} failed"
    state.notice(f"{tasks}; {len(promoted)} promoted; {cycle.calls} model calls, {cycle.seconds:.1f} s")
    if cycle.status:
        state.notice("stopped before it learned: the same command goes on from there")
    elif promoted:
        state.notice(f"v{promoted[-1].version} is new; next: metaagent protocol show {promoted[-1].hash[:12]}")
    else:
        state.notice("next: metaagent learn history")
