"""Patterns: what is grouped, the numbers, the halves, and a person's edits that hold."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metaagent.learning.edits import Edit
from metaagent.learning.fingerprints.fingerprint import Failure
from metaagent.learning.patterns import Event, Exposure, Pattern, in_both_halves, mine, native


def event(number: int, message: str = "wrong value", *, task: int | None = None, place: str = "date") -> Event:
    task = number if task is None else task
    failure = native("assertion", "json.expected", place, message)
    return Event(
        f"e{number:03}",
        f"t{number:03}",
        f"a{number:03}",
        f"T{task}",
        failure,
        "data.json",
        "json.expected",
        '"x"',
        '"y"',
    )


def exposures(count: int) -> list[Exposure]:
    return [Exposure(f"a{i:03}", f"t{i:03}", f"T{i}", {"json.expected", "json.parse"}) for i in range(count)]


def only(found: list[Pattern]) -> Pattern:
    assert len(found) == 1, [pattern.template for pattern in found]
    return found[0]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("json.schema", "items[3].price", "not a number"), ("json.schema", "items[12].price", "not a number"), True),
        (("json.schema", "items[3].price", "not a number"), ("json.schema", "items[3].name", "not a number"), False),
        (("sql.result", "row 3", "wrong row"), ("sql.result", "row 17", "wrong row"), True),
        (("json.parse", "line 3 column 4", "no comma"), ("json.parse", "line 1 column 40", "no comma"), True),
        (("a", "x", "m"), ("b", "x", "m"), False),
        (("a", "", "name 'x' is not defined"), ("a", "", "name 'y' is not defined"), True),
    ],
)
def test_what_is_one_failure(one: tuple[str, str, str], other: tuple[str, str, str], same: bool) -> None:
    failures = [native("schema", *one), native("schema", *other)]
    events = [Event(str(i), str(i), str(i), "T", failure) for i, failure in enumerate(failures)]
    assert (len(mine(events, [], least=1)) == 1) is same


def test_attempts_are_counted_and_never_lines() -> None:
    events = [event(i % 4, place=f"rows[{i}].x") for i in range(40)]
    pattern = only(mine(events, exposures(10)))
    assert (pattern.events, pattern.attempts.k, pattern.attempts.n) == (40, 4, 10)
    assert (pattern.first, pattern.last, pattern.expected, pattern.got) == ("t000", "t003", '"x"', '"y"')


def test_only_attempts_that_the_validator_judged_are_exposed() -> None:
    others = [Exposure(f"b{i}", "t", f"U{i}", {"python.cases"}) for i in range(5)]
    assert only(mine([event(i) for i in range(3)], [*exposures(6), *others])).attempts.n == 6


def test_fewer_than_three_events_are_no_pattern() -> None:
    assert mine([event(0), event(1)], exposures(3)) == []
    assert len(mine([event(0), event(1)], exposures(3), least=1)) == 1


def test_reproducible_needs_three_tasks_in_each_half() -> None:
    assert only(mine([event(i) for i in range(30)], exposures(30))).reproducible is True
    assert only(mine([event(i) for i in range(5)], exposures(30))).reproducible is False
    assert only(mine([event(i, task=0) for i in range(30)], exposures(30))).reproducible is False


def test_whether_a_pattern_is_reproducible_is_no_coin_toss() -> None:
    """Against drawing the halves; six tasks of forty come in threes too seldom, seven do in most draws."""
    for affected, tasks in ((6, 40), (7, 41), (8, 41), (9, 18), (20, 20), (3, 9), (0, 5)):
        draw = random.Random(affected)
        hits = 0
        for _ in range(4000):
            half = sum(task < affected for task in draw.sample(range(tasks), tasks // 2))
            hits += half >= 3 and affected - half >= 3
        assert in_both_halves(affected, tasks) == pytest.approx(hits / 4000, abs=0.03)
    assert only(mine([event(i) for i in range(6)], exposures(40))).reproducible is False
    assert only(mine([event(i) for i in range(7)], exposures(40))).reproducible is True


def test_errors_of_other_tools_stand_beside() -> None:
    failures = [Failure("log", (), f"lost {i} of 9") for i in range(2)]
    foreign = [Event(f"f{i}", "t", f"I{i}", None, one, count=50) for i, one in enumerate(failures)]
    found = mine(
        [*foreign, *[event(i) for i in range(3)]], [*exposures(9), *[Exposure(f"I{i}", "t", None) for i in range(4)]]
    )
    log = next(pattern for pattern in found if pattern.kind == "log")
    assert (log.events, log.attempts.k, log.attempts.n, log.reproducible) == (100, 2, 4, None)
    assert next(pattern for pattern in found if pattern.kind == "assertion").attempts.n == 9


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from(["wrong value", "5 of 7 rows", "x.y is gone", "z.w is gone"])), max_size=40), st.randoms(use_true_random=False))  # fmt: skip  # noqa: E501
def test_patterns_do_not_depend_on_the_order(items: list[tuple[int, str]], random: random.Random) -> None:
    events = [event(number, message) for number, message in items]
    events = [Event(f"{i}", one.time, one.attempt_id, one.task_id, one.failure) for i, one in enumerate(events)]
    again = list(events)
    random.shuffle(again)
    assert mine(again, exposures(31)) == mine(events, exposures(31))


NAMES = [*["root"] * 40, "ann", "bob", "eve"]


def logins() -> list[Event]:
    return [event(i, f"login of {name} was refused", place="") for i, name in enumerate(NAMES)]


def test_a_merged_pattern_is_split_and_merged_again() -> None:
    merged = only(mine(logins(), exposures(43)))
    assert (merged.route, merged.events) == ("merged", 43)
    assert merged.group.differences[0].words == ("ann", "bob", "eve", "root")
    split = Edit("split", merged.id, merged.group.members)
    apart = mine(logins(), exposures(43), [split], least=1)
    assert sorted(pattern.events for pattern in apart) == [1, 1, 1, 40]
    assert {pattern.route for pattern in apart} == {"exact"}
    again = only(mine(logins(), exposures(43), [split, Edit("merge", merged.id, merged.group.members)]))
    assert (again.id, again.events) == (merged.id, 43)


def test_one_signature_is_taken_out_and_the_rest_stays() -> None:
    merged = only(mine(logins(), exposures(43)))
    root = next(one for one in mine(logins(), [], [Edit("split", merged.id, merged.group.members)]) if one.events == 40)
    found = mine(logins(), [], [Edit("split", merged.id, (root.id,))], least=1)
    assert sorted(pattern.events for pattern in found) == [3, 40]


def test_patterns_of_different_places_are_one_by_a_persons_word() -> None:
    events = [*[event(i) for i in range(5)], *[event(i + 5, place="due") for i in range(3)]]
    first, second = mine(events, exposures(9))
    joined = only(mine(events, exposures(9), [Edit("merge", first.id, (*first.group.members, *second.group.members))]))
    assert (joined.id, joined.route, joined.events, joined.attempts.k) == (first.id, "person", 8, 8)
    later = [*events, event(8, "wrong value", place="date")]
    assert (
        only(mine(later, exposures(9), [Edit("merge", first.id, (*first.group.members, *second.group.members))])).events
        == 9
    )


def test_a_label_stays_with_the_signatures() -> None:
    merged = only(mine(logins(), exposures(43)))
    told = [
        Edit("label", merged.id, merged.group.members, "refused"),
        Edit("label", merged.id, merged.group.members, "no entry"),
    ]
    assert only(mine([*logins(), event(50, "login of joe was refused", place="")], [], told)).label == "no entry"
    assert only(mine(logins(), [], [*told, Edit("label", merged.id, merged.group.members, "")])).label is None
