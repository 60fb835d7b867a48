"""Selection: the four parts, their weights, and what must hold for every input."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent.agents.roles import built_in_roles
from metaagent.agents.selection import (
    NO_HISTORY,
    WEIGHTS,
    Score,
    choose,
    expected_pass_rate,
    named_share,
    prefixes,
    rank,
    roll_up,
    skill_of,
)
from metaagent.records import Agent, AgentState, Role, Task

ROLES = built_in_roles()
DOMAIN = "data.json.extract"
TASK = Task("TASK-001", "t", domain=DOMAIN)
ONE = Agent("agent:executor:one", "executor", "m")
TWO = Agent("agent:executor:two", "executor", "m")

DOMAINS = st.sampled_from([None, "data", "data.json", DOMAIN, "data.json.other", "text.summary", "code"])
TALLIES = st.tuples(st.integers(0, 50), st.integers(0, 50)).map(lambda pair: (pair[0], pair[0] + pair[1]))
HISTORIES = st.dictionaries(st.tuples(st.sampled_from([ONE.id, TWO.id]), DOMAINS), TALLIES, max_size=8)


def score(agent: Agent = ONE, task: Task = TASK, **facts: Any) -> Score:
    return rank(task, [agent], facts.pop("roles", ROLES), **facts)[0]


def part(scored: Score, name: str) -> float:
    return next(part.value for part in scored.parts if part.name == name)


def test_the_weights_are_those_of_the_design() -> None:
    assert WEIGHTS == {"capability": 0.4, "history": 0.3, "load": 0.2, "availability": 0.1}
    assert sum(WEIGHTS.values()) == pytest.approx(1)


def test_a_total_is_the_weighted_sum_of_its_parts() -> None:
    scored = score(history=roll_up({(ONE.id, DOMAIN): (3, 4)}), load={ONE.id: 1})
    assert scored.total == pytest.approx(sum(WEIGHTS[part.name] * part.value for part in scored.parts))
    assert [part.name for part in scored.parts] == list(WEIGHTS)


def test_prefixes_go_from_general_to_specific() -> None:
    assert prefixes(DOMAIN) == ("", "data", "data.json", DOMAIN)
    assert prefixes(None) == ("",)


def test_the_longest_prefix_of_a_skill_counts() -> None:
    role = Role("r", "p", "s", "t", skills={"": 0.1, "data": 0.2, "data.json": 0.9})
    assert skill_of(role, DOMAIN) == ("data.json", 0.9)
    assert skill_of(role, "data.sql") == ("data", 0.2)
    assert skill_of(role, "database") == ("", 0.1)
    assert skill_of(role, None) == ("", 0.1)
    assert skill_of(replace(role, skills={}), DOMAIN) == ("", 0.0)


@pytest.mark.parametrize(
    ("capabilities", "share"),
    [
        ((), 0),
        (("json",), 1 / 3),
        (("data.json",), 2 / 3),
        ((DOMAIN,), 1),
        (("json", "extract", "data"), 1),
        (("x",), 0),
    ],
)
def test_capabilities_name_parts_of_a_domain(capabilities: tuple[str, ...], share: float) -> None:
    assert named_share(capabilities, DOMAIN) == pytest.approx(share)


def test_a_new_agent_is_not_stuck_at_zero() -> None:
    assert part(score(), "history") == 0.5
    proven = roll_up({(TWO.id, DOMAIN): (2, 20)})
    assert rank(TASK, [ONE, TWO], ROLES, history=proven)[0].agent_id == ONE.id


def test_history_of_near_domains_counts_less_than_the_own() -> None:
    own = expected_pass_rate(ONE.id, DOMAIN, roll_up({(ONE.id, DOMAIN): (10, 10)}))
    near = expected_pass_rate(ONE.id, DOMAIN, roll_up({(ONE.id, "data.json.other"): (10, 10)}))
    far = expected_pass_rate(ONE.id, DOMAIN, roll_up({(ONE.id, "text.summary"): (10, 10)}))
    assert own > near >= far > 0.5


def test_own_history_outweighs_that_of_near_domains() -> None:
    history = roll_up({(ONE.id, DOMAIN): (0, 20), (ONE.id, "data.json.other"): (200, 200)})
    assert expected_pass_rate(ONE.id, DOMAIN, history) < 0.2


@pytest.mark.parametrize(
    ("agent", "states", "reason"),
    [
        (replace(ONE, paused=True), {}, "paused; `metaagent agent resume agent:executor:one`"),
        (ONE, {ONE.id: AgentState.BLOCKED}, "BLOCKED on the board"),
        (replace(ONE, role="qa"), {}, "its role 'qa' advises and writes no artifacts"),
        (replace(ONE, role="ghost"), {}, "its role 'ghost' is unknown"),
    ],
)
def test_who_is_not_eligible_comes_last_with_the_reason(
    agent: Agent, states: dict[str, AgentState], reason: str
) -> None:
    scores = rank(replace(TASK, assignees=(ONE.id,)), [agent, TWO], ROLES, states=states, load={TWO.id: 99})
    assert [scored.agent_id for scored in scores] == [TWO.id, ONE.id]
    assert (scores[1].eligible, scores[1].total, scores[1].reason) == (False, 0.0, reason)
    assert scores[1].explanation == f"not eligible: {reason}"
    assert choose(scores[1:]) is None
    assert choose(scores) is scores[0]


def test_nobody_is_chosen_of_nobody() -> None:
    assert rank(TASK, [], ROLES) == () and choose(()) is None


def test_the_boards_assignee_comes_first_where_eligible() -> None:
    task = replace(TASK, assignees=("agent:ghost:x", TWO.id))
    first = rank(task, [ONE, TWO], ROLES, load={TWO.id: 50})[0]
    assert first.agent_id == TWO.id and first.assigned
    assert first.reason == "the board assigns the task to it"


def test_ties_go_to_the_smaller_id() -> None:
    assert [scored.agent_id for scored in rank(TASK, [TWO, ONE], ROLES)] == [ONE.id, TWO.id]


def test_an_explanation_names_all_parts_and_evidence() -> None:
    words = score(history=roll_up({(ONE.id, "data.json.other"): (3, 4)}), load={ONE.id: 1}).explanation
    for expected in ("skill 0.70 for data.json", "passed 3 of 4 in data.json", "1 task open", "x 40%", "x 10%"):
        assert expected in words
    assert "no history yet" in score().explanation


@given(HISTORIES, DOMAINS)
def test_one_more_pass_never_lowers_and_one_more_failure_never_raises(
    history: dict[tuple[str, str | None], tuple[int, int]], domain: str | None
) -> None:
    task = replace(TASK, domain=domain)
    for at in [None, "data", "data.json", DOMAIN, "text"]:
        passes, total = history.get((ONE.id, at), (0, 0))
        before = score(task=task, history=roll_up(history)).total
        better = score(task=task, history=roll_up({**history, (ONE.id, at): (passes + 1, total + 1)})).total
        worse = score(task=task, history=roll_up({**history, (ONE.id, at): (passes, total + 1)})).total
        assert worse <= before + 1e-12 and before <= better + 1e-12


@given(st.floats(0, 1), st.floats(0, 1), st.sets(st.sampled_from(["data", "json", "extract"])))
def test_more_skill_or_capability_never_lowers(low: float, high: float, named: set[str]) -> None:
    low, high = sorted((low, high))
    totals = []
    for skill in (low, high):
        roles = {"executor": replace(ROLES["executor"], skills={"data": skill})}
        totals.append(score(replace(ONE, capabilities=tuple(named)), roles=roles).total)
        assert score(replace(ONE, capabilities=(*named, "json")), roles=roles).total >= totals[-1]
    assert totals[0] <= totals[1]


@given(st.integers(0, 1000))
def test_more_load_lowers_and_being_busy_lowers(open_tasks: int) -> None:
    assert score(load={ONE.id: open_tasks + 1}).total < score(load={ONE.id: open_tasks}).total
    busy, idle = (score(states={ONE.id: state}).total for state in (AgentState.ACTIVE, AgentState.IDLE))
    assert busy < idle == score().total


@given(HISTORIES, DOMAINS, st.lists(st.sampled_from(sorted(ROLES)), min_size=1, max_size=6), st.randoms())
def test_the_order_of_what_comes_in_does_not_matter(
    history: dict[tuple[str, str | None], tuple[int, int]],
    domain: str | None,
    names: list[str],
    chance: random.Random,
) -> None:
    agents = [Agent(f"agent:{name}:{number}", name, "m") for number, name in enumerate(names)] + [ONE, TWO]
    shuffled, entries = agents[:], list(history.items())
    chance.shuffle(shuffled)
    chance.shuffle(entries)
    task = replace(TASK, domain=domain)
    first = rank(task, agents, ROLES, history=roll_up(history))
    assert first == rank(task, shuffled, ROLES, history=roll_up(dict(entries)))
    assert all(0 <= part.value <= 1 for scored in first for part in scored.parts)
    assert all(0 <= scored.total <= 1 for scored in first)


def test_no_history_is_the_roll_up_of_nothing() -> None:
    assert roll_up({}) == NO_HISTORY
