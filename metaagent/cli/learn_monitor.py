"""``metaagent learn monitor``: whether what was promoted still holds in real work."""

from __future__ import annotations

from typing import Annotated

import typer

from metaagent.cli.locking import IfLocked, only_run
from metaagent.cli.state import Column, Table, current


def command(
    if_locked: IfLocked = "fail",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only look: no pairs, no rollback.")] = False,
) -> None:
    """Watch promotions in real attempts; an alarm is confirmed in pairs, and rolled back where that is shown."""
    from dataclasses import asdict

    from metaagent.orchestrator.monitoring import LookOptions, look

    state = current()
    if dry_run:
        found = look(state.workspace(), state.notice, LookOptions(dry_run=True)) if state.has_ledger() else []
    else:
        with only_run(state, if_locked, "learn", []) as held:
            if not held:
                return
            found = look(state.workspace(), state.notice) if state.has_ledger() else []
    columns: list[Column | str] = [
        "domain",
        "protocol",
        Column("attempts", right=True),
        Column("errors", right=True),
        Column("bound", right=True),
        Column("detector", right=True),
        Column(
            "verdict",
            paint={"quiet": "green", "keep": "green", "alarm": "yellow", "overtaken": "yellow", "rollback": "red"},
        ),
        "confirmation",
    ]
    rows = [
        (
            *(one.domain, one.protocol[:12], one.watch.attempts, one.watch.errors, f"{100 * one.watch.bound:.0f}%"),
            *(one.watch.value, one.verdict),
            f"the version before: {one.gains} gains, {one.losses} losses in {one.pairs} pairs" if one.pairs else "",
        )
        for one in found
    ]
    state.out(
        "learn",
        [asdict(one) for one in found],
        Table(columns, rows, empty="nothing that the gate promoted is in force"),
    )
