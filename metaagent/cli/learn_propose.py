"""``metaagent learn propose``: what would be tried because of mine's errors, with its evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaagent.cli.complete import complete_domain
from metaagent.cli.render import counted
from metaagent.cli.state import Column, State, Table, current, printable

if TYPE_CHECKING:
    from metaagent.learning.bundle import Candidate
    from metaagent.ledger.database import Ledger
    from metaagent.orchestrator.candidates import Prospects, Subject

Domain = Annotated[
    str | None,
    typer.Option(
        "--domain", metavar="DOMAIN", help="Only this domain and those below it.", autocompletion=complete_domain
    ),
]


def command(
    domain: Domain = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Store no proposal (tasks without a split get theirs).")
    ] = False,
) -> None:
    """Make candidate remedies from mine's errors; no model call. Shows the tasks of mine that would change."""
    from metaagent.orchestrator.candidates import candidates_for, kinds_in_order, subjects

    state = current()
    rows: list[dict[str, Any]] = []
    with state.ledger() as ledger:
        for subject in subjects(state.workspace(), ledger, domain):
            prospects = candidates_for(state.workspace(), ledger, subject, state.notice, keep=not dry_run)
            _say(state, ledger, subject, prospects)
            rows += [_row(subject, one, len(prospects.cases)) for one in prospects.candidates]
            kinds = [arm.kind for arm in kinds_in_order(ledger, subject.domain)]
            state.detail(f"{subject.domain}: kinds in the order in which they are tried: {', '.join(kinds)}")
    state.out("learn", rows, _table(rows), *_details(rows))
    if rows:
        state.notice("next: metaagent learn plan, then metaagent learn test")


def _say(state: State, ledger: Ledger, subject: Subject, prospects: Prospects) -> None:
    """Why there is nothing to propose for a subject, where that is so."""
    from metaagent.orchestrator.candidates import nothing_failed

    place, left = subject.domain or "no domain", len(subject.tasks) - len(prospects.cases)
    if left:
        state.notice(f"{place}: {counted(left, 'mine task')} were not attempted yet; `metaagent learn` attempts them")
    if prospects.cases and all(case.passed for case in prospects.cases):
        state.notice(nothing_failed(ledger, subject))
    elif prospects.cases and not prospects.candidates:
        state.notice(f"{place}: nothing to learn here that helps; a larger model or a retry strategy may")


def _row(subject: Subject, one: Candidate, cases: int) -> dict[str, Any]:
    from metaagent.ledger.protocols import protocol_hash

    return {
        "domain": subject.domain,
        "model": subject.model,
        "candidate": protocol_hash(subject.domain, subject.model, one.remedies),
        "kinds": list(one.kinds),
        "why": one.why,
        "readable": list(one.readable),
        "mended": list(one.mended),
        "harmed": list(one.harmed),
        "gain": one.gain,
        "exact": one.exact,
        "cases": cases,
    }


def _table(rows: list[dict[str, Any]]) -> Table:
    columns: list[Column | str] = [
        "candidate",
        "domain",
        "kinds",
        Column("mends", right=True),
        Column("harms", right=True),
        Column("of mine", right=True),
        Column("gain", right=True),
        "why",
    ]
    cells = [
        (
            *(row["candidate"][:12], row["domain"], "+".join(row["kinds"])),
            *((len(row["mended"]), len(row["harmed"])) if row["exact"] else ("?", "?")),
            *(row["cases"], f"{row['gain']:+.2f}" if row["exact"] else "a guess", row["why"]),
        )
        for row in rows
    ]
    return Table(columns, cells, empty="nothing to propose")


def _details(rows: list[dict[str, Any]]) -> list[str]:
    """What each candidate does, in readable form, and the mine tasks that would change."""
    parts = []
    for row in rows:
        lines = [f"\n{row['candidate'][:12]}", *(f"  {printable(line)}" for line in row["readable"])]
        if row["mended"] or row["harmed"]:
            lines.append(f"  mends {', '.join(row['mended']) or 'none'}; harms {', '.join(row['harmed']) or 'none'}")
        parts.append("\n".join(lines))
    return parts
