"""Heartbeats: each pass of an agent that was due, with its result and how many tries it took."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from metaagent.ledger.database import Ledger
from metaagent.ledger.mask import mask
from metaagent.ledger.times import from_text
from metaagent.ledger.ulid import new_ulid

_PUT = "INSERT INTO heartbeats VALUES (?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Beat:
    """``failures`` in a row up to now; ``last_ok`` when it last went well."""

    agent_id: str
    time: datetime
    result: str
    failures: int
    last_ok: datetime | None


def record(ledger: Ledger, agent_id: str, result: str, tries: int = 1, message: str = "") -> None:
    """``result`` is ok or failed."""
    row = (new_ulid(), ledger.now(), ledger.run_id, agent_id, result, tries, mask(message))
    ledger.write([(_PUT, row)])


def last(ledger: Ledger) -> dict[str, Beat]:
    """The latest heartbeat of each agent: from it and the interval follows who is due."""
    rows = ledger.query(
        """SELECT h.agent, h.time, h.result,
             (SELECT max(time) FROM heartbeats k WHERE k.agent = h.agent AND k.result = 'ok') AS ok_time,
             (SELECT count(*) FROM heartbeats k WHERE k.agent = h.agent AND k.result <> 'ok' AND k.id > coalesce(
                (SELECT max(id) FROM heartbeats j WHERE j.agent = h.agent AND j.result = 'ok'), '')) AS failures
           FROM heartbeats h WHERE h.id IN (SELECT max(id) FROM heartbeats GROUP BY agent)"""
    )
    return {
        row["agent"]: Beat(
            row["agent"],
            from_text(row["time"]),
            row["result"],
            row["failures"],
            from_text(row["ok_time"]) if row["ok_time"] else None,
        )
        for row in rows
    }
