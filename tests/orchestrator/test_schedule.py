from __future__ import annotations

import shlex
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent.config import AgentConfig, Config
from metaagent.orchestrator.schedule import cron_fields, schedule, shortest_heartbeat

DAY = 24 * 60


def fires(fields: str) -> list[int]:
    """The minutes of a day at which a crontab line fires; only what ``cron_fields`` may write is understood."""
    minute, hour, *rest = fields.split(" ")
    assert rest == ["*", "*", "*"]
    return [h * 60 + m for h in _matches(hour, 24) for m in _matches(minute, 60)]


def _matches(field: str, whole: int) -> list[int]:
    if field == "*":
        return list(range(whole))
    return list(range(0, whole, int(field[2:]))) if field.startswith("*/") else [int(field)]


def gaps(fields: str) -> set[int]:
    """The intervals between two firings over two days, in minutes."""
    times = [at + day for day in (0, DAY) for at in fires(fields)]
    return {later - earlier for earlier, later in pairwise(times)} or {DAY}


@given(st.floats(60, 14 * 86400))
def test_it_fires_at_even_intervals_that_are_not_longer(seconds: float) -> None:
    found = gaps(cron_fields(seconds))
    assert len(found) == 1
    interval = found.pop()
    assert interval * 60 <= seconds
    assert DAY % interval == 0


@given(st.integers(1, DAY))
def test_no_even_interval_that_fits_would_be_longer(minutes: int) -> None:
    """Steps of minutes start anew each hour, those of hours each day: larger ones are uneven."""
    even = [step for step in range(1, 60) if 60 % step == 0] + [60 * step for step in range(1, 25) if 24 % step == 0]
    assert gaps(cron_fields(minutes * 60)) == {max(step for step in even if step <= minutes)}


@pytest.mark.parametrize(
    ("seconds", "fields"),
    [
        (1, "* * * * *"),
        (60, "* * * * *"),
        (15 * 60, "*/15 * * * *"),
        (7 * 60, "*/6 * * * *"),
        (59 * 60, "*/30 * * * *"),
        (3600, "0 * * * *"),
        (5 * 3600, "0 */4 * * *"),
        (86400, "0 0 * * *"),
        (7 * 86400, "0 0 * * *"),
    ],
)
def test_known_fields(seconds: float, fields: str) -> None:
    assert cron_fields(seconds) == fields


def test_paths_with_what_cron_systemd_and_shells_read_specially() -> None:
    root = Path("/home/me/a b/100% of $HOME")
    lines = schedule(root, ["/usr/bin/python3", "-m", "metaagent"], 900)
    typed = lines.crontab.split(" ", 5)[5].replace("\\%", "%")
    wanted = ["-C", str(root), "heartbeat", "--quiet", "--if-locked", "skip"]
    assert shlex.split(typed) == ["/usr/bin/python3", "-m", "metaagent", *wanted]
    assert "\\%" in lines.crontab
    assert "100%% of $$HOME" in lines.service
    assert "OnUnitActiveSec=900s" in lines.timer
    assert "\n" not in lines.crontab


def test_the_shortest_heartbeat_counts() -> None:
    agents = {f"agent:executor:{name}": AgentConfig(heartbeat=span) for name, span in {"a": "2h", "b": "15m"}.items()}
    assert shortest_heartbeat(Config(agents={**agents, "agent:qa:c": AgentConfig()})) == 900
    assert shortest_heartbeat(Config()) is None
