"""Trials that go wrong: killed, interrupted, broken by infrastructure, overtaken by changes. None of it promotes."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from metaagent.errors import UsageError
from metaagent.inference.base import ChatRequest
from metaagent.inference.scripted import Answer
from metaagent.learning.trial import recompute
from metaagent.ledger import protocols, trials
from metaagent.ledger.database import Ledger
from metaagent.orchestrator import trials as trials_of_place
from metaagent.records import Outcome, Verdict
from tests.learning import trying
from tests.orchestrator.place import BACKEND, Model, Place

RULE = {"text": "Write names in CAPITALS."}


@pytest.fixture(autouse=True)
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METAAGENT_BACKEND", BACKEND)
    trying.plant(monkeypatch)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Model:
    made = Model()
    monkeypatch.setattr("metaagent.orchestrator.trials.open_backend", made.backend)
    return made


def prompt(request: ChatRequest) -> str:
    return "\n".join(message.content for message in request.messages)


def obedient(request: ChatRequest) -> str:
    """Writes names as the rule says where the prompt holds it."""
    text = prompt(request)
    name = text.split("Record of ")[-1].split("!")[0]
    number = int("".join(letter for letter in name if letter.isdigit()))
    return json.dumps({"name": name.upper() if "CAPITALS" in text else name, "total": number})


def in_force(place: Place) -> str:
    with Ledger.open(place.workspace.ledger_path) as ledger:
        return protocols.active(ledger, trying.DOMAIN, trying.MODEL).hash


def test_both_arms_run_afresh_where_prompts_differ(tmp_path: Path, model: Model) -> None:
    place = trying.make(tmp_path / "w", 40)
    model.answer = obedient
    result = trying.test(place, trying.candidate("caps", kind="rule", **RULE), jobs=1)
    assert result.verdict == "promote"
    assert result.spent.calls == len(model.requests) == 2 * result.standing.pairs
    assert {row[0] for row in place.rows("SELECT DISTINCT purpose FROM attempts")} == {"trial"}
    assert place.statuses() == {}


def test_what_the_candidate_is_asked_never_holds_an_answer(tmp_path: Path, model: Model) -> None:
    place = trying.make(tmp_path / "w", 40)
    model.answer = obedient
    trying.test(place, trying.candidate("caps", kind="rule", **RULE))
    for text in model.prompts():
        name = text.split("Record of ")[-1].split("!")[0]
        assert name.upper() not in text


@pytest.mark.parametrize("arm", ["both", "control"])
def test_infrastructure_failures_never_promote(tmp_path: Path, model: Model, arm: str) -> None:
    place = trying.make(tmp_path / "w", 40)

    def answer(request: ChatRequest) -> str | Answer:
        if arm == "both" or "CAPITALS" not in prompt(request):
            return Answer(error="idle")
        return obedient(request)

    model.answer = answer
    result = trying.test(place, trying.candidate("caps", kind="rule", **RULE))
    assert (result.verdict, result.standing.losses) == ("inconclusive", 0)
    assert "infrastructure" in result.reason
    assert result.standing.inconclusive > 0
    assert in_force(place) == result.base.hash


@pytest.mark.parametrize("flaky", [True, False])
def test_a_validator_that_breaks_or_wavers_promotes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flaky: bool
) -> None:
    """It breaks always, or says by a seeded coin what it likes, whatever the answer is."""
    place, coin = trying.make(tmp_path / "w", 40), random.Random(5)
    plain = trials_of_place.judge_with

    def judge_with(*arguments: Any, **options: Any) -> Any:
        judge = plain(*arguments, **options)

        async def judged(artifact: str, checks: Any, task: Any) -> tuple[Verdict, ...]:
            verdicts = await judge(artifact, checks, task)
            outcome = coin.choice([Outcome.PASS, Outcome.FAIL]) if flaky else Outcome.INCONCLUSIVE
            return (*verdicts[:-1], replace(verdicts[-1], outcome=outcome))

        return judged

    monkeypatch.setattr(trials_of_place, "judge_with", judge_with)
    result = trying.test(place, trying.candidate("upper"))
    assert result.verdict in {"reject", "inconclusive"}
    assert flaky or (result.standing.losses, result.standing.pairs) == (0, result.standing.inconclusive)


def test_a_trial_that_was_interrupted_asks_nothing_twice(tmp_path: Path, model: Model) -> None:
    place = trying.make(tmp_path / "w", 40)
    asked: list[str] = []

    def answer(request: ChatRequest) -> str:
        if len(asked) == 9:
            raise KeyboardInterrupt
        asked.append(prompt(request))
        return obedient(request)

    model.answer = answer
    wanted = trying.candidate("caps", kind="rule", **RULE)
    with pytest.raises(BaseException):  # noqa: B017
        trying.test(place, wanted, jobs=1)
    assert len(asked) == 9
    model.answer = lambda request: (asked.append(prompt(request)), obedient(request))[1]
    result = trying.test(place, wanted, jobs=1)
    assert (result.verdict, result.k) == ("promote", 1)
    assert len(asked) == len(set(asked)) == 2 * result.standing.pairs
    with Ledger.open(place.workspace.ledger_path) as ledger:
        assert recompute(ledger, result.id or "") == result.standing


KILLED = """
import json, os, sys
sys.path.insert(0, {here!r})
from pathlib import Path
import metaagent.orchestrator.trials as trials
from metaagent.inference.scripted import ScriptedBackend
from metaagent.orchestrator import trials as trials_of_place
from metaagent.records import Outcome, Verdict
from tests.learning import trying
from tests.learning.test_trial_faults import RULE, obedient, prompt
from tests.orchestrator.place import Place

