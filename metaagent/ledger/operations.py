"""Intents: what is about to be written to the board goes into the ledger first, then the board is written, then the
intent is marked done. One without an end was interrupted: it is finished or undone at the next start.

Operations are stored as they are, not masked: they are the board's own text and must be applied exactly.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from metaagent.ledger.database import Ledger
from metaagent.ledger.process import Process, is_dead
from metaagent.ledger.times import from_text, to_text, utc_now
from metaagent.ledger.ulid import new_ulid
from metaagent.ledger.writer import Statement

_INTEND = "INSERT INTO operations VALUES (?, ?, ?, ?)"
_DONE = "INSERT OR IGNORE INTO operation_ends VALUES (?, ?, ?, ?, ?)"
_PENDING = """
    SELECT p.id, p.time, p.run_id, p.operations, r.pid, r.host, r.boot_id, r.pid_started, e.run_id IS NOT NULL AS ended
    FROM operations p LEFT JOIN operation_ends d ON d.operation_id = p.id
    LEFT JOIN runs r ON r.id = p.run_id LEFT JOIN run_ends e ON e.run_id = p.run_id
    WHERE d.operation_id IS NULL ORDER BY p.id"""


@dataclass(frozen=True, slots=True)
class Pending:
    """``abandoned``: its run has ended or its process is dead, so nobody else will finish it."""

    id: str
    time: datetime
    run_id: str | None
    operations: list[dict[str, Any]]
    abandoned: bool


def new_operation_id() -> str:
    return new_ulid()


def intend_batch(
    operation_id: str, operations: Sequence[Mapping[str, Any]], *, now: str | None = None, run_id: str | None = None
) -> list[Statement]:
    body = json.dumps(list(operations), ensure_ascii=False, separators=(",", ":"))
    return [(_INTEND, (operation_id, now or to_text(utc_now()), run_id, body))]


def done_batch(
    operation_ids: Iterable[str],
    stamp: str | None,
    *,
    now: str | None = None,
    run_id: str | None = None,
    result: str = "done",
) -> list[Statement]:
    """``result`` is done, undone or conflict; the first end of an intent stands."""
    now = now or to_text(utc_now())
    rows = [(operation_id, now, run_id, stamp, result) for operation_id in operation_ids]
    return [(_DONE, rows)] if rows else []


def pending(ledger: Ledger) -> list[Pending]:
    """Intents without an end, oldest first."""
    return [
        Pending(row["id"], from_text(row["time"]), row["run_id"], json.loads(row["operations"]), _abandoned(row))
        for row in ledger.query(_PENDING)
    ]


def _abandoned(row: Any) -> bool:
    if row["pid"] is None or row["ended"]:
        return True
    return is_dead(Process(row["pid"], row["host"], row["boot_id"], row["pid_started"]))
