"""Comments by agents (validator, qa, analyzer): advice to the person in REVIEW, never a verdict."""

from __future__ import annotations

from metaagent.ledger.database import Ledger, Row
from metaagent.ledger.mask import mask
from metaagent.ledger.ulid import new_ulid
from metaagent.ledger.writer import Statement

_PUT = "INSERT INTO comments VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


def record_batch(
    task_id: str, attempt_id: str | None, agent: str, role: str, body: str, *, now: str, run_id: str | None
) -> list[Statement]:
    return [(_PUT, (new_ulid(), now, run_id, task_id, attempt_id, agent, role, mask(body)))]


def record(ledger: Ledger, task_id: str, attempt_id: str | None, agent: str, role: str, body: str) -> None:
    ledger.write(record_batch(task_id, attempt_id, agent, role, body, now=ledger.now(), run_id=ledger.run_id))


def of_task(ledger: Ledger, task_id: str) -> list[Row]:
    return ledger.query("SELECT * FROM comments WHERE task_id = ? ORDER BY id", (task_id,))
