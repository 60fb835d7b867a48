"""``metaagent learn plan``: what a trial would cost on this machine, and what it could see."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaagent.cli.complete import complete_protocol
from metaagent.cli.metrics import TrialMetric
from metaagent.cli.state import Column, State, Table, current

if TYPE_CHECKING:
    from metaagent.learning.bandit import Arm
    from metaagent.learning.ladders import Step
    from metaagent.learning.plan import Plan
    from metaagent.records import Protocol


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
) -> None:
    """Pairs, model calls, minutes and power of a trial, before anything is spent."""
    from metaagent.cli.candidates import chosen

    state = current()
    show_plan(state, chosen(state, protocol), metric, retries)


def show_plan(state: State, candidates: list[Protocol], metric: str, retries: int = 0) -> None:
    from metaagent.orchestrator.trials import TrialOptions, plan

    options = TrialOptions(metric=metric, retries=retries)
    plans = [(one, plan(state.workspace(), one, options)) for one in candidates]
    orders, ladders = _orders(state, candidates)
    rows = [
        {
            **_row(one, made),
            "arms": [asdict(arm) for arm in orders[one.domain]],
            "rungs": [asdict(step) for step in ladders[one.domain, one.model]],
        }
        for one, made in plans
    ]
    state.out("learn", rows, *_human(plans), *_noise(plans), *_kinds(orders), *_rungs(ladders))
    for text in dict.fromkeys(text for _, made in plans for text in made.said):
        state.notice(text)


Ladders = dict[tuple[str, str], "list[Step]"]


def _orders(state: State, candidates: list[Protocol]) -> tuple[dict[str, list[Arm]], Ladders]:
    """Of these candidates and of those tried before: by domain the kinds of remedy in the order of their turns, by
    domain and model the rungs of a ladder."""
    from metaagent.ledger import trials
    from metaagent.orchestrator.candidates import kinds_in_order, rungs_in_order

    if not state.has_ledger():
        return {}, {}
    with state.ledger(read_only=True) as ledger:
        tried = [(row["domain"], row["model"]) for row in trials.history(ledger)]
        places = dict.fromkeys([*((one.domain, one.model) for one in candidates), *tried])
        orders = {domain: kinds_in_order(ledger, domain) for domain, _ in places}
        return orders, {place: rungs_in_order(ledger, *place) for place in places}


def _kinds(orders: dict[str, list[Arm]]) -> list[Table | str]:
    """What the ledger's own trials say of each kind: a bandit's table (``learning/bandit.py``)."""
    columns: list[Column | str] = [
        "kind",
        Column("prior", right=True),
        Column("tried", right=True),
        Column("promoted", right=True),
        Column("expected", right=True),
        Column("calls a pair", right=True, minor=1),
        Column("value", right=True),
    ]
    found: list[Table | str] = []
    for domain, kinds in orders.items():
        rows = [(one.kind, one.prior, one.tried, one.promoted, one.expected, one.calls, one.value) for one in kinds]
        found += [
            f"\nkinds of remedy for {domain or 'no domain'}, in the order in which they are tried",
            Table(columns, rows),
        ]
    return found


def _rungs(ladders: Ladders) -> list[Table | str]:
    """What answering at once, planning and asking again solved on mine tasks (``learning/ladders.py``)."""
    from metaagent.learning.ladders import ladder_of

    columns: list[Column | str] = [
        "rung",
        "when",
        Column("prior", right=True),
        Column("tried", right=True),
        Column("solved", right=True),
        Column("expected", right=True),
    ]
    found: list[Table | str] = []
    for (domain, model), steps in ladders.items():
        rows = [
            (
                *(one.rung, "first" if one.first else "after a failed public check"),
                *(one.prior, one.tried, one.solved, one.expected),
            )
            for one in steps
        ]
        ladder = ", ".join(ladder_of(steps))
        heading = f"\nstrategies for {domain or 'no domain'} on {model}; a ladder would climb {ladder}"
        found += [heading, Table(columns, rows)]
    return found


def _row(candidate: Protocol, made: Plan) -> dict[str, Any]:
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


def _noise(plans: list[tuple[Protocol, Plan]]) -> list[Table | str]:
    """What the last A/A trials saw: how often nothing flips a task."""
    columns: list[Column | str] = [
        "domain",
        "model",
        Column("tasks", right=True),
        Column("flips", right=True),
        Column("replies changed", right=True, minor=1),
        "when",
        "control",
    ]
    found = {(one.domain, one.model): made.noise for one, made in plans if made.noise}
    rows = [
        (
            *(domain or "no domain", model, noise.tasks, noise.flips, noise.changed, noise.time[:16]),
            "measured afresh" if noise.afresh else "may come from the cache",
        )
        for (domain, model), noise in found.items()
    ]
    return ["\nthe last A/A trial (noise; it decides nothing)", Table(columns, rows)] if rows else []
