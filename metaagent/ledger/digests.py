"""Which content of a model the evidence of a ledger is of: a name may come to stand for another model.

Attempts of another content than the newest are another model's evidence, as they are for the reply cache and for a
trial that goes on. Where a backend names no content, all count.
"""

from __future__ import annotations

import json

from metaagent.ledger.database import Ledger

PRESENT = "coalesce(o.digest, '') IN ('', coalesce((SELECT value FROM json_each(?) WHERE key = a.model), ''))"
"""The condition on ``attempts a`` with ``outcomes o``; its value is that of ``as_json``."""


def newest(ledger: Ledger) -> dict[str, str]:
    """Model -> the digest of its newest attempt that knows one."""
    rows = ledger.query(
        """SELECT a.model, o.digest, max(a.id) FROM attempts a JOIN outcomes o ON o.attempt_id = a.id
           WHERE o.digest <> '' GROUP BY a.model"""
    )
    return {row[0]: row[1] for row in rows}


def as_json(digests: dict[str, str]) -> str:
    return json.dumps(digests)
