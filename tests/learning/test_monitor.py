"""After a promotion: how often the detector rings by mistake and in earnest, the holdback, and the rollback."""

from __future__ import annotations

import json
import random
from pathlib import Path
from statistics import mean

import pytest

from metaagent.inference.base import ChatRequest
from metaagent.inference.scripted import Answer
from metaagent.learning.monitor import watch, worse
from metaagent.ledger import alarms, protocols
from metaagent.ledger.database import Ledger
from metaagent.orchestrator.budget import Budget
from metaagent.orchestrator.monitoring import LEAST_PAIRS, look
from tests.learning import trying
from tests.learning.test_trial_faults import RULE, obedient, prompt
from tests.orchestrator.place import BACKEND, Model, Place


def first_alarm(rng: random.Random, rate: float, bound: float, most: int) -> int:
    errors = [rng.random() < rate for _ in range(most)]
    return next(iter(watch(errors, bound, mean_time=50.0).alarms), most)


@pytest.mark.parametrize("bound", [0.05, 0.3])
def test_false_alarms_are_as_rare_as_is_said(bound: float) -> None:
    """At the bound itself, the worst of the null hypothesis, the mean time to an alarm is at least the stated one."""
    rng = random.Random(3)
    assert mean(first_alarm(rng, bound, bound, 400) for _ in range(150)) >= 50


def test_a_real_change_rings_soon_and_the_detector_starts_again() -> None:
    errors = [False] * 50 + [True] * 12 + [False] * 5
    found = watch(errors, 0.1)
    assert found.alarms
    assert 51 <= found.alarms[0] <= 60
    assert found.attempts == 67
    assert watch([False] * 500, 0.1).alarms == ()
    assert watch([True] * 50, 1.0).alarms == ()  # nothing is worse than a bound of 100%


def test_a_confirmation_takes_evidence_of_twenty() -> None:
    assert not worse(6, 0)
    assert worse(8, 0)
    assert not worse(8, 6)


def test_a_tenth_of_the_tasks_is_held_back() -> None:
    held = sum(protocols.held_back("activation", f"T-{n}") for n in range(2000))
    assert 140 < held < 260
    one, other = ([protocols.held_back(name, f"T-{n}") for n in range(100)] for name in ("one", "other"))
    assert one != other


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Model:
    made = Model()
    monkeypatch.setenv("METAAGENT_BACKEND", BACKEND)
    for module in ("trials", "monitoring", "session"):
        monkeypatch.setattr(f"metaagent.orchestrator.{module}.open_backend", made.backend)
    return made


def promoted(root: Path, model: Model) -> Place:
    """A rule was promoted, and 40 tasks stand on the board."""
    place = trying.make(root, 40)
    place.write_config("learning: {salt: fixed}\nrun: {retries: 0}\n")
    model.answer = obedient
    assert trying.test(place, trying.candidate("caps", kind="rule", **RULE)).verdict == "promote"
    place.write_board(INBOX="".join(f"- [REC-{n:03}] Record {n}\n" for n in range(40)))
    return place


def drifted(request: ChatRequest) -> str:
    """Since the promotion the rule does harm: the world is no longer what it was."""
    with_rule = "CAPITALS" in prompt(request)
    record = json.loads(obedient(request))
    return json.dumps({**record, "name": record["name"].lower() if with_rule else record["name"].upper()})


def test_real_attempts_keep_a_holdback_and_stay_quiet(tmp_path: Path, model: Model) -> None:
    place = promoted(tmp_path / "w", model)
    place.run()
    used = dict(place.rows("SELECT task_id, protocol FROM attempts WHERE purpose = 'run'"))
    (activation,) = place.rows("SELECT id FROM activations")
    empty = protocols.empty().hash
    assert {name for name, used_by in used.items() if used_by == empty} == {
        name for name in used if protocols.held_back(activation[0], name)
    }
    (health,) = look(place.workspace, lambda _text: None)
    assert (health.verdict, health.watch.errors) == ("quiet", 0)


def test_an_alarm_that_pairs_confirm_is_rolled_back(tmp_path: Path, model: Model) -> None:
    place = promoted(tmp_path / "w", model)
    model.answer = drifted
    place.run()
    (seen,) = look(place.workspace, lambda _text: None, dry_run=True)
    assert seen.verdict == "alarm"
    (health,) = look(place.workspace, lambda _text: None)
    assert (health.verdict, health.losses) == ("rollback", 0)
    with Ledger.open(place.workspace.ledger_path) as ledger:
        assert protocols.active(ledger, trying.DOMAIN, trying.MODEL).remedies == ()
        assert alarms.promotions(ledger) == []
    assert look(place.workspace, lambda _text: None) == []


