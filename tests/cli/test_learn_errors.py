"""``metaagent learn errors``: the error events, filtered."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

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


@pytest.mark.usefixtures("workspace")
def test_no_ledger_yet(cli: Cli) -> None:
    ran = cli("learn", "errors")
    assert (ran.status, ran.out) == (0, "")
    assert "metaagent run" in ran.err
    assert cli("learn", "errors", "--json").json == []
