"""What persons decided about tasks: accept, reject, retry. Each is a human intervention, counted by ``metrics``."""

from __future__ import annotations

from metaagent.ledger.database import Ledger, Row
from metaagent.ledger.mask import mask
from metaagent.ledger.ulid import new_ulid
from metaagent.ledger.writer import Statement

_PUT = "INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


def record_batch(
    task_id: str, attempt_id: str | None, decision: str, why: str, by: str, *, now: str, run_id: str | None
) -> list[Statement]:
    return [(_PUT, (new_ulid(), now, run_id, task_id, attempt_id, decision, mask(why), by))]


def record(ledger: Ledger, task_id: str, attempt_id: str | None, decision: str, why: str, by: str) -> None:
    """``decision`` is accept, reject, retry, or what a later command calls it; ``by`` is who decided."""
    ledger.write(record_batch(task_id, attempt_id, decision, why, by, now=ledger.now(), run_id=ledger.run_id))


def of_task(ledger: Ledger, task_id: str) -> list[Row]:
    return ledger.query("SELECT * FROM decisions WHERE task_id = ? ORDER BY id", (task_id,))
