"""Which evidence a report may rest on: of tasks and of the model as they are now, each version by its hash."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from metaagent.learning.cases import collect
from metaagent.learning.summary import weeks
from metaagent.ledger import protocols
from metaagent.ledger.database import Ledger
from metaagent.orchestrator.present import present_digests
from metaagent.orchestrator.trials import all_tasks
from metaagent.records import Protocol, Remedy
from tests.conftest import Ran
from tests.learning import trying
from tests.orchestrator.place import BACKEND, Place

Cli = Callable[..., Ran]
COUNT = 40
CAPITALS = Remedy("rule", "capitals", {"text": "Write names in CAPITALS."})
USELESS = Remedy("rule", "useless", {"text": "Think well."})
SET = ("evaluate", "--tasks", "records", "--protocol")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Every name comes in small letters, but under the rule that asks for capitals."""
    monkeypatch.setenv("METAAGENT_BACKEND", BACKEND)
    made = trying.make(tmp_path / "w", COUNT)
    answers(made)
    monkeypatch.chdir(made.root)
    return made


def answers(
    place: Place,
    plain: Callable[[int], bool] = lambda _: False,
    ruled: Callable[[int], bool] = lambda _: True,
    agent: str | None = None,
) -> None:
    """Which records the model gets right without and with the rule; ``agent``: one that gets all of them right."""
    rules: list[dict[str, Any]] = []
    for number in range(COUNT):
        name = f"{trying.WORDS[number % 12]}{number}"
        small, large = ({"name": one, "total": number} for one in (name, name.upper()))
        text = f"Record of {name}!"
        if agent is not None:
            rules.append({"contains": text, "agent": agent, "json": large})
        rules.append({"match": f"(?s)CAPITALS.*{text}", "json": large if ruled(number) else small})
        rules.append({"contains": text, "json": large if plain(number) else small})
    place.write_script(rules)


def in_force(place: Place, remedy: Remedy = CAPITALS, domain: str = trying.DOMAIN) -> Protocol:
    with Ledger.open(place.workspace.ledger_path) as ledger:
        found = protocols.record(ledger, domain, trying.MODEL, (remedy,))
        protocols.put_in_force(ledger, found, "manual", "a test")
        return found


def measure(cli: Cli, name: str, *options: str, split: str = "sealed") -> None:
    assert cli(*SET, name, "--split", split, *options).status == 0


