from __future__ import annotations

from collections.abc import Callable

from metaagent.orchestrator.dryrun import DryPlan, dry_plan
from metaagent.orchestrator.state import RunOptions
from tests.orchestrator.place import Place

Make = Callable[..., Place]


def planned(place: Place, *tasks: str, **options: object) -> DryPlan:
    return dry_plan(place.workspace, RunOptions(tasks=tasks, **options))  # type: ignore[arg-type]


def test_it_says_what_a_run_would_do_and_does_nothing(make: Make) -> None:
    place = make(3, board={"INBOX": "- by hand\n"})
    place.edit("Record 2\n", "Record 2\n  depends: REC-003\n")
    before = place.board_path.read_bytes()
    found = planned(place)
    names = [line.task_id for line in found.lines]
    assert names[:2] == ["REC-001", "REC-003"] and len(names) == 3
    assert found.waiting == {"REC-002": ("REC-003",)}
    assert {line.agent_id for line in found.lines} == {"agent:executor:main"}
    assert place.board_path.read_bytes() == before
    assert not place.workspace.ledger_path.exists()
    assert place.run("REC-001", "REC-002", "REC-003", jobs=1).tasks == 3
    assert place.order() == ["REC-001", "REC-003", "REC-002"]


def test_limit_names_and_an_agent_that_may_not(make: Make) -> None:
    place = make(3, config="agents: {agent:executor:main: {}, agent:qa:main: {}}\n")
    assert [line.task_id for line in planned(place, limit=1).lines] == ["REC-001"]
    assert [line.task_id for line in planned(place, "REC-003").lines] == ["REC-003"]
    assert [line.agent_id for line in planned(place, agent="qa").lines] == [None, None, None]


def test_used_up_limits_are_told(make: Make) -> None:
    place = make(1, config="limits: {attempts: 1}\n")
    place.write_script(default="no json")
    place.run(retries=0)
    place.drag("REC-001", "INBOX")
    assert "goes to REVIEW" in planned(place).left_out["REC-001"]
