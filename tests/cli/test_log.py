"""Attempts as they were: listed, filtered, followed, and one on a page with every word that was said."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from metaagent.ledger import attempts
from metaagent.ledger.database import Ledger
from metaagent.records import Outcome, Purpose, Task
from tests.cli.conftest import AGENT, FAILED, PASSED, RUNNING, WEIGHED, attempt
from tests.conftest import Ran

Cli = Callable[..., Ran]


@pytest.mark.usefixtures("recorded")
def test_attempts_are_listed_newest_last(cli: Cli) -> None:
    ran = cli("log")
    lines = ran.out.splitlines()
    assert [line.split()[0] for line in lines] == ["ATTEMPT", PASSED, FAILED, RUNNING]
    assert "running" in lines[3]


@pytest.mark.usefixtures("workspace")
def test_a_fresh_workspace_has_no_attempts_and_gets_no_ledger(cli: Cli, workspace: Path) -> None:
    assert cli("log", "--json").json == []
    assert cli("log").err == "no attempts yet; next: metaagent run\n"
    assert not (workspace / ".metaagent").exists()


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--task", "TASK-005"], [FAILED]),
        (["--outcome", "pass"], [PASSED]),
        (["--outcome", "running"], [RUNNING]),
        (["--agent", "agent:other:x"], []),
        (["--model", "tiny", "--limit", "2"], [FAILED, RUNNING]),
        (["--since", "1h"], []),
        (["--purpose", "trial"], []),
    ],
)
@pytest.mark.usefixtures("recorded")
def test_filters(options: list[str], found: list[str], cli: Cli) -> None:
    assert [row["id"] for row in cli("log", "--json", *options).json] == found


@pytest.mark.usefixtures("recorded")
def test_one_attempt_is_a_page_in_order(cli: Cli) -> None:
    out = cli("log", FAILED[-6:]).out
    order = ["try 1 of 2: conversational", "prompt", "Sure! {", "json.parse (public)  fail", "try 2 of 2", '"Müller"']
    places = [out.index(part) for part in order]
    assert places == sorted(places)
    assert "\x1b" not in out
    assert "Müller\\e[2J" in out
    assert 'weighed for state: "due" 61%, "open" 29%, dispute\\e[2J 5%, "held" 0%' in out
    assert "weighed for sure" not in out


@pytest.mark.usefixtures("recorded")
def test_one_attempt_as_json_has_every_word(cli: Cli) -> None:
    data = cli("log", "--json", FAILED).json
    assert [step["name"] for step in data["steps"]] == ["conversational", "checks", "fresh", "checks"]
    assert data["steps"][0]["prompt"].endswith("\x1b[2J")
    assert data["steps"][0]["logprobs"] is None and data["steps"][2]["logprobs"] == WEIGHED
    assert [(event["location"], event["expected"], event["public"]) for event in data["events"]] == [
        ("", None, True),
        ("customer", '"Müller"', False),
    ]


@pytest.mark.usefixtures("recorded")
def test_a_part_that_names_several_attempts_is_refused(cli: Cli) -> None:
    ran = cli("log", "01KG")
    assert (ran.status, ran.out) == (2, "")
    assert "could be 3 attempts" in ran.err


@pytest.mark.parametrize("options", [["nothing"], ["--outcome", "won"], ["--since", "soon"]])
@pytest.mark.usefixtures("recorded")
def test_what_is_not_there_is_a_usage_error(options: list[str], cli: Cli) -> None:
    ran = cli("log", *options)
    assert ran.status == 2
    assert "  try: " in ran.err


@pytest.mark.usefixtures("recorded")
def test_a_stream_has_one_value_a_line(cli: Cli) -> None:
    lines = cli("log", "--jsonl").out.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [PASSED, FAILED, RUNNING]


def test_following_shows_what_ends_meanwhile(recorded: Path) -> None:
    command = [sys.executable, "-m", "metaagent", "log", "--follow", "--jsonl", "--limit", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=recorded)
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["id"] == RUNNING
    task = Task("TASK-003", "Title of TASK-003", hash="hash-TASK-003")
    with Ledger.open(recorded / ".metaagent" / "ledger.db") as ledger:
        new = "01KG00000000000000000000DD"
        ledger.write(attempts.start_batch(new, "run", task, AGENT, "", Purpose.RUN, 2, datetime.now(UTC)))
        from dataclasses import replace

        ended = replace(attempt(new, task, Outcome.PASS, 2), ended=datetime.now(UTC))
        ledger.write(attempts.end_batch(ended, run_id="run"))
    assert json.loads(process.stdout.readline())["id"] == new
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, "Traceback" in err) == (130, False)
