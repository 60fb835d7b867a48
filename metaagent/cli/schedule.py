"""``metaagent schedule``: print the lines that make cron or systemd run the heartbeat."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from metaagent.cli.state import current, printable


def command(
    every: Annotated[
        str | None, typer.Option(metavar="SPAN", help="How often, such as 15m; default: the shortest heartbeat.")
    ] = None,
) -> None:
    """Print the crontab and systemd lines for heartbeats; nothing is installed."""
    from metaagent.config import seconds_of
    from metaagent.errors import UsageError
    from metaagent.orchestrator.schedule import schedule, shortest_heartbeat

    state = current()
    workspace = state.workspace()
    try:
        seconds = seconds_of(every) if every else shortest_heartbeat(workspace.config)
    except ValueError as error:
        raise UsageError(str(error), mend="metaagent schedule --every 15m") from error
    if seconds is None:
        state.notice("no agent has a heartbeat yet (metaagent agent edit AGENT --heartbeat 15m); using 15m")
        seconds = 900.0
    lines = schedule(workspace.root, [sys.executable, "-m", "metaagent"], seconds)
    state.out(
        "schedule",
        {"crontab": lines.crontab, "service": lines.service, "timer": lines.timer},
        printable(
            f"# crontab -e\n{lines.crontab}\n\n"
            f"# ~/.config/systemd/user/metaagent.service\n{lines.service}\n"
            "# ~/.config/systemd/user/metaagent.timer, then: systemctl --user enable --now metaagent.timer\n"
            f"{lines.timer}",
            lines=True,
        ),
    )
