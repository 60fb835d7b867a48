"""What the monitor saw after promotions: alarms, and the paired confirmations that decided about a rollback. Facts."""

from __future__ import annotations

import sqlite3

from metaagent.ledger import protocols
from metaagent.ledger.database import Ledger, Row
from metaagent.ledger.ulid import new_ulid
from metaagent.records import Protocol

_ALARM = "INSERT INTO alarms VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_CONFIRMATION = "INSERT INTO confirmations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ACTIVATE = "INSERT INTO activations VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


def promotions(ledger: Ledger) -> list[Row]:
    """What the gate put in force and is in force still, with its trial."""
    return ledger.query(
        """SELECT a.id, a.domain, a.model, a.protocol, e.candidate_id, e.pairs, c.settings
           FROM activations a JOIN trial_ends e ON e.activation_id = a.id JOIN candidates c ON c.id = e.candidate_id
           WHERE a.action = 'promote'
             AND a.id = (SELECT max(id) FROM activations WHERE domain = a.domain AND model = a.model)
           ORDER BY a.id"""
    )


def failures_at_gate(ledger: Ledger, trial_id: str, pairs: int) -> tuple[int, int]:
    """(failed, decided) attempts of the candidate in the pairs that its verdict rests on."""
    row = ledger.one(
        """SELECT coalesce(sum(candidate_outcome = 'fail'), 0), count(*) FROM pairs
           WHERE candidate_id = ? AND number <= ? AND candidate_outcome IN ('pass', 'fail')""",
        (trial_id, pairs),
    )
    return (int(row[0]), int(row[1])) if row else (0, 0)


def real_attempts(ledger: Ledger, activation: str, protocol: str, model: str) -> list[Row]:
    """Decided attempts of runs under it since it was put in force, or since the last alarm that was dismissed, as they
    ended."""
    return ledger.query(
        """SELECT a.id, a.task_id, o.outcome, o.passed_first FROM outcomes o JOIN attempts a ON a.id = o.attempt_id
           WHERE a.purpose = 'run' AND a.protocol = ?2 AND a.model = ?3 AND o.outcome IN ('pass', 'fail') AND a.id > ?1
             AND o.rowid > coalesce((SELECT max(b.rowid) FROM alarms m JOIN confirmations c ON c.alarm_id = m.id
                                     JOIN outcomes b ON b.attempt_id = m.last_attempt WHERE m.activation_id = ?1), 0)
           ORDER BY o.rowid""",
        (activation, protocol, model),
    )


def put_alarm(
    ledger: Ledger, activation: str, protocol: str, attempts: int, errors: int, bound: float, value: float, last: str
) -> str:
    alarm = new_ulid()
    row = (alarm, ledger.now(), ledger.run_id, activation, protocol, attempts, errors, bound, value, last)
    ledger.write([(_ALARM, row)])
    return alarm


def open_alarm(ledger: Ledger, activation: str) -> Row | None:
    """An alarm whose confirmation has not ended."""
    return ledger.one(
        """SELECT * FROM alarms WHERE activation_id = ? AND id NOT IN (SELECT alarm_id FROM confirmations)
           ORDER BY id DESC LIMIT 1""",
        (activation,),
    )


Counts = tuple[int, int, int, int]
"""Of a confirmation: pairs, gains and losses of the version before, pairs that broke."""


def dismiss(ledger: Ledger, alarm: str, counts: Counts, evidence: float) -> None:
    """The pairs did not show that the version before is better: what is in force stays."""
    ledger.write([(_CONFIRMATION, _confirmation(ledger, alarm, counts, evidence, "keep", None))])


def roll_back(
    ledger: Ledger, alarm: str, activation: str, former: Protocol, counts: Counts, evidence: float, why: str
) -> str | None:
    """The confirmation and the version before in force again, in one transaction; the new activation's id. None, and
    nothing is written, where ``activation``, which the alarm is about, is no longer the last one of its domain."""
    if not former.remedies:  # version 0 has no row of its own until it is put in force
        protocols.record(ledger, former.domain, former.model, ())
    new = new_ulid()

    def run(cursor: sqlite3.Cursor) -> str | None:
        last = "SELECT max(id) FROM activations WHERE domain = ? AND model = ?"
        if cursor.execute(last, (former.domain, former.model)).fetchone()[0] != activation:
            return None
        head = (new, ledger.now(), ledger.run_id, former.domain, former.model)
        cursor.execute(_ACTIVATE, (*head, former.hash, "rollback", why))
        cursor.execute(_CONFIRMATION, _confirmation(ledger, alarm, counts, evidence, "rollback", new))
        return new

    done: str | None = ledger.write(run)
    return done


def _confirmation(
    ledger: Ledger, alarm: str, counts: Counts, evidence: float, verdict: str, activation: str | None
) -> tuple[object, ...]:
    return (new_ulid(), ledger.now(), ledger.run_id, alarm, *counts, evidence, verdict, activation)
