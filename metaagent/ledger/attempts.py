"""Attempts: start, steps and end as batches; what they used up, the agents' history, the log, and healing.

Rows of one attempt are clustered by its id. The hot path builds plain tuples for few statements with constant text.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from metaagent.ledger import claims, tasks
from metaagent.ledger.database import Ledger, Row
from metaagent.ledger.mask import mask
from metaagent.ledger.process import Process, is_dead
from metaagent.ledger.times import to_text
from metaagent.ledger.ulid import new_ulid
from metaagent.ledger.writer import Statement
from metaagent.records import Agent, Attempt, ErrorEvent, Purpose, Step, Task

_START = "INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_TEXT = "INSERT OR IGNORE INTO texts VALUES (?, ?, ?, ?)"
_STEP = "INSERT INTO steps VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_VERDICT = "INSERT INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_EVENT = "INSERT INTO error_events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_END = "INSERT OR IGNORE INTO outcomes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_INTERRUPT = """
    INSERT OR IGNORE INTO outcomes
    SELECT a.id, ?, ?, 'interrupted', 0, ?, 0, 0, coalesce(sum(s.calls), 0), coalesce(sum(s.prompt_tokens), 0),
           coalesce(sum(s.reply_tokens), 0), coalesce(sum(s.model_seconds), 0), coalesce(sum(s.seconds), 0),
           0, NULL, '', ''
    FROM attempts a LEFT JOIN steps s ON s.attempt_id = a.id WHERE a.id = ? GROUP BY a.id"""


def start_batch(
    attempt_id: str,
    run_id: str,
    task: Task,
    agent: Agent,
    protocol: str,
    purpose: Purpose,
    number: int,
    started: datetime,
    *,
    ledger: Ledger | None = None,
) -> list[Statement]:
    """The start of an attempt, and the content of its task. With ``ledger`` the content is sent once per process."""
    now = to_text(started)
    row = (
        *(attempt_id, now, run_id, task.id, task.hash, agent.id, agent.role, agent.model, protocol),
        *(str(purpose), number, task.domain),
    )
    key = (task.id, task.hash)
    if ledger is not None and key in ledger.known:
        return [(_START, row)]
    if ledger is not None:
        ledger.known.add(key)
    return [*tasks.version_batch(task, now, run_id), (_START, row)]


def step_batch(attempt_id: str, step: Step, run_id: str | None = None) -> list[Statement]:
    """One step with its prompt, reply and verdicts. May be submitted without waiting: the end comes after it."""
    now, reply = to_text(step.started), step.reply
    batch: list[Statement] = []
    prompt_hash = _add_text(batch, step.prompt, now, run_id)
    reply_hash = _add_text(batch, reply.text if reply else step.output, now, run_id)
    head = (
        new_ulid(),
        now,
        run_id,
        attempt_id,
        step.number,
        step.kind,
        step.name,
        step.seconds,
        prompt_hash,
        reply_hash,
    )
    error = mask(step.error)
    if reply is None:
        tail: tuple[Any, ...] = (None, None, None, None, None, None, None, error, None)
    else:
        tail = (
            *(reply.prompt_tokens, reply.reply_tokens, reply.model_seconds, reply.finish, reply.cached, reply.calls),
            *(reply.truncated, error, json.dumps(reply.logprobs) if reply.logprobs else None),
        )
    batch.append((_STEP, head + tail))
    if step.verdicts:
        place = (now, run_id, attempt_id, step.number)
        rows = [
            (new_ulid(), *place, v.validator, v.public, str(v.outcome), v.checked, v.held, v.seconds)
            for v in step.verdicts
        ]
        batch.append((_VERDICT, rows))
    return batch


def end_batch(
    attempt: Attempt,
    *,
    run_id: str | None = None,
    artifact: str | None = None,
    backend: str = "",
    steps: bool = False,
    status: Iterable[Statement] = (),
) -> list[Statement]:
    """The outcome and its error events, one fact. ``artifact`` is the path of the stored artifact. ``steps`` writes the
    attempt's steps too, where they were not sent one by one. ``status``: further statements of the same transaction
    (the change of the task's status, the release of its claim)."""
    now = to_text(attempt.ended)
    batch: list[Statement] = []
    for step in attempt.steps if steps else ():
        batch += step_batch(attempt.id, step, run_id)
    if attempt.events:
        batch.append((_EVENT, [_event_row(event, now, run_id) for event in attempt.events]))
    seconds = (attempt.ended - attempt.started).total_seconds()
    row = (
        *(attempt.id, now, run_id, str(attempt.outcome), attempt.score, mask(attempt.reason), attempt.rungs),
        *(attempt.passed_first, attempt.calls, attempt.prompt_tokens, attempt.reply_tokens, attempt.model_seconds),
        *(seconds, attempt.cost, artifact, attempt.digest, backend),
    )
    batch.append((_END, row))
    batch += status
    return batch


def event_batch(events: Iterable[ErrorEvent], now: str, run_id: str | None) -> list[Statement]:
    """Error events beside an attempt's end (a person's rejection)."""
    return [(_EVENT, [_event_row(event, now, run_id) for event in events])]


def interrupt_batch(
    attempt_ids: Iterable[str], now: datetime, run_id: str | None = None, reason: str = "the run that made it was ended"
) -> list[Statement]:
    """The outcome ``interrupted`` for attempts that will never end; what their steps used up still counts."""
    rows = [(to_text(now), run_id, reason, attempt_id) for attempt_id in attempt_ids]
    return [(_INTERRUPT, rows)] if rows else []


def _add_text(batch: list[Statement], text: str | None, now: str, run_id: str | None) -> str | None:
    if text is None:
        return None
    text = mask(text)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    batch.append((_TEXT, (digest, now, run_id, _storable(text))))
    return digest


def _storable(text: str) -> str:
    """Lone surrogates cannot be stored as UTF-8; they are rare and become escapes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _event_row(event: ErrorEvent, now: str, run_id: str | None) -> tuple[Any, ...]:
    return (
        *(event.id, now, run_id, event.attempt_id, event.step, event.task_id, event.validator, event.public),
        *(str(event.kind), mask(event.message), event.location, mask(event.expected), mask(event.got)),
    )


# -- what was used up, and how well it went


@dataclass(frozen=True, slots=True)
class Usage:
    """What runs have used up on a task since a person last said retry, which grants its limits anew. Attempts that were
    interrupted, or that no model answered, are not counted as attempts, but their cost is. ``number`` counts all
    attempts ever, before that retry too."""

    attempts: int = 0
    seconds: float = 0.0
    tokens: int = 0
    cost: float = 0.0
    number: int = 0


_USAGE = """
    SELECT a.task_id, sum({counted} AND {fresh}), sum(o.seconds * {fresh}),
           sum((o.prompt_tokens + o.reply_tokens) * {fresh}), sum(o.cost * {fresh}), sum({counted})
    FROM attempts a JOIN outcomes o ON o.attempt_id = a.id
    LEFT JOIN (SELECT task_id, max(id) AS at FROM decisions WHERE decision = 'retry' GROUP BY task_id) r
           ON r.task_id = a.task_id
    WHERE a.purpose = 'run' {where} GROUP BY a.task_id"""
_FRESH = "(r.at IS NULL OR a.id > r.at)"
_COUNTED = "(o.outcome <> 'interrupted' AND NOT (o.outcome = 'inconclusive' AND o.artifact IS NULL))"


def usage(ledger: Ledger, task_ids: Sequence[str] | None = None) -> dict[str, Usage]:
    """By task; a task that no run has tried is not in it. ``None`` for all tasks."""
    if task_ids is None:
        rows = ledger.query(_USAGE.format(where="", fresh=_FRESH, counted=_COUNTED))
    else:
        where = "AND a.task_id IN (SELECT value FROM json_each(?))"
        rows = ledger.query(_USAGE.format(where=where, fresh=_FRESH, counted=_COUNTED), (_json_list(task_ids),))
    return {row[0]: Usage(row[1], row[2], row[3], row[4], row[5]) for row in rows}


def history(ledger: Ledger) -> dict[tuple[str, str | None], tuple[int, int]]:
    """(passes, total) of each (agent, domain), over run attempts that were decided (pass or fail)."""
    rows = ledger.query(
        """SELECT a.agent, a.domain, sum(o.outcome = 'pass'), count(*)
           FROM attempts a JOIN outcomes o ON o.attempt_id = a.id
           WHERE a.purpose = 'run' AND o.outcome IN ('pass', 'fail') GROUP BY a.agent, a.domain"""
    )
    return {(row[0], row[1]): (row[2], row[3]) for row in rows}


def next_number(ledger: Ledger, task_id: str) -> int:
    """The number that the task's next run attempt gets."""
    row = ledger.one("SELECT max(number) FROM attempts WHERE task_id = ? AND purpose = 'run'", (task_id,))
    return 1 + ((row[0] or 0) if row else 0)


# -- healing


def unfinished(ledger: Ledger, now: datetime) -> list[Row]:
    """Attempts without an outcome that nobody works on any more: their run has ended, its process is dead, or (where
    that cannot be known) no live claim of that run covers the task. Give their ids to ``interrupt_batch``.

    Claims are read after attempts: an attempt is written together with its claim, so that one which begins meanwhile
    is either not seen at all or seen with its claim. (One that ends meanwhile has its outcome by then.)"""
    rows = ledger.query(
        """SELECT a.id, a.task_id, a.run_id, a.agent, a.purpose, r.pid, r.host, r.boot_id, r.pid_started,
                  e.run_id AS ended
           FROM attempts a LEFT JOIN outcomes o ON o.attempt_id = a.id LEFT JOIN runs r ON r.id = a.run_id
           LEFT JOIN run_ends e ON e.run_id = a.run_id WHERE o.attempt_id IS NULL ORDER BY a.id"""
    )
    covered = {(claim.run_id, claim.task_id) for claim in claims.live(ledger, now)}
    return [row for row in rows if _abandoned(row, covered)]


def _abandoned(row: Row, covered: set[tuple[str, str]]) -> bool:
    if row["ended"] is not None or row["pid"] is None:
        return True
    if is_dead(Process(row["pid"], row["host"], row["boot_id"], row["pid_started"])):
        return True
    # Alive, or on another host: only attempts of `run` are covered by claims, the others end with their run.
    return row["purpose"] == "run" and (row["run_id"], row["task_id"]) not in covered


# -- the log


@dataclass(frozen=True, slots=True)
class Filters:
    """``since`` is a moment; ``outcome`` one of the outcomes, or ``running``."""

    task_id: str | None = None
    agent: str | None = None
    outcome: str | None = None
    model: str | None = None
    purpose: str | None = None
    run_id: str | None = None
    since: datetime | None = None
    limit: int = 50


def list_attempts(ledger: Ledger, filters: Filters | None = None) -> list[Row]:
    """Newest first."""
    filters = filters or Filters()
    where, values = _where(filters)
    return ledger.query(f"SELECT * FROM v_attempts {where} ORDER BY id DESC LIMIT ?", (*values, filters.limit))


def since(ledger: Ledger, cursor: str, limit: int = 1000) -> list[Row]:
    """Attempts that ended after the cursor, in the order in which they became durable: for `log --follow`. The cursor
    is the last row's ``seen``, an attempt's id, a time, or "" for the beginning."""
    return ledger.query(
        """SELECT CAST(o.rowid AS TEXT) AS seen, v.* FROM outcomes o JOIN v_attempts v ON v.id = o.attempt_id
           WHERE o.rowid > ? ORDER BY o.rowid LIMIT ?""",
        (_position(ledger, cursor), limit),
    )


def _position(ledger: Ledger, cursor: str) -> int:
    if not cursor or cursor.isdigit():
        return int(cursor or 0)
    row = ledger.one("SELECT rowid FROM outcomes WHERE attempt_id = ?", (cursor,))
    row = row or ledger.one("SELECT coalesce(max(rowid), 0) FROM outcomes WHERE time <= ?", (cursor,))
    return int(row[0]) if row else 0


def _where(filters: Filters) -> tuple[str, list[Any]]:
    equal = {
        "task_id": filters.task_id,
        "agent": filters.agent,
        "model": filters.model,
        "purpose": filters.purpose,
        "run_id": filters.run_id,
    }
    parts = [f"{column} = ?" for column, value in equal.items() if value is not None]
    values: list[Any] = [value for value in equal.values() if value is not None]
    if filters.outcome == "running":
        parts.append("outcome IS NULL")
    elif filters.outcome is not None:
        parts.append("outcome = ?")
        values.append(filters.outcome)
    if filters.since is not None:
        parts.append("started >= ?")
        values.append(to_text(filters.since))
    return ("WHERE " + " AND ".join(parts) if parts else ""), values


def find(ledger: Ledger, prefix: str) -> list[str]:
    """Ids of attempts that start or end with the text: people type parts of an id."""
    if not prefix.isalnum():  # no part of an id; to LIKE % and _ would mean any
        return []
    rows = ledger.query("SELECT id FROM attempts WHERE id LIKE ? OR id LIKE ? LIMIT 20", (f"{prefix}%", f"%{prefix}"))
    return [row[0] for row in rows]


def show(ledger: Ledger, attempt_id: str) -> dict[str, Any] | None:
    """One attempt with its steps (prompts and replies as text), verdicts and error events, as plain values."""
    row = ledger.one("SELECT * FROM v_attempts WHERE id = ?", (attempt_id,))
    if row is None:
        return None
    return {
        **dict(row),
        "steps": [_step(step) for step in _of(ledger, "v_steps", attempt_id, "number")],
        "verdicts": [dict(verdict) for verdict in _of(ledger, "verdicts", attempt_id, "id")],
        "events": [dict(event) for event in _of(ledger, "error_events", attempt_id, "id")],
    }


def _step(row: Row) -> dict[str, Any]:
    return {**dict(row), "logprobs": json.loads(row["logprobs"]) if row["logprobs"] else None}


def of_task(ledger: Ledger, task_id: str) -> list[Row]:
    """All attempts of a task, oldest first."""
    return ledger.query("SELECT * FROM v_attempts WHERE task_id = ? ORDER BY id", (task_id,))


def _of(ledger: Ledger, table: str, attempt_id: str, order: str) -> list[Row]:
    return ledger.query(f"SELECT * FROM {table} WHERE attempt_id = ? ORDER BY {order}", (attempt_id,))


def _json_list(values: Sequence[str]) -> str:
    return json.dumps(list(values))
