from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from metaagent.board.parse import parse
from metaagent.errors import SpecificationError
from metaagent.records import Check, Limits, Priority, Status
from metaagent.tasks.index import SpecIndex
from metaagent.tasks.join import join
from tests.tasks.workspace import Line, workspace

LINE = {"priority": "low", "due": "2026-01-02", "depends": "TASK-1, TASK-2", "domain": "text.summary"}


def test_a_line_alone_is_a_task() -> None:
    task = join(Line("T-1", "Write a poem", Status.INBOX, ("agent:a:b",), LINE), None, Limits(attempts=9))
    assert (task.id, task.title, task.status, task.assignees) == ("T-1", "Write a poem", Status.INBOX, ("agent:a:b",))
    assert (task.priority, task.due, task.depends) == (Priority.LOW, date(2026, 1, 2), ("TASK-1", "TASK-2"))
    assert (task.domain, task.limits.attempts, task.checks, task.source) == ("text.summary", 9, (), "WORKING.md:12")
    assert task.hash != join(Line("T-1", "Another"), None).hash


def test_the_board_wins(tmp_path: Path) -> None:
    spec = SpecIndex(workspace(tmp_path)).get("TASK-012")
    task = join(Line("TASK-012", "Retitled", attributes={"priority": "low"}), spec)
    assert spec is not None
    assert (task.title, task.priority, task.status) == ("Retitled", Priority.LOW, Status.ASSIGNED)
    assert (task.due, task.depends, task.goal, task.hash) == (spec.due, spec.depends, spec.goal, spec.hash)


def test_checks_named_on_the_board_are_public(tmp_path: Path) -> None:
    bare = join(Line(attributes={"validate": "json.parse, checks/tone.py"}), None)
    assert bare.checks == (Check("json.parse", True), Check("user", True, {"file": "checks/tone.py"}))
    assert bare.artifact.format == "json"
    spec = SpecIndex(workspace(tmp_path)).get("TASK-012")
    assert spec is not None
    both = join(Line(attributes={"validate": "json.parse checks/tone.py"}), spec)
    assert [check.validator for check in both.checks] == [
        "json.parse",
        "json.schema",
        "json.format",
        "user",
        "json.expected",
    ]
    assert both.hash != spec.hash


@pytest.mark.parametrize(
    ("attributes", "says"),
    [
        ({"priority": "urgent"}, "WORKING.md:12: TASK-012: priority: 'urgent' is not high, normal or low"),
        ({"due": "soon"}, "is not a date like 2026-12-01"),
        ({"validate": "json.prse"}, "did you mean 'json.parse'"),
        ({"validate": "json.expected"}, "validate: json.expected"),
    ],
)
def test_attributes_that_do_not_hold(attributes: dict[str, str], says: str) -> None:
    with pytest.raises(SpecificationError) as caught:
        join(Line(attributes=attributes), None)
    assert says in caught.value.message
    assert caught.value.mend


def test_an_item_without_id_is_no_task_yet() -> None:
    with pytest.raises(SpecificationError, match="has no id yet"):
        join(Line(None), None)


def test_a_real_board_joins() -> None:
    board = parse(b"## Current Tasks\n### INBOX\n- [TASK-1] @agent:a:b - Do it\n  priority: high\n  depends: TASK-2\n")
    (line,) = board.tasks
    task = join(line, None)
    assert (task.title, task.priority, task.depends, task.assignees) == (
        "Do it",
        Priority.HIGH,
        ("TASK-2",),
        ("agent:a:b",),
    )
