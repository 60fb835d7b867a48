"""What the probes found of each sandbox: one row per proof, the latest one counts."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from metaagent.ledger.database import Ledger
from metaagent.ledger.mask import mask
from metaagent.ledger.ulid import new_ulid

_PUT = "INSERT INTO sandbox_probes VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


def record(ledger: Ledger, proof: Mapping[str, Any]) -> None:
    """``proof`` as the sandbox room writes it: backend, level, key (with kernel and user), results, ok."""
    key, text = proof["key"], mask(json.dumps(dict(proof), ensure_ascii=False))
    row = (new_ulid(), ledger.now(), ledger.run_id, key["kernel"], key["user"], proof["backend"], proof["level"], text)
    ledger.write([(_PUT, row)])


def latest(ledger: Ledger, backend: str, user: str) -> dict[str, Any] | None:
    """The latest proof of that backend by that user, with the ``time`` it was made."""
    row = ledger.one(
        "SELECT time, result FROM sandbox_probes WHERE backend = ? AND user = ? ORDER BY id DESC LIMIT 1",
        (backend, user),
    )
    return None if row is None else {**json.loads(row["result"]), "time": row["time"]}


class LedgerProofs:
    """Proofs of this user, kept in a ledger: what the sandbox room's choice takes as ``Proofs``."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def recall(self, backend: str) -> Mapping[str, Any] | None:
        return latest(self._ledger, backend, str(os.geteuid()))

    def remember(self, proof: Mapping[str, Any]) -> None:
        record(self._ledger, proof)
