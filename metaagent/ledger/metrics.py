"""The numbers of `evaluate` and `status`, in SQL. Counts (k of n), never percentages: the caller makes intervals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from metaagent.ledger.database import Ledger, Row
from metaagent.ledger.times import to_text

_GROUPS = {
    "all": "'all'",
    "agent": "a.agent",
    "domain": "coalesce(a.domain, '-')",
    "model": "a.model",
    "protocol": "a.protocol",
    "purpose": "a.purpose",
    "day": "substr(a.time, 1, 10)",
}
GROUPS = tuple(_GROUPS)
_FROM = "FROM attempts a JOIN outcomes o ON o.attempt_id = a.id"


@dataclass(frozen=True, slots=True)
class Scope:
    """Which attempts count. ``purpose`` None: of every purpose. ``run_id``: of one run."""

    since: datetime | None = None
    purpose: str | None = "run"
    run_id: str | None = None

    def where(self) -> tuple[str, dict[str, str | None]]:
        since = to_text(self.since) if self.since else None
        sql = """(:since IS NULL OR a.time >= :since) AND (:purpose IS NULL OR a.purpose = :purpose)
                 AND (:run IS NULL OR a.run_id = :run)"""
        return sql, {"since": since, "purpose": self.purpose, "run": self.run_id}


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Seconds, nearest rank, of n values."""

    n: int
    p50: float
    p90: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True)
class Metrics:
    """One group. Success: ``passed`` of ``passed + failed``. Completion: ``decided`` tasks of ``tasks`` tried.
    First try: ``passed_first`` of ``passed + failed``. ``errors``: in how many attempts each kind occurred."""

    group: str
    attempts: int
    passed: int
    failed: int
    inconclusive: int
    interrupted: int
    passed_first: int
    tasks: int
    solved: int
    decided: int
    score: float | None
    calls: int
    prompt_tokens: int
    reply_tokens: int
    tokens_of_solved: int
    model_seconds: float
    seconds: float
    cost: float
    interventions: int
    errors: dict[str, int]
    latency: Percentiles
    call_latency: Percentiles


def measure(ledger: Ledger, by: str = "all", scope: Scope | None = None) -> list[Metrics]:
    """One row per group, largest first; empty where nothing has ended yet. ``by`` is one of ``GROUPS``."""
    scope = scope or Scope()
    group = _GROUPS[by]
    errors = _errors(ledger, group, scope)
    latency = _percentiles(ledger, group, scope, f"o.seconds AS value {_FROM}", "o.outcome IN ('pass', 'fail')")
    steps = f"s.seconds AS value {_FROM} JOIN steps s ON s.attempt_id = a.id"
    calls = _percentiles(ledger, group, scope, steps, "s.kind = 'model' AND s.cached = 0")
    helped = _interventions(ledger, group, scope)
    nothing = Percentiles(0, 0.0, 0.0, 0.0, 0.0)
    made: Any = Metrics  # its fields stand in the order of the columns
    return [
        made(
            *row,
            helped.get(row[0], 0),
            errors.get(row[0], {}),
            latency.get(row[0], nothing),
            calls.get(row[0], nothing),
        )
        for row in _totals(ledger, group, scope)
    ]


def _totals(ledger: Ledger, group: str, scope: Scope) -> list[Row]:
    where, values = scope.where()
    return ledger.query(
        f"""WITH ended AS (SELECT {group} AS grp, a.task_id, o.* {_FROM} WHERE {where}),
             task AS (SELECT grp, task_id, max(outcome = 'pass') AS solved, max(outcome IN ('pass', 'fail')) AS decided,
                             sum(prompt_tokens + reply_tokens) AS tokens FROM ended GROUP BY grp, task_id),
             tried AS (SELECT grp, count(*) AS tasks, sum(solved) AS solved, sum(decided) AS decided,
                              sum(solved * tokens) AS tokens FROM task GROUP BY grp)
            SELECT e.grp, count(*), sum(outcome = 'pass'), sum(outcome = 'fail'), sum(outcome = 'inconclusive'),
                   sum(outcome = 'interrupted'), sum(passed_first), t.tasks, t.solved, t.decided,
                   avg(CASE WHEN outcome IN ('pass', 'fail') THEN score END), sum(calls), sum(prompt_tokens),
                   sum(reply_tokens), t.tokens, sum(model_seconds), sum(seconds), sum(cost)
            FROM ended e JOIN tried t ON t.grp = e.grp GROUP BY e.grp ORDER BY count(*) DESC, e.grp""",
        values,
    )


def _errors(ledger: Ledger, group: str, scope: Scope) -> dict[str, dict[str, int]]:
    where, values = scope.where()
    rows = ledger.query(
        f"""SELECT {group} AS grp, e.kind, count(DISTINCT e.attempt_id)
            FROM attempts a JOIN error_events e ON e.attempt_id = a.id WHERE {where}
            GROUP BY grp, e.kind ORDER BY 3 DESC, 2""",
        values,
    )
    found: dict[str, dict[str, int]] = {}
    for name, kind, count in rows:
        found.setdefault(name, {})[kind] = count
    return found


def _percentiles(ledger: Ledger, group: str, scope: Scope, source: str, extra: str) -> dict[str, Percentiles]:
    where, values = scope.where()
    rank = "max(CASE WHEN place = (n * {0} + 99) / 100 THEN value END)"
    rows = ledger.query(
        f"""WITH ranked AS (
              SELECT grp, value, row_number() OVER (PARTITION BY grp ORDER BY value) AS place,
                     count(*) OVER (PARTITION BY grp) AS n
              FROM (SELECT {group} AS grp, {source} WHERE {where} AND {extra}))
            SELECT grp, n, {rank.format(50)}, {rank.format(90)}, {rank.format(99)}, max(value)
            FROM ranked GROUP BY grp""",
        values,
    )
    return {row[0]: Percentiles(row[1], row[2], row[3], row[4], row[5]) for row in rows}


def _interventions(ledger: Ledger, group: str, scope: Scope) -> dict[str, int]:
    """Decisions by persons since then, by the attempt they were about (or the task's latest one)."""
    where, values = scope.where()
    rows = ledger.query(
        f"""SELECT {group} AS grp, count(*) FROM decisions d JOIN attempts a ON a.id = coalesce(d.attempt_id,
              (SELECT max(id) FROM attempts WHERE task_id = d.task_id AND purpose = 'run'))
            WHERE {where} GROUP BY grp""",
        values,
    )
    return {row[0]: row[1] for row in rows}


@dataclass(frozen=True, slots=True)
class Totals:
    """Of everything that runs did, for the one line at the end and for `status`."""

    attempts: int
    passed: int
    failed: int
    calls: int
    tokens: int
    seconds: float
    model_seconds: float
    interventions: int
    running: int


def totals(ledger: Ledger, scope: Scope | None = None) -> Totals:
    where, values = (scope or Scope()).where()
    row = ledger.one(
        f"""SELECT count(o.attempt_id), coalesce(sum(o.outcome = 'pass'), 0), coalesce(sum(o.outcome = 'fail'), 0),
              coalesce(sum(o.calls), 0), coalesce(sum(o.prompt_tokens + o.reply_tokens), 0),
              coalesce(sum(o.seconds), 0.0), coalesce(sum(o.model_seconds), 0.0),
              (SELECT count(*) FROM decisions d WHERE :since IS NULL OR d.time >= :since),
              count(*) - count(o.attempt_id)
            FROM attempts a LEFT JOIN outcomes o ON o.attempt_id = a.id WHERE {where}""",
        values,
    )
    assert row is not None
    return Totals(*row)
