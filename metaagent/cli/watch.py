"""``metaagent watch``: run whenever the board changes."""

from __future__ import annotations

import contextlib
import logging
from typing import Annotated

import typer

from metaagent.cli.state import complete_agent, current


def command(
    agent: Annotated[
        str | None, typer.Option(metavar="AGENT", help="Only this agent.", autocompletion=complete_agent)
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, max=256, help="Attempts at once.")] = None,
    retries: Annotated[int | None, typer.Option(min=0, max=10, help="Further rungs after the first try.")] = None,
    budget: Annotated[str | None, typer.Option(metavar="BUDGET", help="For each run, such as 10m.")] = None,
) -> None:
    """Run whenever the board changes, until Ctrl-C."""

    from metaagent.cli.progress import show_summary, watching
    from metaagent.errors import InterruptedRunError, MetaagentError, told
    from metaagent.orchestrator.budget import parse_budget
    from metaagent.orchestrator.session import run
    from metaagent.orchestrator.state import RunOptions
    from metaagent.orchestrator.watch import watch

    state = current()
    workspace = state.workspace()
    options = RunOptions(agent=agent, jobs=jobs, retries=retries, budget=parse_budget(budget or None), command="watch")

    def work() -> bool:
        try:
            with watching(state) as observer:
                summary = run(workspace, options, observer)
        except MetaagentError as error:
            state.warn(told(error.message, error.mend))
            return True
        if summary.results:
            show_summary(state, summary)
        return summary.status != InterruptedRunError.exit_status

    logging.getLogger("watchfiles").setLevel(logging.ERROR)  # it would warn of the Ctrl-C that ends us
    with contextlib.suppress(KeyboardInterrupt), watching(state) as observer:
        watch(workspace, work, observer)
