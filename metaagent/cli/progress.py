"""Shows a run while it goes on: result lines on stdout, a progress bar on stderr where that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from metaagent.cli import render
from metaagent.cli.state import State, Table, printable
from metaagent.errors import InterruptedRunError
from metaagent.orchestrator.events import Event, Notice, Observer, Planned, Result, Started, Summary
from metaagent.records import Outcome

if TYPE_CHECKING:
    from metaagent.orchestrator.dryrun import DryPlan

_WORDS = {Outcome.PASS: "passed", Outcome.FAIL: "failed", Outcome.INCONCLUSIVE: "undecided"}


def result_line(result: Result) -> str:
    """One task's end as one line: id, outcome, tries, seconds, where it went and why."""
    tries = "first try" if result.rungs == 1 else f"{result.rungs} tries"
    head = f"{result.task_id}  {_WORDS[result.outcome]:<9}  {tries:<9}  {result.seconds:6.1f} s"
    if result.status:
        head += f"  -> {result.status}"
    return printable(head if result.outcome is Outcome.PASS else f"{head}  {result.reason}")


@contextmanager
def watching(state: State, most: int | None = None) -> Iterator[Observer]:
    """The observer of a run that makes at most ``most`` attempts; the bar lives as long as the block."""
    if state.quiet or not render.fancy(sys.stderr):
        yield lambda event: _plain(state, event)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True, no_color=not render.colours(sys.stderr), highlight=False)
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console, transient=True, redirect_stdout=sys.stdout.isatty()) as progress:
        bar = progress.add_task("starting", total=None)
        yield lambda event: _drawn(state, progress, bar, event, most)


def _plain(state: State, event: Event) -> None:
    if isinstance(event, Result) and not state.json and not state.quiet:
        render.write(result_line(event))
        sys.stdout.flush()
    elif isinstance(event, Notice):
        state.warn(event.text) if event.urgent else state.notice(event.text)


def _drawn(state: State, progress: Any, bar: Any, event: Event, most: int | None) -> None:
    if isinstance(event, Planned):
        progress.update(bar, total=min(event.ready + event.waiting, most or sys.maxsize))
    elif isinstance(event, Started):
        progress.update(bar, description=printable(f"{event.task_id} by {event.agent_id}"))
    elif isinstance(event, Result):
        progress.advance(bar)
    _plain(state, event)


def show_plan(state: State, plan: DryPlan) -> None:
    """What a run would do: the tasks in order with their agents, then what waits and what is left out."""
    rows = [(line.task_id, line.priority, line.agent_id, line.title) for line in plan.lines]
    held = [*((task, "waits for " + ", ".join(on)) for task, on in plan.waiting.items()), *plan.left_out.items()]
    tables = [Table(["task", "priority", "agent", "title"], rows, empty="no task is ready")]
    if held:
        tables.append(Table(["held back", "why"], held))
    state.out("run", plan, *tables)


def show_summary(state: State, summary: Summary) -> None:
    """The result as JSON where asked; else the closing line on stderr, with what to look at next."""
    if state.json:
        state.out("run", summary)
    if summary.stopped and summary.status in (0, 1, InterruptedRunError.exit_status):  # else the error has been told
        state.notice(f"stopped: {summary.stopped}")
    state.notice(closing_line(summary))


def closing_line(summary: Summary) -> str:
    if not summary.tasks and not summary.calls:
        return "nothing was attempted: no task is ready\nnext: metaagent status"
    counts = [f"{summary.passed} passed ({summary.passed_first} at first try)", f"{summary.failed} failed"]
    if summary.inconclusive:
        counts.append(f"{summary.inconclusive} undecided")
    calls, tasks = render.counted(summary.calls, "model call"), render.counted(summary.tasks, "task")
    cost = f"{calls}, {summary.tokens} tokens, {summary.seconds:.1f} s, model busy {summary.busy:.0%}"
    lines = [f"{tasks}: {', '.join(counts)}; {cost}"]
    if summary.results:
        lines.append(f"artifacts: {summary.artifacts}")
    lines.append(f"next: {_next_step(summary)}")
    return "\n".join(lines)


def _next_step(summary: Summary) -> str:
    failed = next((result for result in summary.results if result.outcome is not Outcome.PASS), None)
    if failed:
        return f"metaagent task why {failed.task_id}"
    return "metaagent evaluate" if summary.results else "metaagent status"
