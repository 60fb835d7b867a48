"""One attempt with hands that answer from a list: values in, one value out."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from metaagent.config import ModelConfig
from metaagent.errors import BackendUnreachableError
from metaagent.orchestrator.attempt import Assignment, attempt, cost_of
from metaagent.orchestrator.budget import Usage
from metaagent.orchestrator.strategies import seed
from metaagent.records import (
    Attempt,
    Check,
    ErrorKind,
    Finding,
    Limits,
    Outcome,
    Protocol,
    Remedy,
    Strategy,
    Verdict,
)
from metaagent.remedies.fixers import BUILT_IN
from tests.orchestrator.values import CHECKS, Fake, make_assignment, make_reply, make_task, reply_error

RIGHT, WRONG, BROKEN = '{"total": 90210}', '{"total": 1}', "{no json"


def made(fake: Fake, assignment: Assignment | None = None, **fields: Any) -> Attempt:
    return asyncio.run(attempt(assignment or make_assignment(**fields), fake.hands()))


def names(found: Attempt) -> list[str]:
    return [step.name for step in found.steps]


def test_a_right_answer_at_first_try() -> None:
    fake = Fake([RIGHT])
    found = made(fake)
    assert (found.outcome, found.score, found.rungs, found.passed_first) == (Outcome.PASS, 1.0, 1, True)
    assert (found.artifact, found.reason, found.events) == (RIGHT, "every check held", ())
    assert names(found) == ["conversational", "checks"]
    assert (found.calls, found.prompt_tokens, found.reply_tokens, found.digest) == (1, 10, 5, "digest")
    assert tuple(fake.steps) == found.steps


def test_the_ladder_is_climbed_to_its_top() -> None:
    fake = Fake([WRONG, BROKEN, '{"total": 2}', "First look, then write.", RIGHT])
    found = made(fake, retries=3)
    assert names(found) == ["conversational", "checks", "fresh", "checks", "sample", "checks", "plan", "plan", "checks"]
    assert [step.number for step in found.steps] == list(range(1, 10))
    assert (found.outcome, found.rungs, found.passed_first, found.calls) == (Outcome.PASS, 4, False, 5)
    assert [request.options.temperature for request in fake.requests] == [0.0, 0.0, 0.7, 0.0, 0.0]
    assert [request.options.seed for request in fake.requests] == [seed("TASK-001", rung) for rung in (0, 1, 2, 3, 3)]


def test_plan_then_write() -> None:
    fake = Fake(["1. Look for the total.", RIGHT])
    found = made(fake, retries=0, strategy=Strategy.REASONING)
    planning, writing = fake.requests
    assert planning.schema is None
    assert writing.schema is not None
    assert writing.messages[: len(planning.messages)] == planning.messages
    assert [message.role for message in writing.messages[-2:]] == ["assistant", "user"]
    assert "1. Look for the total." in fake.prompt()
    assert fake.judged == [RIGHT]
    assert found.passed_first


def test_the_assignment_s_strategy_comes_before_the_task_s() -> None:
    task = make_task(strategy=Strategy.REASONING)
    assert names(made(Fake([RIGHT]), task=task, strategy=Strategy.CONVERSATIONAL))[0] == "conversational"
    assert names(made(Fake(["plan", RIGHT]), task=task))[0] == "plan"


def test_a_retry_learns_what_public_checks_found_and_nothing_else() -> None:
    fake = Fake(['{"total": "many"}', RIGHT])
    made(fake)
    assert "total: " in fake.prompt().split("did not pass its checks")[1]
    assert '{"total": "many"}' not in fake.prompt()
    assert "90210" not in fake.prompt()


def test_of_a_failed_key_check_a_retry_learns_only_that_the_answer_was_rejected() -> None:
    fake = Fake([WRONG, WRONG + " ", RIGHT])
    found = made(fake)
    told = fake.prompt(1).removeprefix(fake.prompt(0)).strip()
    assert told == "An earlier answer to this task was rejected."
    assert all("90210" not in fake.prompt(index) for index in range(3))
    event = found.events[0]
    assert (event.validator, event.public, event.expected, event.got) == ("json.expected", False, "90210", "1")


def test_a_reply_that_repeats_itself_ends_its_rung_unjudged() -> None:
    fake = Fake([make_reply("and so on " * 50, "repetition"), RIGHT])
    found = made(fake)
    assert fake.judged == [RIGHT]
    assert names(found) == ["conversational", "fresh", "checks"]
    assert [(event.kind, event.step, event.validator) for event in found.events] == [(ErrorKind.MODEL, 1, "")]
    assert found.outcome is Outcome.PASS


def test_a_plan_that_repeats_itself_ends_its_rung_too() -> None:
    fake = Fake([make_reply("look look " * 50, "repetition"), RIGHT])
    found = made(fake, strategy=Strategy.REASONING)
    assert names(found) == ["plan", "fresh", "checks"]
    assert "look look" not in fake.prompt()
    assert [event.kind for event in found.events] == [ErrorKind.MODEL]


def test_an_identical_reply_keeps_its_verdicts_and_makes_no_step() -> None:
    fake = Fake([WRONG, WRONG, WRONG])
    found = made(fake)
    assert fake.judged == [WRONG]
    assert names(found) == ["conversational", "checks", "fresh", "sample"]
    assert (found.outcome, found.rungs, len(found.events)) == (Outcome.FAIL, 3, 1)
    assert "was rejected" in fake.prompt()


def test_the_best_of_several_failures_is_kept() -> None:
    checks = (Check("json.parse", True), Check("json.expected", False, {"values": {"a": 1, "b": 2}}))
    fake = Fake(['{"a": 9, "b": 9}', '{"a": 1, "b": 9}', BROKEN])
    found = made(fake, task=make_task(checks=checks))
    assert (found.outcome, found.artifact, found.score) == (Outcome.FAIL, '{"a": 1, "b": 9}', 0.5)


def test_without_checks_a_person_decides() -> None:
    found = made(Fake(["A poem."]), task=make_task(checks=()))
    assert (found.outcome, found.artifact, found.rungs, found.score) == (Outcome.INCONCLUSIVE, "A poem.", 1, 0.0)


@pytest.mark.parametrize(
    "reason", ["idle", "connect", "no_done", "html", "garbage", "error_line", "overloaded", "total"]
)
def test_infrastructure_makes_an_attempt_inconclusive(reason: str) -> None:
    fake = Fake([reply_error(reason), RIGHT])
    found = made(fake)
    assert (found.outcome, found.artifact, found.rungs) == (Outcome.INCONCLUSIVE, None, 1)
    assert [event.kind for event in found.events] == [ErrorKind.INFRASTRUCTURE]
    assert found.steps[0].error == f"{reason}: fake: {reason}"
    assert len(fake.requests) == 1


@pytest.mark.parametrize(
    ("reason", "kind"),
    [("empty", ErrorKind.MODEL), ("too_large", ErrorKind.MODEL), ("context", ErrorKind.CONTEXT)],
)
def test_what_the_model_did_wrong_is_a_failed_rung(reason: str, kind: ErrorKind) -> None:
    found = made(Fake([reply_error(reason), RIGHT]))
    assert (found.outcome, found.rungs) == (Outcome.PASS, 2)
    assert [event.kind for event in found.events] == [kind]


def test_infrastructure_in_a_later_rung_keeps_what_was_delivered_and_decides_nothing() -> None:
    found = made(Fake([WRONG, reply_error("idle"), RIGHT]))
    assert (found.outcome, found.artifact, found.rungs) == (Outcome.INCONCLUSIVE, WRONG, 2)
    assert found.steps[-1].error


def test_an_unreachable_backend_is_for_the_run_to_handle() -> None:
    with pytest.raises(BackendUnreachableError):
        made(Fake([BackendUnreachableError("gone")]))


def test_a_broken_check_is_nobody_s_failure() -> None:
    broke = Verdict("user", True, Outcome.INCONCLUSIVE, 1, 0, (Finding(ErrorKind.INFRASTRUCTURE, "it broke"),))
    fake = Fake([RIGHT, RIGHT], verdicts=lambda _text: (broke,))
    found = made(fake)
    assert (found.outcome, found.rungs) == (Outcome.INCONCLUSIVE, 1)
    assert found.reason.endswith("it broke")
    assert [event.kind for event in found.events] == [ErrorKind.INFRASTRUCTURE]


def test_a_reply_cut_at_num_predict_says_so() -> None:
    found = made(Fake([make_reply('{"total": 9', "length")]), retries=0)
    assert [(event.kind, event.step) for event in found.events][-1] == (ErrorKind.MODEL, 1)
    assert "num_predict" in found.events[-1].message


def test_a_prompt_that_was_cut_says_so() -> None:
    found = made(Fake([make_reply(RIGHT, truncated=True)]))
    assert found.outcome is Outcome.PASS
    assert [event.kind for event in found.events] == [ErrorKind.CONTEXT]


@pytest.mark.parametrize(
    ("limits", "used", "rungs"),
    [
        (Limits(attempts=1), Usage(1), 3),
        (Limits(tokens=15), Usage(), 1),
        (Limits(tokens=16), Usage(), 2),
        (Limits(tokens=100), Usage(tokens=70), 2),
        (Limits(tokens=100), Usage(tokens=100), 1),
        (Limits(cost=1.0), Usage(cost=1.0), 1),
        (Limits(), Usage(), 3),
    ],
)
def test_limits_hold_inside_an_attempt_but_its_first_rung_was_granted(limits: Limits, used: Usage, rungs: int) -> None:
    fake = Fake(['{"total": 1}', '{"total": 2}', '{"total": 3}'])
    found = made(fake, task=make_task(limits=limits), used=used)
    assert (found.rungs, len(fake.requests)) == (rungs, rungs)
    assert ("used up" in found.reason) is (rungs < 3)


def test_a_run_that_has_to_stop_starts_no_further_rung() -> None:
    asked: list[str] = []
    fake = Fake([WRONG, RIGHT], stop=lambda: asked.append("?") or "the budget is spent")
    found = made(fake)
    assert (found.rungs, found.outcome) == (1, Outcome.FAIL)
    assert found.reason.endswith("the budget is spent")
    assert len(asked) == 1


def test_prices() -> None:
    settings = ModelConfig(price_per_token=0.5, price_per_second=2.0)
    assert cost_of(make_reply("x"), settings) == 15 * 0.5 + 0.25 * 2.0
    assert cost_of(make_reply("x", cached=True), settings) == 0.0
    found = made(Fake([WRONG, RIGHT]), settings=settings)
    assert found.cost == 2 * (15 * 0.5 + 0.25 * 2.0)


def test_steps_begin_where_earlier_ones_ended() -> None:
    found = made(Fake([WRONG, RIGHT]), first_step=3)
    assert [step.number for step in found.steps] == [3, 4, 5, 6]
    assert {event.step for event in found.events} == {4}


def test_a_later_attempt_draws_anew() -> None:
    first, second = Fake([RIGHT]), Fake([RIGHT])
    made(first)
    made(second, number=2)
    assert first.requests[0].options.seed != second.requests[0].options.seed


def test_what_a_check_compares_never_reaches_the_request() -> None:
    """Not in the messages, not in the schema: of the whole request, as it goes to a backend."""
    task = make_task(reference='{"total": 90210}', checks=CHECKS)
    fake = Fake([WRONG, '{"total": 2}', BROKEN, "a plan", '{"total": 3}'])
    made(fake, task=replace(task, strategy=Strategy.CONVERSATIONAL), retries=3)
    sent = json.dumps([[m.content for m in request.messages] + [request.schema] for request in fake.requests])
    assert "90210" not in sent


def under(*remedies: Remedy) -> Protocol:
    return Protocol(1, "data.json.extract", "small", remedies, "hash-of-it")


def to_right(text: str, _brief: object, _settings: object) -> str | None:
    return RIGHT if text == WRONG else None


def test_a_fixer_mends_the_reply_before_it_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BUILT_IN, "test.right", f"{__name__}:to_right")
    fake = Fake([WRONG])
    found = made(fake, protocol=under(Remedy("fixer", "test.right")))
    assert (found.outcome, found.artifact, found.protocol) == (Outcome.PASS, RIGHT, "hash-of-it")
    assert [(step.kind, step.name, step.output) for step in found.steps] == [
        ("model", "conversational", None),
        ("fixer", "test.right", RIGHT),
        ("validation", "checks", None),
    ]
    assert (
        found.steps[0].reply is not None and found.steps[0].reply.text == WRONG
    )  # what the model said stays as it was
    assert fake.judged == [RIGHT]


def test_a_protocols_examples_rules_and_options_reach_the_model() -> None:
    pool = [{"task": "T-9", "group": "g", "goal": "", "inputs": {"text": "A total"}, "artifact": '{"total": 9}'}]
    fake = Fake([RIGHT])
    made(
        fake,
        protocol=under(
            Remedy("exemplar", "nearest", {"pool": pool}),
            Remedy("rule", "cents", {"text": "Totals are cents."}),
            Remedy("option", "options", {"num_predict": 77, "temperature": 0.2, "constrained": False, "stop": ["END"]}),
            Remedy("route", "model", {"model": "larger"}),
        ),
    )
    request = fake.requests[0]
    assert [message.role for message in request.messages] == ["system", "user", "assistant", "user"]
    assert "Totals are cents." in request.messages[-1].content
    options = request.options
    assert (options.num_predict, options.temperature, options.stop) == (77, 0.2, ("END",))
    assert (request.schema, request.model) == (None, "larger")
    assert options.seed == seed("TASK-001", 0)  # never from the protocol


def test_a_ladder_that_climbs_on_public_findings_stops_at_a_rejection() -> None:
    ladder = Remedy("strategy", "ladder", {"rungs": ["conversational", "fresh", "sample"], "on": "public"})
    fake = Fake([BROKEN, WRONG, RIGHT])
    found = made(fake, protocol=under(ladder), retries=0)
    assert names(found) == ["conversational", "checks", "fresh", "checks"]
    assert (found.outcome, found.calls) == (Outcome.FAIL, 2)


def test_an_added_check_comes_before_the_key_and_counts_in_no_score() -> None:
    added = Remedy("check", "text.contains", {"all": ["902"]})
    fake = Fake([WRONG])
    found = made(fake, protocol=under(added), retries=0)
    verdicts = [verdict for step in found.steps for verdict in step.verdicts]
    assert [(verdict.validator, verdict.public) for verdict in verdicts] == [
        ("json.parse", True),
        ("json.schema", True),
        ("text.contains", True),
    ]
    assert found.score == 0.0
