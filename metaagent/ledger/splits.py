"""Which split each task belongs to, and the salt of each set: facts, made once. A changed task gets another row."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from metaagent.ledger.database import Ledger, Row
from metaagent.ledger.ulid import new_ulid

_SALT = "INSERT INTO split_salts VALUES (?, ?, ?, ?, ?)"
_PUT = "INSERT INTO split_tasks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_KNOWN = 'SELECT task_id, task_hash, grp, split FROM split_tasks WHERE "set" = ? ORDER BY id'
_ANYWHERE = "SELECT task_id, grp, split FROM split_tasks ORDER BY id"
_KIN = """
    SELECT DISTINCT other.task_id FROM v_splits one JOIN v_splits other
    ON other.grp = one.grp AND (other."set" = one."set" OR (length(one.grp) = 16 AND one.grp NOT GLOB '*[^0-9a-f]*'))
    WHERE other.split = 'sealed' AND one.split = 'sealed' AND one.task_id IN (SELECT value FROM json_each(?))"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A task of a set as it is stored; ``family`` and ``set`` are empty where it has none."""

    task_id: str
    task_hash: str
    group: str
    family: str
    domain: str | None


@dataclass(frozen=True, slots=True)
class Known:
    """What a set's split is dealt from: its salt, and the split of every group that it has. ``tasks`` are those of
    every set, since a set may get another name; ``retired``: the groups of every set with a task that was looked at."""

    salt: str
    groups: Mapping[str, str]
    tasks: Mapping[str, str]
    retired: frozenset[str] = frozenset()


Deal = Callable[[Known], Mapping[str, str]]


def divide(ledger: Ledger, set_name: str, entries: Sequence[Entry], deal: Deal, salt: str | None = None) -> None:
    """Stores the split of every task of a set that has none yet, or whose content changed. The set's salt is made, or
    taken from ``salt``, the first time. One transaction: two processes at once come to one split."""

    def run(cursor: sqlite3.Cursor) -> None:
        known = _known(cursor, ledger, set_name, salt)
        have = {(row[0], row[1]) for row in cursor.execute(_KNOWN, (set_name,)).fetchall()}
        fresh = [entry for entry in entries if (entry.task_id, entry.task_hash) not in have]
        if not fresh:
            return
        dealt = deal(known)
        head = (ledger.now(), ledger.run_id, set_name)
        for one in fresh:
            cursor.execute(
                _PUT,
                (new_ulid(), *head, one.task_id, one.task_hash, one.group, one.family, one.domain, dealt[one.task_id]),
            )

    ledger.write(run)


def _known(cursor: sqlite3.Cursor, ledger: Ledger, set_name: str, salt: str | None) -> Known:
    row = cursor.execute('SELECT salt FROM split_salts WHERE "set" = ?', (set_name,)).fetchone()
    if row is None:
        row = (salt or secrets.token_hex(16),)
        cursor.execute(_SALT, (new_ulid(), ledger.now(), ledger.run_id, set_name, row[0]))
    groups: dict[str, str] = {}
    for _, _, group, split in cursor.execute(_KNOWN, (set_name,)).fetchall():
        if groups.setdefault(group, split) == "sealed":
            groups[group] = split
    anywhere = cursor.execute(_ANYWHERE).fetchall()
    tasks = {task_id: split for task_id, _, split in anywhere}
    return Known(row[0], groups, tasks, frozenset(group for _, group, split in anywhere if split == "retired"))


def salts(ledger: Ledger) -> dict[str, str]:
    """The salt of every set that was split."""
    return {row["set"]: row["salt"] for row in ledger.query("SELECT * FROM split_salts")}


def current(ledger: Ledger) -> dict[str, Row]:
    """The split of every task as it stands, by task id."""
    return {row["task_id"]: row for row in ledger.query("SELECT * FROM v_splits")}


def task_ids(ledger: Ledger, split: str) -> frozenset[str]:
    """The tasks of one split."""
    return frozenset(row[0] for row in ledger.query("SELECT task_id FROM v_splits WHERE split = ?", (split,)))


def of_set(ledger: Ledger, split: str, set_name: str | None = None, domain: str | None = None) -> frozenset[str]:
    """The tasks of one split, of this set alone where one is named, and of this domain and those below it."""
    found = ledger.query("SELECT task_id, \"set\", coalesce(domain, '') FROM v_splits WHERE split = ?", (split,))
    return frozenset(
        task_id
        for task_id, of, its in found
        if set_name in (None, of) and (domain is None or its == domain or its.startswith(f"{domain}."))
    )


def kin(ledger: Ledger, ids: Iterable[str]) -> frozenset[str]:
    """These sealed tasks and those of their groups, which are near-duplicates; across sets too where a group is the
    hash of what its tasks contain."""
    return frozenset(row[0] for row in ledger.query(_KIN, (json.dumps(list(ids)),)))


def families(ledger: Ledger, split: str, domain: str) -> frozenset[str]:
    """The families of the tasks of one split of a domain."""
    found = ledger.query(
        "SELECT DISTINCT family FROM v_splits WHERE split = ? AND coalesce(domain, '') = ?", (split, domain)
    )
    return frozenset(row[0] for row in found if row[0])


def retire(ledger: Ledger, ids: Iterable[str]) -> int:
    """Takes sealed tasks whose events were looked at out of all reports to come. How many."""

    def run(cursor: sqlite3.Cursor) -> int:
        rows = cursor.execute(
            """SELECT "set", task_id, task_hash, grp, family, domain FROM v_splits
               WHERE split = 'sealed' AND task_id IN (SELECT value FROM json_each(?))""",
            (json.dumps(list(ids)),),
        ).fetchall()
        for row in rows:
            cursor.execute(_PUT, (new_ulid(), ledger.now(), ledger.run_id, *row, "retired"))
        return len(rows)

    return int(ledger.write(run))
