"""The small nouns: decisions, comments, conflicts, heartbeats, trust, paused agents, tasks."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

from metaagent.board.edit import Conflict
from metaagent.ledger import agent_states, comments, conflicts, decisions, heartbeats, tasks, trust
from metaagent.ledger.database import Ledger
from metaagent.records import ArtifactForm
from tests.ledger.conftest import START, Clock, make_task


def test_decisions_and_comments(ledger: Ledger) -> None:
    decisions.record(ledger, "TASK-001", None, "reject", "its password: hunter22 is wrong", "person")
    comments.record(ledger, "TASK-001", "attempt", "agent:qa:a", "qa", "looks odd")
    assert [row["why"] for row in decisions.of_task(ledger, "TASK-001")] == ["its password: [masked] is wrong"]
    assert [row["body"] for row in comments.of_task(ledger, "TASK-001")] == ["looks odd"]
    assert decisions.of_task(ledger, "TASK-002") == comments.of_task(ledger, "TASK-002") == []


def test_a_conflict_of_the_board(ledger: Ledger) -> None:
    ledger.write(conflicts.conflict_batch(Conflict("TASK-001", "status", "DONE", "REVIEW"), run_id=ledger.run_id))
    (row,) = conflicts.recent(ledger)
    assert (row["field"], row["ours"], row["theirs"], row["resolution"]) == ("status", "DONE", "REVIEW", "person")


def test_heartbeats_tell_who_failed_how_often_and_when_it_last_went_well(ledger: Ledger, clock: Clock) -> None:
    heartbeats.record(ledger, "a", "ok")
    for _ in range(2):
        clock.now += timedelta(minutes=1)
        heartbeats.record(ledger, "a", "failed", tries=2, message="no backend")
    heartbeats.record(ledger, "b", "failed")
    found = heartbeats.last(ledger)
    assert (found["a"].result, found["a"].failures, found["a"].last_ok) == ("failed", 2, START)
    assert (found["b"].failures, found["b"].last_ok) == (1, None)


def test_the_latest_word_on_a_file_counts(ledger: Ledger) -> None:
    trust.record(ledger, [("checks/a.py", "aa"), ("checks/b.py", "bb")], "person")
    trust.record(ledger, [("checks/a.py", "a2")], "person")
    trust.record(ledger, [("checks/b.py", "bb")], "person", "revoke")
    assert trust.all_trusted(ledger) == {"checks/a.py": "a2"}
    assert trust.trusted(ledger, "checks/a.py", "a2")
    assert not trust.trusted(ledger, "checks/a.py", "aa")
    assert len(trust.history(ledger)) == 4


def test_a_pause_holds_until_it_is_taken_back(ledger: Ledger) -> None:
    agent_states.set_paused(ledger, "a", True)
    assert agent_states.paused(ledger) == {"a"}
    agent_states.set_paused(ledger, "a", False)
    assert agent_states.paused(ledger) == frozenset()


def test_a_changed_task_is_another_version(ledger: Ledger) -> None:
    task = replace(make_task(), reference="the answer", artifact=ArtifactForm("json", {"type": "object"}))
    for version in (task, task, replace(task, hash="other", domain="text.summary")):
        ledger.write(tasks.version_batch(version, ledger.now(), ledger.run_id))
    first, second = tasks.versions(ledger, "TASK-001")
    body = json.loads(first["body"])
    assert (body["reference"], body["artifact"]["schema"]) == ("the answer", {"type": "object"})
    assert body["checks"][1] == {
        "validator": "json.expected",
        "public": False,
        "options": {"values": {"total": 1200}},
    }
    assert second["domain"] == "text.summary"
    assert tasks.domains(ledger) == ["data.json.extract", "text.summary"]


def test_changes_of_status_and_by_persons(ledger: Ledger) -> None:
    for status, reason in (("DONE", "passed"), ("REVIEW", "limits are used up")):
        ledger.write(tasks.status_batch("TASK-001", None, status, "run", reason, now=ledger.now(), run_id=None))
    ledger.write(tasks.person_batch([("TASK-001", "priority", None, "high")], ledger.now(), ledger.run_id))
    assert [row["to_status"] for row in tasks.status_changes(ledger, "TASK-001")] == ["DONE", "REVIEW"]
    assert tasks.last_reasons(ledger, "REVIEW") == {"TASK-001": "limits are used up"}
    assert tasks.last_reasons(ledger, "DONE") == {}
    assert tasks.person_batch([], ledger.now(), None) == []
    assert [row["what"] for row in ledger.query("SELECT * FROM v_interventions")] == ["priority:  -> high"]
