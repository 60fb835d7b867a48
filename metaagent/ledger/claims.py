"""Claims: which run works on which task. A lease with pid, host and boot id: a crash never leaves "running" behind.

A claim is live while its lease has not run out and its process may still live; a dead local process frees it at once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from metaagent.ledger.database import Ledger, Row
from metaagent.ledger.process import Process, is_dead, this_process
from metaagent.ledger.times import to_text
from metaagent.ledger.ulid import new_ulid
from metaagent.ledger.writer import Statement

_SELECT = "SELECT task_id, run_id, attempt_id, agent, pid, host, boot_id, pid_started, expires FROM claims"
_PUT = "INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Claim:
    """``attempt_id`` is the id to give to the attempt made under this claim; ``expires`` as the ledger's text."""

    task_id: str
    agent_id: str
    run_id: str
    attempt_id: str
    expires: str
    pid: int
    host: str
    boot_id: str


def claim_batch(
    run_id: str, candidates: Sequence[tuple[str, str]], limit: int, now: datetime, lease_seconds: float
) -> Callable[[sqlite3.Cursor], list[Claim]]:
    """For ``ledger.submit``: its future gives the claims. See ``claim``."""

    def run(cursor: sqlite3.Cursor) -> list[Claim]:
        taken = {row[0] for row in cursor.execute(_SELECT) if not _is_stale(row, to_text(now))}
        me, expires = this_process(), to_text(now + timedelta(seconds=lease_seconds))
        chosen: list[Claim] = []
        for task_id, agent_id in candidates:
            if len(chosen) >= limit:
                break
            if task_id not in taken:
                taken.add(task_id)
                chosen.append(Claim(task_id, agent_id, run_id, new_ulid(), expires, me.pid, me.host, me.boot_id))
        rows = [
            (c.task_id, run_id, c.attempt_id, c.agent_id, me.pid, me.host, me.boot_id, me.started, expires)
            for c in chosen
        ]
        cursor.executemany(_PUT, rows)
        return chosen

    return run


def claim(
    ledger: Ledger,
    run_id: str,
    candidates: Sequence[tuple[str, str]],
    limit: int,
    now: datetime,
    lease_seconds: float,
) -> list[Claim]:
    """In one transaction: the first ``limit`` (task, agent) candidates without a live claim, claimed by this run.
    Tasks with a live claim, also one of this run, are left out; stale claims are taken over."""
    result: list[Claim] = ledger.write(claim_batch(run_id, candidates, limit, now, lease_seconds))
    return result


def renew_batch(run_id: str, now: datetime, lease_seconds: float) -> list[Statement]:
    expires = to_text(now + timedelta(seconds=lease_seconds))
    return [("UPDATE claims SET expires = ? WHERE run_id = ?", (expires, run_id))]


def renew(ledger: Ledger, run_id: str, now: datetime, lease_seconds: float) -> None:
    """Extends all leases of the run."""
    ledger.write(renew_batch(run_id, now, lease_seconds))


def release_batch(task_ids: Iterable[str], run_id: str | None = None) -> list[Statement]:
    """With ``run_id`` only claims of that run go: a lease that another run took over is not ours to free."""
    if run_id is None:
        return [("DELETE FROM claims WHERE task_id = ?", [(task_id,) for task_id in task_ids])]
    return [("DELETE FROM claims WHERE task_id = ? AND run_id = ?", [(task_id, run_id) for task_id in task_ids])]


def live(ledger: Ledger, now: datetime) -> list[Claim]:
    return [_claim(row) for row in ledger.query(_SELECT) if not _is_stale(row, to_text(now))]


def stale(ledger: Ledger, now: datetime) -> list[Claim]:
    """Claims whose lease ran out or whose process is dead: their tasks are to be healed, then released."""
    return [_claim(row) for row in ledger.query(_SELECT) if _is_stale(row, to_text(now))]


def _is_stale(row: Row | tuple[object, ...], now: str) -> bool:
    _, _, _, _, pid, host, boot_id, started, expires = row
    return str(expires) <= now or is_dead(Process(int(str(pid)), str(host), str(boot_id), int(str(started))))


def _claim(row: Row) -> Claim:
    return Claim(row[0], row[3], row[1], row[2], row[8], row[4], row[5], row[6])
