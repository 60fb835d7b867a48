"""Measurements (attempts with purpose ``evaluate``) with what their key checks found, in the order of time."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from metaagent.ledger.database import Ledger

# How many further rungs a measurement allowed: what its run was asked for, else the most that any attempt of the run
# climbed under this protocol. None where the protocol has a ladder of its own: that is part of it, whatever was asked.
_ATTEMPTS = """
    WITH asked AS (SELECT r.id, max(CAST(substr(j.value, 9) AS INTEGER)) AS retries
                   FROM runs r JOIN json_each(r.args) j ON j.value LIKE 'retries=%'
                   WHERE r.command = 'evaluate' GROUP BY r.id),
         climbed AS (SELECT a.run_id, a.protocol, s.retries AS asked,
                            CASE WHEN p.remedies LIKE '%"kind":"strategy"%' THEN 0
                                 ELSE coalesce(s.retries, max(o.rungs) - 1) END AS retries
                     FROM attempts a JOIN outcomes o ON o.attempt_id = a.id LEFT JOIN protocols p ON p.hash = a.protocol
                     LEFT JOIN asked s ON s.id = a.run_id
                     WHERE a.purpose = 'evaluate' GROUP BY a.run_id, a.protocol)
    SELECT a.id, a.task_id, a.task_hash, a.time, coalesce(a.domain, '') AS domain, a.model, o.digest, a.protocol,
           c.retries, c.asked, o.outcome, o.score, o.prompt_tokens + o.reply_tokens AS tokens, o.cost,
           (SELECT count(*) FROM steps WHERE attempt_id = a.id AND kind = 'model') AS calls,
           CASE WHEN o.calls > 0 THEN o.seconds END AS seconds,
           coalesce(s.split, '') AS split, coalesce(s.family, '') AS family
    FROM attempts a JOIN outcomes o ON o.attempt_id = a.id
    JOIN climbed c ON c.run_id = a.run_id AND c.protocol = a.protocol
    LEFT JOIN v_splits s ON s.task_id = a.task_id
    WHERE a.purpose = 'evaluate' AND o.outcome IN ('pass', 'fail') ORDER BY a.id"""
_UNITS = """
    SELECT v.attempt_id, sum(v.checked) AS units FROM verdicts v JOIN attempts a ON a.id = v.attempt_id
    WHERE a.purpose = 'evaluate' AND v.public = 0
      AND v.step = (SELECT max(step) FROM verdicts WHERE attempt_id = v.attempt_id) GROUP BY v.attempt_id"""
_WRONG = """
    SELECT e.attempt_id, e.location FROM error_events e JOIN attempts a ON a.id = e.attempt_id
    WHERE a.purpose = 'evaluate' AND e.public = 0
      AND e.step = (SELECT max(step) FROM verdicts WHERE attempt_id = e.attempt_id)"""

_LINE = re.compile(r" line \d+$")


def unit(location: str) -> str:
    """A finding's location without the line of the answer's own code: another answer has other lines, the case is the
    same."""
    return _LINE.sub("", location)


@dataclass(frozen=True, slots=True)
class Measurement:
    """``units`` is 0 where no key check was reached; ``wrong`` are the places where the last failed. ``calls`` counts
    replies, cached ones too; ``seconds`` is None where all came from the cache, and so cost no time. ``digest`` names
    the model's content, and is empty where that is not known. ``retries`` are what was ``asked`` for, else what was
    used of them."""

    attempt_id: str
    task_id: str
    task_hash: str
    time: str
    domain: str
    model: str
    digest: str
    protocol: str
    retries: int
    asked: bool
    passed: bool
    score: float
    units: int
    wrong: frozenset[str]
    calls: int
    tokens: int
    seconds: float | None
    cost: float
    split: str
    family: str


def measurements(ledger: Ledger) -> list[Measurement]:
    units = {row["attempt_id"]: row["units"] for row in ledger.query(_UNITS)}
    wrong: dict[str, set[str]] = {}
    for row in ledger.query(_WRONG):
        wrong.setdefault(row["attempt_id"], set()).add(unit(row["location"]))
    return [
        Measurement(
            row["id"],
            row["task_id"],
            row["task_hash"],
            row["time"],
            row["domain"],
            row["model"],
            row["digest"],
            row["protocol"],
            row["retries"],
            row["asked"] is not None,
            row["outcome"] == "pass",
            row["score"],
            units.get(row["id"], 0),
            frozenset(wrong.get(row["id"], ())),
            row["calls"],
            row["tokens"],
            row["seconds"],
            row["cost"],
            row["split"],
            row["family"],
        )
        for row in ledger.query(_ATTEMPTS)
    ]


@dataclass(frozen=True, slots=True)
class Spending:
    """What learning itself cost: attempts for trials and measurements of mine, their calls, tokens and seconds."""

    attempts: int
    calls: int
    tokens: int
    model_seconds: float


def spending(ledger: Ledger) -> Spending:
    """Trials, and measurements of mine tasks that `learn` made."""
    row = ledger.one(
        """SELECT count(*), coalesce(sum(o.calls), 0), coalesce(sum(o.prompt_tokens + o.reply_tokens), 0),
                  coalesce(sum(o.model_seconds), 0.0)
           FROM attempts a JOIN outcomes o ON o.attempt_id = a.id JOIN runs r ON r.id = a.run_id
           WHERE a.purpose = 'trial' OR (a.purpose = 'evaluate' AND r.args LIKE '["learn"%')"""
    )
    assert row is not None
    return Spending(row[0], row[1], row[2], row[3])


def names(ledger: Ledger) -> dict[str, str]:
    """hash -> v1, v2 ... within its domain and model; the empty protocol is v0."""
    rows: Iterable[tuple[str, int]] = ((row["hash"], row["version"]) for row in ledger.query("SELECT * FROM protocols"))
    return {digest: f"v{version}" for digest, version in rows}
