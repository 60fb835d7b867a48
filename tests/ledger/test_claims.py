from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from metaagent.ledger import claims, process
from metaagent.ledger.database import Ledger
from tests.ledger.conftest import START, Clock

TASKS = [(f"TASK-{n:03}", "agent:executor:main") for n in range(20)]


def names(found: list[claims.Claim]) -> list[str]:
    return [claim.task_id for claim in found]


def test_the_first_free_candidates_are_claimed(ledger: Ledger) -> None:
    mine = claims.claim(ledger, "run-1", TASKS, 2, START, 60)
    theirs = claims.claim(ledger, "run-2", TASKS, 2, START, 60)
    assert names(mine) == ["TASK-000", "TASK-001"]
    assert names(theirs) == ["TASK-002", "TASK-003"]
    assert len({claim.attempt_id for claim in mine + theirs}) == 4
    assert names(claims.claim(ledger, "run-1", TASKS[:2], 2, START, 60)) == []


def test_a_lease_that_ran_out_is_taken_over_and_a_renewed_one_not(ledger: Ledger) -> None:
    claims.claim(ledger, "run-1", TASKS[:1], 1, START, 60)
    claims.claim(ledger, "run-2", TASKS[1:2], 1, START, 60)
    claims.renew(ledger, "run-2", START + timedelta(seconds=50), 60)
    later = START + timedelta(seconds=61)
    assert names(claims.stale(ledger, later)) == ["TASK-000"]
    assert names(claims.live(ledger, later)) == ["TASK-001"]
    assert names(claims.claim(ledger, "run-3", TASKS[:2], 2, later, 60)) == ["TASK-000"]


def test_release_frees_only_ones_own(ledger: Ledger) -> None:
    claims.claim(ledger, "run-1", TASKS[:2], 2, START, 60)
    ledger.write(claims.release_batch(["TASK-000"], "run-2"))
    ledger.write(claims.release_batch(["TASK-001"], "run-1"))
    assert names(claims.live(ledger, START)) == ["TASK-000"]
    ledger.write(claims.release_batch(["TASK-000"]))
    assert claims.live(ledger, START) == []


def test_the_claim_of_a_dead_process_is_stale_at_once(path: Path) -> None:
    code = f"""
from datetime import UTC, datetime
from pathlib import Path
from metaagent.ledger import claims
from metaagent.ledger.database import Ledger
with Ledger.open(Path({str(path)!r})) as ledger:
    claims.claim(ledger, "run-1", [("TASK-000", "a")], 1, datetime(2026, 1, 2, tzinfo=UTC), 1e6)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    with Ledger.open(path) as ledger:
        assert names(claims.stale(ledger, START)) == ["TASK-000"]
        assert names(claims.claim(ledger, "run-2", TASKS[:1], 1, START, 60)) == ["TASK-000"]


def test_of_another_host_only_the_lease_tells(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "this_process", lambda: process.Process(2**22 + 1, "elsewhere", "boot", 1))
    claims.claim(ledger, "run-1", TASKS[:1], 1, START, 60)
    assert names(claims.live(ledger, START)) == ["TASK-000"]
    assert names(claims.stale(ledger, START + timedelta(seconds=60))) == ["TASK-000"]


def test_no_task_is_claimed_twice(path: Path, clock: Clock) -> None:
    def work(number: int) -> list[str]:
        with Ledger.open(path, clock=clock) as ledger:
            found: list[str] = []
            while got := claims.claim(ledger, f"run-{number}", TASKS, 1, START, 60):
                found += names(got)
            return found

    with ThreadPoolExecutor(4) as pool:
        claimed = [name for found in pool.map(work, range(4)) for name in found]
    assert sorted(claimed) == [task for task, _ in TASKS]
