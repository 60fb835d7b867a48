from __future__ import annotations

from metaagent.board.diff import PersonChange, suspicion
from metaagent.board.edit import Activity, Add, Archive, Assign, Identify, Move, Operation, SetAgent, SetField, apply
from metaagent.board.merge import Merged, merge
from metaagent.board.parse import parse
from metaagent.records import Status
from tests.board.helpers import BOARD


def tool(*operations: Operation, base: str = BOARD) -> str:
    return apply(parse(base.encode()), operations, stamp="2026-02-03T00:00:00.000Z").data.decode()


def merged(theirs: str, ours: str, base: str = BOARD, **options: bool) -> tuple[str, Merged]:
    result = merge(parse(base.encode()), parse(theirs.encode()), parse(ours.encode()), **options)
    return result.data.decode(), result


def test_different_fields_of_one_task_merge() -> None:
    theirs = BOARD.replace("Research competitor pricing", "Research prices")
    text, result = merged(theirs, tool(Move("TASK-001", None, Status.REVIEW), Assign("TASK-001", ("agent:a:b",))))
    assert "### REVIEW\n- [TASK-001] @agent:a:b - Research prices\n" in text
    assert result.conflicts == ()
    assert result.changes == (PersonChange("TASK-001", "title", "Research competitor pricing", "Research prices"),)


def test_the_same_field_the_person_wins_and_it_is_a_conflict() -> None:
    theirs = BOARD.replace("- [TASK-002] Buy stamps\n", "").replace(
        "### REVIEW\n", "### REVIEW\n- [TASK-002] Buy stamps\n"
    )
    text, result = merged(theirs, tool(Move("TASK-002", None, Status.DONE)))
    assert parse(text.encode()).by_id["TASK-002"].status is Status.REVIEW
    assert [(one.task_id, one.field, one.wanted, one.found) for one in result.conflicts] == [
        ("TASK-002", "status", "DONE", "REVIEW")
    ]
    assert text.count("TASK-002") == 1


def test_the_same_change_on_both_sides_is_no_conflict() -> None:
    theirs = BOARD.replace("priority: high", "priority: low")
    text, result = merged(theirs, tool(SetField("TASK-003", "priority", "low")))
    assert text.count("priority: low") == 1
    assert result.conflicts == ()


def test_a_task_is_never_in_two_places() -> None:
    theirs = BOARD.replace("- [TASK-001] Research competitor pricing\n", "").replace(
        "### IN_PROGRESS\n", "### IN_PROGRESS\n- [TASK-001] Research competitor pricing\n"
    )
    text, _ = merged(
        theirs, tool(Move("TASK-001", None, Status.IN_PROGRESS), SetField("TASK-001", "due", "2026-05-05"))
    )
    assert text.count("[TASK-001]") == 1
    assert "  due: 2026-05-05\n" in text


def test_a_line_that_a_person_deleted_archives_the_task() -> None:
    theirs = BOARD.replace("- [TASK-002] Buy stamps\n", "")
    text, result = merged(theirs, tool(Add("TASK-009", "new")))
    assert "TASK-002" not in text
    assert "[TASK-009] new" in text
    assert result.archived == ("TASK-002",)
    assert result.conflicts == ()


def test_deleted_by_the_person_and_moved_by_the_tool_is_a_conflict() -> None:
    theirs = BOARD.replace("- [TASK-002] Buy stamps\n", "")
    text, result = merged(theirs, tool(Move("TASK-002", None, Status.DONE)))
    assert "TASK-002" not in text
    assert [(one.field, one.wanted, one.found) for one in result.conflicts] == [("status", "DONE", "archived")]


def test_archived_by_the_tool_and_edited_by_the_person_stays() -> None:
    theirs = BOARD.replace("Buy stamps", "Buy many stamps")
    text, result = merged(theirs, tool(Archive("TASK-002"), Archive("TASK-001")))
    assert "Buy many stamps" in text
    assert "TASK-001" not in text
    assert len(result.conflicts) == 1


def test_a_hand_written_item_that_got_an_id_is_not_doubled() -> None:
    base = BOARD.replace("- [TASK-002] Buy stamps", "- Buy stamps")
    ours = tool(Identify("Buy stamps", Status.INBOX, "TASK-008"), Move("TASK-008", None, Status.INBOX), base=base)
    ours = tool(Move("TASK-008", None, Status.DONE), base=ours)
    text, _ = merged(base.replace("My own notes.", "Other notes."), ours, base)
    assert "- [TASK-008] Buy stamps ✅" in text
    assert text.count("Buy stamps") == 1
    assert "Other notes." in text


def test_a_persons_prose_stays_and_lines_of_two_editors_both_stay() -> None:
    ours = BOARD.replace("My own notes.\n", "My own notes.\nFrom the other editor.\n")
    theirs = BOARD.replace("My own notes.\n", "My own notes.\nFrom this editor.\n")
    text, result = merged(theirs, ours)
    assert "From the other editor.\n" in text
    assert "From this editor.\n" in text
    assert result.conflicts == ()


def test_notes_below_a_task_merge_as_lines() -> None:
    line = "- [TASK-001] Research competitor pricing\n"
    text, _ = merged(BOARD.replace(line, line + "  mine\n"), BOARD.replace(line, line + "  other\n"))
    assert "  mine\n" in text
    assert "  other\n" in text


def test_agents_and_activity_come_from_the_tool() -> None:
    ours = tool(SetAgent("agent:coder:main", "ACTIVE", "TASK-003"), Activity("started TASK-003", "11:00"))
    text, _ = merged(BOARD.replace("My own notes.", "Notes."), ours)
    assert "- agent:coder:main [ACTIVE] - TASK-003\n" in text
    assert parse(text.encode()).activity == ("11:00 - started TASK-003",)


def test_with_a_guessed_base_missing_tasks_are_unseen() -> None:
    theirs = "\n".join(line for line in BOARD.splitlines() if "TASK-00" not in line and "priority" not in line) + "\n"
    text, result = merged(theirs, BOARD, guessed=True)
    assert set(parse(text.encode()).by_id) == {"TASK-001", "TASK-002", "TASK-003", "TASK-007"}
    assert len(result.unseen) == 4
    assert result.archived == ()


def test_a_merge_does_not_remove_a_heading() -> None:
    ours = BOARD.replace("### REVIEW\n", "")
    text, _ = merged(BOARD, ours)
    assert "### REVIEW\n" in text


def test_suspicion() -> None:
    base = parse(BOARD.encode())
    many = BOARD.replace("### IN_PROGRESS\n", "### IN_PROGRESS\n" + "".join(f"- [X-{n}] x\n" for n in range(100)))
    few = many.replace("- [TASK-001] Research competitor pricing\n", "")
    assert suspicion(base, parse(BOARD.replace("### DONE\n", "").encode())) == "the board lost its heading DONE"
    assert suspicion(base, parse(b"")) is not None
    assert suspicion(parse(many.encode()), parse(few.encode())) is None
    assert suspicion(parse(many.encode()), base) == "100 of 104 tasks are gone from the board at once"
    assert suspicion(parse(many.encode()), base, missing_count=False) is None
    three = BOARD.replace("- [TASK-001] Research competitor pricing\n- [TASK-002] Buy stamps\n", "")
    assert suspicion(base, parse(three.encode())) is None
