"""Which rung comes first and which next: learned from what each solved on mine tasks, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent.inference.base import ChatRequest
from metaagent.learning.ladders import RUNGS, Climb, ladder_of, steps
from metaagent.learning.proposals import Bench
from metaagent.learning.proposers.strategies import Ladder
from metaagent.ledger.climbs import Climbed, climbed
from metaagent.ledger.database import Ledger
from metaagent.records import Rung
from tests.conftest import Ran
from tests.learning import trying
from tests.learning.values import make_case, make_task, rejudge
from tests.orchestrator.place import BACKEND, Model, Place

Cli = Callable[..., Ran]
FRESH, SAMPLE, PLAN, AT_ONCE = Rung.FRESH, Rung.SAMPLE, Rung.PLAN, Rung.CONVERSATIONAL


def climbs(rung: Rung, solved: int, tried: int, *, first: bool = False, domain: str = "data.json") -> list[Climb]:
    return [Climb(domain, rung, first, place < solved) for place in range(tried)]


def ladder(*found: list[Climb], domain: str = "data.json") -> tuple[Rung, ...]:
    return ladder_of(steps(domain, [one for some in found for one in some]))


def test_where_nothing_is_known_the_usual_ladder_is_tried() -> None:
    assert ladder() == RUNGS == (AT_ONCE, FRESH, SAMPLE)


def test_what_solves_more_is_climbed_sooner_and_a_plan_has_to_pay_for_its_two_calls() -> None:
    assert ladder(climbs(SAMPLE, 6, 10)) == (AT_ONCE, SAMPLE, FRESH)
    assert ladder(climbs(FRESH, 0, 30), climbs(PLAN, 8, 10)) == (AT_ONCE, PLAN, SAMPLE)
    assert ladder(climbs(PLAN, 2, 10), climbs(FRESH, 2, 10)) == (AT_ONCE, FRESH, SAMPLE)
    assert ladder(climbs(SAMPLE, 1, 1)) == (AT_ONCE, SAMPLE, FRESH) != ladder(climbs(SAMPLE, 0, 1))


def test_planning_comes_first_only_where_the_shares_lie_apart() -> None:
    at_once = climbs(AT_ONCE, 5, 20, first=True)
    assert ladder(at_once, climbs(PLAN, 18, 20, first=True)) == (PLAN, FRESH, SAMPLE)
    assert ladder(at_once, climbs(PLAN, 3, 4, first=True))[0] is AT_ONCE
    assert ladder(climbs(PLAN, 20, 20, first=True))[0] is AT_ONCE  # nothing to compare with
    assert ladder(at_once, climbs(PLAN, 18, 20, first=True, domain="data"))[0] is AT_ONCE


def test_a_neighbour_counts_less_and_a_stranger_nothing() -> None:
    for domain, expected in (
        ("data.json", (30 / 37 + 5) / 15),
        ("data", (30 / 37 + 2.5) / 12.5),
        ("code.python", 3 / 37),
    ):
        found = {one.rung: one for one in steps(domain, climbs(SAMPLE, 5, 5)) if not one.first}
        assert found[SAMPLE].expected == pytest.approx(expected)
        assert (found[SAMPLE].tried, found[SAMPLE].solved) == ((5, 5) if domain == "data.json" else (0, 0))


CLIMBS = st.lists(
    st.builds(
        Climb, st.sampled_from(["data", "data.json", "code"]), st.sampled_from(Rung), st.booleans(), st.booleans()
    )
)


@given(CLIMBS, st.randoms(use_true_random=False))
def test_a_ladder_has_each_rung_once_and_does_not_depend_on_order(found: list[Climb], random: object) -> None:
    made = ladder(found)
    assert len(made) == len(RUNGS) and len(set(made[1:])) == len(made) - 1 and made[0] in (AT_ONCE, PLAN)
    random.shuffle(found)  # type: ignore[attr-defined]
    assert ladder(found) == made


def test_the_proposer_offers_the_ladder_that_the_bench_names() -> None:
    wrong = [make_case(make_task(f"W{n}", {"name": "N"}), '{"name": "n"}') for n in range(4)]
    [planned] = Ladder().propose(wrong, Bench(Path(), rejudge, rungs=(PLAN, SAMPLE, FRESH)))
    assert planned.remedy.settings["rungs"] == ["plan", "sample", "fresh"]  # whatever a public check knows
    assert planned.readable[0] == "first a plan, then its answer" and "planning first solved more" in planned.why
    assert Ladder().propose(wrong, Bench(Path(), rejudge, rungs=(AT_ONCE, SAMPLE, FRESH))) == []
    unread = [make_case(one.task, "no json") for one in wrong]
    [found] = Ladder().propose(unread, Bench(Path(), rejudge, rungs=(AT_ONCE, SAMPLE, FRESH)))
    assert found.readable == (
        "on a failed public check: a sample at temperature 0.7, then a fresh prompt with its findings",
    )


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("METAAGENT_BACKEND", BACKEND)
    made = trying.make(tmp_path / "w", 40)
    made.write_config("learning: {salt: fixed}\nrun: {retries: 3}\n")
    made.write_board(INBOX="".join(f"- [REC-{n:03}] Record {n}\n" for n in range(40)))
    return made


def test_rungs_are_read_from_what_attempts_did(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A field is missing until the model has made a plan, except in one domain's odd tasks, which a sample solves."""

    def answer(request: ChatRequest) -> str:
        text = "\n".join(message.content for message in request.messages)
        number = next(n for n in range(40) if f"{trying.WORDS[n % 12]}{n}!" in text)
        right = json.dumps({"name": f"{trying.WORDS[number % 12]}{number}".upper(), "total": number})
        planned = any(message.role == "assistant" for message in request.messages)
        sampled = request.options.temperature > 0
        if planned or (sampled and number % 4 == 0) or number == 1:
            return right
        return json.dumps({"name": "x"}) if number % 4 != 3 else right.lower()  # 3: no public check sees it

    monkeypatch.setattr("metaagent.orchestrator.session.open_backend", Model(answer).backend)
    place.run()
    with Ledger.open(place.workspace.ledger_path) as ledger:
        found = {n: climbed(ledger, [f"REC-{n:03}"], trying.MODEL) for n in (0, 1, 2, 3)}
        domain = trying.DOMAIN
        assert found[1] == [Climbed(domain, "conversational", None, True)]
        assert [(one.rung, one.known, one.solved) for one in found[0]] == [
            ("conversational", None, False),
            ("fresh", True, False),
            ("sample", True, True),
        ]
        assert [(one.rung, one.known, one.solved) for one in found[2]] == [
            ("conversational", None, False),
            ("fresh", True, False),
            ("sample", True, False),
            ("plan", True, True),
        ]
        assert {one.known for one in found[3]} == {None, False}
        assert climbed(ledger, ["REC-001"], "another model") == climbed(ledger, [], trying.MODEL) == []


