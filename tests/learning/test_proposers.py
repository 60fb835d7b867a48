"""What each built-in proposer makes of mine cases, and when it stays silent."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from metaagent.learning.proposals import Case
from metaagent.learning.proposers import proposers
from metaagent.learning.proposers.checks import PublicChecks
from metaagent.learning.proposers.exemplars import Solved
from metaagent.learning.proposers.json import JsonFields
from metaagent.learning.proposers.notes import NotedFields
from metaagent.learning.proposers.options import RaisedLimits
from metaagent.learning.proposers.rules import PatternRules
from metaagent.learning.proposers.shipped import Shipped
from metaagent.learning.proposers.strategies import Ladder
from metaagent.records import ArtifactForm, ErrorKind
from tests.learning.values import BENCH, PASS, event, make_case, make_task

WRONG = [make_case(make_task(f"T{n}", {"name": f"N{n}"}), f'{{"name": "n{n}"}}') for n in range(6)]
RIGHT = [make_case(make_task(f"R{n}", {"name": f"N{n}"}), f'{{"name": "N{n}"}}') for n in range(6)]


def test_all_built_in_proposers_load_and_have_names_of_their_own() -> None:
    found = proposers()
    assert len({one.name for one in found}) == len(found) >= 6


@pytest.mark.parametrize("make", [Shipped, RaisedLimits, PublicChecks, Ladder, PatternRules])
def test_where_all_pass_or_fail_by_substance_nothing_is_proposed(make: type) -> None:
    assert make().propose(RIGHT, BENCH) == []
    assert make().propose([], BENCH) == []


def test_a_shipped_fixer_is_proposed_where_it_mends_and_harms_nothing() -> None:
    fenced = [
        make_case(make_task(f"F{n}", {"name": f"N{n}"}), f'Here:\n```json\n{{"name": "N{n}"}}\n```') for n in range(3)
    ]
    found = Shipped().propose(fenced + RIGHT, BENCH)
    assert found and found[0].remedy.name == "text.fence"
    assert set(found[0].mended) == {"F0", "F1", "F2"} and found[0].harmed == ()


STATE = ArtifactForm(
    "json", {"type": "object", "properties": {"name": {"type": "string"}, "state": {"enum": ["a", "b"]}}}
)


def stated(n: int, own: str, wanted: str, **more: str) -> Case:
    task = make_task(f"S{n:02}", {"name": f"N{n}", "state": wanted}, artifact=STATE)
    return make_case(task, json.dumps({"name": f"N{n}", **more, "state": own}))


def test_a_note_where_one_value_stands_for_several_and_not_where_it_is_but_another_word() -> None:
    swapped = [stated(n, own, wanted) for n, (own, wanted) in enumerate([("a", "b"), ("b", "a")] * 10)]
    assert NotedFields().propose(swapped, BENCH) == []
    mixed = [stated(n, "a", "ab"[n % 3 == 0]) for n in range(20)]
    [found] = NotedFields().propose(mixed, BENCH)
    assert found.remedy.settings == {"fields": ["state"]} and "misjudged in 7 of 20" in found.why
    fixed = [replace(case, artifact=case.task.reference or "", outcome=PASS, score=1.0, events=()) for case in mixed]
    assert NotedFields().propose(fixed, BENCH) == [
        found
    ]  # what fixers made of the cases that they came from tells nothing


def test_a_note_counts_for_nothing_in_what_a_program_gains() -> None:
    plain = [stated(n, "b", "a") for n in range(20)]
    noted = [stated(n, "b", "a", state_note="it waits") for n in range(20)]
    [without], [with_it] = JsonFields().propose(plain, BENCH), JsonFields().propose(noted, BENCH)
    assert without.gain == with_it.gain == 0.5 and len(with_it.mended) == 20


def test_more_room_where_replies_were_cut() -> None:
    cut = event(ErrorKind.MODEL, "the reply was cut at 512 tokens (num_predict)", public=True)
    cases = [make_case(one.task, "{", [cut]) for one in WRONG[:3]]
    [found] = RaisedLimits().propose(cases + RIGHT, BENCH)
    assert found.remedy.settings == {"num_predict": 1024}
    assert RaisedLimits().propose(cases[:2] + RIGHT, BENCH) == []


def test_exemplars_come_from_passes_and_references_and_stay_short() -> None:
    long = make_case(make_task("L", {"name": "x"}, text="long " * 2000), "{}")
    [found, same] = Solved().propose([*WRONG, *RIGHT, long], BENCH)
    pool = found.remedy.settings["pool"]
    assert [entry["task"] for entry in pool] == [f"T{n}" for n in range(6)] + [f"R{n}" for n in range(6)]
    assert json.loads(pool[0]["artifact"]) == {"name": "N0"}
    fixed = [entry["task"] for entry in same.remedy.settings["pool"]]
    assert same.remedy.name == "fixed" and len(set(fixed)) == 6 and set(fixed) <= {entry["task"] for entry in pool}
    assert Solved().propose(RIGHT, BENCH) == []
    assert Solved().propose(WRONG[:3], BENCH) == []


def test_fixed_exemplars_are_near_to_what_fails_and_each_of_another_group() -> None:
    texts = [
        "red apple pie",
        "red apple cake",
        "blue sky above",
        "blue sky below",
        "green leaf fell",
        "green leaf grew",
    ]
    cases = [make_case(make_task(f"T{n}", {"name": f"N{n}"}, text=text), "{}") for n, text in enumerate(texts)]
    solved = [make_case(make_task(f"S{n}", {"name": "N"}, text="old grey stone"), '{"name": "N"}') for n in (7, 8)]
    _, same = Solved().propose([*solved, *cases], BENCH)
    first = [entry["task"] for entry in same.remedy.settings["pool"][:3]]
    assert {name[1] for name in first} in ({a, b, c} for a in "01" for b in "23" for c in "45")


def test_a_ladder_where_public_checks_know_of_failures() -> None:
    cases = [make_case(one.task, "no json") for one in WRONG[:3]]
    [found] = Ladder().propose(cases + RIGHT, BENCH)
    assert found.remedy.settings == {"rungs": ["conversational", "fresh", "sample"], "on": "public"}
    assert Ladder().propose(WRONG + RIGHT, BENCH) == []  # a key check's rejection tells the model nothing


def test_a_rule_for_a_kind_of_public_finding() -> None:
    cases = [make_case(one.task, "x", [event(ErrorKind.FORMAT)]) for one in WRONG[:3]]
    [found] = PatternRules().propose(cases + RIGHT, BENCH)
    assert found.remedy.settings["text"].startswith("Reply with the json alone")
    hidden = [make_case(one.task, "x", [event(ErrorKind.FORMAT, public=False)]) for one in WRONG[:3]]
    assert PatternRules().propose(hidden + RIGHT, BENCH) == []
