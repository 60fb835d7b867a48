"""``metaagent learn test``: trials of candidates on gate tasks, decided by the gate."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaagent.cli import render
from metaagent.cli.complete import complete_protocol
from metaagent.cli.locking import IfLocked, only_run
from metaagent.cli.metrics import TrialMetric
from metaagent.cli.state import Column, State, Table, complete_agent, current

if TYPE_CHECKING:
    from metaagent.learning.trial import Progress
    from metaagent.orchestrator.trials import TrialOptions, TrialResult
    from metaagent.records import Protocol

PAINT = {"promote": "green", "reject": "red", "inconclusive": "yellow"}


def command(
    protocol: Annotated[
        str | None,
        typer.Option(
            metavar="HASH|FILE",
            help="A stored protocol, or a JSON file; default: the proposed.",
            autocompletion=complete_protocol,
        ),
    ] = None,
    metric: TrialMetric = "passed",
    retries: Annotated[int, typer.Option(min=0, max=10, help="Further rungs after the first try, for both arms.")] = 0,
    agent: Annotated[
        str | None, typer.Option(metavar="AGENT", help="By this agent.", autocompletion=complete_agent)
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, max=256, help="Pairs at once.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Register a candidate anew that was decided before.")] = False,
    if_locked: IfLocked = "fail",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be tried.")] = False,
) -> None:
    """Try candidates against the protocol in force on the gate tasks; promote what is proven better."""
    from metaagent.cli.candidates import chosen
    from metaagent.orchestrator.trials import TrialOptions

    state = current()
    if dry_run:
        from metaagent.cli.learn_plan import show_plan

        show_plan(state, chosen(state, protocol, again=again), metric, retries)
        return
    options = TrialOptions(metric=metric, again=again, retries=retries, jobs=jobs, agent=agent)
    with only_run(state, if_locked, "learn", []) as held:
        if not held:
            return
        results = _tried(state, chosen(state, protocol, again=again), options)
    state.out("learn", [row(result) for result in results], _table(results))


def _tried(state: State, candidates: list[Protocol], options: TrialOptions) -> list[TrialResult]:
    """One trial after the other, each told of as it ends."""
    from metaagent.orchestrator.trials import test

    results = []
    for candidate in candidates:
        with watching(state) as watch:
            results.append(test(state.workspace(), candidate, options, watch, state.notice))
        _tell(state, results[-1])
    return results


def row(result: TrialResult) -> dict[str, Any]:
    """One trial as --json prints it: with g, l, k, D and alpha the verdict can be checked by anyone."""
    from dataclasses import asdict

    standing, terms = result.standing, result.terms
    return {
        "id": result.id,
        "k": result.k,
        "verdict": result.verdict,
        "reason": result.reason,
        "domain": result.candidate.domain,
        "model": result.candidate.model,
        "base": result.base.hash,
        "candidate": result.candidate.hash,
        "metric": terms.metric,
        "tasks": terms.pairs,
        "pairs": standing.pairs,
        "gains": standing.gains,
        "losses": standing.losses,
        "ties": standing.ties,
        "inconclusive": standing.inconclusive,
        "discoveries": terms.discoveries,
        "alpha": terms.alpha,
        "evidence": standing.evidence,
        "threshold": terms.threshold,
        "futility": standing.futility,
        "forgetting": {**asdict(standing.forgetting), "net": standing.forgetting.net},
        "calls": result.spent.calls,
        "activation": result.activation,
        "before": result.before,
    }


def _table(results: list[TrialResult]) -> Table:
    columns: list[Column | str] = [
        Column("k", right=True),
        "candidate",
        Column("verdict", paint=PAINT),
        Column("pairs", right=True),
        Column("gains", right=True),
        Column("losses", right=True),
        Column("E", right=True),
        Column("needed", right=True),
        Column("calls", right=True, minor=1),
        "why",
    ]
    rows = [
        (
            *(one.k, one.candidate.hash[:12], one.verdict, one.standing.pairs, one.standing.gains),
            *(one.standing.losses, one.standing.evidence, one.terms.threshold, one.spent.calls, one.reason),
        )
        for one in results
    ]
    return Table(columns, rows, empty="nothing is proposed; next: metaagent learn propose")


def _tell(state: State, result: TrialResult) -> None:
    """What follows from one verdict, for a person."""
    kept = result.standing.forgetting
    if kept.tasks:
        state.notice(
            f"of {kept.tasks} tasks that earlier promotions fixed, {kept.lost} were lost and {kept.regained} regained: "
            f"net loss {100 * kept.net:.0f}% (95%: {100 * kept.low:.0f} to {100 * kept.high:.0f}%)"
        )
    if result.before:
        state.notice("decided before; --again registers it anew, at the price of a higher threshold")
    elif result.verdict == "promote":
        state.notice("it is in force now; undo: metaagent learn rollback --why ...")
    elif result.k is not None:
        state.notice("next: metaagent learn history")


@contextmanager
def watching(state: State) -> Iterator[Callable[[Progress], None]]:
    """One line on stderr that is drawn anew after each pair, on a terminal; nothing elsewhere."""
    if state.quiet or not render.fancy(sys.stderr):
        yield lambda _progress: None
        return
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(stderr=True, no_color=not render.colours(sys.stderr), highlight=False)
    with Live(Text(""), console=console, transient=True, auto_refresh=False) as live:
        yield lambda progress: live.update(Text(live_line(progress)), refresh=True)


def live_line(progress: Progress) -> str:
    """Gains, losses, E and the wins that are still needed: integers, nothing of single tasks."""
    now = progress.standing
    return (
        f"candidate {progress.k}: {progress.measured} of {progress.tasks} pairs, {now.gains} gains, "
        f"{now.losses} losses, E {now.evidence:.2f} of {now.threshold:.1f}, {now.wins_needed} wins still needed"
    )
