"""Task versions (the content that attempts were judged by), changes of status, changes by persons."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Any

from metaagent.ledger.database import Ledger, Row
from metaagent.ledger.mask import mask
from metaagent.ledger.ulid import new_ulid
from metaagent.ledger.writer import Statement
from metaagent.records import Task

_VERSION = "INSERT OR IGNORE INTO task_versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_STATUS = "INSERT INTO status_changes VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_PERSON = "INSERT INTO person_changes VALUES (?, ?, ?, ?, ?, ?, ?)"


def body(task: Task) -> str:
    """The content of a task as JSON: what its hash covers, its checks and reference included (for learning)."""
    content: dict[str, Any] = {
        "title": task.title,
        "goal": task.goal,
        "domain": task.domain,
        "inputs": dict(task.inputs),
        "artifact": {"format": task.artifact.format, "schema": task.artifact.schema, "name": task.artifact.name},
        "checks": [
            {"validator": check.validator, "public": check.public, "options": check.options} for check in task.checks
        ],
        "strategy": task.strategy,
        "reference": task.reference,
        "source": task.source,
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> Any:
    return dict(value) if hasattr(value, "keys") else list(value) if isinstance(value, Iterable) else str(value)


def version_batch(task: Task, now: str, run_id: str | None) -> list[Statement]:
    """Stores the content of the task once per (id, hash)."""
    row = (
        *(new_ulid(), now, run_id, task.id, task.hash, mask(task.title), task.domain),
        *(task.set, task.family, task.group, mask(body(task))),
    )
    return [(_VERSION, row)]


def status_batch(
    task_id: str, from_status: str | None, to_status: str, by: str, reason: str, *, now: str, run_id: str | None
) -> list[Statement]:
    return [(_STATUS, (new_ulid(), now, run_id, task_id, from_status, to_status, by, mask(reason)))]


def person_batch(
    changes: Iterable[tuple[str, str, str | None, str | None]], now: str, run_id: str | None
) -> list[Statement]:
    """``changes``: (task id, field, old, new) as the board saw them."""
    rows = [(new_ulid(), now, run_id, task, field, mask(old), mask(new)) for task, field, old, new in changes]
    return [(_PERSON, rows)] if rows else []


def versions(ledger: Ledger, task_id: str) -> list[Row]:
    return ledger.query("SELECT * FROM task_versions WHERE task_id = ? ORDER BY id", (task_id,))


def latest_versions(ledger: Ledger) -> list[Row]:
    """The latest content of each task that was ever attempted or added."""
    return ledger.query(
        """SELECT * FROM task_versions v WHERE id = (SELECT max(id) FROM task_versions WHERE task_id = v.task_id)
           ORDER BY task_id"""
    )


def inputs(ledger: Ledger, task_ids: Collection[str] | None = None) -> dict[str, str]:
    """The latest inputs of each task (None: of all), as one text; of a task without inputs, its goal or title."""
    where, values = (
        ("WHERE task_id IN (SELECT value FROM json_each(?))", (json.dumps(sorted(task_ids)),))
        if (task_ids is not None)
        else ("", ())
    )
    found: dict[str, str] = {}
    for row in ledger.query(f"SELECT task_id, body FROM task_versions {where} ORDER BY id", values):
        content = json.loads(row["body"])
        given = " ".join(map(str, content["inputs"].values()))
        found[row["task_id"]] = given or content["goal"] or content["title"]
    return found


def status_changes(ledger: Ledger, task_id: str) -> list[Row]:
    return ledger.query("SELECT * FROM status_changes WHERE task_id = ? ORDER BY id", (task_id,))


def last_reasons(ledger: Ledger, to_status: str) -> dict[str, str]:
    """For each task whose latest change led to ``to_status``: why. For `status`: what waits in REVIEW and why."""
    rows = ledger.query(
        """SELECT task_id, reason FROM status_changes s WHERE to_status = ?
           AND id = (SELECT max(id) FROM status_changes WHERE task_id = s.task_id)""",
        (to_status,),
    )
    return {row["task_id"]: row["reason"] for row in rows}


KNOWN_IDS = """SELECT task_id FROM task_versions UNION SELECT task_id FROM status_changes
               UNION SELECT task_id FROM person_changes"""


def known_ids(ledger: Ledger) -> list[str]:
    """Every task that was ever added, worked on, moved or edited: an archived task's id is not given again."""
    return [row[0] for row in ledger.query(KNOWN_IDS)]


def domains(ledger: Ledger) -> list[str]:
    """Every domain that a task ever had."""
    rows = ledger.query("SELECT DISTINCT domain FROM task_versions WHERE domain IS NOT NULL ORDER BY domain")
    return [row[0] for row in rows]
