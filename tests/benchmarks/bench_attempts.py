"""Attempts per second with the scripted backend, jobs 8, full durability, beside bare durable commits per second.

    python tests/benchmarks/bench_attempts.py [--tasks 2000] [--profile]

One row for this disk, one for a memory file system where there is one. An attempt here is everything a real one is:
claimed with a lease, rendered, asked for, judged by three checks, written with its steps, verdicts and error events,
moved on the board. Machine-independent is only the ratio of the two columns.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from metaagent.orchestrator.events import Event, Planned
from metaagent.orchestrator.session import run
from metaagent.orchestrator.state import RunOptions
from metaagent.workspace import Workspace

ROW_BYTES = 365
SPECIFICATION = """\
set: bench
goal: Turn the text into a record.
domain: data.json.extract
artifact:
  format: json
  schema:
    type: object
    required: [name, total]
    properties: {name: {type: string}, total: {type: integer}}
rows: bench.jsonl
inputs: [text]
expect: [name, total]
"""
BOARD = """\
# Board

## Active Agents

## Current Tasks

### INBOX
{lines}
### ASSIGNED
### IN_PROGRESS
### REVIEW
### DONE

## Recent Activity
"""


def bare_commits(folder: Path, seconds: float = 2.0) -> float:
    """Durable commits per second of one row each, WAL and synchronous=FULL."""
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE rows (body TEXT)")
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO rows VALUES (?)", ("x" * ROW_BYTES,))
        connection.execute("COMMIT")
        count += 1
    rate = count / (time.perf_counter() - started)
    connection.close()
    return rate


def make_workspace(folder: Path, tasks: int) -> Workspace:
    """A board of ``tasks`` extraction tasks, answered right by a script nine times in ten."""
    (folder / "tasks").mkdir(parents=True)
    (folder / ".metaagent").mkdir()
    (folder / ".metaagent" / "config.yaml").write_text("backend: scripted:script.yaml\n")
    (folder / "tasks" / "bench.yaml").write_text(SPECIFICATION)
    ids = [f"B-{number:05}" for number in range(tasks)]
    rows = [{"id": name, "text": f"Record {name} of Smith", "name": "SMITH", "total": 7} for name in ids]
    (folder / "tasks" / "bench.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    right, wrong = ({"name": name, "total": 7} for name in ("SMITH", "Smith"))
    script = {"rules": [{"match": "Record B-[0-9]*3 of", "json": wrong}], "default": json.dumps(right), "slots": 8}
    (folder / "script.yaml").write_text(json.dumps(script))
    lines = "".join(f"- [{name}] Record {name}\n" for name in ids)
    (folder / "WORKING.md").write_text(BOARD.format(lines=lines))
    return Workspace(folder)


def attempts_per_second(folder: Path, tasks: int) -> float:
    """From the plan to the end of the run; start-up (imports, a new ledger, reading the set) is left out."""
    workspace = make_workspace(folder / "workspace", tasks)
    planned: list[float] = []

    def observe(event: Event) -> None:
        if isinstance(event, Planned):
            planned.append(time.perf_counter())

    summary = run(workspace, RunOptions(jobs=8, retries=0), observe)
    seconds = time.perf_counter() - planned[0]
    assert summary.tasks == tasks, summary
    return tasks / seconds


def places() -> Iterator[tuple[str, Path]]:
    yield "disk", Path.cwd()
    memory = Path("/dev/shm")
    if memory.is_dir():
        yield "memory", memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=2000)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    print(f"{'place':8}{'attempts/s':>12}{'bare commits/s':>16}{'attempts per bare commit':>26}")
    for name, place in places():
        folder = Path(tempfile.mkdtemp(dir=place, prefix=".bench-"))
        try:
            bare = bare_commits(folder)
            profile = cProfile.Profile()
            measure = profile.runcall if options.profile else lambda call, *arguments: call(*arguments)
            rate = measure(attempts_per_second, folder, options.tasks)
            print(f"{name:8}{rate:>12.0f}{bare:>16.0f}{rate / bare:>26.2f}")
            if options.profile:
                pstats.Stats(profile).sort_stats("tottime").print_stats(35)
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
