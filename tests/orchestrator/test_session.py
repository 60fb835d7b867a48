"""Whole runs: a real workspace, real SQLite, a scripted model, and a person who may edit meanwhile."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from metaagent.errors import (
    BackendUnreachableError,
    BoardUnreadableError,
    NotFoundError,
    TrustError,
)
from metaagent.inference.base import ChatRequest
from metaagent.inference.scripted import Answer
from metaagent.ledger import trust
from metaagent.orchestrator.budget import Budget
from metaagent.records import Outcome
from tests.orchestrator.place import MISFIT, RIGHT, WRONG, Model, Place, counted

Make = Callable[..., Place]
CREW = "agents: {agent:executor:main: {}, agent:%s:main: {}}\n"


def rule(number: int, **answer: object) -> dict[str, object]:
    return {"contains": f"Record REC-{number:03} of", **answer}


# -- where tasks go


def test_done_back_and_review(make: Make) -> None:
    place = make(3, board={"INBOX": "- [TASK-001] Write a haiku\n"})
    place.write_script([rule(2, reply=WRONG), rule(3, replies=[MISFIT, RIGHT])])
    summary = place.run()
    assert place.statuses() == {"REC-001": "DONE", "REC-002": "ASSIGNED", "REC-003": "DONE", "TASK-001": "REVIEW"}
    assert counted(summary) == {Outcome.PASS: 2, Outcome.FAIL: 1, Outcome.INCONCLUSIVE: 1}
    assert (summary.passed, summary.passed_first, summary.failed, summary.review) == (2, 1, 1, 1)
    assert (summary.status, summary.stopped, summary.calls) == (1, None, 1 + 3 + 2 + 1)
    assert place.board().by_id["REC-002"].assignees == ("agent:executor:main",)
    assert [agent.state for agent in place.board().agents] == ["IDLE"]
    place.nothing_left_behind()


def test_a_run_without_open_tasks_does_nothing(make: Make) -> None:
    place = make(board={"DONE": "- [TASK-001] Old\n", "REVIEW": "- [TASK-002] Waits\n"})
    before = place.board_path.read_bytes()
    summary = place.run()
    assert (summary.tasks, summary.status, summary.calls) == (0, 0, 0)
    assert place.board_path.read_bytes() == before


def test_the_artifact_of_each_attempt_is_kept(make: Make) -> None:
    place = make(1)
    place.run()
    path = place.results()["REC-001"].artifact
    assert path is not None
    assert path.read_text() == RIGHT
    stored = place.rows("SELECT artifact FROM outcomes")[0][0]
    assert place.root / stored == path


def test_the_board_s_activity_names_no_values(make: Make) -> None:
    place = make(1)
    place.write_script([rule(1, reply=WRONG)])
    place.run()
    assert "agent:executor:main could not do REC-001" in place.board_path.read_text()
    assert "SMITH" not in place.board_path.read_text()


# -- order


def test_priority_then_due_then_the_board(make: Make) -> None:
    lines = "- [T-1] a\n- [T-2] b\n  priority: low\n- [T-3] c\n  due: 2026-01-01\n- [T-4] d\n  priority: high\n"
    place = make(board={"INBOX": lines})
    place.run(jobs=1)
    assert place.order() == ["T-4", "T-3", "T-1", "T-2"]


def test_what_waits_starts_when_what_it_waits_for_is_done(make: Make) -> None:
    place = make(4)
    place.edit("Record 1\n", "Record 1\n  depends: REC-003\n")
    place.edit("Record 3\n", "Record 3\n  depends: REC-004\n")
    summary = place.run()
    order = place.order()
    assert order.index("REC-004") < order.index("REC-003") < order.index("REC-001")
    assert (summary.passed, summary.status) == (4, 0)


def test_what_waits_for_a_failed_task_goes_on_waiting(make: Make) -> None:
    place = make(2)
    place.edit("Record 1\n", "Record 1\n  depends: REC-002\n")
    place.write_script([rule(2, reply=WRONG)])
    place.run()
    assert place.statuses()["REC-001"] == "INBOX"
    assert place.order() == ["REC-002"]


def test_circles_and_unknown_dependencies_are_named_and_hold_only_their_tasks(make: Make) -> None:
    place = make(6)
    for number, other in ((1, 2), (2, 1), (3, 4), (4, 3), (5, 99)):
        place.edit(f"Record {number}\n", f"Record {number}\n  depends: REC-{other:03}\n")
    summary = place.run()
    assert place.where("DONE") == ["REC-006"]
    assert "REC-001 -> REC-002 -> REC-001" in place.notices()
    assert "REC-003 -> REC-004 -> REC-003" in place.notices()
    assert "REC-005: depends on REC-099, which does not exist" in place.notices()
    assert summary.tasks == 1


# -- options


def test_only_the_tasks_that_are_named(make: Make) -> None:
    place = make(3)
    place.run("REC-002")
    assert place.where("DONE") == ["REC-002"]


def test_an_unknown_task_is_an_error_before_anything_is_claimed(make: Make) -> None:
    place = make(1)
    with pytest.raises(NotFoundError, match="TASK-404"):
        place.run("REC-001", "TASK-404")
    assert place.order() == []
    assert place.rows("SELECT status FROM run_ends") == [("failed",)]


def test_a_named_task_that_is_not_open_is_left_out_and_said(make: Make) -> None:
    place = make(board={"DONE": "- [TASK-001] Old\n"})
    assert place.run("TASK-001").tasks == 0
    assert "TASK-001 is DONE" in place.notices()


def test_each_task_once_unless_all(make: Make) -> None:
    place = make(2)
    place.write_script([rule(2, reply=WRONG)])
    place.run(retries=0)
    assert place.outcomes("REC-002") == ["fail"]
    summary = place.run(all=True, retries=0)
    assert place.outcomes("REC-002") == ["fail", "fail", "fail"]
    assert place.statuses()["REC-002"] == "REVIEW"
    assert "its limit of 3 attempts is used up" in place.reason("REC-002")
    assert (summary.tasks, summary.conflicts) == (2, 0)


def test_with_all_a_later_attempt_that_passes_is_done(make: Make) -> None:
    place = make(1)
    place.write_script([rule(1, replies=[WRONG, WRONG, RIGHT])])
    summary = place.run(all=True, retries=0)
    assert (place.outcomes("REC-001"), place.where("DONE")) == (["fail", "fail", "pass"], ["REC-001"])
    assert (summary.conflicts, [number for (number,) in place.rows("SELECT number FROM attempts")]) == (0, [1, 2, 3])


def test_a_limit_counts_attempts_and_their_ladders_go_on(make: Make) -> None:
    place = make(6)
    place.write_script([{"match": "Record", "replies": [WRONG]}])
    summary = place.run(limit=2, retries=2, jobs=8)
    assert (summary.tasks, summary.calls) == (2, 6)
    assert "limit of 2 attempts" in (summary.stopped or "")
    assert len(place.where("INBOX")) == 4


def test_a_budget_of_calls(make: Make) -> None:
    place = make(9)
    summary = place.run(budget=Budget(calls=3), jobs=1)
    assert (summary.calls, summary.tasks, summary.stopped) == (3, 3, "the budget of 3 calls is spent")
    assert summary.status == 0


def test_a_budget_counts_calls_that_fail_and_those_of_advisers(make: Make) -> None:
    place = make(9, config="agents: {agent:executor:main: {}, agent:analyzer:main: {}}\n")
    place.write_script([{"agent": "agent:executor:main", "error": "empty", "match": ""}], default='{"why": "No idea."}')
    summary = place.run(budget=Budget(calls=6), retries=2, jobs=1)
    assert (summary.tasks, summary.failed) == (2, 2)
    assert place.order() == ["REC-001", "REC-002"]


def test_a_budget_of_tokens_and_seconds(make: Make) -> None:
    place = make(9)
    assert place.run(budget=Budget(tokens=1), jobs=1).tasks == 1
    assert place.run(budget=Budget(seconds=0.0), jobs=1).tasks == 0
    assert len(place.where("DONE")) == 1


def test_only_one_agent(make: Make) -> None:
    place = make(2, config="agents: {agent:executor:main: {}, agent:coding:main: {}}\n")
    place.run("REC-001", agent="coding")
    assert place.rows("SELECT agent FROM attempts") == [("agent:coding:main",)]
    with pytest.raises(NotFoundError, match="unknown agent"):
        place.run(agent="agent:nobody:here")


def test_a_task_that_no_agent_may_do_stays_and_is_said(make: Make) -> None:
    place = make(1, config="agents: {agent:qa:main: {}}\n")
    place.run()
    assert "metaagent agent why REC-001" in place.notices()
    assert place.where("INBOX") == ["REC-001"]


# -- limits


def test_limits_that_are_used_up_send_a_task_to_a_person_unasked(make: Make) -> None:
    place = make(1, config="limits: {attempts: 2}\n")
    place.write_script([rule(1, reply=WRONG)])
    place.run(retries=0)
    place.write_config("limits: {attempts: 1}\n")
    summary = place.run()
    assert (place.where("REVIEW"), summary.tasks) == (["REC-001"], 0)
    assert place.reason("REC-001") == "its limit of 1 attempts is used up"
    assert "REC-001 -> REVIEW" in place.notices()


def test_infrastructure_uses_up_no_attempts(make: Make) -> None:
    """Three runs on a backend that breaks, with a limit of two attempts: the task is as good as never tried."""
    place = make(1, config="limits: {attempts: 2}\n")
    place.write_script([rule(1, error="idle")])
    for _ in range(3):
        assert place.run().inconclusive == 1
    assert place.where("ASSIGNED") == ["REC-001"]
    place.write_script()
    assert place.run().passed == 1


def test_a_backend_that_breaks_in_a_later_rung_sends_the_task_back(make: Make, model: Model) -> None:
    place = make(1)
    model.answer = lambda _request: WRONG if len(model.requests) == 1 else Answer(error="idle")
    summary = place.run()
    assert (place.where("ASSIGNED"), summary.inconclusive) == (["REC-001"], 1)
    assert "check broke" not in place.reason("REC-001")


def test_three_broken_attempts_in_a_row_stop_the_run(make: Make) -> None:
    place = make(9)
    place.write_script([{"match": "", "error": "idle"}])
    summary = place.run(jobs=1)
    assert (summary.tasks, summary.status, summary.stopped) == (3, 4, "infrastructure keeps failing")
    assert len(place.where("INBOX")) == 6
    place.nothing_left_behind()


# -- advisers


def test_the_analyzer_fills_in_a_missing_domain_from_those_there_are(make: Make) -> None:
    place = make(1, config=CREW % "analyzer", board={"INBOX": "- [TASK-001] Sum up\n- [TASK-002] Other\n"})
    place.write_script(
        [
            {"agent": "agent:analyzer:main", "contains": "Sum up", "reply": '{"domain": "data.json.extract"}'},
            {"agent": "agent:analyzer:main", "contains": "Other", "reply": '{"domain": "not.one.of.them"}'},
        ]
    )
    place.run()
    assert place.board().by_id["TASK-001"].attributes == {"domain": "data.json.extract"}
    assert place.board().by_id["TASK-002"].attributes == {}
    assert ("advice.domain",) in place.rows("SELECT name FROM steps")


def test_the_analyzer_words_why_a_task_failed(make: Make) -> None:
    place = make(1, config=CREW % "analyzer")
    place.write_script([{"agent": "agent:analyzer:main", "match": "", "reply": '{"why": "The name was off."}'}], WRONG)
    place.run()
    assert place.rows("SELECT task_id, role, body FROM comments") == [("REC-001", "analyzer", "The name was off.")]


def test_validator_and_qa_comment_where_nothing_checks_and_decide_nothing(make: Make) -> None:
    config = "agents: {agent:executor:main: {}, agent:validator:main: {}, agent:qa:main: {}}\n"
    place = make(1, config=config, board={"INBOX": "- [TASK-001] A haiku\n"})
    place.write_script(
        [
            {"agent": "agent:validator:main", "match": "", "reply": '{"comment": "Fine.", "concerns": ["Too long."]}'},
            {"agent": "agent:qa:main", "match": "", "reply": "of no use"},
        ]
    )
    place.run()
    assert place.rows("SELECT task_id, role, body FROM comments") == [("TASK-001", "validator", "Fine.\n- Too long.")]
    assert place.statuses() == {"REC-001": "DONE", "TASK-001": "REVIEW"}


def test_the_orchestrator_chooses_a_strategy_once_for_a_set(make: Make) -> None:
    place = make(3, config=CREW % "orchestrator")
    place.write_script([{"agent": "agent:orchestrator:main", "match": "", "reply": '{"strategy": "reasoning"}'}])
    place.run(jobs=1)
    names = [row[0] for row in place.rows("SELECT name FROM steps ORDER BY id")]
    assert names.count("advice.strategy") == 1
    assert names.count("plan") == 6


def test_an_adviser_that_fails_holds_nothing_up(make: Make) -> None:
    place = make(1, config=CREW % "orchestrator")
    place.write_script([{"agent": "agent:orchestrator:main", "match": "", "error": "idle"}])
    assert place.run().passed == 1


# -- checks of a person's own


def checked(make: Make, source: str, *, trusted: bool = True) -> Place:
    place = make(1, board={"INBOX": "- [TASK-001] Be polite\n"})
    place.write_spec("TASK-001", checks={"public": [{"user": {"file": "checks/own.py"}}]})
    (place.root / "checks").mkdir()
    (place.root / "checks" / "own.py").write_text(source)
    if trusted:
        with place.workspace.open_ledger() as ledger:
            trust.record(ledger, [(trust.WORKSPACE, trust.ANY)], "test")
    return place


def test_a_check_that_breaks_is_infrastructure_and_a_person_s_to_look_at(make: Make) -> None:
    place = checked(make, "def check(artifact, task):\n    raise ValueError('a bug')\n")
    summary = place.run()
    assert (place.statuses()["TASK-001"], summary.inconclusive, summary.failed) == ("REVIEW", 1, 0)
    assert "a check broke" in place.reason("TASK-001")
    assert place.rows("SELECT DISTINCT kind FROM error_events") == [("infrastructure",)]
    assert place.statuses()["REC-001"] == "DONE"


def test_an_untrusted_check_holds_its_task_before_a_model_is_asked(make: Make) -> None:
    place = checked(make, "def check(artifact, task):\n    open('ran', 'w')\n", trusted=False)
    summary = place.run("TASK-001")
    assert (summary.status, summary.tasks, summary.calls) == (TrustError.exit_status, 0, 0)
    assert "metaagent trust" in place.notices()
    assert place.where("INBOX") == ["REC-001", "TASK-001"]
    assert not (place.root / "ran").exists()
    place.nothing_left_behind()


def test_the_other_tasks_are_done_while_one_waits_for_trust(make: Make) -> None:
    place = checked(make, "def check(artifact, task):\n    return []\n", trusted=False)
    summary = place.run()
    assert (summary.status, summary.passed) == (TrustError.exit_status, 1)
    assert place.where("DONE") == ["REC-001"]


def test_a_specification_that_does_not_hold_holds_only_its_task(make: Make) -> None:
    place = make(2, board={"INBOX": "- [TASK-001] Broken\n- [TASK-002] Odd\n  priority: soonish\n"})
    (place.root / "tasks" / "TASK-001.yaml").write_text("goal: x\nchekcs: []\n")
    summary = place.run()
    assert (summary.passed, summary.tasks) == (2, 2)
    assert place.where("INBOX") == ["TASK-001", "TASK-002"]
    assert "TASK-001" in place.notices() and "chekcs" in place.notices()
    assert "'soonish' is not high, normal or low" in place.notices()


# -- the person at the board


def test_hand_written_items_get_ids_and_are_done(make: Make) -> None:
    place = make(board={"INBOX": "- write a parser\n- [TASK-041] known\n", "ASSIGNED": "- and test it\n"})
    place.run()
    assert place.statuses() == {"TASK-041": "REVIEW", "TASK-042": "REVIEW", "TASK-043": "REVIEW"}
    titles = {task.id: task.title for task in place.board().tasks}
    assert (titles["TASK-042"], titles["TASK-043"]) == ("write a parser", "and test it")


def during(model: Model, act: Callable[[], None], task: str = "REC-001", delay: float = 0.25, other: float = 0) -> None:
    """``act`` is what happens while the model works on a task, after the board has shown it in progress."""
    import threading

    def answer(request: ChatRequest) -> str | Answer:
        if f"Record {task} of" not in request.messages[-1].content:
            return Answer(RIGHT, delay=other)
        threading.Timer(delay / 2, act).start()
        return Answer(RIGHT, delay=delay)

    model.answer = answer


def test_a_person_who_moves_a_task_during_the_run_wins(make: Make, model: Model) -> None:
    place = make(2, config="board: {coalesce_ms: 10}\n")
    during(model, lambda: place.drag("REC-001", "REVIEW"))
    summary = place.run(jobs=1)
    assert place.statuses() == {"REC-001": "REVIEW", "REC-002": "DONE"}
    assert (summary.status, summary.conflicts) == (3, 1)
    assert place.rows("SELECT task_id, field, ours, theirs FROM conflicts") == [("REC-001", "status", "DONE", "REVIEW")]
    found = place.rows("SELECT from_status, to_status FROM status_changes WHERE by = 'person'")
    assert found == [("IN_PROGRESS", "REVIEW")]
    place.nothing_left_behind()


def test_titles_notes_and_new_tasks_of_a_person_stay(make: Make, model: Model) -> None:
    place = make(2, config="board: {coalesce_ms: 10}\n")

    def edit() -> None:
        text = place.board_path.read_text()
        text = text.replace("Record 2\n", "Record 2\n  a note of mine\n").replace(
            "### DONE\n", "### DONE\nWell done!\n"
        )
        place.board_path.write_text(text.replace("### INBOX\n", "### INBOX\n- one more thing\n"))

    during(model, edit)
    summary = place.run(jobs=1)
    text = place.board_path.read_text()
    assert "  a note of mine\n" in text and "Well done!\n" in text
    assert place.statuses() == {"REC-001": "DONE", "REC-002": "DONE", "TASK-001": "REVIEW"}
    assert (summary.tasks, summary.status) == (3, 0)


def test_a_task_that_a_person_did_meanwhile_is_not_started_and_frees_what_waits_for_it(
    make: Make, model: Model
) -> None:
    place = make(3, config="board: {coalesce_ms: 10}\n")
    place.edit("Record 3\n", "Record 3\n  depends: REC-002\n")
    during(model, lambda: place.drag("REC-002", "DONE"))
    summary = place.run("REC-001", "REC-003", jobs=1)
    assert set(place.statuses().values()) == {"DONE"}
    assert place.order() == ["REC-001", "REC-003"]
    assert summary.status == 0


def test_a_task_taken_off_the_board_during_the_run_stays_off(make: Make, model: Model) -> None:
    place = make(2, config="board: {coalesce_ms: 10}\n")
    during(model, lambda: place.edit("- [REC-001] @agent:executor:main - Record 1\n", ""))
    summary = place.run(jobs=1)
    assert place.statuses() == {"REC-002": "DONE"}
    assert summary.status == 3


def test_an_editor_that_has_the_board_open_postpones_writing_and_is_said(make: Make, model: Model) -> None:
    place = make(1, config="board: {coalesce_ms: 10, editor_wait_seconds: 60}\n")
    swap = place.root / ".WORKING.md.swp"
    board = place.board_path.read_bytes()
    seen: list[bytes] = []

    def open_editor() -> None:
        swap.write_text("vim")

    def answer(_request: ChatRequest) -> str:
        open_editor()
        import threading

        threading.Timer(0.6, lambda: (seen.append(place.board_path.read_bytes()), swap.unlink())).start()
        return RIGHT

    model.answer = answer
    summary = place.run()
    assert seen == [board]
    assert place.where("DONE") == ["REC-001"]
    assert ".WORKING.md.swp" in place.notices()
    assert summary.status == 0


def test_a_board_that_turns_unreadable_stops_the_run_and_nothing_is_lost(make: Make, model: Model) -> None:
    place = make(9, config="board: {coalesce_ms: 10}\n")
    during(model, lambda: place.edit("### REVIEW\n", "<<<<<<< mine\n### REVIEW\n"), other=0.5)
    summary = place.run(jobs=1)
    assert summary.status == 3
    assert summary.stopped
    assert 0 < summary.passed < 9
    with pytest.raises(BoardUnreadableError):
        place.run()
    place.edit("<<<<<<< mine\n", "")
    model.answer = lambda _request: RIGHT
    assert place.run().passed == 9 - summary.passed
    assert len(place.where("DONE")) == 9
    assert all(place.outcomes(name).count("pass") == 1 for name in place.statuses())


# -- an end before its time


def test_ctrl_c_while_a_result_is_written_keeps_the_result(make: Make, model: Model) -> None:
    """The signal comes after the model's answer and before the ledger has it: done is done."""
    place = make(3)

    def answer(_request: ChatRequest) -> str:
        if len(model.requests) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return RIGHT

    model.answer = answer
    summary = place.run(jobs=1)
    assert (summary.status, summary.stopped) == (130, "interrupted")
    done = place.where("DONE")
    assert summary.passed == len(done) == 2
    assert place.outcomes(done[1]) == ["pass"]
    assert "took it over" not in place.notices()
    place.nothing_left_behind()
    assert place.rows("SELECT status FROM run_ends") == [("interrupted",)]


