from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent.errors import SpecificationError
from metaagent.tasks.intake import NewTask, read_intake, read_title


def test_titles_one_a_line() -> None:
    lines = ["\ufeffFirst thing\n", "\n", "- second   thing\r\n", "3. third", "- [ ] fourth", "-5 degrees"]
    assert [task.title for task in read_intake(lines)] == [
        "First thing",
        "second thing",
        "third",
        "fourth",
        "-5 degrees",
    ]


def test_json_lines() -> None:
    line = {
        "title": "T",
        "id": "T-1",
        "priority": "high",
        "due": "2026-12-01",
        "depends": ["A", "B"],
        "assignees": "agent:a:b",
    }
    assert read_intake([json.dumps(line)]) == (
        NewTask("T", "T-1", ("agent:a:b",), {"priority": "high", "due": "2026-12-01", "depends": "A, B"}),
    )


def test_a_line_may_hold_a_specification() -> None:
    line = {"title": "T", "inputs": {"text": "x"}, "domain": "text.summary"}
    (task,) = read_intake([json.dumps(line)])
    assert task.specification == {"title": "T", "goal": "T", "domain": "text.summary", "inputs": {"text": "x"}}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"title": "a"', "line 2: not JSON"),
        ('{"titel": "a"}', "unknown key 'titel'; did you mean 'title'?"),
        ('{"goal": "a"}', "needs a title"),
        ('{"title": 3}', "needs a title"),
        ('{"title": "  "}', "is empty"),
        ('{"title": "a", "priority": "urgent"}', "priority 'urgent'"),
        ('{"title": "a", "due": "soon"}', "due 'soon'"),
        ('{"title": "a", "depends": ["a b"]}', "is not a task id"),
        ('{"title": "a", "depends": 3}', "depends must be"),
        ('{"title": "a", "assignees": ["bob"]}', "'bob' is not an agent id"),
        ('{"title": "a", "id": "7"}', "'7' is not a task id"),
        ('{"title": "a", "spec": "x", "goal": "y"}', "holds one too"),
        ('{"title": NaN}', "NaN is not JSON"),
        ("x" * 301, "too long for a title"),
    ],
)
def test_lines_that_do_not_hold_are_named(line: str, says: str) -> None:
    with pytest.raises(SpecificationError) as caught:
        read_intake(["fine", line])
    assert "line 2: " in caught.value.message
    assert says in caught.value.message
    assert caught.value.mend


@given(st.text())
def test_any_text_is_a_title_or_a_specification_error(text: str) -> None:
    try:
        task = read_title(text)
    except SpecificationError:
        return
    assert task.title == " ".join(text.split()) != ""


@given(st.lists(st.text()))
def test_any_lines_are_tasks_or_a_specification_error(lines: list[str]) -> None:
    try:
        assert len(read_intake(lines)) <= len(lines)
    except SpecificationError as error:
        assert error.message.startswith("line ")


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("- [ ] Pay - then file", "Pay - then file"),
        ("Compare A - B", "Compare A - B"),
        ("Read chapter 3. Summarise", "Read chapter 3. Summarise"),
        ("<!-- draft --> Write it", "<!-- draft --> Write it"),
    ],
)
def test_only_a_bullet_at_the_start_of_a_line_goes(line: str, title: str) -> None:
    assert [task.title for task in read_intake([line])] == [title]