def change_tasks(place: Place, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    path = place.root / "tasks" / "records.jsonl"
    rows = [change(json.loads(line)) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def summary(cli: Cli) -> dict[str, Any]:
    [found] = cli("evaluate", "--learning", "--json").json
    return dict(found)


def arms(found: dict[str, Any]) -> dict[str, tuple[int, int]]:
    return {arm["name"]: (arm["n"], arm["failed"]["k"]) for arm in found["arms"]}


def rewrite(place: Place, table: str, sql: str, *values: str) -> None:
    """History as it might have been: facts are append-only by triggers."""
    with sqlite3.connect(place.workspace.ledger_path) as connection:
        guards = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", (table,))
        for (name,) in guards.fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute(sql, values)


def test_results_of_tasks_that_changed_since_are_left_out_and_that_is_said(place: Place, cli: Cli) -> None:
    version = in_force(place)
    measure(cli, "0")
    measure(cli, version.hash)
    sealed = summary(cli)["sealed"]
    assert arms(summary(cli)) == {"v0": (sealed, sealed), "v1": (sealed, 0)}
    change_tasks(place, lambda row: {**row, "name": row["name"].lower()})
    found = summary(cli)
    assert (found["arms"], found["compared"], found["left_out"]["changed"]) == ([], [], sealed)
    assert found["decision"]["verdict"] == "not enough evidence"
    assert f"left out: results of {sealed} tasks that changed since or are gone" in cli("evaluate", "--learning").out
    measure(cli, "0")  # the house wants small letters now
    assert arms(summary(cli)) == {"v0": (sealed, 0)}
    assert summary(cli)["left_out"]["changed"] == sealed  # the results of v1


def test_results_of_tasks_that_are_gone_are_left_out(place: Place, cli: Cli) -> None:
    measure(cli, "0")
    before = summary(cli)["sealed"]
    assert summary(cli)["forgotten"]["tasks"] == 0  # version 0 is the first
    path = place.root / "tasks" / "records.jsonl"
    path.write_text("".join(f"{line}\n" for line in path.read_text().splitlines()[: COUNT // 2]))
    found = summary(cli)
    assert found["left_out"] == {"changed": before - found["sealed"], "other_model": 0}
    assert 0 < found["sealed"] < before


def test_another_model_of_the_same_name_is_no_evidence_for_a_remedy(place: Place, cli: Cli) -> None:
    version = in_force(place, USELESS)
    measure(cli, "0")
    answers(place, plain=lambda _: True)  # another content by the same name, which gets all of it right
    measure(cli, version.hash)
    found = summary(cli)
    sealed = found["sealed"]
    assert arms(found) == {"v1": (sealed, 0)}
    assert (found["compared"], found["left_out"]) == ([], {"changed": 0, "other_model": sealed})
    said = f"left out: results of {sealed} tasks by another model that went by the name {trying.MODEL}"
    assert said in cli("evaluate", "--learning").out
    measure(cli, "0")
    assert summary(cli)["compared"][0]["gains"] == 0
    assert summary(cli)["left_out"]["other_model"] == 0


def test_learning_reads_no_errors_of_another_model_of_the_same_name(place: Place, cli: Cli) -> None:
    measure(cli, "0", split="mine")
    events = sum(one["events"] for one in cli("learn", "patterns", "--json").json)
    answers(place, plain=lambda _: True)
    [learned] = cli("learn", "--json").json
    assert (learned["failures"], learned["trials"]) == (0, [])
    assert learned["calls"] == learned["cases"] > 0
    assert any(f"what {learned['cases']} mine tasks came to with another model" in said for said in learned["said"])
    patterns = cli("learn", "patterns", "--json")
    assert patterns.json == []
    assert f"left out: {events} error events of models that have another content by now" in patterns.err


def test_where_the_backend_cannot_be_asked_the_newest_model_in_the_ledger_counts(
    place: Place, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    [first] = present_digests(place.workspace, [trying.MODEL]).values()
    measure(cli, "0", split="mine")
    answers(place, plain=lambda _: True)
    [second] = present_digests(place.workspace, [trying.MODEL]).values()
    measure(cli, "0", split="mine")
    monkeypatch.setenv("METAAGENT_BACKEND", "scripted:none.yaml")
    assert present_digests(place.workspace, [trying.MODEL]) == {}
    assert "no failures on mine, nothing to learn" in cli("learn", "propose").err
    with Ledger.open(place.workspace.ledger_path) as ledger:
        tasks = all_tasks(place.workspace)
        passed = {
            digest: {case.passed for case in collect(ledger, tasks, protocols.empty(), trying.MODEL, digest)}
            for digest in (None, first, second)
        }
    assert passed == {None: {True}, first: {False}, second: {True}}  # the former model may come back


def test_versions_of_the_same_number_are_told_apart(place: Place, cli: Cli) -> None:
    above = in_force(place, USELESS, domain="data")
    version = in_force(place)
    assert above.version == version.version == 1
    for name in ("0", above.hash, version.hash):
        measure(cli, name)
    found = summary(cli)
    assert found["in_force"] == "data.json.extract:v1"
    assert arms(found)["data:v1"][1] > 0 == arms(found)["data.json.extract:v1"][1]
    gains = {one["protocol"]: one["gains"] for one in found["compared"]}
    assert gains == {above.hash: 0, version.hash: found["sealed"]}
    assert found["decision"]["rules"][2]["measured"].startswith("100.0%")
    lines = cli("evaluate", "--learning").out.splitlines()
    assert f"{found['sealed']}/0" in next(line for line in lines if line.startswith("data.json.extract:v1"))
    assert " 0/0 " in next(line for line in lines if line.startswith("data:v1"))


def test_patterns_and_noise_of_one_model_are_its_own(place: Place, cli: Cli) -> None:
    assert cli("agent", "add", "agent:executor:bob", "--model", "smollm2-135m").status == 0
    answers(place, agent="agent:executor:bob")
    for agent in ("agent:executor:main", "agent:executor:bob"):
        for split in ("mine", "sealed"):
            measure(cli, "0", "--agent", agent, split=split)
    rules = {one["model"]: one["decision"]["rules"] for one in cli("evaluate", "--learning", "--json").json}
    assert rules[trying.MODEL][1]["measured"] == "1 of 1"
    assert rules["smollm2-135m"][1]["measured"] == "0 of 0"
    assert rules["smollm2-135m"][5]["measured"] == "not measured"


def test_what_a_version_breaks_is_forgotten_whatever_else_it_mends(place: Place, cli: Cli) -> None:
    version = in_force(place)
    answers(place, plain=lambda number: number % 2 == 0, ruled=lambda number: number % 2 == 1)
    measure(cli, "0")
    measure(cli, version.hash)
    found = summary(cli)
    solved = found["sealed"] - arms(found)["v0"][1]
    lost = found["forgotten"]
    assert (lost["tasks"], lost["lost"], lost["regained"]) == (solved, solved, 0)
    assert lost["low"] > 0.05
    assert f"forgotten: net {solved} of {solved}" in cli("evaluate", "--learning").out


def test_what_a_candidate_solved_that_never_was_in_force_is_not_forgotten(place: Place, cli: Cli) -> None:
    with Ledger.open(place.workspace.ledger_path) as ledger:
        tried = protocols.record(ledger, trying.DOMAIN, trying.MODEL, (CAPITALS,))
    version = in_force(place, USELESS)
    for name in ("0", tried.hash, version.hash):
        measure(cli, name)
    assert summary(cli)["forgotten"]["tasks"] == 0
    with Ledger.open(place.workspace.ledger_path) as ledger:
        protocols.put_in_force(ledger, tried, "manual", "a test")
        protocols.put_in_force(ledger, version, "rollback", "a test")
    lost = summary(cli)["forgotten"]
    assert (lost["tasks"], lost["lost"]) == (summary(cli)["sealed"], summary(cli)["sealed"])


def test_retries_are_those_that_were_asked_for(place: Place, cli: Cli) -> None:
    """Of five none is used but the first: a reply that repeats itself ends the attempt."""
    place.write_script((), default="{}")
    measure(cli, "0", "--retries", "5")
    assert [(arm["name"], arm["retries"]) for arm in summary(cli)["arms"]] == [("v0, 5 retries", 5)]


def test_where_the_ledger_does_not_know_it_retries_are_those_that_were_used(place: Place, cli: Cli) -> None:
    place.write_script((), default="{}")
    measure(cli, "0", "--retries", "1")
    rewrite(place, "runs", "UPDATE runs SET args = json_remove(args, '$[3]')")  # as it was before it was noted
    assert [arm["name"] for arm in summary(cli)["arms"]] == ["v0, up to 1 retries"]


def test_a_comparison_on_fewer_tasks_says_so(place: Place, cli: Cli) -> None:
    version = in_force(place)
    measure(cli, "0", "--limit", "3")
    measure(cli, version.hash)
    [line] = [line for line in cli("evaluate", "--learning").out.splitlines() if line.startswith("v1 ")]
    assert line.count(", n = 3") == 2
    rule = summary(cli)["decision"]["rules"][2]
    assert rule["holds"] is None
    assert rule["measured"].startswith("not measured enough: 100.0%")


def test_weeks_are_those_of_iso(place: Place) -> None:
    place.write_board(INBOX="".join(f"- [REC-{n:03}] one\n" for n in range(4)))
    place.run(limit=4)
    days = ("2026-12-31", "2027-01-01", "2027-01-03", "2027-01-04")
    for attempt, day in zip(place.rows("SELECT id FROM attempts ORDER BY id"), days, strict=True):
        rewrite(place, "attempts", "UPDATE attempts SET time = ? WHERE id = ?", f"{day}T10:00:00.000Z", *attempt)
    with Ledger.open(place.workspace.ledger_path) as ledger:
        assert [(one.week, one.attempts) for one in weeks(ledger)] == [("2026-W53", 3), ("2027-W01", 1)]