def test_learn_offers_the_ladder_that_solved_mine_tasks_and_shows_why(
    place: Place, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a plan solves a mine task; on gate and sealed tasks a sample does, which must not be seen."""
    mine: set[str] = set()

    def answer(request: ChatRequest) -> str:
        text = "\n".join(message.content for message in request.messages)
        number = next(n for n in range(40) if f"{trying.WORDS[n % 12]}{n}!" in text)
        planned = any(message.role == "assistant" for message in request.messages)
        solved = planned if f"REC-{number:03}" in mine else request.options.temperature > 0
        name = f"{trying.WORDS[number % 12]}{number}".upper()
        return json.dumps({"name": name, "total": number} if solved else {"name": "x"})

    monkeypatch.chdir(place.root)
    assert cli("learn", "propose", "--json").json == []  # splits the tasks
    mine |= {row[0] for row in place.rows("SELECT task_id FROM v_splits WHERE split = 'mine'")}
    monkeypatch.setattr("metaagent.orchestrator.session.open_backend", Model(answer).backend)
    place.run()
    found = cli("learn", "propose", "--json").json
    [strategy] = [one for one in found if "strategy" in one["kinds"]]
    shown = cli("protocol", "show", strategy["candidate"], "--json").json
    ladders = [one["settings"]["rungs"] for one in shown["remedies"] if one["kind"] == "strategy"]
    assert ladders == [["conversational", "plan", "fresh"]]
    [plan] = [one for one in cli("learn", "plan", "--json").json if one["candidate"] == strategy["candidate"]]
    assert [(one["rung"], one["tried"], one["solved"]) for one in plan["rungs"]] == [
        ("conversational", len(mine), 0),
        ("plan", 0, 0),
        ("plan", len(mine), len(mine)),
        ("fresh", len(mine), 0),
        ("sample", len(mine), 0),
    ]
    assert all(arm["prior"] == pytest.approx(arm["expected"]) for arm in plan["arms"])
    human = cli("learn", "plan").out
    assert "a ladder would climb conversational, plan, fresh" in human and "PRIOR" in human
    assert plan["calls_per_pair"] >= 4  # a plan is two calls
