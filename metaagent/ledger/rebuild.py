"""Throws away what is derived and makes it again from the facts: views, indexes and statistics of the query planner.

A later room that derives tables (patterns, insights) adds a function to ``DERIVED``; facts are never touched.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from metaagent.ledger.database import Ledger
from metaagent.ledger.views import recreate_views

DERIVED: dict[str, Callable[[sqlite3.Cursor], int]] = {}


def rebuild(ledger: Ledger, *, dry_run: bool = False) -> dict[str, int]:
    """What was made anew, with counts. One transaction: readers see the old or the new."""
    if dry_run:
        return _counts(ledger)

    def run(cursor: sqlite3.Cursor) -> dict[str, int]:
        made = {"views": recreate_views(cursor.connection)}
        for name, derive in DERIVED.items():
            made[name] = derive(cursor)
        cursor.execute("REINDEX")
        cursor.execute("ANALYZE")
        return made

    made: dict[str, int] = ledger.write(run)
    return {**made, "indexes": _counts(ledger)["indexes"]}


def _counts(ledger: Ledger) -> dict[str, int]:
    rows = ledger.query("SELECT type, count(*) FROM sqlite_master WHERE type IN ('view', 'index') GROUP BY type")
    found = {row[0]: row[1] for row in rows}
    return {"views": found.get("view", 0), **dict.fromkeys(DERIVED, 0), "indexes": found.get("index", 0)}