def answer(request):
    reply = obedient(request)
    import time; time.sleep(0.02)
    with open({log!r}, "a") as log:
        log.write(json.dumps(prompt(request)) + "\\n")
    return reply

trials.open_backend = lambda *_, **__: ScriptedBackend(answer, slots=2)
result = trying.test(Place(Path({root!r})), trying.candidate("caps", kind="rule", **RULE), jobs=2)
print(result.verdict, result.standing.gains, result.standing.losses)
"""


def test_kill_nine_in_the_middle_spends_no_durable_call_twice(tmp_path: Path) -> None:
    place, log = trying.make(tmp_path / "w", 60), tmp_path / "asked.jsonl"
    here = Path(__file__).resolve().parents[2]
    script = tmp_path / "trial.py"
    script.write_text(KILLED.format(here=str(here), log=str(log), root=str(place.root)), encoding="utf-8")
    log.touch()
    kills, lost = 0, 0
    for wait_for in (3, 9, 10**6):
        process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, cwd=here)
        deadline = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline:
            if len(log.read_text(encoding="utf-8").splitlines()) >= wait_for:
                os.kill(process.pid, signal.SIGKILL)
                kills += 1
                break
            time.sleep(0.005)
        out = process.communicate(timeout=120)[0]
        if "promote" in out:
            break
        lost += 2  # at most the calls that were under way or not yet durable: one for each of two jobs
    assert out.startswith("promote")
    assert kills >= 1
    asked = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert len(asked) - len(set(asked)) <= lost
    with Ledger.open(place.workspace.ledger_path) as ledger:
        (row,) = trials.history(ledger)
        assert (row["k"], row["verdict"]) == (1, "promote")
        assert recompute(ledger, row["id"]).verdict == "promote"
        numbers = [pair["number"] for pair in trials.pairs_of(ledger, row["id"])]
        assert len(numbers) == len(set(numbers))


def stopped(place: Place, model: Model) -> None:
    """A trial of the rule that stands open after two pairs."""
    count = 0

    def answer(request: ChatRequest) -> str:
        nonlocal count
        count += 1
        if count > 4:
            raise KeyboardInterrupt
        return obedient(request)

    model.answer = answer
    with pytest.raises(BaseException):  # noqa: B017
        trying.test(place, trying.candidate("caps", kind="rule", **RULE), jobs=1)
    model.answer = obedient


def test_a_task_that_changed_meanwhile_ends_it(tmp_path: Path, model: Model) -> None:
    place = trying.make(tmp_path / "w", 40)
    stopped(place, model)
    rows = place.root / "tasks" / "records.jsonl"
    rows.write_text(rows.read_text(encoding="utf-8").replace("!", "! Really."), encoding="utf-8")
    result = trying.test(place, trying.candidate("caps", kind="rule", **RULE))
    assert result.verdict == "inconclusive"
    assert "changed since it was registered" in result.reason
    again = trying.test(place, trying.candidate("caps", kind="rule", **RULE), again=True)
    assert (again.k, again.verdict) == (2, "promote")


def test_another_digest_of_the_model_ends_it(tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    place = trying.make(tmp_path / "w", 40)
    stopped(place, model)
    plain = model.backend

    def other(*_: object, **__: object) -> Any:
        backend = plain()
        backend._digest = "another"
        return backend

    monkeypatch.setattr("metaagent.orchestrator.trials.open_backend", other)
    result = trying.test(place, trying.candidate("caps", kind="rule", **RULE))
    assert (result.verdict, result.reason) == ("inconclusive", "another digest than when it was registered")


def test_a_control_that_is_no_longer_in_force_ends_it(tmp_path: Path, model: Model) -> None:
    place = trying.make(tmp_path / "w", 40)
    stopped(place, model)
    with Ledger.open(place.workspace.ledger_path) as ledger:
        protocols.put_in_force(ledger, trying.candidate("spaces"), "manual", "a test")
    result = trying.test(place, trying.candidate("caps", kind="rule", **RULE))
    with Ledger.open(place.workspace.ledger_path) as ledger:
        first, second = trials.history(ledger)
    assert first["verdict"] == "inconclusive"
    assert "in force changed" in first["reason"]
    assert (second["k"], second["base"], result.k) == (2, trying.candidate("spaces").hash, 2)


def test_a_decided_candidate_is_not_tried_again_by_itself(tmp_path: Path, model: Model) -> None:
    place = trying.make(tmp_path / "w", 60)
    model.answer = lambda request: obedient(request).replace("CAPITALS", "")
    useless = trying.candidate("nothing", kind="rule", text="Be kind.")
    first = trying.test(place, useless)
    asked = len(model.requests)
    second = trying.test(place, useless)
    assert second.before
    assert (second.verdict, second.k, len(model.requests)) == (first.verdict, 1, asked)
    assert trying.test(place, useless, again=True).k == 2


def test_too_few_tasks_register_nothing(tmp_path: Path, model: Model) -> None:
    place = trying.make(tmp_path / "w", 12)
    result = trying.test(place, trying.candidate("upper"))
    assert (result.verdict, result.k, model.requests) == ("inconclusive", None, [])
    assert "too few" in result.reason


def test_all_passing_and_all_failing_promote_nothing(tmp_path: Path) -> None:
    place = trying.make(tmp_path / "passing", 40, right=lambda _: True)
    assert trying.test(place, trying.candidate("upper")).verdict != "promote"
    place = trying.make(tmp_path / "failing", 40)
    assert trying.test(place, trying.candidate("spaces")).verdict != "promote"


def test_what_cannot_be_tried_is_said(tmp_path: Path) -> None:
    place = trying.make(tmp_path / "w", 40)
    with pytest.raises(UsageError, match="no metric"):
        trying.test(place, trying.candidate("upper"), metric="luck")
    trying.test(place, trying.candidate("upper"))
    with pytest.raises(UsageError, match="in force already"):
        trying.test(place, trying.candidate("upper"))


def test_the_next_trial_guards_what_the_last_one_mended(tmp_path: Path) -> None:
    place = trying.make(tmp_path / "w", 40)
    assert trying.test(place, trying.candidate("upper")).verdict == "promote"
    result = trying.test(place, trying.candidate("upper", "lower"))
    assert result.terms.fixed >= 8
    assert result.verdict == "reject"
    assert result.terms.discoveries == 1
