from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent.board.edit import (
    Activity,
    Add,
    Archive,
    Assign,
    Conflict,
    Identify,
    Move,
    Operation,
    RemoveAgent,
    SetAgent,
    SetField,
    apply,
    fold,
    from_json,
    to_json,
)
from metaagent.board.parse import parse
from metaagent.records import Status
from tests.board.helpers import BOARD

DATA = BOARD.encode()


def changed_lines(before: bytes, after: bytes) -> tuple[set[bytes], set[bytes]]:
    one, two = before.splitlines(), after.splitlines()
    return {line for line in one if line not in two}, {line for line in two if line not in one}


def edit(*operations: Operation, data: bytes = DATA, **options: object) -> bytes:
    return apply(parse(data), operations, **options).data  # type: ignore[arg-type]


def test_a_move_is_one_line_that_changes_its_place() -> None:
    after = edit(Move("TASK-001", Status.INBOX, Status.REVIEW))
    assert sorted(after.splitlines()) == sorted(DATA.splitlines())
    assert parse(after).by_id["TASK-001"].status is Status.REVIEW


def test_moving_to_done_adds_the_mark_and_moving_out_removes_it() -> None:
    done = edit(Move("TASK-001", Status.INBOX, Status.DONE))
    assert "- [TASK-001] Research competitor pricing ✅\n".encode() in done
    assert edit(Move("TASK-001", Status.DONE, Status.INBOX), data=done).count("✅".encode()) == 1


def test_a_block_moves_with_its_task() -> None:
    after = edit(Move("TASK-003", Status.ASSIGNED, Status.IN_PROGRESS)).decode()
    assert (
        "### IN_PROGRESS\n- [TASK-003] @agent:coder:main - Implement user authentication\n  priority: high\n" in after
    )


def test_no_write_when_nothing_changes() -> None:
    applied = apply(parse(DATA), [Move("TASK-007", Status.INBOX, Status.DONE)], stamp="2030-01-01T00:00:00.000Z")
    assert (applied.changed, applied.data, applied.conflicts) == (False, DATA, ())


def test_a_move_from_elsewhere_is_a_conflict() -> None:
    applied = apply(parse(DATA), [Move("TASK-001", Status.ASSIGNED, Status.DONE)])
    assert applied.conflicts == (Conflict("TASK-001", "status", "DONE", "INBOX"),)
    assert not applied.changed


def test_a_task_that_is_gone_is_a_conflict() -> None:
    applied = apply(parse(DATA), [Move("TASK-009", None, Status.DONE)])
    assert applied.conflicts == (Conflict("TASK-009", "status", "DONE", "archived"),)


def test_the_person_wins_where_a_field_is_protected() -> None:
    board = parse(DATA)
    operations = [Assign("TASK-001", ("agent:a:b",)), SetField("TASK-003", "priority", "low"), Archive("TASK-007")]
    protected = {("TASK-001", "assignees"): "", ("TASK-003", "priority"): "high", ("TASK-007", "title"): "x"}
    applied = apply(board, operations, protected=protected)
    assert [(conflict.task_id, conflict.field) for conflict in applied.conflicts] == [
        ("TASK-001", "assignees"),
        ("TASK-003", "priority"),
        ("TASK-007", "archived"),
    ]
    assert not applied.changed


def test_assign_title_and_attributes_change_only_their_part() -> None:
    after = edit(
        Assign("TASK-003", ("agent:x:y", "agent:z:w")),
        SetField("TASK-003", "title", "Do it"),
        SetField("TASK-003", "priority", "low"),
        SetField("TASK-003", "due", "2026-12-01"),
    )
    task = parse(after).by_id["TASK-003"]
    assert (task.assignees, task.title) == (("agent:x:y", "agent:z:w"), "Do it")
    assert dict(task.attributes) == {"priority": "low", "due": "2026-12-01"}
    assert changed_lines(DATA, after)[0] == {
        b"- [TASK-003] @agent:coder:main - Implement user authentication",
        b"  priority: high",
    }


