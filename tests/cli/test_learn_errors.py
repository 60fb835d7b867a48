"""``metaagent learn errors``: the error events, filtered."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from metaagent.ledger import splits
from metaagent.ledger.database import Ledger
from tests.cli.conftest import FAILED, PASSED
from tests.conftest import Ran

Cli = Callable[..., Ran]


@pytest.mark.usefixtures("mined")
def test_all_events_with_expected_and_got(cli: Cli) -> None:
    ran = cli("learn", "errors")
    assert ran.status == 0, ran.err
    assert ran.out.count("not JSON") == 2
    assert 'is not what was expected: expected "Müller", got "Muller"' in ran.out
    assert PASSED in ran.out and FAILED in ran.out


@pytest.mark.parametrize(
    ("option", "count"),
    [
        (["--kind", "format"], 2),
        (["--task", "TASK-005"], 2),
        (["--validator", "json.expected"], 2),
        (["--domain", "data"], 4),
        (["--domain", "data.json"], 4),
        (["--domain", "dat"], 0),
        (["--since", "1h"], 0),
        (["--limit", "1"], 1),
    ],
    ids=str,
)
@pytest.mark.usefixtures("mined")
def test_filters(option: list[str], count: int, cli: Cli) -> None:
    assert len(cli("learn", "errors", "--json", *option).json) == count
    lines = cli("learn", "errors", "--jsonl", *option).out.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [
        row["id"] for row in cli("learn", "errors", "--json", *option).json
    ]


@pytest.mark.usefixtures("mined")
def test_an_unknown_kind_names_the_nearest(cli: Cli) -> None:
    ran = cli("learn", "errors", "--kind", "asertion")
    assert ran.status == 2
    assert "did you mean 'assertion'?" in ran.err


@pytest.mark.parametrize("command", ["errors", "patterns"])
@pytest.mark.usefixtures("mined")
def test_an_unknown_task_names_the_nearest(command: str, cli: Cli) -> None:
    ran = cli("learn", command, "--task", "TASK-006")
    assert ran.status == 2
    assert "no task 'TASK-006'; did you mean 'TASK-00" in ran.err
    assert cli("learn", command, "--task", "task-005").status == 0


def test_only_mine_is_shown_and_that_is_said(mined: Path, cli: Cli) -> None:
    with Ledger.open(mined / ".metaagent" / "ledger.db") as ledger:
        entry = splits.Entry("TASK-001", "hash-TASK-001", "TASK-001", "", "data.json.extract")
        splits.divide(ledger, "", [entry], lambda _: {"TASK-001": "sealed"}, "salt")
    ran = cli("learn", "errors", "--task", "TASK-001")
    assert (ran.status, ran.out) == (0, "")
    assert "TASK-001 is not in the mine split, and only that is shown" in ran.err
    assert "no error events yet; next: metaagent run" in cli("learn", "errors", "--task", "TASK-003").err


@pytest.mark.usefixtures("workspace")
def test_what_was_ingested_is_pointed_to(cli: Cli) -> None:
    assert cli("ingest", "-", "--format", "log", input="ERROR no such file\nERROR no such folder\n").status == 0
    ran = cli("learn", "errors")
    assert ran.status == 0 and "the 2 errors ingested: metaagent learn patterns" in ran.err


@pytest.mark.usefixtures("workspace")
def test_no_ledger_yet(cli: Cli) -> None:
    ran = cli("learn", "errors")
    assert (ran.status, ran.out) == (0, "")
    assert "metaagent run" in ran.err
    assert cli("learn", "errors", "--json").json == []


@pytest.mark.parametrize("command", [("errors",), ("patterns",)])
@pytest.mark.usefixtures("mined")
def test_an_unknown_validator_names_the_nearest(command: tuple[str], cli: Cli) -> None:
    ran = cli("learn", *command, "--validator", "json.expectd")
    assert (ran.status, "did you mean 'json.expected'?" in ran.err) == (2, True)


@pytest.mark.usefixtures("mined")
def test_what_is_out_of_bounds_is_said(cli: Cli) -> None:
    for arguments in (("learn", "errors"), ("log",), ("artifact", "list")):
        assert cli(*arguments, "--limit", 10**23).status == 2
    for arguments in (("learn", "errors"), ("log",), ("evaluate",)):
        ran = cli(*arguments, "--since", "99999999999999d")
        assert (ran.status, "longer than a century" in ran.err) == (2, True)
    assert cli("log", "--purpose", "fun").status == 2
    for verb in ("plan", "test"):
        assert "no metric 'x'" in cli("learn", verb, "--metric", "x").err


@pytest.mark.usefixtures("mined")
def test_nothing_that_matches_is_not_nothing_at_all(cli: Cli) -> None:
    assert "no error event is like that" in cli("learn", "errors", "--domain", "data.xml").err
