"""Ctrl-C and SIGTERM in the middle of a real run: what is finished is kept, the rest is back, nothing is claimed."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable

import pytest

from metaagent.orchestrator.state import Session
from tests.orchestrator.place import Place
from tests.orchestrator.processes import command, end

Make = Callable[..., Place]
SLOW = {"match": "", "json": {"name": "SMITH", "total": 7}, "delay": 0.05}


def working(place: Place, *arguments: str) -> subprocess.Popen[str]:
    """A command that has printed its first result."""
    process = command(place.root, *arguments, start_new_session=True)
    assert process.stdout is not None
    assert "REC-" in process.stdout.readline()
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_ends_with_130_and_the_next_one_finishes(make: Make, number: signal.Signals) -> None:
    place = make(40)
    place.write_script([SLOW])
    process = working(place, "run", "--jobs", "2")
    time.sleep(0.12)
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130, (out, err)
    assert "stopping" in err
    done = place.where("DONE")
    assert 0 < len(done) < 40
    assert len(place.where("INBOX")) == 40 - len(done)
    place.nothing_left_behind()
    assert place.rows("SELECT status FROM run_ends") == [("interrupted",)]
    assert all(agent.state == "IDLE" for agent in place.board().agents)
    printed = {line.split()[0] for line in out.splitlines() if line.startswith("REC-")}
    assert printed <= set(done)

    place.write_script()
    summary = place.run()
    assert summary.tasks == 40 - len(done)
    assert len(place.where("DONE")) == 40
    for task_id in place.statuses():
        assert place.outcomes(task_id).count("pass") == 1


def test_a_call_that_takes_long_does_not_hold_the_end_up(make: Make) -> None:
    place = make(3)
    place.write_script([{"contains": "REC-001", "reply": "{}"}, {**SLOW, "delay": 60}])
    process = working(place, "run", "--jobs", "3", "--retries", "0")
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 130
    assert time.monotonic() - started < 15
    assert set(place.where("INBOX")) == {"REC-002", "REC-003"}
    place.nothing_left_behind()


def test_two_signals_at_once_still_give_everything_back(make: Make) -> None:
    place = make(20)
    place.write_script([SLOW])
    process = working(place, "run", "--jobs", "4")
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 130
    assert not place.where("IN_PROGRESS")
    place.nothing_left_behind()


async def test_an_attempt_that_has_not_taken_its_first_step_still_gives_its_task_back() -> None:
    """A signal may be handled between the claim of a task and the first step of its attempt: a task of asyncio that is
    cancelled there never runs at all (a run then ended with status 70 and left its claim behind)."""
    given_back = []

    async def attempt() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            given_back.append(True)

    session = Session.__new__(Session)
    session.stopped, session.failure, session.interrupted = None, None, False
    session.running = {asyncio.create_task(attempt())}
    session.interrupt()
    await asyncio.wait_for(asyncio.gather(*session.running), 5)
    assert given_back


def test_an_interrupted_heartbeat(make: Make) -> None:
    place = make(20, config="agents: {agent:executor:a: {heartbeat: 15m}, agent:executor:b: {heartbeat: 15m}}\n")
    place.write_script([SLOW])
    process = working(place, "heartbeat")
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130, (out, err)
    assert len(place.rows("SELECT DISTINCT run_id FROM attempts")) == 1
    place.nothing_left_behind()


def test_a_watch_ends_at_ctrl_c(make: Make) -> None:
    place = make(1)
    process = working(place, "watch")
    try:
        assert process.stderr is not None
        while "watching" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(20) in (0, 130)
    finally:
        end(process)
    assert place.where("DONE") == ["REC-001"]


def ended_one(place: Place) -> None:
    """Waits for the first attempt that has ended."""
    while True:
        with contextlib.suppress(sqlite3.OperationalError):  # the ledger is being made
            if place.rows("SELECT 1 FROM outcomes"):
                return
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(
    "arguments", [("evaluate", "--tasks", "records", "--jobs", "1"), ("learn", "aa", "--jobs", "1")]
)
def test_a_measurement_that_is_interrupted_says_so(
    make: Make, arguments: tuple[str, ...], number: signal.Signals
) -> None:
    place = make(40)
    place.write_script([SLOW])
    process = command(place.root, *arguments, start_new_session=True)
    ended_one(place)
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130 and "interrupted" in err, err
    place.nothing_left_behind()


def test_an_interrupted_full_cycle_does_not_say_that_there_was_nothing_to_learn(make: Make) -> None:
    place = make(40)
    place.write_script([SLOW])
    process = command(place.root, "full-cycle", "--jobs", "1", start_new_session=True)
    ended_one(place)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "stopped before it learned" in err and "nothing to learn" not in out + err
