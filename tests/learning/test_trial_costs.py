"""What a trial costs: plans beforehand, scores that see partial progress, controls from the cache where it is safe."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from metaagent.cli.schemas import envelope
from metaagent.errors import UsageError
from metaagent.inference.base import ChatRequest
from metaagent.inference.scripted import ScriptedBackend
from metaagent.learning.gate import Terms
from metaagent.learning.plan import plan as plan_of
from metaagent.ledger import protocols
from metaagent.ledger import trials as trials_of_ledger
from metaagent.ledger.database import Ledger
from metaagent.orchestrator import trials
from metaagent.orchestrator.aa import aa
from metaagent.orchestrator.budget import Usage
from metaagent.orchestrator.trials import TrialOptions
from tests.conftest import Ran
from tests.learning import trying
from tests.learning.test_trial_faults import RULE, obedient, prompt, stopped
from tests.orchestrator.place import BACKEND, SET, Model


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Model:
    """Deterministic: the only kind of backend whose replies may be used again."""
    made = Model()
    monkeypatch.setenv("METAAGENT_BACKEND", BACKEND)
    trying.plant(monkeypatch)

    def backend(*_: object, **__: object) -> ScriptedBackend:
        return ScriptedBackend(made._script, slots=4, digest="d", deterministic=True)

    for module in ("trials", "aa"):
        monkeypatch.setattr(f"metaagent.orchestrator.{module}.open_backend", backend)
    return made


def test_a_control_comes_from_the_cache_only_after_an_a_a_trial_without_a_flip(tmp_path: Path, model: Model) -> None:
    place = trying.make(tmp_path / "w", 70)
    model.answer = obedient
    useless = [trying.candidate("x", kind="rule", text=f"Be kind {number} times.") for number in range(3)]
    first = trying.test(place, useless[0], jobs=1)
    second = trying.test(place, useless[1], jobs=1)
    assert (first.spent.calls, second.spent.calls) == (2 * first.standing.pairs, 2 * second.standing.pairs)
    found = aa(place.workspace, trying.DOMAIN, trying.MODEL, lambda _text: None)
    assert (found.tasks, found.flips, found.changed, found.calls, found.steady) == (21, 0, 0, 42, True)
    third = trying.test(place, useless[2], jobs=1)  # fills the cache
    assert third.spent.calls == 2 * third.standing.pairs
    fourth = trying.test(place, trying.candidate("x", kind="rule", text="Be brave."), jobs=1)
    assert fourth.spent.calls == fourth.standing.pairs


def test_a_flip_keeps_both_arms_fresh(tmp_path: Path, model: Model) -> None:
    place = trying.make(tmp_path / "w", 70)
    asked: list[str] = []

    def wavering(request: ChatRequest) -> str:
        asked.append(prompt(request))
        reply = obedient(request)
        return reply.replace("a", "A") if len(asked) == 30 else reply

    model.answer = wavering
    found = aa(place.workspace, "", trying.MODEL, lambda _text: None, jobs=1)
    assert found.changed <= 1
    assert found.tasks == 21
    assert found.steady == (found.flips == 0)


@pytest.mark.parametrize("domain", ["", trying.DOMAIN])
def test_each_task_is_asked_twice_under_what_is_in_force_for_it(tmp_path: Path, model: Model, domain: str) -> None:
    place = trying.make(tmp_path / "w", 30)
    others = SET.replace("set: records", "set: others").replace("domain: data.json.extract", "domain: text")
    (place.root / "tasks" / "others.yaml").write_text(others.replace("records.jsonl", "others.jsonl"), encoding="utf-8")
    rows = (place.root / "tasks" / "records.jsonl").read_text(encoding="utf-8").splitlines()[:12]
    text = "\n".join(rows).replace("REC-", "OTHER-")
    (place.root / "tasks" / "others.jsonl").write_text(text, encoding="utf-8")
    model.answer = obedient
    wanted = trying.candidate("caps", kind="rule", **RULE)
    with place.workspace.open_ledger() as ledger:
        protocols.put_in_force(ledger, wanted, "manual", "a test")
    found = aa(place.workspace, domain, trying.MODEL, lambda _text: None)
    used = dict(place.rows("SELECT domain, group_concat(DISTINCT protocol) FROM attempts GROUP BY domain"))
    zero = {} if domain else {"text": protocols.empty().hash}
    assert used == {trying.DOMAIN: wanted.hash, **zero}
    assert (found.protocol, found.protocols) == (wanted.hash, tuple(used[name] for name in sorted(used)))
    noted = place.rows("SELECT protocol, tasks FROM flips")
    assert {row[0] for row in noted} == set(found.protocols) and sum(row[1] for row in noted) == found.tasks


def test_scores_promote_what_whole_tasks_do_not_see_yet(tmp_path: Path, model: Model) -> None:
    """The total is wrong in all replies, and the rule mends the name alone: no task passes, each gets better."""
    place = trying.make(tmp_path / "w", 60)

    def answer(request: ChatRequest) -> str:
        return json.dumps({**json.loads(obedient(request)), "total": -1})

    model.answer = answer
    wanted = trying.candidate("caps", kind="rule", **RULE)
    result = trying.test(place, wanted, metric="score")
    assert (result.verdict, result.standing.gains) == ("promote", 0)
    with Ledger.open(place.workspace.ledger_path) as ledger:
        rows = ledger.query("SELECT difference FROM pairs WHERE number <= ?", (result.standing.pairs,))
        assert {row[0] for row in rows} == {0.5}


@pytest.mark.parametrize("jobs", [1, 4])
def test_a_trial_stays_within_its_calls_and_goes_on_another_time(tmp_path: Path, model: Model, jobs: int) -> None:
    place = trying.make(tmp_path / "w", 70)
    model.answer = obedient
    useless = trying.candidate("x", kind="rule", text="Be kind.")

    def room(spent: Usage, under_way: int) -> bool:
        return spent.calls + 2 * (under_way + 1) <= 12

    first = trying.test(place, useless, room, jobs=jobs)
    assert (first.verdict, first.activation) == ("open", None)
    assert first.spent.calls == 2 * first.standing.pairs == len(model.requests)
    assert 12 - 2 * (jobs - 1) <= first.spent.calls <= 12
    assert "the budget ends after" in first.reason
    second = trying.test(place, useless, jobs=jobs)
    assert (second.id, second.verdict) == (first.id, "reject")
    assert first.spent.calls + second.spent.calls == len(model.requests)
    with Ledger.open(place.workspace.ledger_path) as ledger:
        [row] = ledger.query("SELECT calls FROM v_trials")
    assert row[0] == len(model.requests)


def test_a_plan_says_what_it_takes(tmp_path: Path, model: Model) -> None:
    place = trying.make(tmp_path / "w", 60)
    fixer, rule = trying.candidate("upper"), trying.candidate("caps", kind="rule", **RULE)
    one, two = (trials.plan(place.workspace, each, TrialOptions()) for each in (fixer, rule))
    assert (one.pairs, one.calls, two.calls) == (24, 24, 48)
    assert (one.k, one.wins_needed, one.seconds, one.said) == (1, 8, None, ())
    assert one.chances[0].power > 0.99 > one.chances[1].power
    assert model.requests == []
    model.answer = obedient
    trying.test(place, trying.candidate("x", kind="rule", text="Be kind."))
    later = trials.plan(place.workspace, rule, TrialOptions())
    assert later.k == 2
    assert later.seconds is not None


def test_a_gate_set_that_decided_too_often_is_named() -> None:
    terms = Terms(25, 0, pairs=40)
    made = plan_of(terms, one_call=True, rungs=1, seconds_per_call=2.0, jobs=2, decided=21)
    assert "decided 21 candidates, more than 20" in made.said[-1]
    assert made.seconds == 40.0
    assert plan_of(terms, one_call=True, rungs=1, seconds_per_call=2.0, jobs=2, decided=20).said == ()


def test_an_open_trial_goes_on_as_it_was_registered(tmp_path: Path, model: Model) -> None:
    place = trying.make(tmp_path / "w", 40)
    stopped(place, model)
    with pytest.raises(UsageError, match="registered with metric passed, retries 0"):
        trying.test(place, trying.candidate("caps", kind="rule", **RULE), metric="score", retries=2)
    assert trying.test(place, trying.candidate("caps", kind="rule", **RULE)).verdict == "promote"


def test_a_plan_shows_the_last_a_a_trial_and_what_its_flips_mean(
    tmp_path: Path, model: Model, cli: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, asked = trying.make(tmp_path / "w", 70), list[str]()
    monkeypatch.chdir(place.root)
    with place.workspace.open_ledger() as ledger:
        wanted = trying.candidate("caps", kind="rule", **RULE)
        protocols.record(ledger, wanted.domain, wanted.model, wanted.remedies)

    def wavering(request: ChatRequest) -> str:
        asked.append(prompt(request))
        record = json.loads(obedient(request))
        return json.dumps({**record, "name": record["name"].upper()} if len(asked) == 30 else record)

    def planned() -> Ran:
        return cli("learn", "plan", "--protocol", wanted.hash, "--json")

    def seen() -> dict[str, Any]:
        ran = planned()
        jsonschema.validate(json.loads(ran.out), envelope("learn"))
        return dict(ran.json[0]["noise"])

    assert planned().json[0]["noise"] is None
    model.answer = obedient
    aa(place.workspace, "data.json", trying.MODEL, lambda _text: None, jobs=1)
    quiet = seen()
    assert {**quiet, "time": ""} == {"time": "", "tasks": 21, "flips": 0, "changed": 0, "afresh": False}
    assert "afresh" not in planned().err
    model.answer = wavering
    aa(place.workspace, "", trying.MODEL, lambda _text: None, jobs=1)
    noisy = seen()
    assert {**noisy, "time": ""} == {"time": "", "tasks": 21, "flips": 1, "changed": 1, "afresh": True}
    assert noisy["time"] > quiet["time"]
    assert (
        "1 of 21 outcomes flipped by themselves in the last A/A trial: the control is measured afresh" in planned().err
    )
    human = cli("learn", "plan", "--protocol", wanted.hash).out
    assert "the last A/A trial" in human and "measured afresh" in human
    with place.workspace.open_ledger() as ledger:
        assert trials_of_ledger.last_flips(ledger, "data", trying.MODEL) is not None  # all tasks are those of data too
        assert trials_of_ledger.last_flips(ledger, trying.DOMAIN, "another") is None
