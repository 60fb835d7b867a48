"""Trials: candidates as they were registered, their tasks, their pairs as they came, and how each ended. Facts."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metaagent.errors import UsageError
from metaagent.ledger.database import Ledger, Row
from metaagent.ledger.ulid import new_ulid
from metaagent.records import Protocol

_CANDIDATE = f"INSERT INTO candidates VALUES ({', '.join('?' * 18)})"
_TASK = "INSERT INTO candidate_tasks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_PAIR = "INSERT OR IGNORE INTO pairs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_END = "INSERT OR IGNORE INTO trial_ends VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ACTIVATE = "INSERT INTO activations VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_EVIDENCE = "INSERT INTO evidence VALUES (?, ?, ?, ?, ?)"
_IN_FORCE = "SELECT hash FROM v_active_protocols WHERE domain = ? AND model = ?"


@dataclass(frozen=True, slots=True)
class TrialTask:
    """One gate task of a trial, in its place."""

    task_id: str
    task_hash: str
    family: str
    fixed: bool


@dataclass(frozen=True, slots=True)
class PairRow:
    """One pair as it is stored; ``difference`` is None where the infrastructure broke an arm."""

    number: int
    task_id: str
    task_hash: str
    control_attempt: str
    candidate_attempt: str
    control_outcome: str
    candidate_outcome: str
    control_score: float
    candidate_score: float
    difference: float | None


@dataclass(frozen=True, slots=True)
class End:
    """How a trial ended: its verdict with the integers that it follows from."""

    verdict: str
    reason: str
    pairs: int
    gains: int
    losses: int
    ties: int
    inconclusive: int
    evidence: float
    futility: float
    calls: int


def register(
    ledger: Ledger,
    base: Protocol,
    candidate: Protocol,
    tasks: Sequence[TrialTask],
    bar: Callable[[int, int], tuple[float, float]],
    *,
    metric: str,
    alpha: float,
    delta: float,
    families: int,
    settings: Mapping[str, Any],
    note: str = "",
) -> str:
    """Gives the candidate its number k and commits all that it will be decided by; ``bar`` gives the weight and the
    threshold for (k, promotions so far). The registration's id."""
    identity = new_ulid()

    def run(cursor: sqlite3.Cursor) -> str:
        k = int(cursor.execute("SELECT coalesce(max(k), 0) + 1 FROM candidates").fetchone()[0])
        won = int(cursor.execute("SELECT count(*) FROM trial_ends WHERE verdict = 'promote'").fetchone()[0])
        weight, wanted = bar(k, won)
        head = (identity, ledger.now(), ledger.run_id, k, candidate.domain, candidate.model)
        terms = (metric, won, alpha, weight, wanted, delta, families, sum(task.fixed for task in tasks))
        tail = (json.dumps(dict(settings), sort_keys=True), note)
        cursor.execute(_CANDIDATE, (*head, base.hash, candidate.hash, *terms, *tail))
        rows = [
            (
                new_ulid(),
                ledger.now(),
                ledger.run_id,
                identity,
                at,
                one.task_id,
                one.task_hash,
                one.family,
                one.fixed,
            )
            for at, one in enumerate(tasks, 1)
        ]
        cursor.executemany(_TASK, rows)
        return identity

    return str(ledger.write(run))


def unfinished(ledger: Ledger, base: str, candidate: str, domain: str, model: str) -> Row | None:
    """The trial of this candidate against this base that has no end yet."""
    return ledger.one(
        """SELECT * FROM v_trials WHERE base = ? AND candidate = ? AND domain = ? AND model = ? AND verdict IS NULL
           ORDER BY k DESC LIMIT 1""",
        (base, candidate, domain, model),
    )


def decided(ledger: Ledger, base: str, candidate: str, domain: str, model: str) -> Row | None:
    """The last verdict on this candidate against this base."""
    return ledger.one(
        """SELECT * FROM v_trials WHERE base = ? AND candidate = ? AND domain = ? AND model = ? AND verdict IS NOT NULL
           ORDER BY k DESC LIMIT 1""",
        (base, candidate, domain, model),
    )


def find(ledger: Ledger, trial_id: str) -> Row | None:
    return ledger.one("SELECT * FROM v_trials WHERE id = ?", (trial_id,))


def history(ledger: Ledger) -> list[Row]:
    """Every candidate ever registered, by its number."""
    return ledger.query("SELECT * FROM v_trials ORDER BY k")


def differences(ledger: Ledger) -> dict[str, list[float | None]]:
    """Of every trial on scores that has ended: candidate less control, pair by pair in the registered order, as far as
    the verdict looked; None for a pair that the infrastructure broke."""
    found: dict[str, list[float | None]] = {}
    rows = ledger.query(
        """SELECT c.id, p.difference FROM candidates c JOIN trial_ends e ON e.candidate_id = c.id
           JOIN pairs p ON p.candidate_id = c.id AND p.number <= e.pairs
           WHERE c.metric = 'score' ORDER BY c.id, p.number"""
    )
    for row in rows:
        found.setdefault(row["id"], []).append(row["difference"])
    return found


