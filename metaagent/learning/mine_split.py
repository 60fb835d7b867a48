"""The mine split of what the ledger knows: the only tasks whose errors learning reads."""

from __future__ import annotations

import json
from collections.abc import Iterable

from metaagent.learning.divide import divide
from metaagent.learning.splits import Rule
from metaagent.ledger import splits
from metaagent.ledger import tasks as task_facts
from metaagent.ledger.database import Ledger, Row
from metaagent.records import Task


def undivided(ledger: Ledger) -> list[Task]:
    """The tasks of the ledger that belong to no split yet, with what a split goes by."""
    known = splits.current(ledger)
    return [_task(row) for row in task_facts.latest_versions(ledger) if row["task_id"] not in known]


def complete(ledger: Ledger, tasks: Iterable[Task], rule: Rule) -> None:
    """Makes the split of these tasks (all that the workspace has), and of what only the ledger knows."""
    given = list(tasks)
    ids = {task.id for task in given}
    divide(ledger, [*given, *(task for task in undivided(ledger) if task.id not in ids)], rule)


def mine_ids(ledger: Ledger) -> frozenset[str]:
    return splits.task_ids(ledger, "mine")


def salt(ledger: Ledger) -> str:
    """One secret for the whole ledger, from those of its sets."""
    return "".join(sorted(splits.salts(ledger).values()))


def _task(row: Row) -> Task:
    content = json.loads(row["body"])
    return Task(
        id=row["task_id"],
        title=row["title"],
        goal=content["goal"],
        domain=row["domain"],
        inputs=content["inputs"],
        set=row["set"],
        family=row["family"],
        group=row["grp"],
        hash=row["hash"],
    )
