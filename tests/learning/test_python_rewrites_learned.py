"""Rules learned from a small library of our own, whose habits are other ones than those of the examples; and nothing
learned where answers fail at random. In a real sandbox."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from metaagent.learning.proposals import Bench, Case, Judged
from metaagent.learning.proposers.python import PythonRewrites
from metaagent.records import ArtifactForm, Check, Outcome, Task
from metaagent.remedies.fixers import fix
from metaagent.tasks.brief import brief
from metaagent.validators.base import judge, outcome, score
from tests.validators.walls import context

DEPOT = '''
"""The depot's library."""
from dataclasses import dataclass

class Refused(ValueError):
    def __init__(self, what: str, shown: object) -> None:
        super().__init__(f"{what} may not be {shown!r}")

@dataclass(frozen=True)
class Grams:
    """A weight."""
    amount: int

def stamp(day):
    return f"{day.year}/{day.month:02}/{day.day:02}"

def slug(text):
    return "+".join(text.lower().split())

def whole(amount):
    return int(amount + 0.5)
'''


def grams(amount: int) -> dict[str, Any]:
    return {"$": "depot.Grams", "args": [amount]}


def task(
    number: int, name: str, parameters: str, text: str, tests: list[dict[str, Any]], group: str | None = None
) -> Task:
    options = {"entry": name, "tests": tests, "fixture": "fixtures/depot"}
    return Task(
        id=f"D-{number}",
        title=name.replace("_", " "),
        goal="Write the function; it may use `depot`.",
        inputs={"text": f"def {name}({parameters}):\n    ...\n\n{text}"},
        artifact=ArtifactForm("python"),
        checks=(Check("python.cases", False, options),),
        group=group or f"g{number}",
        hash=f"h{number}",
    )


def returned(*pairs: tuple[list[Any], Any]) -> list[dict[str, Any]]:
    return [{"args": args, "expected": expected} for args, expected in pairs]


def systematic() -> list[tuple[Task, str]]:
    """Weights are Grams, also where they are asked in kilos; names become slugs; empty lists are refused."""
    made: list[tuple[Task, str]] = []
    add = lambda *given: made.append((task(len(made), *given[:-1]), given[-1]))  # noqa: E731
    add(
        "load",
        "boxes",
        "The weight in grams of all boxes.",
        returned(([[1, 2]], grams(3)), ([[5]], grams(5)), ([[7, 1]], grams(8))),
        "def load(boxes):\n    return sum(boxes)\n",
    )
    add(
        "heaviest",
        "boxes",
        "The weight in grams of the heaviest box.",
        returned(([[1, 2]], grams(2)), ([[9]], grams(9))),
        "def heaviest(boxes):\n    return max(boxes)\n",
    )
    add(
        "left",
        "room, load",
        "The weight in grams that still fits.",
        returned(([5, 2], grams(3)), ([9, 1], grams(8))),
        "```python\ndef left(room, load):\n    return room - load\n```",
    )
    add(
        "double",
        "box",
        "Twice the weight in grams of a box.",
        returned(([5], grams(10)), ([3], grams(6))),
        "def double(box):\n    return box * 2\nprint(double(2))\n",
    )
    add(
        "label",
        "name",
        "The label for a name on the shelf.",
        returned((["Blue Box"], "blue+box"), (["A b C"], "a+b+c")),
        "def label(name):\n    return name\n",
    )
    add(
        "shelf",
        "row, name",
        "The shelf label: the name in the row.",
        returned(([{"x": "Top Row"}, "x"], "top+row"), ([{"y": "B B"}, "y"], "b+b")),
        "def shelf(row, name):\n    return row[name]\n",
    )
    add(
        "tag",
        "names",
        "The label of the first name.",
        returned(([["One Two"]], "one+two"), ([["Ab Cd", "x"]], "ab+cd")),
        "def tag(names):\n    return names[0]\n",
    )
    refusing = (
        ("first", "parts", "parts[0]"),
        ("least", "bins", "min(bins)"),
        ("mean", "sizes", "sum(sizes) / len(sizes)"),
    )
    for name, items, body in refusing:
        tests = returned(([[1]], 1))
        tests.append({"args": [[]], "raises": {"type": "depot.Refused", "message": f"{items} may not be []"}})
        add(name, items, f"The {name} of the {items}.", tests, f"def {name}({items}):\n    return {body}\n")
    for name, text in (("shout", "text + '!'"), ("twice", "text * 2")):
        results = [eval(text, {"text": one}) for one in ("A b", "C")]
        add(
            name,
            "text",
            f"The text, {name}.",
            returned((["A b"], results[0]), (["C"], results[1])),
            f"def {name}(text):\n    return {text}\n",
        )
    for name, sign in (("plus", "+"), ("minus", "-"), ("times", "*"), ("power", "**")):
        results = [eval(f"{one} {sign} 2") for one in (3, 5)]
        add(
            name,
            "one, other",
            f"One {name} the other.",
            returned(([3, 2], results[0]), ([5, 2], results[1])),
            f"def {name}(one, other):\n    return one {sign} other\n",
        )
    return made


def at_random(seed: int) -> list[tuple[Task, str]]:
    """Every second answer is wrong, in a way of its own."""
    chance = random.Random(seed)
    made = []
    for number in range(14):
        tests = returned(*(([value], value * number + 1) for value in (2, 3, 5)))
        right = f"def f{number}(x):\n    return x * {number} + 1\n"
        wrong = f"def f{number}(x):\n    return x * {chance.randint(20, 90)} - {chance.randint(100, 200)} * x ** 2\n"
        made.append((task(number, f"f{number}", "x", f"Some {number}.", tests), wrong if number % 2 else right))
    return made


class Judging:
    def __init__(self, root: Path) -> None:
        self._context = context(root)

    def __call__(self, pairs: Sequence[tuple[Task, str]]) -> list[Judged]:
        made = []
        for one, text in pairs:
            verdicts = judge(text, one.checks, self._context)
            made.append(Judged(outcome(one.checks, verdicts), score(one.checks, verdicts), verdicts))
        return made


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "fixtures").mkdir()
    (tmp_path / "fixtures/depot").mkdir()
    (tmp_path / "fixtures/depot/__init__.py").write_text(DEPOT)
    return tmp_path


def cases(pairs: list[tuple[Task, str]], judging: Judging) -> list[Case]:
    judged = judging(pairs)
    return [
        Case(one, "", reply, reply, found.outcome, found.score)
        for (one, reply), found in zip(pairs, judged, strict=True)
    ]


def test_the_habits_of_a_library_are_learned_and_hold_on_a_task_that_was_not_seen(root: Path) -> None:
    judging = Judging(root)
    mine = cases(systematic(), judging)
    (found,) = PythonRewrites().propose(mine, Bench(root, judging, seconds=600))
    assert found.remedy.name == "python.rewrites"
    assert not found.harmed
    assert len(found.mended) == 10, found.readable
    unseen = task(99, "rest", "store, taken", "The weight in grams that is left.", returned(([9, 4], grams(5))))
    made = fix([found.remedy], "def rest(store, taken):\n    return store - taken\n", brief(unseen))
    (judged,) = judging([(unseen, made[-1].text)])
    assert judged.outcome is Outcome.PASS, made[-1].text
    plain = task(98, "over", "one, other", "One over the other.", returned(([9, 4], 2.25)))
    made = fix([found.remedy], "def over(one, other):\n    return one / other\n", brief(plain))
    (judged,) = judging([(plain, made[-1].text)])
    assert judged.outcome is Outcome.PASS, made[-1].text


def plain() -> list[tuple[Task, str]]:
    """Tasks that need nothing of the library."""
    return [pair for pair in systematic() if pair[0].title in ("shout", "twice", "plus", "minus", "times", "power")]


def shelves(*values: str) -> list[tuple[Task, str]]:
    """Two tasks that are near-duplicates of each other, each with these names to make labels of."""
    return [
        (
            task(
                40,
                "label",
                "name",
                "The label for a name.",
                returned(*(([one], slug(one)) for one in values)),
                "labels",
            ),
            "def label(name):\n    return name\n",
        ),
        (
            task(
                41,
                "shelf",
                "row, name",
                "The label: the name in the row.",
                returned(*(([{"k": f"Row {one}"}, "k"], slug(f"Row {one}")) for one in values)),
                "labels",
            ),
            "def shelf(row, name):\n    return row[name]\n",
        ),
    ]


def slug(text: str) -> str:
    return "+".join(text.lower().split())


def test_two_tasks_of_one_group_teach_what_many_values_say_and_few_do_not(root: Path) -> None:
    judging = Judging(root)
    many = PythonRewrites().propose(cases([*plain(), *shelves("Blue Box", "A b C")], judging), Bench(root, judging))
    assert [found.mended for found in many] == [("D-40", "D-41")]
    assert "slug(result)" in many[0].readable[0]
    few = [*plain(), shelves("Blue Box", "A b C")[0], shelves("Blue Box")[1]]
    assert PythonRewrites().propose(cases(few, judging), Bench(root, judging)) == []


def test_of_ways_to_round_the_librarys_own_is_taken(root: Path) -> None:
    """All of them leave whole numbers as they are, and most agree on some halves: the library's fits them all."""
    judging = Judging(root)
    halves = [
        (
            task(
                50 + number,
                name,
                "boxes",
                "The weight in grams.",
                returned(*(([[one]], grams(wanted)) for one, wanted in pairs)),
            ),
            f"def {name}(boxes):\n    return {body}\n",
        )
        for number, (name, body, pairs) in enumerate(
            [
                ("load", "sum(boxes)", ((3, 3), (5, 5), (8, 8))),
                ("heaviest", "max(boxes)", ((2, 2), (9, 9))),
                ("half", "boxes[0] / 2", ((5, 3), (4, 2), (9, 5))),
                ("third", "boxes[0] / 3", ((4, 1), (3, 1), (7, 2), (8, 3))),
            ]
        )
    ]
    (found,) = PythonRewrites().propose(cases([*plain(), *halves], judging), Bench(root, judging))
    assert found.mended == ("D-50", "D-51", "D-52", "D-53")
    assert "becomes Grams(whole(result))" in found.readable[0]


def test_nothing_is_proposed_where_answers_fail_at_random(root: Path) -> None:
    judging = Judging(root)
    assert PythonRewrites().propose(cases(at_random(1), judging), Bench(root, judging, seconds=600)) == []


def test_nothing_is_proposed_for_few_tasks_or_other_checks(root: Path) -> None:
    judging = Judging(root)
    mine = cases(systematic()[:3], judging)
    assert PythonRewrites().propose(mine, Bench(root, judging)) == []
    other = [Case(Task(id="T", title="t"), "", "x", "x", Outcome.FAIL, 0.0)]
    assert PythonRewrites().propose(other * 10, Bench(root, judging)) == []