def tasks_of(ledger: Ledger, trial_id: str) -> list[Row]:
    return ledger.query("SELECT * FROM candidate_tasks WHERE candidate_id = ? ORDER BY number", (trial_id,))


def pairs_of(ledger: Ledger, trial_id: str) -> list[Row]:
    """The pairs so far with family and ``fixed``, by their number: the order is the registered one."""
    return ledger.query(
        """SELECT p.*, t.family, t.fixed FROM pairs p
           JOIN candidate_tasks t ON t.candidate_id = p.candidate_id AND t.number = p.number
           WHERE p.candidate_id = ? ORDER BY p.number""",
        (trial_id,),
    )


def pair_batch(ledger: Ledger, trial_id: str, pair: PairRow) -> list[tuple[str, Any]]:
    row = (
        *(new_ulid(), ledger.now(), ledger.run_id, trial_id, pair.number, pair.task_id, pair.task_hash),
        *(pair.control_attempt, pair.candidate_attempt, pair.control_outcome, pair.candidate_outcome),
        *(pair.control_score, pair.candidate_score, pair.difference),
    )
    return [(_PAIR, row)]


def end(ledger: Ledger, trial_id: str, ended: End) -> None:
    """A verdict that changes nothing; the first end of a trial stands."""
    ledger.write([(_END, _end_row(ledger, trial_id, ended, None))])


def promote(ledger: Ledger, trial_id: str, candidate: Protocol, base: Protocol, ended: End, why: str) -> str:
    """The verdict, the activation and what it rests on, in one transaction; the activation's id. Raises UsageError, and
    writes nothing, where the control is no longer what is in force."""
    activation = new_ulid()

    def run(cursor: sqlite3.Cursor) -> str:
        known = cursor.execute("SELECT activation_id FROM trial_ends WHERE candidate_id = ?", (trial_id,)).fetchone()
        if known:
            return str(known[0])
        _expect_in_force(cursor, candidate, base)
        head = (activation, ledger.now(), ledger.run_id, candidate.domain, candidate.model)
        cursor.execute(_ACTIVATE, (*head, candidate.hash, "promote", why))
        cursor.execute(_END, _end_row(ledger, trial_id, ended, activation))
        attempts = cursor.execute(
            """SELECT control_attempt FROM pairs WHERE candidate_id = ?1
               UNION SELECT candidate_attempt FROM pairs WHERE candidate_id = ?1""",
            (trial_id,),
        ).fetchall()
        rows = [(new_ulid(), ledger.now(), ledger.run_id, activation, row[0]) for row in attempts]
        cursor.executemany(_EVIDENCE, rows)
        return activation

    return str(ledger.write(run))


def _expect_in_force(cursor: sqlite3.Cursor, candidate: Protocol, base: Protocol) -> None:
    """The nearest activation at the domain or above it is the base; none at all is version 0."""
    place = candidate.domain
    found = cursor.execute(_IN_FORCE, (place, candidate.model)).fetchone()
    while found is None and place:
        place = place.rpartition(".")[0]
        found = cursor.execute(_IN_FORCE, (place, candidate.model)).fetchone()
    if (found[0] != base.hash) if found else base.remedies:
        raise UsageError("the protocol in force changed while the trial ran", mend="metaagent learn test")


def _end_row(ledger: Ledger, trial_id: str, ended: End, activation: str | None) -> tuple[Any, ...]:
    return (
        *(new_ulid(), ledger.now(), ledger.run_id, trial_id, ended.verdict, ended.reason, ended.pairs, ended.gains),
        *(ended.losses, ended.ties, ended.inconclusive, ended.evidence, ended.futility, ended.calls, activation),
    )


def fixed(ledger: Ledger, domain: str, model: str) -> frozenset[tuple[str, str]]:
    """(task, content) of every gate task that a promotion in this domain, above or below it, mended."""
    rows = ledger.query(
        """SELECT DISTINCT p.task_id, p.task_hash, c.domain FROM pairs p JOIN candidates c ON c.id = p.candidate_id
           JOIN trial_ends e ON e.candidate_id = c.id
           WHERE e.verdict = 'promote' AND p.number <= e.pairs AND c.model = ? AND p.control_outcome = 'fail'
             AND p.candidate_outcome = 'pass'""",
        (model,),
    )
    return frozenset((row[0], row[1]) for row in rows if _related(row[2], domain))


def _related(one: str, other: str) -> bool:
    return one == other or f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.") or not (one and other)


def times_decided(ledger: Ledger, task_ids: Iterable[str]) -> int:
    """How many candidates the most used of these gate tasks has had a say in."""
    row = ledger.one(
        """SELECT max(n) FROM (SELECT count(DISTINCT p.candidate_id) AS n FROM pairs p
           JOIN trial_ends e ON e.candidate_id = p.candidate_id
           WHERE p.task_id IN (SELECT value FROM json_each(?)) GROUP BY p.task_id)""",
        (json.dumps(sorted(task_ids)),),
    )
    return int(row[0] or 0) if row else 0


