"""After a promotion: how often the detector rings by mistake and in earnest, the holdback, and the rollback."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from statistics import mean

import pytest

from metaagent.errors import BackendError
from metaagent.inference.base import ChatRequest
from metaagent.inference.scripted import Answer
from metaagent.learning.monitor import FEWEST_PAIRS, enough, watch, worse
from metaagent.ledger import alarms, protocols
from metaagent.ledger.database import Ledger
from metaagent.orchestrator.budget import Budget
from metaagent.orchestrator.monitoring import Health, LookOptions, look
from metaagent.records import Remedy
from tests.conftest import Ran
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
    assert worse(FEWEST_PAIRS, 0) and not worse(FEWEST_PAIRS - 1, 0)


def test_an_alarm_is_dismissed_by_whole_pairs_alone() -> None:
    assert enough(FEWEST_PAIRS, 0) and enough(40, 19)
    assert not enough(FEWEST_PAIRS - 1, 0) and not enough(40, 20) and not enough(FEWEST_PAIRS, 1)


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


def promoted(
    root: Path, model: Model, count: int = 40, answer: Callable[[ChatRequest], str | Answer] = obedient
) -> Place:
    """A rule was promoted, and 40 tasks stand on the board."""
    place = trying.make(root, count)
    place.write_config("learning: {salt: fixed}\nrun: {retries: 0}\n")
    model.answer = answer
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
    (seen,) = look(place.workspace, lambda _text: None, LookOptions(dry_run=True))
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


def alarmed(root: Path, model: Model) -> Place:
    """The rule does harm since its promotion, and real attempts have shown it."""
    place = promoted(root, model)
    model.answer = drifted
    place.run()
    model.requests.clear()
    return place


def seen(place: Place, options: LookOptions | None = None, said: list[str] | None = None) -> Health:
    told: list[str] = [] if said is None else said
    (health,) = look(place.workspace, told.append, options)
    return health


def in_force(place: Place) -> str:
    with Ledger.open(place.workspace.ledger_path) as ledger:
        return protocols.active(ledger, trying.DOMAIN, trying.MODEL).hash


def stays_open(place: Place) -> None:
    """The alarm waits, and the version that does harm is in force still."""
    assert place.rows("SELECT * FROM confirmations") == []
    assert in_force(place) != protocols.empty().hash
    assert seen(place, LookOptions(dry_run=True)).verdict == "alarm"


def test_a_confirmation_that_is_interrupted_goes_on_and_asks_nothing_twice(tmp_path: Path, model: Model) -> None:
    place = alarmed(tmp_path / "w", model)
    told: list[str] = []

    def interrupted(request: ChatRequest) -> str:
        if len(told) == 13:
            raise KeyboardInterrupt
        told.append(prompt(request))
        return drifted(request)

    model.answer = interrupted
    with pytest.raises(BaseException):  # noqa: B017
        look(place.workspace, lambda _text: None, LookOptions(jobs=1))
    stays_open(place)
    model.answer = lambda request: (told.append(prompt(request)), drifted(request))[1]
    health = seen(place)
    assert (health.verdict, health.losses) == ("rollback", 0)
    assert len(told) == len(set(told)) == 2 * health.pairs and health.calls == len(told) - 13
    assert in_force(place) == protocols.empty().hash
    assert place.rows("SELECT * FROM reply_cache WHERE key LIKE 'alarm:%'") == []


def test_a_confirmation_without_a_server_stays_open(
    tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = alarmed(tmp_path / "w", model)

    def away(*_: object, **__: object) -> None:
        raise BackendError("no server answers", mend="start it")

    with monkeypatch.context() as gone:
        gone.setattr("metaagent.orchestrator.monitoring.open_backend", away)
        with pytest.raises(BackendError):
            look(place.workspace, lambda _text: None)
    stays_open(place)
    assert seen(place).verdict == "rollback"


def test_pairs_that_broke_dismiss_no_alarm(tmp_path: Path, model: Model) -> None:
    place, said = alarmed(tmp_path / "w", model), list[str]()
    model.answer = lambda _request: Answer(error="idle")
    health = seen(place, said=said)
    assert (health.verdict, health.inconclusive) == ("alarm", health.pairs) and health.pairs > FEWEST_PAIRS
    assert f"stays open: 0 of {health.pairs} pairs are whole" in said[-1]
    stays_open(place)
    model.answer = drifted
    assert seen(place).verdict == "rollback"


def test_an_alarm_after_a_few_tasks_waits_for_more(tmp_path: Path, model: Model) -> None:
    """A trial of many pairs without a failure: six errors in real work are an alarm, and too few tasks to judge by."""

    def mostly_right(request: ChatRequest) -> str:
        record = json.loads(obedient(request))
        return json.dumps({**record, "name": record["name"].upper() if record["total"] % 4 else record["name"]})

    place, said = promoted(tmp_path / "w", model, 120, mostly_right), list[str]()
    model.answer = drifted
    ((activation,),) = place.rows("SELECT id FROM activations")
    names = [f"REC-{n:03}" for n in range(40)]
    place.run(*[name for name in names if not protocols.held_back(activation, name)][:6])
    health = seen(place, said=said)
    assert (health.verdict, health.losses) == ("alarm", 0) and health.pairs == 6 < FEWEST_PAIRS
    assert f"6 of 6 pairs are whole, and it takes {FEWEST_PAIRS}" in said[-1]
    stays_open(place)
    place.run()
    model.requests.clear()
    again = seen(place)
    assert again.verdict == "rollback" and len(model.requests) == 2 * (again.pairs - 6)


def test_a_confirmation_keeps_to_the_budget_and_goes_on_next_time(tmp_path: Path, model: Model) -> None:
    place, said, spent = alarmed(tmp_path / "w", model), list[str](), list[int]()
    for _ in range(3):
        health = seen(place, LookOptions(budget=Budget(calls=9)), said)
        assert health.verdict == "alarm" and f"the budget ends after {health.pairs} of " in said[-1]
        assert len(model.requests) - sum(spent) == health.calls <= 9
        spent.append(health.calls)
        stays_open(place)
        if worse(health.pairs + 4, 0):
            break
    assert seen(place, LookOptions(budget=Budget(seconds=0))).pairs == 0
    assert seen(place).verdict == "rollback"
    assert len(model.prompts()) == len(set(model.prompts()))


def test_a_confirmation_keeps_to_a_budget_of_tokens(tmp_path: Path, model: Model) -> None:
    place = alarmed(tmp_path / "w", model)
    health = seen(place, LookOptions(budget=Budget(tokens=100), jobs=1))
    assert health.verdict == "alarm" and health.tokens >= 100
    assert health.tokens - health.tokens / health.pairs < 100


def test_a_version_that_a_person_put_in_force_meanwhile_stays(tmp_path: Path, model: Model) -> None:
    place, said = alarmed(tmp_path / "w", model), list[str]()
    wanted = trying.candidate("other", kind="rule", text="Think well.")

    def overtaking(request: ChatRequest) -> str:
        if in_force(place) != wanted.hash:
            with Ledger.open(place.workspace.ledger_path) as ledger:
                protocols.put_in_force(ledger, wanted, "manual", "I want it")
        return drifted(request)

    model.answer = overtaking
    health = seen(place, LookOptions(jobs=1), said)
    assert (health.verdict, health.activation) == ("overtaken", None) and worse(health.gains, health.losses)
    assert "another was put in force meanwhile" in said[-1]
    assert in_force(place) == wanted.hash
    assert place.rows("SELECT action FROM activations ORDER BY id") == [("promote",), ("manual",)]
    assert place.rows("SELECT * FROM confirmations") == []


def test_what_a_trial_compared_with_is_the_version_before_for_holdback_and_rollback(
    tmp_path: Path, model: Model
) -> None:
    """The candidate was recorded against version 0 before a person put another version in force."""
    place = trying.make(tmp_path / "w", 40)
    place.write_config("learning: {salt: fixed}\nrun: {retries: 0}\n")
    model.answer = obedient
    wanted = trying.candidate("caps", kind="rule", **RULE)
    with place.workspace.open_ledger() as ledger:
        protocols.record(ledger, wanted.domain, wanted.model, wanted.remedies, parent=protocols.empty().hash)
        other = protocols.record(ledger, wanted.domain, wanted.model, [Remedy("rule", "o", {"text": "Think well."})])
        protocols.put_in_force(ledger, other, "manual", "I want it")
    assert trying.test(place, wanted).verdict == "promote"
    with place.workspace.open_ledger() as ledger:
        assert protocols.for_runs(ledger, trying.DOMAIN, trying.MODEL).former == other
    place.write_board(INBOX="".join(f"- [REC-{n:03}] Record {n}\n" for n in range(40)))
    model.answer = drifted
    place.run()
    assert seen(place).verdict == "rollback"
    assert in_force(place) == other.hash


def test_a_cycle_counts_what_the_confirmation_asks_and_keeps_to_the_budget(
    tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch, cli: Callable[..., Ran]
) -> None:
    for module in ("evaluate", "aa"):
        monkeypatch.setattr(f"metaagent.orchestrator.{module}.open_backend", model.backend)
    place = alarmed(tmp_path / "w", model)
    monkeypatch.chdir(place.root)
    ran = cli("full-cycle", "--limit", "2", "--jobs", "1", "--budget", "14calls", "--json")
    assert ran.status == 0, ran.err
    (health,) = ran.json["watched"]
    assert health["verdict"] == "alarm" and health["calls"] == 2 * health["pairs"] > 0
    assert ran.json["calls"] == len(model.requests) <= 14
    assert f"{len(model.requests)} model calls" in ran.err
