from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import wait
from pathlib import Path

import pytest

from metaagent.ledger.database import Ledger
from metaagent.ledger.writer import TakeBack

PUT = "INSERT INTO reply_cache VALUES (?, 't', ?)"


def keys(ledger: Ledger) -> list[str]:
    return [row[0] for row in ledger.query("SELECT key FROM reply_cache ORDER BY key")]


class Gate:
    """Holds the writer inside a transaction, so that what comes meanwhile forms one group."""

    def __init__(self, ledger: Ledger) -> None:
        self._open = threading.Event()
        entered = threading.Event()

        def hold(_cursor: sqlite3.Cursor) -> None:
            entered.set()
            assert self._open.wait(10)

        self.future = ledger.submit(hold)
        assert entered.wait(10)

    def release(self) -> None:
        self._open.set()


def test_what_waits_shares_one_commit(ledger: Ledger) -> None:
    gate, before = Gate(ledger), ledger.commits
    futures = [ledger.submit([(PUT, (f"k{i:02}", "x"))]) for i in range(50)]
    gate.release()
    wait(futures, timeout=10)
    assert len(keys(ledger)) == 50
    assert ledger.commits == before + 2


def test_a_bad_batch_fails_alone(ledger: Ledger) -> None:
    gate = Gate(ledger)
    first = ledger.submit([(PUT, ("a", "x"))])
    wrong = ledger.submit([(PUT, ("half", "x")), ("INSERT INTO no_such_table VALUES (1)", ())])
    broken = ledger.submit(lambda _cursor: 1 // 0)
    last = ledger.submit([(PUT, [("b", "x"), ("c", "x")])])
    gate.release()
    assert first.result(10) is None
    assert last.result(10) is None
    with pytest.raises(sqlite3.OperationalError, match="no_such_table"):
        wrong.result(10)
    with pytest.raises(ZeroDivisionError):
        broken.result(10)
    assert keys(ledger) == ["a", "b", "c"]


def test_batches_become_durable_in_order(ledger: Ledger) -> None:
    gate = Gate(ledger)
    for i in range(20):
        ledger.post([(PUT, (f"k{i:02}", "x"))])
    seen = ledger.submit(lambda cursor: cursor.execute("SELECT count(*) FROM reply_cache").fetchone()[0])
    gate.release()
    assert seen.result(10) == 20


def test_a_callable_gives_its_result(ledger: Ledger) -> None:
    assert ledger.write(lambda cursor: cursor.execute("SELECT 41 + 1").fetchone()[0]) == 42


def test_a_batch_may_take_itself_back(ledger: Ledger) -> None:
    def run(cursor: sqlite3.Cursor) -> None:
        cursor.execute(PUT, ("a", "x"))
        raise TakeBack(7)

    gate = Gate(ledger)
    other = ledger.submit([(PUT, ("b", "x"))])
    dry = ledger.submit(run)
    gate.release()
    assert (dry.result(10), other.result(10)) == (7, None)
    assert keys(ledger) == ["b"]
    assert ledger.dropped == 0


def test_giving_up_waiting_does_not_undo_the_write(ledger: Ledger) -> None:
    gate = Gate(ledger)
    future = ledger.submit([(PUT, ("a", "x"))])
    assert not future.cancel()
    gate.release()
    future.result(10)
    assert keys(ledger) == ["a"]


def test_a_batch_that_writes_through_the_ledger_is_refused_not_deadlocked(ledger: Ledger) -> None:
    with pytest.raises(RuntimeError, match="may not write"):
        ledger.write(lambda _cursor: ledger.write([(PUT, ("a", "x"))]))


def test_a_failure_without_a_future_is_counted_and_told_at_close(path: Path) -> None:
    with Ledger.open(path) as ledger:
        ledger.post([("INSERT INTO no_such_table VALUES (1)", ())])
        ledger.flush()
        assert ledger.dropped == 1
        assert "no_such_table" in str(ledger.last_error)
    with Ledger.open(path, read_only=True) as ledger:
        row = ledger.one("SELECT count, reason FROM drops")
        assert row is not None
        assert row["count"] == 1
        assert "no_such_table" in row["reason"]


def test_close_drains(path: Path) -> None:
    ledger = Ledger.open(path)
    for i in range(2000):
        ledger.post([(PUT, (f"k{i:04}", "x"))])
    ledger.close()
    ledger.close()
    with Ledger.open(path, read_only=True) as again:
        assert len(keys(again)) == 2000
    with pytest.raises(RuntimeError, match="closed"):
        ledger.post([])
    with pytest.raises(RuntimeError, match="closed"):
        ledger.query("SELECT 1")


def test_many_threads_lose_nothing(ledger: Ledger) -> None:
    def work(name: int) -> None:
        for i in range(50):
            ledger.write([(PUT, (f"{name}-{i:02}", "x"))])

    threads = [threading.Thread(target=work, args=(name,)) for name in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys(ledger)) == 300


def test_batching_flushes_by_itself(path: Path) -> None:
    with Ledger.open(path, batching=True, flush_ms=5) as ledger:
        for i in range(20):
            ledger.record([(PUT, (f"k{i:02}", "x"))])
        done = threading.Event()
        for _ in range(400):
            if len(keys(ledger)) == 20:
                break
            done.wait(0.01)
        assert len(keys(ledger)) == 20
        assert ledger.commits < 20


def test_a_full_queue_blocks_and_loses_nothing(path: Path) -> None:
    with Ledger.open(path, batching=True, queue=4) as ledger:
        gate, passed = Gate(ledger), threading.Event()

        def fill() -> None:
            for i in range(10):
                ledger.record([(PUT, (f"k{i:02}", "x"))])
            passed.set()

        thread = threading.Thread(target=fill)
        thread.start()
        assert not passed.wait(0.05)
        gate.release()
        assert passed.wait(10)
        thread.join()
        ledger.flush()
        assert len(keys(ledger)) == 10
        assert ledger.dropped == 0
