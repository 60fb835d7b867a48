"""SQLite's errors in our words: what, where, and the next command to type."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from metaagent.errors import LedgerError, LockedError, MetaagentError, StorageError

CHECK = "metaagent ledger check"
UPGRADE = "install a newer metaagent: pip install --upgrade metaagent"


def translate(error: BaseException, path: Path) -> BaseException:
    """Ours where the cause lies outside of our code; anything else (a constraint, bad SQL) comes back as it is."""
    if isinstance(error, MetaagentError) or not isinstance(error, sqlite3.Error):
        return error
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return corrupt(path, str(error))
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL):
        return LockedError(f"another process holds the ledger {path}", mend="run the command again when it has ended")
    if code == sqlite3.SQLITE_FULL:
        return StorageError(f"no space left for the ledger {path}", mend="free some space, or: metaagent ledger prune")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH):
        verb = "opened" if code == sqlite3.SQLITE_CANTOPEN else "written"
        return StorageError(
            f"the ledger {path} cannot be {verb}: {error}",
            mend=f"check the permissions with: ls -ld {path.parent} {path}",
        )
    if code == sqlite3.SQLITE_IOERR:
        return StorageError(f"the disk failed under the ledger {path}: {error}", mend=f"check the disk, then: {CHECK}")
    return error


def corrupt(path: Path, what: str) -> LedgerError:
    return LedgerError(
        f"the ledger {path} is damaged: {what}",
        mend=f"{CHECK}; then {restore(path)}",
    )


def restore(path: Path) -> str:
    """What to do about a ledger that is damaged."""
    return (
        f"copy a backup over it (metaagent ledger backup --list), or without one: mv {path} {path}.damaged"
        " (the next command starts a new ledger)"
    )


def newer(path: Path, found: int, known: int) -> LedgerError:
    return LedgerError(
        f"the ledger {path} has schema {found}; this metaagent knows {known} and does not guess",
        mend=UPGRADE,
    )
