from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from metaagent.ledger import attempts, claims, runs
from metaagent.ledger.database import Ledger
from metaagent.ledger.first_tries import first_tries, said
from metaagent.records import Outcome, Purpose, Reply, Step
from tests.ledger.conftest import START, Clock, make_attempt, start, store


def test_one_attempt_comes_back_whole(ledger: Ledger) -> None:
    attempt = store(ledger, make_attempt(prompt="say password=hunter22 please", reply="€ \ud800 reply"))
    shown = attempts.show(ledger, attempt.id)
    assert shown is not None
    assert (shown["outcome"], shown["agent"], shown["score"]) == ("fail", "agent:executor:main", 0.75)
    model, check = shown["steps"]
    assert (model["prompt"], model["reply"]) == ("say password=[masked] please", "€ \\ud800 reply")
    assert (check["kind"], check["prompt"]) == ("validation", None)
    assert [(v["validator"], v["held"], v["checked"]) for v in shown["verdicts"]] == [("json.expected", 3, 4)]
    assert [(e["location"], e["expected"], e["got"]) for e in shown["events"]] == [("$.total", "1200", "12")]
    assert attempts.show(ledger, "none") is None


def test_a_text_and_the_content_of_a_task_are_stored_once(ledger: Ledger) -> None:
    for _ in range(3):
        store(ledger, make_attempt())
    counts = ledger.one("SELECT (SELECT count(*) FROM texts), (SELECT count(*) FROM task_versions)")
    assert counts is not None
    assert tuple(counts) == (2, 1)


def test_a_failed_call_has_a_step_with_its_error(ledger: Ledger) -> None:
    attempt = make_attempt(outcome=Outcome.INCONCLUSIVE)
    start(ledger, attempt)
    step = Step(1, "model", "conversational", START, 1.5, "prompt", None, error="no reply; token: abcdef123")
    ledger.write(attempts.step_batch(attempt.id, step, ledger.run_id))
    shown = attempts.show(ledger, attempt.id)
    assert shown is not None
    assert shown["steps"][0]["error"] == "no reply; token: [masked]"
    assert shown["outcome"] is None


def test_usage_counts_runs_only_and_interrupted_ones_by_their_cost(ledger: Ledger) -> None:
    store(ledger, make_attempt())
    store(ledger, make_attempt(outcome=Outcome.PASS))
    store(ledger, make_attempt(purpose=Purpose.TRIAL))
    broken = make_attempt("TASK-001")
    start(ledger, broken)
    ledger.write(attempts.step_batch(broken.id, broken.steps[0], ledger.run_id))
    ledger.write(attempts.interrupt_batch([broken.id], START, ledger.run_id))
    assert attempts.usage(ledger) == {"TASK-001": attempts.Usage(2, 6.0, 360, 1.0, 2)}
    assert attempts.usage(ledger, ["TASK-001", "TASK-002"]) == attempts.usage(ledger)
    assert attempts.usage(ledger, []) == {}


def test_the_first_outcome_of_an_attempt_stands(ledger: Ledger) -> None:
    attempt = store(ledger, make_attempt(outcome=Outcome.PASS))
    ledger.write(attempts.interrupt_batch([attempt.id], START))
    assert attempts.list_attempts(ledger)[0]["outcome"] == "pass"


def test_history_is_by_agent_and_domain_and_of_decided_attempts(ledger: Ledger) -> None:
    for outcome in (Outcome.PASS, Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE):
        store(ledger, make_attempt(outcome=outcome))
    store(ledger, make_attempt("TASK-002"), domain=None)
    store(ledger, make_attempt(purpose=Purpose.EVALUATE))
    assert attempts.history(ledger) == {
        ("agent:executor:main", "data.json.extract"): (2, 3),
        ("agent:executor:main", None): (0, 1),
    }


def test_numbers_go_on_from_the_highest(ledger: Ledger) -> None:
    assert attempts.next_number(ledger, "TASK-001") == 1
    start(ledger, make_attempt(), number=4)
    assert attempts.next_number(ledger, "TASK-001") == 5


def test_the_log_filters(ledger: Ledger) -> None:
    old = store(ledger, make_attempt(started=START - timedelta(days=2)))
    new = store(ledger, make_attempt("TASK-002", outcome=Outcome.PASS))
    running = make_attempt("TASK-003")
    start(ledger, running)

    def ids(**filters: object) -> list[str]:
        return [row["id"] for row in attempts.list_attempts(ledger, attempts.Filters(**filters))]  # type: ignore[arg-type]

    assert ids() == [running.id, new.id, old.id]
    assert ids(limit=1) == [running.id]
    assert ids(task_id="TASK-001") == [old.id]
    assert ids(outcome="pass") == [new.id]
    assert ids(outcome="running") == [running.id]
    assert ids(since=START - timedelta(hours=1)) == [running.id, new.id]
    assert ids(agent="nobody") == ids(model="none") == ids(run_id="none") == ids(purpose="trial") == []
    assert [row["id"] for row in attempts.of_task(ledger, "TASK-002")] == [new.id]
    assert attempts.find(ledger, new.id[:20]) or attempts.find(ledger, new.id[-6:]) == [new.id]
    assert attempts.find(ledger, "%") == attempts.find(ledger, "") == attempts.find(ledger, "_" * 26) == []


