"""What models and agents showed in their bootstraps: one row each time they were asked, the latest one counts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from metaagent.ledger.database import Ledger
from metaagent.ledger.mask import mask
from metaagent.ledger.ulid import new_ulid

_PUT = "INSERT INTO bootstraps VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Key:
    """What a result is for: where one of these changes, it is asked anew. ``subject`` is empty for the model itself,
    else it names the agent's prompts."""

    digest: str
    backend: str
    engine: str
    probes: int
    subject: str = ""


def record(ledger: Ledger, key: Key, model: str, result: Mapping[str, Any]) -> None:
    text = mask(json.dumps(dict(result), ensure_ascii=False))
    row = (new_ulid(), ledger.now(), ledger.run_id, model, key.digest, key.backend, key.engine, key.probes)
    ledger.write([(_PUT, (*row, key.subject, text))])


def latest(ledger: Ledger, key: Key) -> dict[str, Any] | None:
    """The latest result for exactly that key, with its ``time``; None for a model without a digest."""
    if not key.digest:
        return None
    row = ledger.one(
        "SELECT time, result FROM bootstraps WHERE digest = ? AND backend = ? AND engine = ? AND probes = ?"
        " AND subject = ? ORDER BY id DESC LIMIT 1",
        (key.digest, key.backend, key.engine, key.probes, key.subject),
    )
    return None if row is None else {**json.loads(row["result"]), "time": row["time"]}


def by_model(ledger: Ledger) -> dict[str, dict[str, Any]]:
    """The latest result of each model itself, by the name that the configuration has for it."""
    rows = ledger.query("SELECT model, time, result FROM bootstraps WHERE subject = '' ORDER BY id")
    return {row["model"]: {**json.loads(row["result"]), "time": row["time"]} for row in rows}
