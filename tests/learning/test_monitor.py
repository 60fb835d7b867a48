"""After a promotion: how often the detector rings by mistake and in earnest, the holdback, and the rollback."""

from __future__ import annotations

import json
import random
from pathlib import Path
from statistics import mean

import pytest

from metaagent.inference.base import ChatRequest
from metaagent.learning.monitor import watch, worse
from metaagent.ledger import alarms, protocols
from metaagent.ledger.database import Ledger
from metaagent.orchestrator.monitoring import look
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
