"""Versions of the board: what merges and `board undo` start from. Stored exactly, not masked: the base of a merge must
be the very bytes that a stamp names. Compressed (zlib, level 1); older ones are pruned in the write that adds one."""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from metaagent.ledger.database import Ledger, Row
from metaagent.ledger.schema import PRUNE_SWITCH
from metaagent.ledger.times import from_text, to_text
from metaagent.ledger.ulid import new_ulid
from metaagent.ledger.writer import Batch

_KEEP_AT_LEAST = timedelta(hours=1)
_COLUMNS = "id, time, stamp, sha256, author, body"


@dataclass(frozen=True, slots=True)
class Version:
    stamp: str
    data: bytes
    author: str
    time: datetime
    sha256: str
    id: str


class LedgerHistory:
    """The board room's ``History``. Keeps the newest ``keep`` versions, and every one younger than an hour."""

    def __init__(self, ledger: Ledger, keep: int = 200) -> None:
        self._ledger = ledger
        self._keep = keep

    def latest(self) -> Version | None:
        found = self.recent(1)
        return found[0] if found else None

    def by_stamp(self, stamp: str) -> bytes | None:
        row = self._ledger.one(
            f"SELECT {_COLUMNS} FROM board_versions WHERE stamp = ? ORDER BY rowid DESC LIMIT 1", (stamp,)
        )
        return zlib.decompress(row["body"]) if row else None

    def recent(self, n: int) -> list[Version]:
        """Newest first."""
        rows = self._ledger.query(f"SELECT {_COLUMNS} FROM board_versions ORDER BY rowid DESC LIMIT ?", (n,))
        return [_version(row) for row in rows]

    def record(self, stamp: str, data: bytes, author: str) -> None:
        """Blocks until durable."""
        self._ledger.write(self.record_batch(stamp, data, author))

    def record_batch(self, stamp: str, data: bytes, author: str) -> Batch:
        """For a transaction that holds more than this version."""
        now = self._ledger.clock()
        row = (
            *(new_ulid(), to_text(now), self._ledger.run_id, stamp, hashlib.sha256(data).hexdigest(), author),
            *(len(data), zlib.compress(data, 1)),
        )
        young, keep = to_text(now - _KEEP_AT_LEAST), self._keep

        def run(cursor: sqlite3.Cursor) -> None:
            cursor.execute("INSERT INTO board_versions VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
            prune(cursor, keep, young)

        return run


def prune(cursor: sqlite3.Cursor, keep: int, young: str) -> int:
    """Removes versions beyond the newest ``keep`` that are older than ``young``. How many."""
    edge = cursor.execute("SELECT rowid FROM board_versions ORDER BY rowid DESC LIMIT 1 OFFSET ?", (keep,)).fetchone()
    if edge is None:
        return 0
    cursor.execute("INSERT OR IGNORE INTO switches VALUES (?)", (PRUNE_SWITCH,))
    gone = cursor.execute("DELETE FROM board_versions WHERE rowid <= ? AND time < ?", (edge[0], young)).rowcount
    cursor.execute("DELETE FROM switches WHERE name = ?", (PRUNE_SWITCH,))
    return gone


def _version(row: Row) -> Version:
    data = zlib.decompress(row["body"])
    return Version(row["stamp"], data, row["author"], from_text(row["time"]), row["sha256"], row["id"])
