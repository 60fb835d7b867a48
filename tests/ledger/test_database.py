"""Opening, refusing, healing and closing; both the locked path (vulnerable SQLite) and the other."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from metaagent.errors import LedgerError, LockedError, NotFoundError, StorageError
from metaagent.ledger import connect, filesystem, runs
from metaagent.ledger.database import Ledger
from metaagent.ledger.lock import LedgerLock

PUT = "INSERT INTO reply_cache VALUES (?, 't', ?)"


def count(path: Path, table: str = "reply_cache") -> int:
    with Ledger.open(path, read_only=True) as ledger:
        row = ledger.one(f"SELECT count(*) FROM {table}")
        assert row is not None
        return int(row[0])


def crash(path: Path, code: str = "") -> None:
    """A process that writes one row and dies without closing."""
    script = f"""
import os
from pathlib import Path
from metaagent.ledger.database import Ledger
ledger = Ledger.open(Path({str(path)!r}))
ledger.write([({PUT!r}, ("crashed", "x"))])
{code}
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", script], check=False, timeout=60)


@pytest.fixture(params=[True, False], ids=["vulnerable", "fixed"])
def either(request: pytest.FixtureRequest, path: Path) -> Ledger:
    return Ledger.open(path, vulnerable=request.param)


def test_the_pragmas_are_as_promised(either: Ledger) -> None:
    def pragma(name: str) -> object:
        return either.write(lambda cursor: cursor.execute(f"PRAGMA {name}").fetchone()[0])

    with either:
        assert pragma("journal_mode") == "wal"
        assert pragma("synchronous") == 2  # FULL
        assert pragma("busy_timeout") == 30_000
        assert pragma("foreign_keys") == 1
        assert pragma("mmap_size") == 0


def test_writes_are_seen_at_once_and_after_closing(either: Ledger) -> None:
    with either:
        either.write([(PUT, ("a", "x"))])
        assert either.one("SELECT key FROM reply_cache")["key"] == "a"  # type: ignore[index]
    assert count(either.path) == 1


def test_on_a_vulnerable_version_a_write_waits_for_the_lock_on_a_fixed_one_not(path: Path) -> None:
    with Ledger.open(path, vulnerable=True) as locked, Ledger.open(path, vulnerable=False) as free:
        outside = LedgerLock(connect.lock_path(path))
        with outside:
            future = locked.submit([(PUT, ("locked", "x"))])
            free.write([(PUT, ("free", "x"))])
            assert not future.done()
        future.result(10)
        outside.close()
    assert count(path) == 2


def test_files_are_for_their_owner_only(path: Path) -> None:
    old = os.umask(0)
    try:
        with Ledger.open(path) as ledger:
            ledger.write([(PUT, ("a", "x"))])
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(old)
    assert set(modes) >= {"ledger.db", "ledger.db-wal", "ledger.db.lock"}
    assert set(modes.values()) == {0o600}


