"""``metaagent doctor``: is everything here that work needs, and what to type where it is not."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaagent.cli.state import Column, State, Table, current

if TYPE_CHECKING:
    from metaagent.doctor.examine import Examination
    from metaagent.doctor.mend import Fix

_STYLES = {"ok": "green", "warning": "yellow", "failed": "red"}


def command(
    fix: Annotated[bool, typer.Option("--fix", help="Do what is safe, after saying so; then look again.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what --fix would do.")] = False,
) -> None:
    """Check every component and say what to type where one fails; exit status 5 where one does."""
    from metaagent.doctor.examine import examine
    from metaagent.doctor.mend import fixes

    state = current()
    found = examine(Path.cwd(), state.directory, state.notice)
    planned = list(fixes(found, state.notice)) if fix or dry_run else []
    for one in planned:
        state.notice(f"{'would mend' if dry_run else 'mends'} {one.component}: {one.does}")
        if not dry_run:
            one.apply()
    if planned and not dry_run:
        found = examine(Path.cwd(), state.directory, state.notice)
    elif (fix or dry_run) and not planned:
        state.notice("nothing that has a safe mend")
    _answer(state, found, planned, dry_run)


def _answer(state: State, found: Examination, planned: list[Fix], dry_run: bool) -> None:
    from metaagent.errors import EnvironmentFailedError

    data: dict[str, Any] = {
        "ok": not found.failed,
        "workspace": found.workspace.root if found.workspace else None,
        "components": [asdict(one) for one in found.conditions],
        "fixes": [{"component": one.component, "does": one.does, "done": not dry_run} for one in planned],
    }
    columns: list[Column | str] = ["component", Column("state", paint=_STYLES), "what", "try"]
    rows = [
        (one.component, one.state, f"{one.name}: {one.says}" if one.name else one.says, one.mend or "")
        for one in found.conditions
    ]
    state.out("doctor", data, Table(columns, rows))
    if found.failed:
        names = ", ".join(dict.fromkeys(one.component for one in found.failed))
        raise EnvironmentFailedError(f"not everything works: {names}", mend=found.failed[0].mend)
