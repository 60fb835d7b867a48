"""Backups: consistent copies beside the ledger, made while others write."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from metaagent.errors import StorageError
from metaagent.ledger.connect import back_up, backups_folder
from metaagent.ledger.database import Ledger


@dataclass(frozen=True, slots=True)
class Backup:
    path: Path
    size: int
    time: datetime


def make(ledger: Ledger, target: Path | None = None) -> Path:
    """To ``target``, or into the folder ``backups`` beside the ledger. Never overwrites."""
    if target is None:
        target = backups_folder(ledger.path) / f"{ledger.path.name}.{ledger.clock():%Y%m%dT%H%M%S%fZ}"
    if target.exists():
        raise StorageError(f"{target} exists already", mend="metaagent ledger backup OTHER-NAME")
    path = target
    try:
        result: Path = ledger.exclusive(lambda connection: back_up(connection, path))
    except OSError as error:
        raise StorageError(
            f"cannot write the backup {target}: {error.strerror}", mend="choose another place"
        ) from error
    return result


def list_backups(ledger_path: Path) -> list[Backup]:
    """Newest first."""
    folder = backups_folder(ledger_path)
    found = [path for path in folder.glob(f"{ledger_path.name}.*") if path.is_file()] if folder.is_dir() else []
    backups = [Backup(p, p.stat().st_size, datetime.fromtimestamp(p.stat().st_mtime, UTC)) for p in found]
    return sorted(backups, key=lambda backup: backup.time, reverse=True)
