"""The shipped Python fixers: what they mend, where they keep out, and that no reply breaks them."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metaagent.records import ArtifactForm, Brief, Remedy
from metaagent.remedies.fixers import find_fixer, fix
from metaagent.remedies.python.tree import required_name

NAMES = ("python.imports", "python.indentation", "python.name", "python.trailing")
TEXT = "def widest(readings):\n    ...\n\nThe largest difference."


def brief(text: str = TEXT, form: str = "python") -> Brief:
    return Brief("T-1", "Widest", "Write it.", None, {"text": text}, ArtifactForm(form))


def fixed(name: str, reply: str, text: str = TEXT, **settings: object) -> str | None:
    return find_fixer(name)(reply, brief(text), settings)


def test_the_required_name_is_read_from_the_text() -> None:
    assert required_name(brief()) == "widest"
    assert required_name(brief("Write a function named `tidy`.")) == "tidy"
    assert required_name(brief("Write `tidy(text)`, please.")) == "tidy"
    assert required_name(brief("def a():\n\ndef b():")) is None
    assert required_name(brief("Sort the list.")) is None


@pytest.mark.parametrize(
    ("reply", "line"),
    [
        ("def f(x):\n    return math.sqrt(x)\n", "import math"),
        ("def f(x):\n    return Counter(x)\n", "from collections import Counter"),
        ("def f(x: List[int]) -> Optional[int]:\n    return 1\n", "from typing import List, Optional"),
        ("def f(x):\n    return datetime.strptime(x, '%Y')\n", "from datetime import datetime"),
        ("def f(x):\n    return datetime.datetime.now() + datetime.timedelta(x)\n", "import datetime"),
        ("def f(x):\n    return date(x, 1, 1)\n", "from datetime import date"),
    ],
)
def test_a_missing_import_is_added(reply: str, line: str) -> None:
    assert fixed("python.imports", reply) == f"{line}\n\n\n{reply}"


def test_imports_stand_after_docstring_and_future() -> None:
    reply = '"""Doc."""\nfrom __future__ import annotations\nimport re\n\ndef f(x):\n    return math.pi\n'
    assert fixed("python.imports", reply) == reply.replace("import re", "import math\nimport re")


@pytest.mark.parametrize(
    "reply",
    [
        "def f(x):\n    return unknown(x)\n",
        "import math\ndef f(x):\n    return math.pi\n",
        "from math import *\ndef f(x):\n    return sqrt(x)\n",
        "def f(math):\n    return math.pi\n",
        "def f(x):\n    return code(x)\n",
        "no python",
    ],
)
def test_imports_keep_out(reply: str) -> None:
    assert fixed("python.imports", reply) is None


def test_members_of_a_library_come_from_settings() -> None:
    reply = "def f(x):\n    return Coin(x), shop.tax(x)\n"
    made = fixed("python.imports", reply, members={"Coin": "shop"}, modules=["shop"])
    assert made == "import shop\nfrom shop import Coin\n\n\n" + reply


def test_the_function_gets_the_required_name_also_where_it_calls_itself() -> None:
    reply = "def gap(readings):\n    o.gap = 1\n    return gap(readings[1:], gap=2)\n"
    assert (
        fixed("python.name", reply) == "def widest(readings):\n    o.gap = 1\n    return widest(readings[1:], gap=2)\n"
    )


def test_a_helper_keeps_its_name() -> None:
    reply = "def step(a):\n    return a\n\ndef gap(readings):\n    return step(readings)\n"
    assert fixed("python.name", reply) == reply.replace("gap", "widest")


def test_a_method_is_reached_by_a_function() -> None:
    reply = "class Solution:\n    def widest(self, readings):\n        return 1\n"
    assert (fixed("python.name", reply) or "").endswith("widest = Solution().widest\n")


@pytest.mark.parametrize(
    "reply",
    [
        "def widest(r):\n    return 1\n",
        "widest = lambda r: 1\n",
        "def a(r):\n    pass\n\ndef b(r):\n    pass\n",
        "x = 1\n",
    ],
)
def test_names_keep_out(reply: str) -> None:
    assert fixed("python.name", reply) is None


@pytest.mark.parametrize(
    "reply",
    [
        "  def f(x):\n      return x\n",
        "    def f(x):\n        if x:\n            return 1\n        return 2\n",
        "def f(x):\n\tif x:\n        return 1\n\treturn 2\n",
        "def f(x):\n    a = 1\n     b = 2\n    return a + b\n",
        "def f(x):\n    if x:\n        a = 1\n      return a\n",
        "def f(x):\nreturn x\n",
        "def f(x):\n        return x\n    # end\n   ",
    ],
)
def test_indentation_is_repaired(reply: str) -> None:
    made = fixed("python.indentation", reply)
    text = reply if made is None else made
    assert isinstance(ast.parse(text).body[0], ast.FunctionDef)


def test_a_body_alone_goes_under_the_signature() -> None:
    made = fixed("python.indentation", "    a = 1\n    return a\n", "def widest(readings):\n\nThe gap.")
    assert made == "def widest(readings):\n    a = 1\n    return a\n"


def test_indentation_keeps_out_of_other_errors() -> None:
    assert fixed("python.indentation", "def f(x:\n    return x\n") is None
    assert fixed("python.indentation", "def f(x):\n    return x\n") is None


def test_test_code_after_the_function_goes() -> None:
    code = "import sys\nLIMIT = 3\n\n\ndef widest(r):\n    return min(r, LIMIT)\n"
    tail = "\nx = [1, 2]\nresult = widest(x)\nprint(result)\nassert widest([]) == 0\n"
    tail += 'if __name__ == "__main__":\n    widest([1])\n'
    assert fixed("python.trailing", code + tail) == code


def test_what_the_function_needs_stays() -> None:
    reply = "import re\ndef table(n):\n    return n\n\nT = table(3)\nre.purge()\ndef widest(r):\n    return T\n"
    assert fixed("python.trailing", reply) is None
    assert (
        fixed("python.trailing", "class A:\n    def widest(self, r):\n        return 1\n\nwidest = A().widest\n")
        is None
    )


def test_prose_around_the_code_goes() -> None:
    code = "from math import pi\n\ndef widest(r):\n    return pi\n"
    assert fixed("python.trailing", f"Here is the function:\n\n{code}\nIt returns pi, as you're asking.\n") == code


@pytest.mark.parametrize("name", NAMES)
def test_other_formats_are_left_alone(name: str) -> None:
    assert find_fixer(name)("def f(x):\n    return math.pi\nprint(1)\n", brief(form="text"), {}) is None


FRAGMENTS = st.sampled_from(
    ["def f(x):", "    return x", "\treturn g(x)", "print(f(1))", "if __name__ == '__main__':", "import os", "x = f(2)",
     "", "Here it is:", "class A:",
     "  def widest(self):", "'''", "(", "math.pi", "@cache", "\\", "async def w():", "é = 1"]
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(FRAGMENTS, max_size=12).map("\n".join) | st.text(max_size=80))
def test_no_reply_breaks_a_fixer_and_a_second_pass_changes_nothing(reply: str) -> None:
    for name in NAMES:
        made = fixed(name, reply)
        if made is not None:
            ast.parse(made)
            assert fixed(name, made) is None
    assert all(one.error is None for one in fix([Remedy("fixer", name) for name in NAMES], reply, brief()))
