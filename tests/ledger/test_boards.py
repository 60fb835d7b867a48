from __future__ import annotations

import sqlite3
from datetime import timedelta

import pytest

from metaagent.board.history import History
from metaagent.ledger.boards import LedgerHistory
from metaagent.ledger.database import Ledger
from tests.ledger.conftest import Clock


def test_versions_come_back_byte_for_byte_newest_first(ledger: Ledger) -> None:
    history: History = LedgerHistory(ledger)
    assert history.latest() is None
    assert history.by_stamp("s1") is None
    data = b"# Board\r\n\xff\x00 password=hunter22\n"
    history.record("s1", data, "tool")
    history.record("s2", b"second", "person")
    latest = history.latest()
    assert latest is not None
    assert (latest.stamp, latest.data, latest.author) == ("s2", b"second", "person")
    assert history.by_stamp("s1") == data
    assert [version.stamp for version in history.recent(9)] == ["s2", "s1"]
    assert [version.stamp for version in history.recent(1)] == ["s2"]


def test_the_last_of_one_stamp_counts(ledger: Ledger) -> None:
    history = LedgerHistory(ledger)
    history.record("s", b"one", "tool")
    history.record("s", b"two", "tool")
    assert history.by_stamp("s") == b"two"


def test_old_versions_beyond_keep_go_and_none_younger_than_an_hour(ledger: Ledger, clock: Clock) -> None:
    history = LedgerHistory(ledger, keep=2)
    for number in range(5):
        history.record(f"old-{number}", b"x", "tool")
    assert len(history.recent(9)) == 5
    clock.now += timedelta(minutes=61)
    history.record("new-1", b"x", "tool")
    assert [version.stamp for version in history.recent(9)] == ["new-1", "old-4"]
    history.record("new-2", b"x", "tool")
    history.record("new-3", b"x", "tool")
    assert [version.stamp for version in history.recent(9)] == ["new-3", "new-2", "new-1"]
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        ledger.write([("DELETE FROM board_versions", ())])
