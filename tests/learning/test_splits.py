"""Splits: shares, strata, groups that stay together, and places that are kept."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent.learning.divide import divide
from metaagent.learning.splits import Member, Rule, Split, assign, member, order, statements
from metaagent.ledger import splits as stored
from metaagent.ledger.database import Ledger
from metaagent.records import Task

MEMBERS = st.lists(
    st.builds(Member, st.integers(0, 80).map(str), st.integers(0, 40).map(str), st.sampled_from("abc")),
    max_size=80,
    unique_by=lambda one: one.task_id,
)


def many(count: int, families: int = 1) -> list[Member]:
    return [Member(f"T-{n}", f"g{n}", f"family {n % families}") for n in range(count)]


@given(MEMBERS, st.text(min_size=1, max_size=8), st.randoms())
def test_a_split_does_not_depend_on_order_and_keeps_groups_whole(
    members: list[Member], salt: str, rng: random.Random
) -> None:
    found = assign(members, salt)
    assert found == assign(rng.sample(members, len(members)), salt)
    by_group: dict[str, set[Split]] = {}
    for one in members:
        by_group.setdefault(one.group, set()).add(found[one.task_id])
    assert all(len(places) == 1 for places in by_group.values())


@pytest.mark.parametrize("count", [10, 60, 97, 200])
@pytest.mark.parametrize("families", [1, 5, 17])
def test_shares_hold_for_the_whole_and_for_each_family(count: int, families: int) -> None:
    members = many(count, families)
    found = assign(members, "salt")
    sizes = Counter(found.values())
    for split, share in ((Split.MINE, 0.3), (Split.GATE, 0.4), (Split.SEALED, 0.3)):
        assert abs(sizes[split] - share * count) <= 1.5
        for family in {one.family for one in members}:
            inside = [found[one.task_id] for one in members if one.family == family]
            assert abs(inside.count(split) - share * len(inside)) <= 1.5


def test_another_salt_is_another_split_and_bare_ids_say_nothing() -> None:
    members = many(60)
    assert assign(members, "one") != assign(members, "two")
    renamed = [Member(f"X-{n}", one.group, one.family) for n, one in enumerate(members)]
    assert list(assign(members, "s").values()) == list(assign(renamed, "s").values())


@given(MEMBERS, st.integers(0, 80))
def test_what_is_known_keeps_its_place_when_tasks_come(members: list[Member], cut: int) -> None:
    first = assign(members[:cut], "salt")
    groups = {one.group: first[one.task_id] for one in members[:cut]}
    whole = assign(members, "salt", groups, first)
    assert {name: whole[name] for name in first} == first


def test_a_changed_task_keeps_its_split_and_the_most_exposed_place_wins() -> None:
    changed = [Member("A", "new", ""), Member("B", "new", "")]
    assert assign(changed, "s", {"old": Split.SEALED}, {"A": Split.SEALED})["B"] is Split.SEALED
    assert assign(changed, "s", {}, {"A": Split.SEALED, "B": Split.MINE})["A"] is Split.MINE


def test_tasks_of_the_same_words_are_one_group() -> None:
    one = Task("A", "first", goal="g", inputs={"text": "Pay  7 Euro"})
    other = Task("B", "second", goal="g", inputs={"text": "pay 7 euro\n"})
    assert member(one).group == member(other).group
    assert member(Task("C", "c", inputs={"text": "x"}, group="mine")).group == "mine"


def test_the_order_of_trial_is_by_salt_alone() -> None:
    ids = [f"T-{n}" for n in range(30)]
    assert order(ids, "a") == order(reversed(ids), "a")
    assert order(ids, "a") != order(ids, "b")


def test_the_ledger_makes_a_split_once(tmp_path: Path) -> None:
    tasks = [Task(f"T-{n}", "t", inputs={"text": f"note {n}"}, set="notes", hash=f"h{n}") for n in range(40)]
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        first = divide(ledger, tasks)
        assert divide(ledger, reversed(tasks), Rule("another")) == first
        assert len(stored.salts(ledger)["notes"]) == 32
        assert stored.task_ids(ledger, "mine") == {name for name, split in first.items() if split is Split.MINE}
        more = [*tasks, Task("T-new", "t", inputs={"text": "new"}, set="notes", hash="n")]
        later = divide(ledger, more)
        assert {name: later[name] for name in first} == first
        edited = [Task("T-0", "t", inputs={"text": "edited"}, set="notes", hash="other"), *tasks[1:]]
        assert divide(ledger, edited)["T-0"] is first["T-0"]
        assert stored.current(ledger)["T-0"]["task_hash"] == "other"


def test_a_salt_makes_splits_repeatable(tmp_path: Path) -> None:
    tasks = [Task(f"T-{n}", "t", inputs={"text": f"note {n}"}, hash=f"h{n}") for n in range(40)]
    found = []
    for name in ("one", "two"):
        with Ledger.open(tmp_path / f"{name}.db") as ledger:
            found.append(divide(ledger, tasks, Rule("salt")))
    assert found[0] == found[1]


def test_families_that_learning_shall_not_see_are_sealed_whole(tmp_path: Path) -> None:
    tasks = [Task(f"T-{n}", "t", inputs={"text": f"note {n}"}, hash=f"h{n}", family=f"f{n % 4}") for n in range(40)]
    rule = Rule("salt", frozenset({"f1", "f3"}))
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        found = divide(ledger, tasks, rule)
        assert {found[task.id] for task in tasks if task.family in rule.unseen} == {Split.SEALED}
        seen = [found[task.id] for task in tasks if task.family not in rule.unseen]
        assert [seen.count(split) for split in (Split.MINE, Split.GATE, Split.SEALED)] == [6, 8, 6]
        assert divide(ledger, tasks) == found


def test_sealed_tasks_that_were_looked_at_are_retired(tmp_path: Path) -> None:
    tasks = [Task(f"T-{n}", "t", inputs={"text": f"note {n}"}, hash=f"h{n}") for n in range(40)]
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        found = divide(ledger, tasks, Rule("salt"))
        sealed = [name for name, split in found.items() if split is Split.SEALED]
        assert stored.retire(ledger, [sealed[0], "T-unknown"]) == 1
        assert divide(ledger, tasks)[sealed[0]] is Split.RETIRED
        assert sealed[1] in stored.task_ids(ledger, "sealed")


def notes(prefix: str, set_name: str, **fields: Any) -> list[Task]:
    made = {"inputs": {"text": "note 3"}, "set": set_name, **fields}
    others = [
        Task(f"{prefix}-{n}", "t", inputs={"text": f"note {n}"}, set=set_name, hash=f"{prefix}{n}") for n in range(40)
    ]
    return [*others, Task(f"{prefix}-more", "t", hash="more", **made)]


@pytest.mark.parametrize("set_name", ["notes", "renamed"])
@pytest.mark.parametrize("prefix", ["T", "X"])
def test_what_was_looked_at_comes_back_under_no_other_name(tmp_path: Path, prefix: str, set_name: str) -> None:
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        found = divide(ledger, notes("T", "notes")[:-1], Rule("salt"))
        sealed = sorted(name for name, split in found.items() if split is Split.SEALED)
        assert stored.retire(ledger, sealed[:-1]) == len(sealed) - 1
        numbers = [name.removeprefix("T") for name in sealed[:-1]]
        twin = {"inputs": {"text": f"Note  {numbers[0][1:]}"}}
        later = divide(ledger, notes(prefix, set_name, **twin), Rule("other"))
        assert {later[f"{prefix}{number}"] for number in numbers} == {Split.RETIRED}
        assert later[f"{prefix}-more"] is Split.RETIRED
        if (prefix, set_name) != ("X", "notes"):
            assert {Split.MINE, Split.GATE, Split.SEALED} <= set(later.values())
        if prefix == "T":  # a set's other tasks keep their places too
            assert {name: later[name] for name in found if name not in sealed[:-1]} == {
                name: split for name, split in found.items() if name not in sealed[:-1]
            }


def test_a_group_with_a_name_is_retired_whole_and_stays_so_when_its_tasks_change(tmp_path: Path) -> None:
    def made(version: str, count: int, set_name: str = "notes") -> list[Task]:
        return [
            Task(
                f"T-{n}", "t", inputs={"text": f"{version} {n}"}, group=f"g{n % 10}", set=set_name, hash=f"{version}{n}"
            )
            for n in range(count)
        ]

    with Ledger.open(tmp_path / "ledger.db") as ledger:
        found = divide(ledger, made("first", 20), Rule("salt"))
        sealed = [name for name, split in found.items() if split is Split.SEALED]
        pair = stored.kin(ledger, sealed[:1])
        assert len(pair) == 2 and len({name[-1] for name in pair}) == 1
        assert stored.kin(ledger, [name for name, split in found.items() if split is Split.GATE]) == frozenset()
        stored.retire(ledger, pair)
        later = divide(ledger, made("second", 30))
        group = {name for name in later if name[-1] == sealed[0][-1]}
        assert len(group) == 3 and {later[name] for name in group} == {Split.RETIRED}
        others = [name for name in sealed if name not in pair]
        assert others and {later[name] for name in others} == {Split.SEALED}


def test_plain_statements() -> None:
    assert statements([], 8) == ["there are no tasks to split"]
    few = statements([("a", Split.MINE), ("b", Split.GATE)], 8)
    assert any("a has one task" in text for text in few)
    assert any("too few: a promotion takes at least 8 gains" in text for text in few)
    well = [("a", split) for split in [Split.MINE] * 6 + [Split.GATE] * 8]
    assert statements(well, 8) == []
