"""What may run in this workspace: files by path and SHA-256, trusted or revoked by a person."""

from __future__ import annotations

from collections.abc import Iterable

from metaagent.ledger.database import Ledger, Row
from metaagent.ledger.ulid import new_ulid

WORKSPACE, ANY = ".", "*"
"""The entry by which `init` vouches for a workspace that it made from nothing."""

_PUT = "INSERT INTO trusts VALUES (?, ?, ?, ?, ?, ?, ?)"


def record(ledger: Ledger, files: Iterable[tuple[str, str]], by: str, action: str = "trust") -> None:
    """``files``: (path relative to the workspace, SHA-256). ``action`` is trust or revoke."""
    rows = [(new_ulid(), ledger.now(), ledger.run_id, path, sha256, action, by) for path, sha256 in files]
    if rows:
        ledger.write([(_PUT, rows)])


def trusted(ledger: Ledger, path: str, sha256: str) -> bool:
    """Whether this very content of the file may run: it is pinned, or was never judged in a workspace made here."""
    known = all_trusted(ledger)
    return known.get(path) == sha256 or (path not in known and known.get(WORKSPACE) == ANY)


def all_trusted(ledger: Ledger) -> dict[str, str]:
    """Path -> the SHA-256 that may run; the latest word on a path counts."""
    rows = ledger.query(
        """SELECT path, sha256 FROM trusts t WHERE action = 'trust'
           AND id = (SELECT max(id) FROM trusts WHERE path = t.path)"""
    )
    return {row[0]: row[1] for row in rows}


def history(ledger: Ledger) -> list[Row]:
    return ledger.query("SELECT * FROM trusts ORDER BY id")
