"""What is known of failed attempts beside their error events: how calls and replies ended."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass

from metaagent.ledger.database import Ledger
from metaagent.ledger.error_events import event_of
from metaagent.records import ErrorEvent


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """``reasons`` are those of calls that failed, ``finishes`` how replies ended, ``reply`` the last one's text."""

    attempt_id: str
    task_id: str
    domain: str
    model: str
    protocol: str
    events: tuple[ErrorEvent, ...]
    reasons: tuple[str, ...]
    finishes: tuple[str, ...]
    truncated: bool
    reply: str


_FAILED = """
    SELECT a.id, a.task_id, coalesce(a.domain, '') AS domain, a.model, a.protocol FROM attempts a
    JOIN outcomes o ON o.attempt_id = a.id
    WHERE a.purpose <> 'trial' AND o.outcome IN ('fail', 'inconclusive') AND {tasks} ORDER BY a.id"""
_STEPS = """
    SELECT attempt_id, finish, truncated, error, reply FROM v_steps
    WHERE kind = 'model' AND attempt_id IN (SELECT value FROM json_each(?)) ORDER BY attempt_id, number"""
_EVENTS = "SELECT * FROM error_events WHERE attempt_id IN (SELECT value FROM json_each(?)) ORDER BY attempt_id, id"


def failed_attempts(ledger: Ledger, tasks: Collection[str] | None) -> list[FailedAttempt]:
    """Oldest first; ``tasks``: those that may be looked at (None: all). Trials are left out."""
    wanted = [] if tasks is None else [json.dumps(sorted(tasks))]
    clause = "1" if tasks is None else "a.task_id IN (SELECT value FROM json_each(?))"
    rows = ledger.query(_FAILED.format(tasks=clause), wanted)
    ids = json.dumps([row["id"] for row in rows])
    events: dict[str, list[ErrorEvent]] = {}
    for row in ledger.query(_EVENTS, (ids,)):
        events.setdefault(row["attempt_id"], []).append(event_of(row))
    steps: dict[str, list[tuple[str | None, bool, str | None, str | None]]] = {}
    for row in ledger.query(_STEPS, (ids,)):
        steps.setdefault(row["attempt_id"], []).append(
            (row["finish"], bool(row["truncated"]), row["error"], row["reply"])
        )
    return [
        FailedAttempt(
            row["id"],
            row["task_id"],
            row["domain"],
            row["model"],
            row["protocol"],
            tuple(events.get(row["id"], ())),
            tuple(error.partition(":")[0] for _, _, error, _ in steps.get(row["id"], ()) if error),
            tuple(finish for finish, _, _, _ in steps.get(row["id"], ()) if finish),
            any(truncated for _, truncated, _, _ in steps.get(row["id"], ())),
            next((reply for _, _, _, reply in reversed(steps.get(row["id"], [])) if reply), ""),
        )
        for row in rows
    ]
