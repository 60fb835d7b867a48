"""Error events with what is known of their attempts: what learning reads."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from metaagent.ledger import digests
from metaagent.ledger.database import Ledger, Row
from metaagent.ledger.times import to_text
from metaagent.records import ErrorEvent, ErrorKind

_EVENTS = """
    SELECT e.id, e.time, e.attempt_id, e.step, e.task_id, a.domain, a.purpose, e.validator, e.public, e.kind,
           e.message, e.location, e.expected, e.got
    FROM error_events e JOIN attempts a ON a.id = e.attempt_id LEFT JOIN outcomes o ON o.attempt_id = a.id"""
_LEARNABLE = "a.purpose <> 'trial' AND e.kind <> 'infrastructure'"


@dataclass(frozen=True, slots=True)
class EventFilters:
    """``tasks`` are the ids of the only tasks that may be looked at (None: all). A domain holds for those below it."""

    tasks: Collection[str] | None = None
    kind: str | None = None
    task_id: str | None = None
    domain: str | None = None
    validator: str | None = None
    since: datetime | None = None
    model: str | None = None


def list_events(ledger: Ledger, filters: EventFilters, limit: int) -> list[Row]:
    """The newest that hold for all filters, newest first."""
    where, values = conditions(filters)
    return ledger.query(f"{_EVENTS} {where} ORDER BY e.time DESC, e.id DESC LIMIT ?", (*values, limit))


def validators(ledger: Ledger) -> list[str]:
    """Who reported error events."""
    rows = ledger.query("SELECT DISTINCT validator FROM error_events WHERE validator <> '' ORDER BY validator")
    return [row[0] for row in rows]


def learnable(ledger: Ledger, filters: EventFilters) -> list[Row]:
    """What patterns are mined from, oldest first: the events of attempts that ran or were measured, with each model as
    it was last met. Not those of trials, and no failures of the infrastructure."""
    where, values = conditions(filters, _LEARNABLE, digests.PRESENT)
    values.append(digests.as_json(digests.newest(ledger)))
    return ledger.query(f"{_EVENTS} {where} ORDER BY e.time, e.id", values)


def outdated(ledger: Ledger, filters: EventFilters) -> int:
    """How many events are left out of those, as they are of a model that had another content by the same name."""
    where, values = conditions(filters, _LEARNABLE, f"NOT {digests.PRESENT}")
    values.append(digests.as_json(digests.newest(ledger)))
    return len(ledger.query(f"{_EVENTS} {where}", values))


def by_ids(ledger: Ledger, ids: Collection[str]) -> list[Row]:
    """These events, oldest first."""
    wanted = json.dumps(sorted(ids))
    return ledger.query(f"{_EVENTS} WHERE e.id IN (SELECT value FROM json_each(?)) ORDER BY e.time, e.id", (wanted,))


def exposed(ledger: Ledger, tasks: Collection[str] | None) -> list[Row]:
    """The attempts that could have shown errors, oldest first, with the validators that judged each (a JSON list)."""
    where, values = f"AND {digests.PRESENT}", [digests.as_json(digests.newest(ledger))]
    if tasks is not None:
        where += " AND a.task_id IN (SELECT value FROM json_each(?))"
        values.append(json.dumps(sorted(tasks)))
    return ledger.query(
        f"""SELECT a.id, a.time, a.task_id, a.domain, a.model, o.outcome,
                   (SELECT json_group_array(DISTINCT v.validator) FROM verdicts v WHERE v.attempt_id = a.id)
                   AS validators
            FROM attempts a JOIN outcomes o ON o.attempt_id = a.id
            WHERE a.purpose <> 'trial' AND o.outcome IN ('pass', 'fail') {where} ORDER BY a.time, a.id""",
        values,
    )


def activated(ledger: Ledger) -> list[Row]:
    """When a protocol was put in force, by domain."""
    return ledger.query("SELECT domain, time FROM activations ORDER BY id")


def conditions(filters: EventFilters, *also: str) -> tuple[str, list[Any]]:
    """The WHERE clause on ``error_events e`` and ``attempts a``, and its values; ``also``: further conditions, whose
    values come last."""
    parts: list[str] = []
    values: list[Any] = []

    def add(part: str, *more: Any) -> None:
        parts.append(part)
        values.extend(more)

    if filters.tasks is not None:
        add("e.task_id IN (SELECT value FROM json_each(?))", json.dumps(sorted(filters.tasks)))
    for column, value in (("kind", filters.kind), ("task_id", filters.task_id), ("validator", filters.validator)):
        if value is not None:
            add(f"e.{column} = ?", value)
    if filters.model is not None:
        add("a.model = ?", filters.model)
    if filters.domain is not None:
        add(
            "(a.domain = ? OR substr(a.domain, 1, ?) = ?)",
            filters.domain,
            len(filters.domain) + 1,
            f"{filters.domain}.",
        )
    if filters.since is not None:
        add("e.time >= ?", to_text(filters.since))
    parts.extend(also)
    return ("WHERE " + " AND ".join(parts) if parts else ""), values


def event_of(row: Row) -> ErrorEvent:
    """The value that a row of ``error_events`` stands for."""
    return ErrorEvent(
        row["id"],
        row["attempt_id"],
        row["step"],
        row["task_id"],
        ErrorKind(row["kind"]),
        row["message"],
        row["validator"],
        bool(row["public"]),
        row["location"],
        row["expected"],
        row["got"],
    )