def test_an_alarm_that_pairs_do_not_confirm_changes_nothing(tmp_path: Path, model: Model) -> None:
    place = promoted(tmp_path / "w", model)
    model.answer = lambda _request: '{"name": "nobody", "total": 0}'  # all fails, under either version
    place.run()
    (health,) = look(place.workspace, lambda _text: None)
    assert (health.verdict, health.gains, health.losses) == ("keep", 0, 0)
    with Ledger.open(place.workspace.ledger_path) as ledger:
        assert protocols.active(ledger, trying.DOMAIN, trying.MODEL).remedies != ()
    assert [one.verdict for one in look(place.workspace, lambda _text: None)] == ["quiet"]


def alarming(root: Path, model: Model) -> Place:
    """The promotion does harm in real work, and nobody has looked yet."""
    place = promoted(root, model)
    model.answer = drifted
    place.run()
    model.requests.clear()
    return place


def no_words(_text: str) -> None:
    """A notice that nobody reads."""


def test_a_confirmation_that_is_cut_off_is_open_and_goes_on_without_asking_again(tmp_path: Path, model: Model) -> None:
    place = alarming(tmp_path / "w", model)
    model.slots = 1
    (first,) = look(place.workspace, no_words, budget=Budget(calls=6))
    assert (first.verdict, first.pairs, first.calls, len(model.requests)) == ("alarm", 3, 6, 6)
    assert "the budget ended after 3 of" in first.why
    (health,) = look(place.workspace, no_words)
    assert (health.verdict, health.losses) == ("rollback", 0)
    assert len(model.requests) == 6 + health.calls == 2 * health.pairs


def test_an_outage_settles_nothing(tmp_path: Path, model: Model) -> None:
    place = alarming(tmp_path / "w", model)
    model.answer = lambda _request: Answer(error="idle")
    (health,) = look(place.workspace, no_words)
    assert health.verdict == "alarm" and health.inconclusive == health.pairs > 0
    with Ledger.open(place.workspace.ledger_path) as ledger:
        assert ledger.query("SELECT * FROM confirmations") == []
    model.answer = drifted
    assert [one.verdict for one in look(place.workspace, no_words)] == ["rollback"]


def test_what_a_person_put_in_force_meanwhile_stays(tmp_path: Path, model: Model) -> None:
    place = alarming(tmp_path / "w", model)
    other = trying.candidate("spaces")

    def overruled(request: ChatRequest) -> str:
        if len(model.requests) == 1:
            with Ledger.open(place.workspace.ledger_path) as ledger:
                protocols.put_in_force(ledger, other, "manual", "a person's choice")
        return drifted(request)

    model.answer = overruled
    (health,) = look(place.workspace, no_words)
    assert (health.verdict, health.activation) == ("alarm", None) and "meanwhile" in health.why
    with Ledger.open(place.workspace.ledger_path) as ledger:
        assert protocols.active(ledger, trying.DOMAIN, trying.MODEL).hash == other.hash
        assert ledger.query("SELECT * FROM confirmations") == []
    assert look(place.workspace, no_words) == []


def test_too_few_pairs_show_nothing(tmp_path: Path, model: Model) -> None:
    place = alarming(tmp_path / "w", model)
    rows = (place.root / "tasks" / "records.jsonl").read_text().splitlines()
    (place.root / "tasks" / "records.jsonl").write_text("\n".join(rows[:3]))  # the others are gone
    (health,) = look(place.workspace, no_words)
    assert health.verdict == "alarm" and health.pairs <= 3 and str(LEAST_PAIRS) in health.why


def test_the_version_before_is_what_the_trial_compared_with(tmp_path: Path, model: Model) -> None:
    place = trying.make(tmp_path / "w", 40)
    place.write_config("learning: {salt: fixed}\nrun: {retries: 0}\n")
    model.answer = obedient
    caps = trying.candidate("caps", kind="rule", **RULE)
    base = trying.candidate("calm", kind="rule", text="Take your time.")
    with place.workspace.open_ledger() as ledger:
        protocols.record(ledger, caps.domain, caps.model, caps.remedies, parent=protocols.empty().hash)
        protocols.put_in_force(ledger, base, "manual", "a person's choice")
    assert trying.test(place, caps).verdict == "promote"
    with place.workspace.open_ledger() as ledger:
        assert protocols.before(ledger, caps).hash == base.hash
        assert protocols.for_runs(ledger, trying.DOMAIN, trying.MODEL).former == protocols.before(ledger, caps)