def test_a_cursor_follows_the_order_of_durability(ledger: Ledger) -> None:
    late = make_attempt()
    start(ledger, late)
    store(ledger, make_attempt("TASK-002"))
    (first,) = attempts.since(ledger, "")
    ledger.write(attempts.end_batch(late))  # ended earlier by its clock, and made earlier
    assert [row["id"] for row in attempts.since(ledger, first["seen"])] == [late.id]
    assert [row["id"] for row in attempts.since(ledger, first["id"])] == [late.id]
    assert attempts.since(ledger, late.id) == []
    assert attempts.since(ledger, "2999-01-01T00:00:00.000Z") == []
    assert len(attempts.since(ledger, "2000-01-01T00:00:00.000Z")) == 2


def test_what_nobody_works_on_any_more_is_unfinished(ledger: Ledger, clock: Clock) -> None:
    ended, covered, lapsed, trial = (make_attempt(f"TASK-00{n}") for n in range(1, 5))
    trial = replace(trial, purpose=Purpose.TRIAL)
    assert ledger.run_id is not None
    claims.claim(ledger, ledger.run_id, [("TASK-002", "a"), ("TASK-003", "a")], 9, clock.now, 60)
    for attempt in (covered, lapsed, trial):
        start(ledger, attempt)
    store(ledger, ended)
    ledger.write(claims.release_batch(["TASK-003"]))
    assert [row["id"] for row in attempts.unfinished(ledger, clock.now)] == [lapsed.id]
    later = clock.now + timedelta(seconds=61)
    assert [row["id"] for row in attempts.unfinished(ledger, later)] == [covered.id, lapsed.id]
    runs.end(ledger, ledger.run_id, "interrupted", {})
    assert {row["id"] for row in attempts.unfinished(ledger, clock.now)} == {covered.id, lapsed.id, trial.id}


def test_an_attempt_that_begins_while_others_are_looked_at_is_not_taken_for_abandoned(
    ledger: Ledger, clock: Clock
) -> None:
    """Another run claims and starts, in one transaction, right after the first look into the ledger."""
    attempt, run_id = make_attempt("TASK-002"), ledger.run_id
    assert run_id is not None

    class Busy:
        looks = 0

        def query(self, *asked: Any) -> Any:
            found = ledger.query(*asked)
            self.looks += 1
            if self.looks == 1:
                claims.claim(ledger, run_id, [("TASK-002", "a")], 9, clock.now, 60)
                start(ledger, attempt)
            return found

    busy: Any = Busy()
    assert attempts.unfinished(busy, clock.now) == [] and busy.looks == 2
    assert attempts.unfinished(ledger, clock.now) == []


def test_the_end_and_what_belongs_to_it_are_one_transaction(ledger: Ledger) -> None:
    attempt = make_attempt()
    start(ledger, attempt)
    wrong = [("INSERT INTO no_such_table VALUES (1)", ())]
    future = ledger.submit(attempts.end_batch(attempt, status=wrong))
    assert future.exception(10) is not None
    assert attempts.list_attempts(ledger)[0]["outcome"] is None


def test_unknown_tokens_stay_unknown(ledger: Ledger) -> None:
    attempt = make_attempt()
    start(ledger, attempt)
    said = Reply("r", "m", "d", "b", "stop", None, None, 1.0, 1.0)
    ledger.write(attempts.step_batch(attempt.id, replace(attempt.steps[0], reply=said)))
    assert ledger.query("SELECT prompt_tokens, truncated FROM steps")[0]["prompt_tokens"] is None


def test_how_likely_the_values_of_a_reply_were_comes_back_with_it(ledger: Ledger) -> None:
    attempt = make_attempt()
    start(ledger, attempt)
    told = {"state": {'"due"': -0.5, '"open"': -1.25}}
    reply = attempt.steps[0].reply
    assert reply is not None
    model = replace(attempt.steps[0], reply=replace(reply, logprobs=told))
    for step in (model, attempt.steps[1]):
        ledger.write(attempts.step_batch(attempt.id, step))
    ledger.write(attempts.end_batch(attempt))
    (tried,) = first_tries(ledger, attempt.protocol, attempt.model, [attempt.task_id])
    assert (tried.reply, tried.logprobs) == (reply.text, told)
    assert said(ledger, [attempt.id])[attempt.id].logprobs == told