def next_number(ledger: Ledger) -> tuple[int, int]:
    """The k that the next candidate would get, and the promotions so far."""
    row = ledger.one(
        """SELECT (SELECT coalesce(max(k), 0) + 1 FROM candidates),
                  (SELECT count(*) FROM trial_ends WHERE verdict = 'promote')"""
    )
    return (int(row[0]), int(row[1])) if row else (1, 0)


def open_trials(ledger: Ledger, domain: str, model: str) -> list[Row]:
    """The trials in this domain that have no end yet."""
    return ledger.query("SELECT * FROM v_trials WHERE domain = ? AND model = ? AND verdict IS NULL", (domain, model))


def put_flips(ledger: Ledger, key: str, model: str, protocol: str, tasks: int, flips: int, changed: int) -> None:
    """What an A/A trial found: how many of ``tasks`` had another outcome, and how many another reply."""
    row = (new_ulid(), ledger.now(), ledger.run_id, key, model, protocol, tasks, flips, changed)
    ledger.write([("INSERT INTO flips VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)])


def flips(ledger: Ledger, key: str) -> tuple[int, int, int]:
    """(tasks, flips, changed replies) of all A/A trials with this key."""
    row = ledger.one(
        """SELECT coalesce(sum(tasks), 0), coalesce(sum(flips), 0), coalesce(sum(changed), 0) FROM flips
           WHERE key = ?""",
        (key,),
    )
    return (int(row[0]), int(row[1]), int(row[2])) if row else (0, 0, 0)


def last_flips(ledger: Ledger, domain: str, model: str) -> Row | None:
    """The last A/A trial of this model whose tasks were those of the domain, or of one above it."""
    return ledger.one(
        """SELECT f.key, max(f.time) AS time, sum(f.tasks) AS tasks, sum(f.flips) AS flips, sum(f.changed) AS changed
           FROM flips f JOIN (SELECT id, json_extract(args, '$[0]') AS domain FROM runs) r ON r.id = f.run_id
           WHERE f.model = ?2 AND (r.domain = '' OR substr(?1 || '.', 1, length(r.domain) + 1) = r.domain || '.')
           GROUP BY r.id, f.key ORDER BY r.id DESC LIMIT 1""",
        (domain, model),
    )


def seconds_per_call(ledger: Ledger, model: str) -> float | None:
    """The mean wall seconds of the last 200 calls that this model really answered; None where there are none."""
    row = ledger.one(
        """SELECT avg(seconds) FROM (SELECT s.seconds FROM steps s JOIN attempts a ON a.id = s.attempt_id
           WHERE a.model = ? AND s.kind = 'model' AND s.calls > 0 AND NOT s.cached ORDER BY s.id DESC LIMIT 200)""",
        (model,),
    )
    return float(row[0]) if row and row[0] is not None else None


def tokens_per_call(ledger: Ledger, model: str) -> float:
    """The mean tokens, read and written, of the same calls; 0 where there are none."""
    row = ledger.one(
        """SELECT avg(tokens) FROM (SELECT coalesce(s.prompt_tokens, 0) + coalesce(s.reply_tokens, 0) AS tokens
           FROM steps s JOIN attempts a ON a.id = s.attempt_id
           WHERE a.model = ? AND s.kind = 'model' AND s.calls > 0 AND NOT s.cached ORDER BY s.id DESC LIMIT 200)""",
        (model,),
    )
    return float(row[0]) if row and row[0] is not None else 0.0


def attempts_of(ledger: Ledger, protocol: str) -> list[str]:
    """Every attempt of the trials of a protocol: what its being in force rests on."""
    rows = ledger.query(
        """SELECT p.control_attempt AS attempt FROM pairs p JOIN candidates c ON c.id = p.candidate_id
           WHERE c.candidate = ?1
           UNION SELECT p.candidate_attempt FROM pairs p JOIN candidates c ON c.id = p.candidate_id
           WHERE c.candidate = ?1""",
        (protocol,),
    )
    return [row["attempt"] for row in rows]


def flipped(ledger: Ledger, one: str, other: str, model: str, task_ids: Iterable[str]) -> list[Row]:
    """Of these tasks, those whose latest outcome under two protocols differs, on the same content."""
    latest = """
        SELECT a.task_id, a.task_hash, o.outcome, max(a.id) AS attempt FROM attempts a
        JOIN outcomes o ON o.attempt_id = a.id
        WHERE a.protocol = ? AND a.model = ? AND o.outcome IN ('pass', 'fail') GROUP BY a.task_id, a.task_hash"""
    return ledger.query(
        f"""SELECT x.task_id, x.outcome AS before, y.outcome AS after, x.attempt AS before_attempt,
                   y.attempt AS after_attempt
            FROM ({latest}) x JOIN ({latest}) y ON y.task_id = x.task_id AND y.task_hash = x.task_hash
            WHERE x.outcome <> y.outcome AND x.task_id IN (SELECT value FROM json_each(?)) ORDER BY x.task_id""",
        (one, model, other, model, json.dumps(sorted(task_ids))),
    )
