"""Several real processes on one workspace in the same moment: every task is done, and none of them twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from metaagent.ledger.check import check
from tests.orchestrator.place import Place
from tests.orchestrator.processes import barrier, command, start

Make = Callable[..., Place]


def done_once(place: Place) -> None:
    statuses = place.statuses()
    assert set(statuses.values()) == {"DONE"}, statuses
    for task_id in statuses:
        assert place.outcomes(task_id) == ["pass"], task_id
    place.nothing_left_behind()
    assert check(place.workspace.ledger_path).problems == ()
    assert place.rows("SELECT * FROM conflicts") == []


@pytest.mark.parametrize(("processes", "records"), [(2, 60), (6, 60)])
def test_processes_that_start_at_once_share_the_board(make: Make, processes: int, records: int) -> None:
    place = make(records, config="board: {coalesce_ms: 20}\n")
    place.write_script([{"match": "", "json": {"name": "SMITH", "total": 7}, "delay": 0.02}])
    together = barrier(processes)
    running = [start(place.root, jobs=2, barrier=together) for _ in range(processes)]
    told = [[line for line in one.read() if "task" in line] for one in running]
    assert [one.join() for one in running] == [0] * processes
    done_once(place)
    assert sorted(line["task"] for lines in told for line in lines) == sorted(place.statuses())
    assert sum(1 for lines in told if lines) >= 2


def test_dependencies_across_runs(make: Make) -> None:
    """What waits is started by whoever sees last that everything before it is done."""
    place = make(24, config="board: {coalesce_ms: 20}\n")
    for number in range(3, 25):
        depends = f"REC-{number - 1:03}, REC-{number - 2:03}" if number % 3 else f"REC-{number - 2:03}"
        place.edit(f"] Record {number}\n", f"] Record {number}\n  depends: {depends}\n")
    place.write_script([{"match": "", "json": {"name": "SMITH", "total": 7}, "delay": 0.01}])
    together = barrier(3)
    running = [start(place.root, jobs=2, barrier=together) for _ in range(3)]
    for one in running:
        list(one.read())
        assert one.join() == 0
    done_once(place)


def test_two_command_lines_with_failing_tasks(make: Make) -> None:
    place = make(30, config="limits: {attempts: 2}\n")
    place.write_script(
        [
            {"match": "Record REC-0(05|15) of", "json": {"name": "no", "total": 7}},
            {"match": "", "json": {"name": "SMITH", "total": 7}, "delay": 0.02},
        ]
    )
    running = [command(place.root, "run", "--all", "--retries", "0", "--jobs", "4") for _ in range(2)]
    ended = [(one.communicate(timeout=60), one.returncode) for one in running]
    assert {status for _, status in ended} <= {0, 1}, ended
    assert place.where("REVIEW") in (["REC-005", "REC-015"], ["REC-015", "REC-005"])
    assert place.outcomes("REC-005") == place.outcomes("REC-015") == ["fail", "fail"]
    assert all(place.outcomes(name) == ["pass"] for name in place.where("DONE"))
    assert len(place.where("DONE")) == 28
    place.nothing_left_behind()


def test_limits_that_are_used_up_are_settled_by_one_of_them(make: Make) -> None:
    place = make(6, config="limits: {attempts: 2}\n")
    place.write_script(default="not json")
    place.run(retries=0)
    place.write_config("limits: {attempts: 1}\n")
    together = barrier(3)
    running = [start(place.root, barrier=together) for _ in range(3)]
    for one in running:
        list(one.read())
        assert one.join() == 0
    assert len(place.where("REVIEW")) == 6
    moved = place.rows("SELECT task_id FROM status_changes WHERE to_status = 'REVIEW'")
    assert len(moved) == len(set(moved)) == 6
    place.nothing_left_behind()
