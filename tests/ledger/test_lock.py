from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from metaagent.errors import LockedError
from metaagent.ledger.lock import LedgerLock, is_vulnerable


@pytest.mark.parametrize(
    ("version", "vulnerable"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 53, 0), False),
    ],
)
def test_which_versions_need_it(version: tuple[int, int, int], vulnerable: bool) -> None:
    assert is_vulnerable(version) is vulnerable


def test_it_excludes_within_a_process_too_and_says_who_to_ask(tmp_path: Path) -> None:
    first, second = LedgerLock(tmp_path / "l"), LedgerLock(tmp_path / "l", wait_seconds=0.02)
    with first, pytest.raises(LockedError) as caught:
        second.acquire()
    assert caught.value.mend
    with second:
        pass
    first.close()
    second.close()


def test_a_waiter_gets_it(tmp_path: Path) -> None:
    first, second = LedgerLock(tmp_path / "l"), LedgerLock(tmp_path / "l", wait_seconds=5)
    first.acquire()
    threading.Timer(0.03, first.release).start()
    with second:
        pass


def test_the_death_of_its_holder_frees_it(tmp_path: Path) -> None:
    code = f"""
import sys, time
from pathlib import Path
from metaagent.ledger.lock import LedgerLock
LedgerLock(Path({str(tmp_path / "l")!r})).acquire(); print("held", flush=True); time.sleep(60)
"""
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    lock = LedgerLock(tmp_path / "l", wait_seconds=5)
    assert not lock._try()
    child.kill()
    child.wait()
    child.stdout.close()
    with lock:
        pass
