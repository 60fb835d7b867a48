"""What a model first answered to each task under one protocol, and how that was judged: what remedies are made from."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from metaagent.ledger.database import Ledger, Row
from metaagent.ledger.error_events import event_of
from metaagent.records import ErrorEvent, Logprobs, Outcome, Verdict


@dataclass(frozen=True, slots=True)
class FirstTry:
    """``reply`` is the text that was judged first, as the model gave it; verdicts and events are those of that
    validation alone; ``logprobs`` those of the reply."""

    attempt_id: str
    task_id: str
    task_hash: str
    reply: str
    logprobs: Logprobs
    verdicts: tuple[Verdict, ...]
    events: tuple[ErrorEvent, ...]


# The latest decided attempt of each task: a reply that the task's content still fits is chosen by the caller.
_LATEST = """
    SELECT max(a.id) AS id, a.task_id, a.task_hash FROM attempts a JOIN outcomes o ON o.attempt_id = a.id
    WHERE a.protocol = ?1 AND a.model = ?2 AND o.outcome IN ('pass', 'fail')
      AND (?4 IS NULL OR o.digest IN ('', ?4)) AND a.task_id IN (SELECT value FROM json_each(?3))
    GROUP BY a.task_id, a.task_hash"""
_STEPS = """
    SELECT attempt_id, number, kind, reply, logprobs FROM v_steps
    WHERE attempt_id IN (SELECT value FROM json_each(?)) AND name NOT LIKE 'advice.%' ORDER BY attempt_id, number"""
_VERDICTS = "SELECT * FROM verdicts WHERE attempt_id IN (SELECT value FROM json_each(?)) ORDER BY attempt_id, id"
_EVENTS = "SELECT * FROM error_events WHERE attempt_id IN (SELECT value FROM json_each(?)) ORDER BY attempt_id, id"


def first_tries(
    ledger: Ledger, protocol: str, model: str, task_ids: Iterable[str], digest: str | None = None
) -> list[FirstTry]:
    """One for each (task, content) that was attempted under the protocol (its hash) and judged, in order of task id;
    by the model with this digest alone, or one that names none, where it is given. Attempts of which no reply was
    judged have nothing to mend, and are left out."""
    latest = ledger.query(_LATEST, (protocol, model, json.dumps(sorted(task_ids)), digest))
    ids = json.dumps([row["id"] for row in latest])
    replies: dict[str, tuple[str, Logprobs]] = {}
    judged: dict[str, int] = {}
    for step in ledger.query(_STEPS, (ids,)):
        attempt_id = step["attempt_id"]
        if step["kind"] == "model" and attempt_id not in judged and step["reply"] is not None:
            # Of several replies before a validation the last is judged: a plan is none.
            replies[attempt_id] = step["reply"], _logprobs(step)
        elif step["kind"] == "validation":
            judged.setdefault(attempt_id, step["number"])
    verdicts = _by_attempt(ledger.query(_VERDICTS, (ids,)), judged)
    events = _by_attempt(ledger.query(_EVENTS, (ids,)), judged)
    return [
        FirstTry(
            row["id"],
            row["task_id"],
            row["task_hash"],
            *replies[row["id"]],
            tuple(_verdict(one) for one in verdicts.get(row["id"], ())),
            tuple(event_of(one) for one in events.get(row["id"], ())),
        )
        for row in sorted(latest, key=lambda row: (row["task_id"], row["id"]))
        if row["id"] in replies and row["id"] in judged
    ]


@dataclass(frozen=True, slots=True)
class Said:
    """What the model said in one attempt until a reply was first judged: a text for each call, None for one that failed
    or whose text is gone. ``judged``: whether one was. ``logprobs`` are those of the last reply."""

    replies: tuple[str | None, ...]
    judged: bool
    logprobs: Logprobs


def said(ledger: Ledger, attempt_ids: Iterable[str]) -> dict[str, Said]:
    """By attempt; those whose steps were pruned are left out."""
    replies: dict[str, list[str | None]] = {}
    logprobs: dict[str, Logprobs] = {}
    judged: set[str] = set()
    for step in ledger.query(_STEPS, (json.dumps(sorted(attempt_ids)),)):
        attempt_id = step["attempt_id"]
        if step["kind"] == "validation":
            judged.add(attempt_id)
        elif step["kind"] == "model" and attempt_id not in judged:
            replies.setdefault(attempt_id, []).append(step["reply"])
            logprobs[attempt_id] = _logprobs(step)
    return {key: Said(tuple(texts), key in judged, logprobs[key]) for key, texts in replies.items()}


def _logprobs(step: Row) -> Logprobs:
    told: Logprobs = json.loads(step["logprobs"] or "{}")
    return told


def _by_attempt(rows: Iterable[Row], judged: dict[str, int]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        if row["step"] == judged.get(row["attempt_id"]):
            found.setdefault(row["attempt_id"], []).append(row)
    return found


def _verdict(row: Row) -> Verdict:
    return Verdict(
        row["validator"], bool(row["public"]), Outcome(row["outcome"]), row["checked"], row["held"], (), row["seconds"]
    )
