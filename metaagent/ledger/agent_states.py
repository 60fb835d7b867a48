"""Which agents are paused. Operational state: a pause is in force until it is taken back."""

from __future__ import annotations

from metaagent.ledger.database import Ledger
from metaagent.ledger.writer import Statement

_PUT = "INSERT OR REPLACE INTO agent_states VALUES (?, ?, ?)"


def pause_batch(agent_id: str, paused: bool, *, now: str) -> list[Statement]:
    return [(_PUT, (agent_id, now, paused))]


def set_paused(ledger: Ledger, agent_id: str, paused: bool) -> None:
    ledger.write(pause_batch(agent_id, paused, now=ledger.now()))


def paused(ledger: Ledger) -> frozenset[str]:
    return frozenset(row[0] for row in ledger.query("SELECT agent_id FROM agent_states WHERE paused"))