def test_a_mode_that_was_loosened_is_mended(path: Path) -> None:
    Ledger.open(path).close()
    path.chmod(0o644)
    Ledger.open(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_missing_ledger_is_not_made_by_reading(path: Path) -> None:
    with pytest.raises(NotFoundError):
        Ledger.open(path, read_only=True)
    assert not path.exists()


def test_reading_refuses_to_write(path: Path) -> None:
    Ledger.open(path).close()
    with Ledger.open(path, read_only=True) as ledger:
        with pytest.raises(RuntimeError, match="read-only"):
            ledger.write([(PUT, ("a", "x"))])
        with pytest.raises((sqlite3.Error, StorageError)):
            ledger.query("DELETE FROM reply_cache")


def test_the_hot_path_does_not_import_sqlite_utils(path: Path) -> None:
    Ledger.open(path).close()
    code = f"""
import sys
from pathlib import Path
from metaagent.ledger.database import Ledger
Ledger.open(Path({str(path)!r})).close()
Ledger.open(Path({str(path)!r}), read_only=True).close()
heavy = {{"sqlite_utils", "asyncio", "pydantic", "filelock"}} & set(sys.modules)
sys.exit(f"imported {{heavy}}" if heavy else 0)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("read_only", [True, False])
def test_a_newer_schema_is_refused(path: Path, read_only: bool) -> None:
    Ledger.open(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {connect.SCHEMA + 1}")
    connection.close()
    with pytest.raises(LedgerError, match=f"schema {connect.SCHEMA + 1}") as caught:
        Ledger.open(path, read_only=read_only)
    assert "upgrade" in str(caught.value.mend)


@pytest.mark.parametrize("read_only", [True, False])
def test_what_is_not_a_database_is_damaged_with_a_mend(path: Path, read_only: bool) -> None:
    path.write_bytes(b"not a database " * 1000)
    with pytest.raises(LedgerError, match="damaged") as caught:
        Ledger.open(path, read_only=read_only)
    assert "metaagent ledger check" in str(caught.value.mend)
    assert path.read_bytes() == b"not a database " * 1000


def test_a_network_file_system_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filesystem, "filesystem_of", lambda *_: "nfs4")
    with pytest.raises(StorageError, match="network"):
        Ledger.open(path)
    assert not path.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_folder_is_an_error_for_writing_and_none_for_reading(path: Path) -> None:
    Ledger.open(path).close()
    connect.lock_path(path).unlink()
    path.parent.chmod(0o500)
    try:
        with pytest.raises(StorageError, match="cannot open"):
            Ledger.open(path)
        assert count(path) == 0
    finally:
        path.parent.chmod(0o700)


def test_a_folder_that_is_not_there_is_an_error_with_a_mend(path: Path) -> None:
    with pytest.raises(StorageError) as caught:
        Ledger.open(path.parent / "none" / "ledger.db")
    assert caught.value.mend


def test_another_writer_that_does_not_let_go_is_locked(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "BUSY_MILLISECONDS", 20)
    with Ledger.open(path) as ledger:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LockedError) as caught:
            ledger.write([(PUT, ("a", "x"))])
        assert caught.value.mend
        other.execute("ROLLBACK")
        other.close()
        ledger.write([(PUT, ("a", "x"))])
    assert count(path) == 1


def test_a_full_disk_is_a_storage_error_and_what_was_acknowledged_stays(path: Path) -> None:
    with Ledger.open(path) as ledger:
        ledger.write([(PUT, ("a", "x"))])
        pages = ledger.write(lambda cursor: cursor.execute("PRAGMA page_count").fetchone()[0])
        ledger.exclusive(lambda connection: connection.execute(f"PRAGMA max_page_count = {pages + 2}").fetchone())
        with pytest.raises(StorageError, match="no space left"):
            ledger.write([(PUT, ("b", "x" * 100_000))])
        ledger.exclusive(lambda connection: connection.execute("PRAGMA max_page_count = 1000000").fetchone())
        ledger.write([(PUT, ("c", "x"))])
        assert [row[0] for row in ledger.query("SELECT key FROM reply_cache")] == ["a", "c"]


def test_a_file_that_may_not_grow_is_a_storage_error(path: Path) -> None:
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000))

    code = f"""
from pathlib import Path
from metaagent.errors import StorageError
from metaagent.ledger.database import Ledger
ledger, done = Ledger.open(Path({str(path)!r})), 0
try:
    while True:
        ledger.write([({PUT!r}, (f"k{{done}}", "x" * 5000))])
        done += 1
except StorageError as error:
    print(done, error.exit_status, bool(error.mend))
"""
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, preexec_fn=limit, capture_output=True, text=True, timeout=60, check=True)
    done, status, mend = ran.stdout.split()
    assert (status, mend) == ("74", "True")
    assert count(path) == int(done) > 0


def test_a_crash_is_noticed_checked_and_forgotten(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[Path] = []
    real = connect.require_integrity

    def look(connection: sqlite3.Connection, where: Path) -> None:
        checked.append(where)
        real(connection, where)

    monkeypatch.setattr(connect, "require_integrity", look)
    crash(path)
    Ledger.open(path).close()
    assert checked == [path]
    Ledger.open(path).close()
    assert checked == [path]
    assert count(path) == 1


def test_a_wal_that_nobody_owns_is_a_crash_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[Path] = []
    monkeypatch.setattr(connect, "require_integrity", lambda _connection, where: checked.append(where))
    crash(path)
    connect.lock_path(path).unlink()  # as after a power cut
    Ledger.open(path).close()
    assert checked == [path]


def test_damage_after_a_crash_is_found_at_start(path: Path) -> None:
    with Ledger.open(path) as ledger:
        ledger.write([(PUT, [(f"k{i:05}", "x" * 500) for i in range(500)])])
    crash(path, "ledger.exclusive(lambda c: c.execute('PRAGMA wal_checkpoint(TRUNCATE)').fetchone())")
    with path.open("r+b") as file:
        file.seek(60 * 4096)
        file.write(os.urandom(30 * 4096))
    with pytest.raises(LedgerError, match="damaged"):
        Ledger.open(path)


def test_closing_leaves_one_file_and_an_empty_lock(path: Path) -> None:
    with Ledger.open(path) as ledger:
        ledger.query("SELECT 1")
        ledger.write([(PUT, ("a", "x"))])
    assert sorted(file.name for file in path.parent.iterdir()) == ["ledger.db", "ledger.db.lock"]
    assert connect.lock_path(path).read_text() == ""


def test_two_open_ledgers_do_not_take_each_other_for_crashed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "require_integrity", lambda *_: pytest.fail("checked"))
    with Ledger.open(path) as one, Ledger.open(path) as two:
        one.write([(PUT, ("a", "x"))])
        two.write([(PUT, ("b", "x"))])
    Ledger.open(path).close()


@pytest.mark.parametrize("end", ["sys.exit(0)", "time.sleep(30)"], ids=["exit", "sigterm"])
def test_batching_drains_at_exit_and_on_sigterm(path: Path, end: str) -> None:
    code = f"""
import sys, time
from pathlib import Path
from metaagent.ledger.database import Ledger
ledger = Ledger.open(Path({str(path)!r}), batching=True, flush_ms=5000)
for i in range(300):
    ledger.record([({PUT!r}, (f"k{{i}}", "x"))])
print("handed over", flush=True)
{end}
"""
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "handed over\n"
    if "sleep" in end:
        time.sleep(0.05)
        child.terminate()
    assert child.wait(30) == (143 if "sleep" in end else 0)
    child.stdout.close()
    assert count(path) == 300


def test_a_run_id_is_written_into_rows(path: Path) -> None:
    with Ledger.open(path) as ledger:
        run = runs.start(ledger, "run", ["--all", "password=hunter22"])
        assert ledger.run_id == run
        runs.end(ledger, run, "done", {"passed": 1})
        runs.end(ledger, run, "failed", {})
        row = runs.last(ledger, "run")
        assert row is not None
        assert (row["status"], row["summary"], row["args"]) == (
            *("done", '{"passed": 1}'),
            '["--all", "password=[masked]"]',
        )
        assert [one["id"] for one in runs.recent(ledger)] == [run]


def test_opening_to_read_waits_for_the_lock_where_sqlite_is_vulnerable(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Ledger.open(path).close()
    entered: list[LedgerLock] = []
    acquire = LedgerLock.acquire

    def note(lock: LedgerLock) -> None:
        entered.append(lock)
        acquire(lock)

    monkeypatch.setattr(LedgerLock, "acquire", note)
    for vulnerable in (True, False):
        monkeypatch.setattr(connect, "is_vulnerable", lambda answer=vulnerable: answer)
        Ledger.open(path, read_only=True).close()
        assert len(entered) == 1


def test_a_reader_that_closes_last_never_checkpoints(path: Path) -> None:
    crash(path)
    before = path.stat().st_mtime_ns, path.with_name("ledger.db-wal").stat().st_size
    with Ledger.open(path, read_only=True) as ledger:
        assert len(ledger.query("SELECT * FROM reply_cache")) == 1
    assert (path.stat().st_mtime_ns, path.with_name("ledger.db-wal").stat().st_size) == before
