"""Pruning of old evidence. Texts, steps, verdicts and error events of old attempts go, and cached replies, heartbeats
and ended intents; attempts and outcomes stay, for limits, history and metrics rest on them. What a promotion rests on
stays whole: attempts named in ``evidence``, and those made for trials. So does the latest attempt of every task.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import datetime
from typing import Any

from metaagent.ledger.database import Ledger
from metaagent.ledger.schema import PRUNE_SWITCH
from metaagent.ledger.times import to_text
from metaagent.ledger.ulid import new_ulid
from metaagent.ledger.writer import TakeBack

# Attempts whose evidence may go: old, ended, not for a trial, not named by an activation, not their task's latest.
_OLD = """
    SELECT a.id FROM attempts a JOIN outcomes o ON o.attempt_id = a.id
    WHERE o.time < :before AND a.purpose <> 'trial'
      AND a.id NOT IN (SELECT attempt_id FROM evidence)
      AND a.id <> (SELECT max(id) FROM attempts WHERE task_id = a.task_id)"""
# After the steps: texts that no step names any more.
_ORPHANS = """hash NOT IN (SELECT prompt_hash FROM steps WHERE prompt_hash IS NOT NULL
                           UNION SELECT reply_hash FROM steps WHERE reply_hash IS NOT NULL)"""

_ENDED = """
    INSERT INTO ended_operations SELECT p.id FROM operations p JOIN operation_ends e ON e.operation_id = p.id
    WHERE p.time < :before AND e.time < :before"""

_PARTS: dict[str, str] = {
    "steps": f"attempt_id IN ({_OLD})",
    "verdicts": f"attempt_id IN ({_OLD})",
    "error_events": f"attempt_id IN ({_OLD})",
    "texts": f"time < :before AND {_ORPHANS}",
    "heartbeats": "time < :before AND id NOT IN (SELECT max(id) FROM heartbeats GROUP BY agent)",
    "operation_ends": "operation_id IN (SELECT id FROM ended_operations)",
    "operations": "id IN (SELECT id FROM ended_operations)",
    "reply_cache": "time < :before",
}


def prune(ledger: Ledger, before: datetime, *, dry_run: bool = False, vacuum: bool = True) -> dict[str, int]:
    """Removes evidence of attempts that ended before that moment; how many rows of each table. One transaction."""
    work = _pruning(ledger, to_text(before), dry_run)
    counts: dict[str, int] = ledger.write(work)
    if vacuum and not dry_run and any(counts.values()):
        ledger.exclusive(_compact)
    return counts


def _pruning(ledger: Ledger, before: str, dry_run: bool) -> Callable[[sqlite3.Cursor], dict[str, int]]:
    def run(cursor: sqlite3.Cursor) -> dict[str, int]:
        cursor.execute("INSERT OR IGNORE INTO switches VALUES (?)", (PRUNE_SWITCH,))
        cursor.execute("CREATE TEMP TABLE IF NOT EXISTS ended_operations (id TEXT PRIMARY KEY)")
        cursor.execute("DELETE FROM ended_operations")
        cursor.execute(_ENDED, {"before": before})
        counts = {table: _delete(cursor, table, condition, before) for table, condition in _PARTS.items()}
        cursor.execute("DELETE FROM switches WHERE name = ?", (PRUNE_SWITCH,))
        if dry_run:
            raise TakeBack(counts)
        row = (new_ulid(), ledger.now(), ledger.run_id, before, json.dumps(counts))
        cursor.execute("INSERT INTO prunes VALUES (?, ?, ?, ?, ?)", row)
        return counts

    return run


def _delete(cursor: sqlite3.Cursor, table: str, condition: str, before: str) -> int:
    return cursor.execute(f"DELETE FROM {table} WHERE {condition}", {"before": before}).rowcount


def _compact(connection: sqlite3.Connection) -> Any:
    connection.execute("VACUUM")
    return connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
