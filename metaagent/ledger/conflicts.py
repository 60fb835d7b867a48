"""Where a person and the tool changed the same field of a task: both values, and which one stands."""

from __future__ import annotations

from typing import Protocol

from metaagent.ledger.database import Ledger, Row
from metaagent.ledger.mask import mask
from metaagent.ledger.times import to_text, utc_now
from metaagent.ledger.ulid import new_ulid
from metaagent.ledger.writer import Statement

_PUT = "INSERT INTO conflicts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"


def record_batch(
    task_id: str | None,
    field: str,
    base: str | None,
    ours: str | None,
    theirs: str | None,
    resolution: str,
    *,
    now: str,
    run_id: str | None,
) -> list[Statement]:
    row = (new_ulid(), now, run_id, task_id, field, mask(base), mask(ours), mask(theirs), resolution)
    return [(_PUT, row)]


class BoardConflict(Protocol):
    """As the board room returns it: the person's value ``found`` stays, ``wanted`` was the tool's."""

    @property
    def task_id(self) -> str: ...
    @property
    def field(self) -> str: ...
    @property
    def wanted(self) -> str: ...
    @property
    def found(self) -> str: ...


def conflict_batch(conflict: BoardConflict, *, now: str | None = None, run_id: str | None = None) -> list[Statement]:
    """A conflict that the board has settled for the person."""
    now = now or to_text(utc_now())
    return record_batch(
        *(conflict.task_id, conflict.field, None, conflict.wanted, conflict.found, "person"), now=now, run_id=run_id
    )


def recent(ledger: Ledger, limit: int = 20) -> list[Row]:
    """Newest first."""
    return ledger.query("SELECT * FROM conflicts ORDER BY id DESC LIMIT ?", (limit,))
