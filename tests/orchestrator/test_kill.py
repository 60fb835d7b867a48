"""kill -9 at random points of a run: nothing acknowledged is lost, and the next run finishes the work.

METAAGENT_KILL_ROUNDS=500 is the whole promise; the default is enough to see a broken one.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from metaagent.ledger.check import check
from metaagent.ledger.database import Ledger
from tests.orchestrator.place import Place, make_place
from tests.orchestrator.processes import command, end, start

ROUNDS = int(os.environ.get("METAAGENT_KILL_ROUNDS", "25"))
SEED = int(os.environ.get("METAAGENT_KILL_SEED", "0")) or random.randrange(1, 10**6)
RECORDS, DELAY, JOBS = 56, 0.04, 4
BY_COMMAND = 10
"""Every tenth round is the command line itself, imports included."""
WRONG = {f"REC-{number:03}" for number in (7, 21, 50)}
OPEN = {f"TASK-{number:03}" for number in range(1, 5)}
_DURABLE = ("outcomes", "attempts", "status_changes", "operations", "operation_ends", "verdicts", "steps")


def worked(root: Path) -> Place:
    """56 records, three of them always answered wrong, some waiting for others; four tasks that nothing checks."""
    lines = "".join(f"- [{name}] Write about {name}\n" for name in sorted(OPEN))
    place = make_place(
        root, RECORDS, board={"INBOX": lines}, config="limits: {attempts: 2}\nboard: {coalesce_ms: 30}\n"
    )
    place.edit("- [REC-010] Record 10\n", "- [REC-010] Record 10\n  depends: REC-040\n")
    place.edit("- [REC-011] Record 11\n", "- [REC-011] Record 11\n  depends: REC-010, TASK-777\n")
    place.edit("  depends: REC-010, TASK-777\n", "  depends: REC-010\n")
    rule = {"match": "Record REC-0(07|21|50) of", "json": {"name": "no", "total": 7}, "delay": DELAY}
    answer = {"match": "", "json": {"name": "SMITH", "total": 7}, "delay": DELAY}
    place.write_script([rule, answer])
    return place


class Witness:
    """Sees what is durable or acknowledged, and holds the next look against it."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.first = place.board_path.read_bytes()
        self.acknowledged: dict[str, str] = {}
        self.counts: dict[str, int] = dict.fromkeys(_DURABLE, 0)
        self.ids: set[str] = set()

    def look(self) -> None:
        """As a second process does while the first one runs."""
        if not self.place.workspace.ledger_path.exists():
            return
        with Ledger.open(self.place.workspace.ledger_path, read_only=True) as ledger:
            self.ids |= {row[0] for row in ledger.query("SELECT attempt_id FROM outcomes")}
            for table in _DURABLE:
                row = ledger.one(f"SELECT count(*) FROM {table}")
                self.counts[table] = row[0] if row else 0

    def hear(self, lines: Iterator[dict[str, str]]) -> None:
        self.acknowledged |= {line["attempt"]: line["outcome"] for line in lines if "attempt" in line}

    def testify(self) -> None:
        """The ledger is whole, has all that was seen, and the board is one of its versions."""
        ledger = self.place.workspace.ledger_path
        report = check(ledger) if ledger.exists() else None
        if report is None or report.schema == 0:  # killed before the first transaction, which makes the tables
            assert not self.ids
            assert not self.acknowledged
            assert self.place.board_path.read_bytes() == self.first
            return
        assert report.problems == ()
        ended = dict(self.place.rows("SELECT attempt_id, outcome FROM outcomes"))
        assert {name: ended.get(name) for name in self.acknowledged} == self.acknowledged
        assert self.ids <= set(ended)
        for table in _DURABLE:
            assert report.rows[table] >= self.counts[table]
        known = {row[0] for row in self.place.rows("SELECT sha256 FROM board_versions")}
        data = self.place.board_path.read_bytes()
        assert data == self.first or sha256(data).hexdigest() in known
        self.place.statuses()


