"""How well the work goes: counts with intervals, never bare percentages."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conftest import Ran

Cli = Callable[..., Ran]


@pytest.mark.usefixtures("recorded")
def test_all_attempts_are_counted(cli: Cli) -> None:
    (whole,) = cli("evaluate", "--json").json
    assert (whole["attempts"], whole["tasks"], whole["calls"]) == (2, 2, 4)
    assert (whole["success"]["k"], whole["success"]["n"]) == (1, 2)
    assert whole["success"]["low"] < 0.5 < whole["success"]["high"]
    assert set(whole["errors"]) == {"assertion", "format"}
    assert whole["tokens_per_solved"] == 236


@pytest.mark.usefixtures("recorded")
def test_the_report_has_intervals_and_charts(cli: Cli) -> None:
    out = cli("evaluate", "--by", "agent").out
    line = next(line for line in out.splitlines() if line.startswith("success (attempts)"))
    assert "50.0%" in line
    assert " to " in line
    assert "█" in line
    assert "agent:executor:main" in out


@pytest.mark.parametrize("by", ["agent", "domain", "model", "protocol"])
@pytest.mark.usefixtures("recorded")
def test_groups(by: str, cli: Cli) -> None:
    groups = cli("evaluate", "--by", by, "--json").json
    assert [group["attempts"] for group in groups] == [2, 2]


@pytest.mark.usefixtures("recorded")
def test_a_span_leaves_older_attempts_out(cli: Cli) -> None:
    ran = cli("evaluate", "--since", "1h", "--json")
    assert ran.json[0]["attempts"] == 0
    assert "no attempt has ended" in ran.err


@pytest.mark.usefixtures("workspace")
def test_a_fresh_workspace_knows_nothing(cli: Cli) -> None:
    (whole,) = cli("evaluate", "--json").json
    assert whole["success"] == {"k": 0, "n": 0, "low": 0.0, "high": 1.0}
    assert cli("evaluate").status == 0


@pytest.mark.parametrize("options", [["--by", "day"], ["--since", "soon"], ["--protocol", "0"], ["--limit", "3"]])
@pytest.mark.usefixtures("workspace")
def test_what_does_not_hold_is_a_usage_error(options: list[str], cli: Cli) -> None:
    assert cli("evaluate", *options).status == 2


@pytest.mark.usefixtures("workspace")
def test_an_unknown_set_is_named(cli: Cli) -> None:
    ran = cli("evaluate", "--tasks", "nothing", "--protocol", "0")
    assert (ran.status, "no set 'nothing'" in ran.err) == (2, True)
