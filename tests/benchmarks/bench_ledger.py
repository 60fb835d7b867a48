"""Durable commits per second: bare, and through the ledger from 8 submitters that each wait for their row.

    python tests/benchmarks/bench_ledger.py [--seconds 2] [--folder DIR]

One row for this disk, one for a memory file system where there is one. ``locked`` holds the file lock around every
commit, as on SQLite versions with the WAL-reset bug; ``unlocked`` does not. ``rows per commit`` says how many batches
shared one commit. The last column is the CPU that one whole attempt costs the ledger (claim, start, two steps, three
verdicts, two error events, end, change of status), in microseconds. Machine-independent are only the ratios.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import threading
import time
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from metaagent.ledger import attempts, claims, runs, tasks
from metaagent.ledger.database import Ledger
from metaagent.ledger.lock import LedgerLock
from metaagent.ledger.ulid import new_ulid
from metaagent.records import (
    Agent,
    Attempt,
    Check,
    ErrorEvent,
    ErrorKind,
    Outcome,
    Purpose,
    Reply,
    Step,
    Task,
    Verdict,
)

BODY = "x" * 365
SUBMITTERS = 8
PUT = "INSERT INTO reply_cache VALUES (?, 't', ?)"
AGENT = Agent("agent:executor:main", "executor", "small")


def bare(folder: Path, seconds: float) -> float:
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "CREATE TABLE rows (k TEXT, body TEXT)"):
        connection.execute(statement)
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO rows VALUES (?, ?)", (str(count), BODY))
        connection.execute("COMMIT")
        count += 1
    connection.close()
    return count / (time.perf_counter() - started)


def grouped(folder: Path, seconds: float, *, locked: bool) -> tuple[float, float]:
    """(batches per second, batches per commit)."""
    with Ledger.open(folder / f"grouped-{locked}.db", vulnerable=locked) as ledger:
        counts = [0] * SUBMITTERS
        end = time.perf_counter() + seconds

        def work(name: int) -> None:
            while time.perf_counter() < end:
                ledger.write([(PUT, (f"{name}-{counts[name]}", BODY))])
                counts[name] += 1

        threads = [threading.Thread(target=work, args=(name,)) for name in range(SUBMITTERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(counts) / seconds, sum(counts) / max(1, ledger.commits)


def lock_cost(folder: Path, rounds: int = 20_000) -> float:
    """Microseconds to take and free the file lock when nobody else wants it."""
    lock = LedgerLock(folder / "lock")
    started = time.perf_counter()
    for _ in range(rounds):
        with lock:
            pass
    lock.close()
    return (time.perf_counter() - started) / rounds * 1e6


def made(number: int) -> tuple[Task, Attempt]:
    """A value as the orchestrator hands it over: one call, one validation that fails."""
    checks = (Check("json.parse", True), Check("json.expected", False, {"values": {"a": 1}}))
    task = Task(f"T-{number}", "Invoice", goal="g" * 400, inputs={"text": "t" * 800}, checks=checks, hash=f"h{number}")
    now, name = datetime.now(UTC), new_ulid()
    reply = Reply('{"a": 1}' * 20, "small", "sha", "scripted", "stop", 400, 60, 1.0, 1.0, False)
    verdicts = tuple(Verdict(check, True, Outcome.PASS, 1, 1) for check in ("json.parse", "json.schema", "json.format"))
    steps = (
        Step(1, "model", "conversational", now, 1.0, f"Extract the fields as JSON. {number} " * 50, reply),
        Step(2, "validation", "conversational", now, 0.01, verdicts=verdicts),
    )
    event = (name, 2, task.id, ErrorKind.ASSERTION, "wrong", "json.expected", False, "$.a", "1", "2")
    events = tuple(ErrorEvent(new_ulid(), *event) for _ in range(2))
    attempt = Attempt(
        *(name, task.id, task.hash, AGENT.id, "small", "sha", "v0", Purpose.RUN, 1, now, now, Outcome.FAIL),
        *(0.5, "rejected", 1, False, 1),
        prompt_tokens=400,
        reply_tokens=60,
        model_seconds=1.0,
        cost=0.0,
        artifact="x",
        steps=steps,
        events=events,
    )
    return task, attempt


def attempt_cost(folder: Path, rounds: int) -> float:
    """CPU microseconds of this process for each attempt, submitters and writer thread together."""
    values = [made(number) for number in range(rounds)]
    with Ledger.open(folder / "attempts.db") as ledger:
        run_id = runs.start(ledger, "bench", [])
        started = time.process_time()
        for at in range(0, rounds, SUBMITTERS):
            group = values[at : at + SUBMITTERS]
            now = datetime.now(UTC)
            claims.claim(ledger, run_id, [(task.id, AGENT.id) for task, _ in group], SUBMITTERS, now, 60)
            ends = [_write(ledger, run_id, task, attempt) for task, attempt in group]
            for end in ends:
                end.result()
        return (time.process_time() - started) / rounds * 1e6


def _write(ledger: Ledger, run_id: str, task: Task, attempt: Attempt) -> Future[Any]:
    start = (attempt.id, run_id, task, AGENT, "v0", attempt.purpose, 1, attempt.started)
    ledger.post(attempts.start_batch(*start, ledger=ledger))
    for step in attempt.steps:
        ledger.post(attempts.step_batch(attempt.id, step, run_id))
    moved = tasks.status_batch(task.id, "IN_PROGRESS", "REVIEW", AGENT.id, "rejected", now=ledger.now(), run_id=run_id)
    status = [*claims.release_batch([task.id], run_id), *moved]
    return ledger.submit(attempts.end_batch(attempt, run_id=run_id, backend="scripted", status=status))


def row(name: str, folder: Path, seconds: float) -> str:
    with tempfile.TemporaryDirectory(dir=folder) as made_here:
        here = Path(made_here)
        base = bare(here, seconds)
        locked, size = grouped(here, seconds, locked=True)
        unlocked, _ = grouped(here, seconds, locked=False)
        cells = [f"{base:,.0f}", f"{locked:,.0f}", f"{unlocked:,.0f}", f"{locked / base:.2f}", f"{size:.1f}"]
        cells += [f"{lock_cost(here):.1f}", f"{attempt_cost(here, 1600):.0f}"]
    return f"{name:<12}" + "".join(f"{cell:>13}" for cell in cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()
    print(f"SQLite {sqlite3.sqlite_version}, {SUBMITTERS} submitters, synchronous=FULL")
    head = ["bare/s", "locked/s", "unlocked/s", "locked/bare", "rows/commit", "lock us", "attempt us"]
    print(f"{'file system':<12}" + "".join(f"{cell:>13}" for cell in head))
    print(row("disk", options.folder, options.seconds))
    memory = Path("/dev/shm")
    if memory.is_dir():
        print(row("memory", memory, options.seconds))


if __name__ == "__main__":
    main()