def test_a_second_signal_of_another_kind_changes_nothing(make: Make, model: Model) -> None:
    place = make(3)

    def answer(_request: ChatRequest) -> Answer:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        return Answer(RIGHT, delay=20)

    model.answer = answer
    assert place.run(jobs=2).status == 130
    assert len(place.where("INBOX")) == 3
    place.nothing_left_behind()


def test_handlers_of_the_caller_are_there_again_after_a_run(make: Make) -> None:
    place = make(1)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        place.run()
        assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_disk_that_takes_no_artifact_ends_the_run_with_nothing_claimed(make: Make, tmp_path: Path) -> None:
    from metaagent.errors import StorageError

    place = make(2)
    place.workspace.artifacts_dir.write_text("a file where a folder should be")
    with pytest.raises(StorageError, match="cannot write"):
        place.run()
    assert len(place.where("INBOX")) == 2
    place.nothing_left_behind()
    assert tmp_path.exists()


def test_no_backend_means_nothing_was_touched(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    place = make(2, config="deadlines: {connect: 0.5}\n")
    before = place.board_path.read_bytes()
    monkeypatch.setenv("METAAGENT_BACKEND", "ollama")
    monkeypatch.setattr("metaagent.inference.gateway.FIRST_PAUSE", 0.01)
    with pytest.raises(BackendUnreachableError):
        place.run()
    assert place.board_path.read_bytes() == before
    assert place.order() == []
