from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent.errors import NotFoundError
from metaagent.inference.base import ChatRequest
from metaagent.inference.scripted import Answer
from metaagent.ledger import heartbeats
from metaagent.ledger.heartbeats import Beat
from metaagent.orchestrator.heartbeat import TRIES, Pulse, due, heartbeat
from metaagent.orchestrator.state import RunOptions
from metaagent.records import Agent
from tests.orchestrator.place import RIGHT, Model, Place
from tests.orchestrator.values import AGENT, START

Make = Callable[..., Place]
TWO = "agents:\n  agent:executor:a: {heartbeat: 15m}\n  agent:executor:b: {heartbeat: 1h}\n  agent:executor:c: {}\n"


def agent(name: str, minutes: float | None = 15, **fields: object) -> Agent:
    return replace(AGENT, id=f"agent:executor:{name}", heartbeat=minutes and minutes * 60, **fields)  # type: ignore[arg-type]


def beats(**minutes_ago: float) -> dict[str, Beat]:
    return {
        f"agent:executor:{name}": Beat(f"agent:executor:{name}", START - timedelta(minutes=ago), "ok", 0, None)
        for name, ago in minutes_ago.items()
    }


def names(found: tuple[Agent, ...]) -> list[str]:
    return [one.id[-1] for one in found]


def test_who_never_had_a_heartbeat_is_due_first_then_the_longest_overdue() -> None:
    agents = [agent("a"), agent("b"), agent("c"), agent("d"), agent("e", 600)]
    found = due(agents, beats(a=20, c=90, d=5, e=90), START)
    assert names(found) == ["b", "c", "a"]


def test_several_new_agents_come_by_name() -> None:
    assert names(due([agent("b"), agent("a"), agent("c")], {}, START)) == ["a", "b", "c"]


def test_the_paused_and_those_without_an_interval_are_never_due() -> None:
    assert due([agent("a", None), agent("b", paused=True)], beats(a=999, b=999), START) == ()


@pytest.mark.parametrize(("ago", "is_due"), [(15, True), (13.6, True), (13.4, False), (0, False)])
def test_a_tenth_of_the_interval_is_forgiven(ago: float, is_due: bool) -> None:
    assert bool(due([agent("a")], beats(a=ago), START)) is is_due


@given(
    st.lists(st.tuples(st.integers(1, 2000), st.none() | st.integers(0, 5000), st.booleans()), max_size=8),
    st.randoms(),
)
def test_due_depends_on_nothing_but_its_arguments(rows: list[tuple[int, int | None, bool]], random: object) -> None:
    agents = [agent(chr(97 + index), minutes, paused=paused) for index, (minutes, _, paused) in enumerate(rows)]
    last = beats(**{chr(97 + index): ago for index, (_, ago, _) in enumerate(rows) if ago is not None})
    found = due(agents, last, START)
    shuffled = list(agents)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert due(shuffled, last, START) == found
    for one in agents:
        ago = (START - last[one.id].time).total_seconds() if one.id in last else float("inf")
        assert (one in found) == (not one.paused and ago >= 0.9 * (one.heartbeat or 0))


def beat(place: Place, **options: object) -> tuple[tuple[Pulse, ...], list[float]]:
    slept: list[float] = []
    place.events = []
    given = RunOptions(command="heartbeat", **options)  # type: ignore[arg-type]
    return heartbeat(place.workspace, given, place.events.append, sleep=slept.append), slept


def last(place: Place) -> dict[str, Beat]:
    with place.workspace.open_ledger() as ledger:
        return heartbeats.last(ledger)


def test_a_pass_runs_the_agents_that_are_due_and_no_other(make: Make) -> None:
    place = make(2, config=TWO)
    pulses, slept = beat(place)
    assert [(pulse.agent_id[-1], pulse.ok, pulse.tries) for pulse in pulses] == [("a", True, 1), ("b", True, 1)]
    assert slept == []
    assert len(place.where("DONE")) == 2
    assert set(last(place)) == {"agent:executor:a", "agent:executor:b"}
    assert beat(place)[0] == ()
    assert {row[0] for row in place.rows("SELECT command FROM runs")} == {"heartbeat"}


def test_a_named_agent_is_run_due_or_not(make: Make) -> None:
    place = make(1, config=TWO)
    beat(place)
    (pulse,), _ = beat(place, agent="agent:executor:c")
    assert (pulse.agent_id, pulse.ok) == ("agent:executor:c", True)
    with pytest.raises(NotFoundError):
        beat(place, agent="agent:executor:nobody")


def test_a_failed_heartbeat_is_tried_again_and_counted(make: Make, model: Model) -> None:
    """The backend breaks for three attempts in a row, which ends a run; the second try finds it mended."""
    place = make(5, config=TWO)
    model.answer = lambda _request: Answer(error="idle") if len(model.requests) <= 3 else RIGHT
    model.slots = 1
    (pulse,), slept = beat(place, agent="agent:executor:a")
    assert (pulse.ok, pulse.tries, slept) == (True, 2, [2.0])
    assert len(place.where("DONE")) == 5
    assert place.rows("SELECT agent, result, tries FROM heartbeats") == [("agent:executor:a", "ok", 2)]


def test_after_three_tries_it_has_failed_and_failures_in_a_row_are_counted(make: Make, model: Model) -> None:
    place = make(9, config=TWO)
    model.answer = lambda _request: Answer(error="idle")
    for _ in range(2):
        (pulse,), slept = beat(place, agent="agent:executor:a")
        assert (pulse.ok, pulse.tries, slept) == (False, TRIES, [2.0, 4.0])
    found = last(place)["agent:executor:a"]
    assert (found.result, found.failures, found.last_ok) == ("failed", 2, None)
    assert not place.where("IN_PROGRESS")
    model.answer = lambda _request: RIGHT
    beat(place, agent="agent:executor:a")
    assert last(place)["agent:executor:a"].failures == 0


def test_what_trying_again_cannot_mend_is_noted_at_once(make: Make) -> None:
    place = make(1, config=TWO)
    place.edit("### DONE\n", "<<<<<<< mine\n### DONE\n")
    pulses, slept = beat(place)
    assert [(pulse.ok, pulse.tries) for pulse in pulses] == [(False, 1), (False, 1)]
    assert slept == []
    assert "conflict marker" in pulses[0].message


def test_tasks_that_fail_are_no_failed_heartbeat(make: Make) -> None:
    place = make(1, config=TWO)
    place.write_script(default="not json")
    (first, second), _ = beat(place)
    assert first.ok and second.ok
    assert first.summary is not None and first.summary.status == 1


def test_ctrl_c_ends_the_whole_pass(make: Make, model: Model) -> None:
    import os
    import signal

    def answer(_request: ChatRequest) -> Answer:
        os.kill(os.getpid(), signal.SIGINT)
        return Answer(RIGHT, delay=20)

    place = make(3, config=TWO)
    model.answer = answer
    pulses, slept = beat(place)
    assert [(pulse.ok, pulse.tries) for pulse in pulses] == [(False, 1)]
    assert slept == []
    place.nothing_left_behind()
