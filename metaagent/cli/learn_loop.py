"""Bare ``metaagent learn``: the whole loop, within a budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaagent.cli.learn_propose import Domain
from metaagent.cli.locking import IfLocked, only_run
from metaagent.cli.metrics import Metric
from metaagent.cli.state import Column, State, Table, current

if TYPE_CHECKING:
    from metaagent.orchestrator.events import Observer
    from metaagent.orchestrator.learn import Learned


def command(
    ctx: typer.Context,
    domain: Domain = None,
    budget: Annotated[str | None, typer.Option(metavar="BUDGET", help="10m, 200calls or 50ktokens.")] = None,
    metric: Metric = "auto",
    rounds: Annotated[int, typer.Option(min=1, max=20, help="At most so many promotions for a domain.")] = 3,
    jobs: Annotated[int | None, typer.Option(min=1, max=256, help="Model calls at once.")] = None,
    if_locked: IfLocked = "fail",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be proposed.")] = False,
) -> None:
    """Learn from errors: patterns, causes, remedies, trials. Without a subcommand: the whole loop, within --budget."""
    if ctx.invoked_subcommand is not None:
        return
    if dry_run:
        from metaagent.cli.learn_propose import command as propose

        propose(domain=domain, dry_run=True)
        return
    from metaagent.cli.learn_test import watching as watching_trials
    from metaagent.orchestrator.budget import parse_budget
    from metaagent.orchestrator.learn import LearnOptions, learn

    state = current()
    options = LearnOptions(domain, parse_budget(budget or None), metric, jobs, rounds)
    with only_run(state, if_locked, "learn", []) as held, watching_trials(state) as watch:
        if not held:
            return
        found = learn(state.workspace(), options, quiet_observer(state), watch, state.notice)
    state.out("learn", [row(one) for one in found], table(found))
    for text in dict.fromkeys(text for one in found for text in one.said):
        state.notice(text)
    promoted = sum(one.promoted for one in found)
    calls, seconds = sum(one.calls for one in found), sum(one.seconds for one in found)
    tried = sum(len(one.trials) for one in found)
    state.notice(f"{tried} candidates tried, {promoted} promoted; {calls} model calls, {seconds:.1f} s")
    state.notice("next: metaagent learn history" if tried else "next: metaagent learn patterns")


def quiet_observer(state: State) -> Observer:
    """Measurements inside of learning tell what is urgent alone; their single tasks are nobody's business here."""
    from metaagent.orchestrator.events import Notice

    return lambda event: state.warn(event.text) if isinstance(event, Notice) and event.urgent else None


def row(one: Learned) -> dict[str, Any]:
    """What the loop came to for one domain and model, as --json prints it."""
    from metaagent.cli.learn_test import row as trial_row

    return {
        "domain": one.domain,
        "model": one.model,
        "cases": one.cases,
        "failures": one.failures,
        "candidates": one.candidates,
        "promoted": one.promoted,
        "trials": [trial_row(result) for result in one.trials],
        "said": list(one.said),
        "calls": one.calls,
        "seconds": one.seconds,
    }


def table(found: list[Learned]) -> Table:
    """One line for each trial; a subject without one has a line too."""
    columns: list[Column | str] = [
        "domain",
        Column("failed", right=True),
        Column("of mine", right=True),
        "candidate",
        Column("verdict", paint={"promote": "green", "reject": "red", "inconclusive": "yellow"}),
        Column("pairs", right=True),
        Column("gains", right=True),
        Column("losses", right=True),
        Column("E", right=True),
        Column("needed", right=True, minor=1),
        "why",
    ]
    rows: list[tuple[object, ...]] = []
    for one in found:
        head = (one.domain or "-", one.failures, one.cases)
        if not one.trials:
            rows.append((*head, "-", "-", None, None, None, None, None, "; ".join(one.said)))
        for result in one.trials:
            now = result.standing
            rows.append(
                (
                    *(*head, result.candidate.hash[:12], result.verdict, now.pairs, now.gains, now.losses),
                    *(now.evidence, now.threshold, result.reason),
                )
            )
    return Table(columns, rows, empty="there is nothing to learn from: no task with a check")