def kill_once(place: Place, witness: Witness, rng: random.Random) -> None:
    """Half of the kills come at any moment since the start (opening, healing, planning), half while tasks are done."""
    running = start(place.root, jobs=JOBS, retries=0)
    if rng.random() < 0.6:
        running.wait_planned()
        time.sleep(rng.uniform(0, 0.35))
    else:
        time.sleep(rng.uniform(0, 0.12))
    if rng.random() < 0.5:
        witness.look()
    running.kill()
    witness.hear(running.read())


def kill_command(place: Place, _witness: Witness, rng: random.Random) -> None:
    process = command(place.root, "run", "--jobs", str(JOBS), "--retries", "0")
    time.sleep(rng.uniform(0.2, 1.5))
    end(process)


def finished(place: Place, witness: Witness) -> None:
    """One run does the rest: each task in its place, each done once, nothing left behind."""
    last = start(place.root, jobs=JOBS, retries=0, all=True)
    witness.hear(last.read())
    assert last.join() in (0, 1)
    witness.testify()
    place.nothing_left_behind()
    statuses = place.statuses()
    assert len(statuses) == RECORDS + len(OPEN)
    for task_id, status in statuses.items():
        decided = [outcome for outcome in place.outcomes(task_id) if outcome != "interrupted"]
        if task_id in WRONG:
            assert (status, decided) == ("REVIEW", ["fail", "fail"])
        elif task_id in OPEN:
            assert (status, decided) == ("REVIEW", ["inconclusive"])
        else:
            assert (status, decided) == ("DONE", ["pass"]), (task_id, place.outcomes(task_id))


def open_tasks(place: Place) -> int:
    return sum(status in ("INBOX", "ASSIGNED", "IN_PROGRESS") for status in place.statuses().values())


def test_killed_at_random_points_nothing_acknowledged_is_lost_and_the_work_is_finished(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    kills = workspaces = interrupted = 0
    while kills < ROUNDS:
        workspaces += 1
        place = worked(tmp_path / f"workspace-{workspaces}")
        witness = Witness(place)
        while kills < ROUNDS and open_tasks(place):
            kills += 1
            try:
                (kill_command if kills % BY_COMMAND == 0 else kill_once)(place, witness, rng)
                witness.testify()
            except AssertionError as error:
                error.add_note(f"METAAGENT_KILL_SEED={SEED}, round {kills}, workspace {place.root}")
                raise
        finished(place, witness)
        interrupted += place.rows("SELECT count(*) FROM outcomes WHERE outcome = 'interrupted'")[0][0]
    print(json.dumps({"kills": kills, "workspaces": workspaces, "interrupted": interrupted}))  # noqa: T201
    assert interrupted or ROUNDS < 10


def test_runs_that_die_beside_living_ones_hold_nothing_up(tmp_path: Path) -> None:
    """Three runs at once; two are killed while the third works, a fourth comes in: all is done, nothing twice."""
    rng = random.Random(SEED)
    for number in range(max(2, ROUNDS // 12)):
        place = make_place(tmp_path / f"shared-{number}", 50, config="board: {coalesce_ms: 30}\n")
        for waits in range(5, 50, 3):
            depends = f"REC-{waits - 1:03}, REC-{waits - 3:03}"
            place.edit(f"] Record {waits}\n", f"] Record {waits}\n  depends: {depends}\n")
        place.write_script([{"match": "", "json": {"name": "SMITH", "total": 7}, "delay": 0.02}])
        running = [start(place.root, jobs=3) for _ in range(3)]
        for one in running[:2]:
            time.sleep(rng.uniform(0.02, 0.3))
            one.kill()
        running.append(start(place.root, jobs=3))
        for one in running[2:]:
            list(one.read())
            assert one.join() == 0
        last = start(place.root)
        list(last.read())
        assert last.join() == 0
        assert set(place.statuses().values()) == {"DONE"}
        for task_id in place.statuses():
            assert place.outcomes(task_id).count("pass") == 1, (SEED, task_id, place.outcomes(task_id))
        assert place.rows("SELECT * FROM conflicts") == []
        assert check(place.workspace.ledger_path).problems == ()
        place.nothing_left_behind()
