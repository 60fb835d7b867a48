"""What persons said about patterns: split, merge, label, with the signatures it was said about. Facts."""

from __future__ import annotations

import json
from collections.abc import Sequence

from metaagent.ledger.database import Ledger, Row
from metaagent.ledger.ulid import new_ulid

_PUT = "INSERT INTO pattern_edits VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


def record(
    ledger: Ledger, action: str, pattern: str, signatures: Sequence[str], text: str = "", by: str = "person"
) -> None:
    row = (new_ulid(), ledger.now(), ledger.run_id, action, pattern, json.dumps(sorted(signatures)), text, by)
    ledger.write([(_PUT, row)])


def history(ledger: Ledger) -> list[Row]:
    """All of them, oldest first. ``signatures`` is a JSON list."""
    return ledger.query("SELECT * FROM pattern_edits ORDER BY id")