def test_an_empty_value_removes_an_attribute_and_a_persons_way_of_writing_it_stays() -> None:
    data = b"### INBOX\n- [T-1] a\n    - Priority :  high\n  note\n"
    assert b"    - Priority :  low\n" in edit(SetField("T-1", "priority", "low"), data=data)
    assert edit(SetField("T-1", "priority", None), data=data) == b"### INBOX\n- [T-1] a\n  note\n"


def test_identify_gives_a_hand_written_item_its_id() -> None:
    data = b"### INBOX\n- [ ] paint\n- paint\n"
    assert (
        edit(Identify("paint", Status.INBOX, "TASK-008"), data=data) == b"### INBOX\n- [ ] paint\n- [TASK-008] paint\n"
    )
    assert b"- [TASK-009] [ ] paint\n" in edit(Identify("[ ] paint", Status.INBOX, "TASK-009"), data=data)


def test_agents_change_and_go() -> None:
    after = edit(SetAgent("agent:coder:main", "BLOCKED", "no model"), SetAgent("agent:qa:b", "IDLE"))
    assert b"- agent:coder:main [BLOCKED] - no model\n- agent:qa:b [IDLE]\n" in after
    assert b"agent:coder:main [" not in edit(RemoveAgent("agent:coder:main"))
    assert edit(SetAgent("agent:orchestrator:main", "ACTIVE")) == DATA


def test_generated_activity_stands_between_markers_newest_first_and_bounded() -> None:
    after = edit(*(Activity(f"line {number}", "10:00") for number in range(30)))
    board = parse(after)
    assert board.activity[:2] == ("10:00 - line 29", "10:00 - line 28")
    assert len(board.activity) == 20
    assert b"- 10:30 - agent:coder:main completed TASK-007\n" in after
    assert edit(Activity("line 29", "10:00"), data=after) == after


def test_generated_activity_that_a_person_edited_is_kept() -> None:
    data = edit(Activity("one", "10:00")).replace(b"10:00 - one", b"10:00 - one, my remark")
    after = edit(Activity("two", "10:01"), data=data)
    assert b"- 10:00 - one, my remark\n" in after
    assert parse(after).activity == ("10:01 - two",)
    assert after.count(b"metaagent:activity") == 2


def test_text_from_models_cannot_forge_markers_lines_or_escapes() -> None:
    evil = "a\n### DONE\n- [TASK-001] b <!-- metaagent:activity --> \x1b[31m \u202e \ud800 ✅"
    after = edit(Add("T-9", evil, Status.INBOX), Activity(evil, "10:00"), SetAgent("agent:coder:main", "IDLE", evil))
    board = parse(after)
    assert len(board.tasks) == 5
    assert board.problems == ()
    assert b"\x1b" not in after
    assert "\u202e" not in after.decode()
    assert after.count(b"<!--") == 2


@given(st.text(max_size=60), st.sampled_from(Status))
def test_an_added_title_reads_back_as_it_was_written(title: str, status: Status) -> None:
    once = parse(edit(Add("T-9", title, status))).by_id["T-9"]
    again = parse(edit(Add("T-9", once.title, status))).by_id["T-9"]
    assert (once.title, once.assignees) == (again.title, again.assignees)
    assert once.assignees == ()


@pytest.mark.parametrize("title", ["@agent:a:b do", "- dash", "\\- x", "[x] y", "-", "\\\\ z", "[T-1] z"])
def test_titles_that_look_like_syntax_stay_titles(title: str) -> None:
    for status in Status:
        task = parse(edit(Add("T-9", title, status))).by_id["T-9"]
        assert (task.title, task.assignees) == (title, ())


