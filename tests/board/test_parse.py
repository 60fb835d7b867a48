from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from metaagent.board.parse import parse
from metaagent.records import Status
from tests.board.helpers import BOARD

LINES = st.sampled_from(
    [
        *BOARD.splitlines(),
        *("```", "````", "~~~", "<!--", "-->", "<!-- metaagent:activity 0123456789abcdef -->"),
        *("<!-- /metaagent:activity -->", "<<<<<<< HEAD", "=======", "  due: 2026-01-01", "- [ ] x", "-", "- ", "* y"),
        *(
            "",
            "\t- nested",
            "### Inbox",
            "#### deeper",
            "## Other",
            "- [TASK-001] again",
            "    ```",
            "- [x] [INV-01] z",
        ),
    ]
)
BOARDS = st.lists(st.tuples(LINES | st.text(max_size=20), st.sampled_from(["\n", "\r\n", "\r", ""])), max_size=60).map(
    lambda parts: "".join(line + end for line, end in parts)
)


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
@example("﻿# x\r\n".encode())
@example(b"\xff\xfe\x00")
def test_render_gives_back_arbitrary_bytes(data: bytes) -> None:
    assert parse(data).render() == data


@given(BOARDS)
@example(BOARD)
def test_render_gives_back_boards_of_all_kinds(text: str) -> None:
    board = parse(text.encode())
    assert board.render() == text.encode()
    spans = [(task.line, task.end) for task in board.tasks]
    assert all(one[1] < two[0] for one, two in pairwise(spans))


def test_reads_the_format() -> None:
    board = parse(BOARD.encode())
    task = board.by_id["TASK-003"]
    assert (task.title, task.status, task.assignees) == (
        "Implement user authentication",
        Status.ASSIGNED,
        ("agent:coder:main",),
    )
    assert dict(task.attributes) == {"priority": "high"}
    assert BOARD.splitlines()[task.line - 1].startswith("- [TASK-003]")
    assert board.by_id["TASK-007"].title == "Database schema created"
    assert [(agent.id, agent.state, agent.note) for agent in board.agents] == [
        ("agent:orchestrator:main", "ACTIVE", "Coordinating project X"),
        ("agent:coder:main", "IDLE", ""),
    ]
    assert board.stamp == "2026-02-02T10:30:00.000Z"
    assert board.problems == ()


def one_task(line: str) -> tuple[str | None, str, tuple[str, ...]]:
    (task,) = parse(f"## Current Tasks\n### INBOX\n{line}\n".encode()).tasks
    return task.id, task.title, task.assignees


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("- write a parser", (None, "write a parser", ())),
        ("- [ ] x", (None, "[ ] x", ())),
        ("- [x] x", (None, "[x] x", ())),
        ("- [x] [TASK-4] y", ("TASK-4", "y", ())),
        ("- [INV-012] y ✅", ("INV-012", "y", ())),
        ("- [a.b_c] y", ("a.b_c", "y", ())),
        ("- [a link](http://x.y) y", (None, "[a link](http://x.y) y", ())),
        ("- [T-1] @agent:a:b @agent:c:d - y", ("T-1", "y", ("agent:a:b", "agent:c:d"))),
        ("- [T-1] @agent:a:b, @agent:c:d y", ("T-1", "y", ("agent:a:b", "agent:c:d"))),
        ("- [T-1] @agent:a:b", ("T-1", "", ("agent:a:b",))),
        ("- @agent:a:b - y", (None, "y", ("agent:a:b",))),
        ("- [T-1] \\@agent:a:b y", ("T-1", "@agent:a:b y", ())),
        ("- [T-1]", ("T-1", "", ())),
        ("* [T-1] odd bullet", ("T-1", "odd bullet", ())),
    ],
)
def test_item_lines(line: str, expected: tuple[str | None, str, tuple[str, ...]]) -> None:
    assert one_task(line) == expected


@pytest.mark.parametrize(
    "text",
    [
        "```\n- in a fence\n```\n",
        "<!--\n- in a comment\n-->\n",
        "prose\n  - nested\n",
        "#### Deeper\n- below a deeper heading\n",
        "* odd bullet\n",
        "- \n-\n",
        "- - -\n",
        "## Notes\n- elsewhere\n",
    ],
)
def test_what_is_not_a_new_task(text: str) -> None:
    assert parse(f"## Current Tasks\n### INBOX\n{text}".encode()).tasks == ()


def test_a_nested_item_belongs_to_its_task() -> None:
    (task,) = parse(b"### INBOX\n- [T-1] a\n  - b\n\n  c\n\nprose\n").tasks
    assert (task.line, task.end) == (2, 5)


def test_a_fence_inside_a_task_belongs_to_it() -> None:
    (task,) = parse(b"### INBOX\n- [T-1] a\n  ```\n- no task\n  ```\n").tasks
    assert (task.line, task.end) == (2, 5)


@pytest.mark.parametrize(
    ("text", "line", "kind"),
    [
        ("# x\n<<<<<<< HEAD\n- [T-1] a\n=======\n>>>>>>> other\n", 2, "conflict"),
        ("### INBOX\n- [T-1] a\n- [T-1] b\n", 3, "duplicate"),
        ("### INBOX\n```\n- [T-1] a\n", 2, "open"),
        ("### INBOX\n<!-- \n- [T-1] a\n", 2, "open"),
        ("### INBOX\n- [T-1] a\n  ```\n", 3, "open"),
        ("a\nb\0\n", 2, "encoding"),
    ],
)
def test_problems_name_the_line(text: str, line: int, kind: str) -> None:
    found = parse(text.encode()).problems
    assert (found[0].line, found[0].kind, found[0].blocking) == (line, kind, True)
    assert found[0].mend


def test_a_byte_that_is_not_utf8_is_kept_and_does_not_stop_us() -> None:
    board = parse(b"### INBOX\n- [T-1] caf\xe9\n")
    assert [(problem.line, problem.blocking) for problem in board.problems] == [(2, False)]
