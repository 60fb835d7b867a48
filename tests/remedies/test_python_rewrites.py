"""``python.rewrites``: each kind of rule as code in an answer, imports that fit a library, and where it keeps out."""

from __future__ import annotations

import ast
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metaagent.records import ArtifactForm, Brief, Remedy
from metaagent.remedies.fixers import fix
from metaagent.remedies.python.library import repaired
from metaagent.remedies.python.replace import replaced
from metaagent.remedies.python.rewrites import readable
from metaagent.remedies.python.words import ranges, words

TEXT = "def load(boxes, room=9):\n    ...\n\nThe weights of `boxes` in grams. The room is from 1 to 20."
LIBRARY = {"name": "fractions", "members": {"Fraction": "fractions"}}
GUARD = {"kind": "guard", "if": "isinstance(value, list) and not value", "do": "raise KeyError(name)"}


def brief(text: str = TEXT) -> Brief:
    return Brief("T-1", "Load", "Write it.", None, {"text": text}, ArtifactForm("python"))


def rewritten(reply: str, *rules: dict[str, Any], text: str = TEXT) -> str:
    made = fix([Remedy("fixer", "python.rewrites", {"library": LIBRARY, "rules": rules})], reply, brief(text))
    assert all(one.error is None for one in made)
    return made[-1].text if made else reply


def load(reply: str, *rules: dict[str, Any]) -> Any:
    names: dict[str, Any] = {}
    exec(rewritten(reply, *rules), names)
    return names["load"]


def test_a_result_is_converted_and_a_call_of_itself_is_not() -> None:
    reply = "def load(boxes, room=9):\n    return boxes[0] + load(boxes[1:]) if boxes else 0\n"
    function = load(reply, {"kind": "result", "if": "a number", "give": "(result, arg2)"})
    assert function([1, 2, 3], room=4) == (6, 4)


def test_a_rule_whose_parameter_is_not_there_is_left_out() -> None:
    reply = "def load(boxes, room=9):\n    return 1\n"
    assert rewritten(reply, {"kind": "result", "if": "a number", "give": "(result, arg3)"}) == reply


def test_what_is_made_already_stays() -> None:
    rule = {"kind": "result", "if": "a value", "except": ["Fraction"], "give": "Fraction(result)"}
    made = rewritten("def load(boxes, room=9):\n    return boxes\n", rule)
    assert made.startswith("from fractions import Fraction\n")
    assert "not isinstance(result, (Fraction,))" in made


def test_guards_before_and_after() -> None:
    reply = "def load(boxes, room=9):\n    return max(boxes)\n"
    with pytest.raises(KeyError, match="boxes"):
        load(reply, {**GUARD, "on": "call"})([])
    with pytest.raises(KeyError, match="boxes"):
        load(reply, {**GUARD, "on": "failure"})([])
    with pytest.raises(TypeError):
        load(reply, {**GUARD, "on": "failure"})(5)
    assert load(reply, {**GUARD, "on": "failure"})([4]) == 4


def test_a_range_of_the_text_guards_the_parameter_that_it_is_about() -> None:
    guard = {"kind": "guard", "if": "not low <= value <= high", "do": "raise KeyError(name)", "on": "call"}
    function = load("def load(boxes, room=9):\n    return room\n", guard)
    assert function([], 20) == 20
    with pytest.raises(KeyError, match="room"):
        function([], 21)
    assert ranges(brief("Seats go from 1 to 8."), ["row", "seat"]) == {"seat": ("1", "8")}


def test_failures_whole_answers_and_texts() -> None:
    failing = "def load(boxes, room=9):\n    return boxes[room]\n"
    assert load(failing, {"kind": "failure", "do": "return 'none'"})([]) == "none"
    assert load(failing, {"kind": "failure", "do": "return 'none'"})({9: None}) == "none"
    assert load(failing, {"kind": "whole", "give": "len(arg1)"})([1]) == 1
    text = {"kind": "text", "find": "a date", "give": "found.strftime('%d.%m.%Y')"}
    assert load("def load(boxes, room=9):\n    return f'on {boxes}!'\n", text)("2024-03-07") == "on 07.03.2024!"


def test_parts_are_replaced_by_pattern() -> None:
    rule = {"kind": "replace", "find": "round(A)", "give": "int(A + 0.5)"}
    assert load("def load(boxes, room=9):\n    return round(boxes / 2)\n", rule)(5) == 3
    assert replaced("x = f(1, 2) + f(3, 3)\n", [{"find": "f(A, A)", "give": "A"}]) == "x = f(1, 2) + 3\n"
    assert replaced("x = 1\n", [rule]) == "x = 1\n"


def test_words_decide_which_rules_apply() -> None:
    rule = {"kind": "result", "if": "a number", "give": "0", "when": {"any": ["gram"], "none": ["kilo"]}}
    reply = "def load(boxes, room=9):\n    return 1\n"
    assert "_load" in rewritten(reply, rule)
    assert rewritten(reply, rule, text=TEXT + " Not kilos.") == reply
    assert {"gram", "load", "box", "boxe"} & words(brief()) >= {"gram", "load"}


@pytest.mark.parametrize(
    ("line", "mended"),
    [
        ("from shop import date", "from datetime import date"),
        ("from shop import Moneys", "from shop.cash import Money as Moneys"),
        ("from shop.other import Money", "from shop.cash import Money"),
        ("from shop import xyzzy", ""),
        ("from helpers import Money", "from shop.cash import Money"),
        ("from shop.cash import Money", "from shop.cash import Money"),
        ("from math import pi", "from math import pi"),
    ],
)
def test_imports_fit_the_library(line: str, mended: str) -> None:
    made = repaired(f"{line}\n\ndef f(x):\n    return x\n", "shop", {"Money": "shop.cash"})
    assert [one for one in made.splitlines() if "import" in one] == ([mended] if mended else [])


def test_a_name_of_the_library_is_imported() -> None:
    assert repaired("def f(x):\n    return Money(x)\n", "shop", {"Money": "shop"}).startswith(
        "from shop import Money\n"
    )


def test_rules_are_readable_and_survive_json() -> None:
    rules = [
        {**GUARD, "on": "call"},
        {"kind": "failure", "do": "return 1"},
        {"kind": "replace", "find": "A", "give": "B"},
    ]
    rules += [{"kind": "result", "if": "a list", "give": "tuple(result)", "when": {"any": ["x"], "none": ["y"]}}]
    assert readable(json.loads(json.dumps(rules))) == readable(rules)
    assert readable(rules)[-1] == (
        "a result that is a list becomes tuple(result); in tasks that say x; not in those that say y"
    )


REPLIES = st.sampled_from(
    ["def load(boxes, *, room=1):\n    return boxes\n", "load = lambda boxes: boxes\n",
     "async def load(b):\n    return b\n",
     "def load(*a, **k):\n    yield a\n", "class load:\n    pass\n", "def load(a, /, b: 'X' = None):\n    return b\n"]
)  # fmt: skip
RULES = st.lists(
    st.sampled_from(
        [{**GUARD, "on": "call"}, {**GUARD, "on": "failure"}, {"kind": "error", "do": "return None"},
         {"kind": "whole", "give": "arg1"}, {"kind": "text", "find": "None", "give": "'-'"},
         {"kind": "replace", "find": "A.b", "give": "A"}, {"kind": "result", "if": "a list", "give": "tuple(result)"}]
    ),
    max_size=4,
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(REPLIES | st.text(max_size=40), RULES)
def test_whatever_comes_stays_python(reply: str, rules: list[dict[str, Any]]) -> None:
    made = rewritten(reply, *rules)
    if made != reply:
        ast.parse(made)
