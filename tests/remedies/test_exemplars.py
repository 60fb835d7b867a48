"""Which solved tasks stand before a task: the nearest, never its own group, within the cap."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from metaagent.records import ArtifactForm, Brief
from metaagent.remedies.exemplars import CHARACTERS_PER_TOKEN, fixed, nearest

TEXTS = {
    "A": "Invoice from Acme over 12 EUR, paid",
    "B": "Invoice from Acme over 99 EUR, open",
    "C": "Letter of a school about a visit",
    "D": "Receipt of a bakery for bread",
}


def pool(**fields: Any) -> dict[str, Any]:
    made = [
        {"task": name, "group": f"g{name}", "goal": "Read it", "inputs": {"text": text}, "artifact": name.lower()}
        for name, text in TEXTS.items()
    ]
    return {"pool": made, "count": 2, "cap": 1000, **fields}


def brief(text: str, task_id: str = "T", group: str = "") -> Brief:
    return Brief(task_id, "t", "Read it", "data", {"text": text}, ArtifactForm("json"), group)


def names(found: Any) -> list[str]:
    return [example.task for example in found]


def test_the_nearest_comes_last() -> None:
    assert names(nearest(pool(), brief("Invoice from Acme over 7 EUR, open"))) == ["A", "B"]
    assert names(nearest(pool(count=1), brief("a visit at a school"))) == ["C"]


def test_a_task_never_sees_itself_nor_its_group_nor_its_own_inputs() -> None:
    text = TEXTS["B"]
    assert "B" not in names(nearest(pool(count=4), brief(text, "B")))
    assert "B" not in names(nearest(pool(count=4), brief("Invoice from Acme", "T", "gB")))
    assert "B" not in names(nearest(pool(count=4), brief(text, "T", "other")))


def test_a_task_without_inputs_is_compared_by_its_goal() -> None:
    settings = {"pool": [{"task": "A", "group": "", "goal": "sum of a list", "inputs": {}, "artifact": "def f"}]}
    goal = Brief("T", "t", "the sum of all in a list", "code", {}, ArtifactForm("python"))
    assert names(nearest(settings, goal)) == ["A"]


@given(st.text(max_size=80), st.integers(0, 6), st.integers(0, 60))
def test_never_more_than_count_and_cap(text: str, count: int, cap: int) -> None:
    found = nearest(pool(count=count, cap=cap), brief(text))
    assert len(found) <= count
    assert sum(len(one.text) + len(one.artifact) for one in found) / CHARACTERS_PER_TOKEN <= cap
    assert found == nearest(pool(count=count, cap=cap), brief(text))


def test_fixed_ones_are_the_same_before_every_task_but_their_own() -> None:
    assert names(fixed(pool(), brief("anything"))) == names(fixed(pool(), brief("a bakery"))) == ["A", "B"]
    assert names(fixed(pool(), brief(TEXTS["A"], "A"))) == ["B", "C"]
    assert names(fixed(pool(), brief("other words", "T", "gB"))) == ["A", "C"]
    assert names(fixed(pool(cap=1), brief("anything"))) == []
