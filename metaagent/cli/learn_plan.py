"""``metaagent learn plan``: what a trial would cost on this machine, and what it could see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaagent.cli.state import Column, State, Table, current

if TYPE_CHECKING:
    from metaagent.learning.plan import Plan
    from metaagent.records import Protocol


def command(
    protocol: Annotated[
        str | None, typer.Option(metavar="HASH|FILE", help="A stored protocol, or a JSON file; default: the proposed.")
    ] = None,
    metric: Annotated[
        str, typer.Option(metavar="passed|score", help="What counts: tasks passed, or scores.")
    ] = "passed",
    retries: Annotated[int, typer.Option(min=0, max=10, help="Further rungs after the first try, for both arms.")] = 0,
) -> None:
    """Pairs, model calls, minutes and power of a trial, before anything is spent."""
    from metaagent.cli.candidates import chosen

    state = current()
    show_plan(state, chosen(state, protocol), metric, retries)


def show_plan(state: State, candidates: list[Protocol], metric: str, retries: int = 0) -> None:
    from metaagent.orchestrator.trials import TrialOptions, plan

    options = TrialOptions(metric=metric, retries=retries)
    plans = [(one, plan(state.workspace(), one, options)) for one in candidates]
    state.out("learn", [_row(*pair) for pair in plans], *_human(plans))
    for text in dict.fromkeys(text for _, made in plans for text in made.said):
        state.notice(text)


def _row(candidate: Protocol, made: Plan) -> dict[str, Any]:
    from dataclasses import asdict

    names = {"candidate": candidate.hash, "domain": candidate.domain, "model": candidate.model}
    return {**names, **asdict(made)}


def _human(plans: list[tuple[Protocol, Plan]]) -> list[Table | str]:
    columns: list[Column | str] = [
        "candidate",
        Column("k", right=True),
        Column("pairs", right=True),
        Column("calls", right=True),
        Column("minutes", right=True),
        Column("wins needed", right=True),
        "power at gains/losses",
    ]
    rows = [
        (
            *(one.hash[:12], made.k, made.pairs, made.calls),
            "unknown" if made.seconds is None else f"{made.seconds / 60:.1f}",
            made.wins_needed,
            ", ".join(f"{100 * c.gains:.0f}/{100 * c.losses:.0f}%: {c.power:.2f}" for c in made.chances),
        )
        for one, made in plans
    ]
    return [Table(columns, rows, empty="nothing is proposed; next: metaagent learn propose")]
