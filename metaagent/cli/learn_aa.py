"""``metaagent learn aa``: the protocol in force against itself, to see what is noise."""

from __future__ import annotations

from typing import Annotated

import typer

from metaagent.cli.complete import complete_domain
from metaagent.cli.locking import IfLocked, only_run
from metaagent.cli.state import Table, complete_model, current, printable


def command(
    domain: Annotated[
        str,
        typer.Option(
            "--domain", metavar="DOMAIN", help="Only this domain and those below.", autocompletion=complete_domain
        ),
    ] = "",
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="MODEL", help="Default: the default.", autocompletion=complete_model),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most this many mine tasks.")] = None,
    retries: Annotated[int, typer.Option(min=0, max=10, help="Further rungs after the first try.")] = 0,
    jobs: Annotated[int | None, typer.Option(min=1, max=256, help="Attempts at once.")] = None,
    if_locked: IfLocked = "fail",
) -> None:
    """Ask everything twice: how many outcomes flip by themselves."""
    from dataclasses import asdict

    from metaagent.cli.render import counted
    from metaagent.orchestrator.aa import aa
    from metaagent.statistics import wilson

    state = current()
    name = model or state.config().default_model
    with only_run(state, if_locked, "learn", []) as held:
        if not held:
            return
        found = aa(state.workspace(), domain, name, state.notice, limit=limit, jobs=jobs, retries=retries)
    share = wilson(found.flips, found.tasks)
    rows = [
        (
            "outcomes that flipped",
            f"{found.flips} of {found.tasks} (95%: {_percent(share.low)} to {_percent(share.high)})",
        ),
        ("replies that changed", f"{found.changed} of {found.tasks}"),
        ("pairs that broke", found.inconclusive),
        ("model calls", found.calls),
        ("in force for them", ", ".join(digest[:12] for digest in found.protocols)),
        ("engine", printable(", ".join(f"{key} {value}" for key, value in found.engine.items() if value))),
    ]
    state.out("learn", {**asdict(found), "flips": share}, Table(["measure", "value"], rows))
    words = "may stand for new ones in trials" if found.steady else "are not used again in trials: both arms run afresh"
    state.notice(f"{counted(found.tasks, 'pair')}: replies of this engine {words}")


def _percent(value: float) -> str:
    return f"{100 * value:.1f}%"
