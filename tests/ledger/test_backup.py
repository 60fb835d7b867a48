from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from metaagent.errors import StorageError
from metaagent.ledger import attempts, backup, check
from metaagent.ledger.database import Ledger
from tests.ledger.conftest import make_attempt, store


def test_a_backup_is_whole_while_others_write_and_can_be_put_back(ledger: Ledger, tmp_path: Path) -> None:
    attempt = store(ledger, make_attempt())
    with Ledger.open(ledger.path) as other:
        other.post([("INSERT INTO reply_cache VALUES ('k', 't', 'x')", ())])
        made = backup.make(ledger)
    assert made.stat().st_mode & 0o777 == 0o600
    assert check.check(made).problems == ()
    assert [one.path for one in backup.list_backups(ledger.path)] == [made]
    restored = tmp_path / "restored" / "ledger.db"
    restored.parent.mkdir()
    shutil.copy(made, restored)
    with Ledger.open(restored) as again:
        assert attempts.show(again, attempt.id) is not None
    assert list(made.parent.glob(".*")) == []


def test_nothing_is_overwritten(ledger: Ledger, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    backup.make(ledger, target)
    with pytest.raises(StorageError, match="exists already"):
        backup.make(ledger, target)


def test_a_place_that_cannot_be_written(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        backup.make(ledger, tmp_path / "file" / "copy.db")


def test_none_yet(path: Path) -> None:
    assert backup.list_backups(path) == []
