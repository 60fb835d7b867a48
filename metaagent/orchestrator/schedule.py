"""The lines that make cron or systemd run the heartbeat. Pure: they are printed, never installed."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from metaagent.config import Config, seconds_of


@dataclass(frozen=True, slots=True)
class Schedule:
    """``crontab`` is one line; ``service`` and ``timer`` are the two unit files of a systemd user timer."""

    crontab: str
    service: str
    timer: str


def shortest_heartbeat(config: Config) -> float | None:
    """The shortest heartbeat of all agents in seconds, or None where no agent has one."""
    spans = [seconds_of(agent.heartbeat) for agent in config.agents.values() if agent.heartbeat]
    return min(spans, default=None)


def cron_fields(seconds: float) -> str:
    """The five fields of a crontab line that fires at least as often as every ``seconds``, on round times.

    cron counts in minutes and starts anew each hour and day, so the interval is the largest divisor of 60 minutes (or
    of 24 hours) that is not longer.
    """
    minutes = max(1, int(seconds // 60))
    if minutes < 60:
        step = _largest_divisor(60, minutes)
        return "* * * * *" if step == 1 else f"*/{step} * * * *"
    hours = _largest_divisor(24, min(24, minutes // 60))
    if hours == 24:
        return "0 0 * * *"
    return "0 * * * *" if hours == 1 else f"0 */{hours} * * *"


def schedule(root: Path, program: Iterable[str], seconds: float) -> Schedule:
    """The lines for the workspace at ``root``; ``program`` is the command that runs metaagent, word by word."""
    command = shlex.join([*program, "-C", str(root), "heartbeat", "--quiet", "--if-locked", "skip"])
    # In a crontab % is a line break; in a unit file it is a specifier, and $ a variable even inside quotes.
    crontab = f"{cron_fields(seconds)} {command.replace('%', chr(92) + '%')}"
    unit_command = command.replace("%", "%%").replace("$", "$$")
    service = f"[Unit]\nDescription=metaagent heartbeat\n\n[Service]\nType=oneshot\nExecStart={unit_command}\n"
    timer = (
        "[Unit]\nDescription=metaagent heartbeat\n\n"
        f"[Timer]\nOnBootSec=2min\nOnUnitActiveSec={max(60, int(seconds))}s\n\n[Install]\nWantedBy=timers.target\n"
    )
    return Schedule(crontab, service, timer)


def _largest_divisor(whole: int, most: int) -> int:
    return max(step for step in range(1, most + 1) if whole % step == 0)