def test_an_item_does_not_swallow_the_indented_lines_below_a_heading() -> None:
    data = b"### INBOX\n- [T-1] a\n### REVIEW\n    my code\n\n### DONE\n"
    after = edit(Move("T-1", None, Status.REVIEW), data=data)
    assert after == b"### INBOX\n### REVIEW\n    my code\n- [T-1] a\n\n### DONE\n"


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_line_ends_are_the_boards_own(newline: str) -> None:
    data = b"\xef\xbb\xbf" + BOARD.replace("\n", newline).encode()
    after = edit(Add("T-9", "x", Status.DONE, (), {"due": "2026-01-01"}), Activity("y", "10:00"), data=data)
    assert after.startswith(b"\xef\xbb\xbf#")
    assert set(after.decode().splitlines(keepends=True)[3][-len(newline) :]) == set(newline)
    assert after.replace(newline.encode(), b"").count(b"\n") + after.replace(newline.encode(), b"").count(b"\r") == 0


def test_a_last_line_without_an_end_gets_one_only_when_something_follows() -> None:
    data = b"### INBOX\n- [T-1] a\n### DONE\n- [T-2] b"
    assert edit(Move("T-1", None, Status.DONE), data=data).endswith("- [T-2] b\n- [T-1] a ✅\n".encode())
    assert edit(Move("T-2", None, Status.INBOX), data=data) == b"### INBOX\n- [T-1] a\n- [T-2] b\n### DONE\n"
    assert edit(SetField("T-2", "title", "c"), data=data).endswith(b"- [T-2] c")


def test_a_missing_section_is_made_where_it_belongs() -> None:
    data = b"# x\n## Current Tasks\n### INBOX\n- [T-1] a\n\n### DONE\n"
    after = edit(Move("T-1", None, Status.REVIEW), data=data)
    assert after.index(b"### INBOX") < after.index(b"### REVIEW") < after.index(b"- [T-1]") < after.index(b"### DONE")
    (task,) = parse(edit(Add("T-1", "a", Status.REVIEW), data=b"")).tasks
    assert task.status is Status.REVIEW


def test_the_stamp_is_written_only_with_a_change_and_added_when_missing() -> None:
    stamp = "2030-01-01T00:00:00.001Z"
    after = edit(Archive("TASK-001"), stamp=stamp)
    assert parse(after).stamp == stamp
    assert len(after.splitlines()) == len(DATA.splitlines()) - 1
    bare = edit(Add("T", "x"), data=b"\xef\xbb\xbf# Title\n### INBOX\n", stamp=stamp)
    assert bare.startswith(f"\ufeff# Title\nLast Updated: {stamp}\n".encode())


def test_fold_composes_moves_so_that_a_batch_can_be_repeated() -> None:
    moves: list[Operation] = [
        Move("TASK-001", Status.INBOX, Status.ASSIGNED),
        Activity("x", "10:00"),
        Move("TASK-001", Status.ASSIGNED, Status.DONE),
    ]
    assert fold(moves) == [Activity("x", "10:00"), Move("TASK-001", Status.INBOX, Status.DONE)]
    once = apply(parse(DATA), fold(moves))
    again = apply(parse(once.data), fold(moves))
    assert (again.changed, again.conflicts) == (False, ())


@pytest.mark.parametrize(
    "operation",
    [
        Add("T-1", "x", Status.DONE, ("agent:a:b",), {"due": "2026-01-01"}),
        Add(None, "x"),
        Identify("x", Status.INBOX, "T-1"),
        Move("T-1", None, Status.DONE),
        Move("T-1", Status.INBOX, Status.DONE),
        Assign("T-1", ("agent:a:b",)),
        SetField("T-1", "priority", None),
        Archive("T-1"),
        SetAgent("agent:a:b", "IDLE", None),
        RemoveAgent("agent:a:b"),
        Activity("x", "10:00"),
    ],
)
def test_operations_survive_json(operation: Operation) -> None:
    import json

    assert from_json(json.loads(json.dumps(to_json(operation)))) == operation
