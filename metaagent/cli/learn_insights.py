"""``metaagent learn insights``: what each pattern is thought to come from, and what could be done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaagent.cli.learn_errors import Domain
from metaagent.cli.learn_patterns import mined
from metaagent.cli.state import Column, Table, current

if TYPE_CHECKING:
    from metaagent.learning.insights import Insight

_CAUSES = {"prompt": "cyan", "context": "yellow", "tool": "red", "external": "magenta", "unknown": "dim"}


def command(
    domain: Domain = None,
    least: Annotated[int, typer.Option("--min", min=1, help="Only patterns of so many error events.")] = 3,
) -> None:
    """The cause of each pattern with its confidence, or unknown, and the kinds of remedies that apply."""
    from metaagent.cli.mine import mine_ledger
    from metaagent.learning.insights import insights
    from metaagent.ledger.error_events import EventFilters

    state = current()
    patterns = mined(state, EventFilters(domain=domain), least=least)
    found: list[Insight] = []
    if patterns:
        with mine_ledger(state) as (ledger, tasks):
            found = insights(ledger, patterns, tasks)
    rows = [_row(one) for one in found]
    columns: list[Column | str] = [
        "pattern",
        Column("events", right=True),
        Column("cause", paint=_CAUSES),
        Column("confidence", right=True),
        "remedies",
        Column("what", minor=1),
        "why",
    ]
    cells = [
        (
            *(
                row["pattern"],
                row["events"],
                row["cause"],
                f"{row['confidence']:.2f}" if row["confidence"] else "unmeasured",
            ),
            *(", ".join(row["remedies"]) or "for a person", row["template"], row["why"]),
        )
        for row in rows
    ]
    state.out("learn", rows, Table(columns, cells, empty="no pattern yet; next: metaagent run"))
    if rows:
        state.notice("next: metaagent learn propose")


def _row(one: Insight) -> dict[str, Any]:
    return {
        "pattern": one.pattern.id,
        "template": one.pattern.label or one.pattern.template,
        "events": one.pattern.events,
        "cause": str(one.diagnosis.cause),
        "rule": one.diagnosis.rule,
        "confidence": one.diagnosis.confidence,
        "why": one.diagnosis.why,
        "causes": dict(one.shares),
        "remedies": list(one.remedies),
    }
