from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from metaagent.board.check import check, repair
from metaagent.board.parse import parse, read_board
from metaagent.errors import BoardSuspectError, BoardUnreadableError
from metaagent.records import Status
from tests.board.helpers import BOARD, make_store, save


def found(text: str) -> list[tuple[int, bool, str]]:
    return [(problem.line, problem.blocking, problem.kind) for problem in check(parse(text.encode()))]


def mended(text: str, base: str | None = BOARD) -> tuple[str, tuple[str, ...]]:
    result = repair(parse(text.encode()), parse(base.encode()) if base else None, 50)
    return result.data.decode(), result.fixes


def test_a_good_board_has_nothing_to_say() -> None:
    assert found(BOARD) == []
    assert mended(BOARD) == (BOARD, ())


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("priority: high", "priority: urgent", (15, False, "value")),
        ("priority: high", "due: tomorrow", (15, False, "value")),
        ("priority: high", "depends: TASK-099", (15, False, "depends")),
        ("  priority: high", "  - [TASK-004] nested", (16, False, "nested")),
        ("[IDLE]", "[BUSY]", (6, False, "agent")),
        ("### REVIEW\n", "", (1, False, "heading")),
        ("## Recent Activity", "## Something", (1, False, "area")),
        ("[TASK-002]", "[TASK-001]", (12, True, "duplicate")),
    ],
)
def test_what_is_said(old: str, new: str, expected: tuple[int, bool, str]) -> None:
    assert expected in found(BOARD.replace(old, new))


def test_what_stops_comes_first() -> None:
    assert found(BOARD.replace("[IDLE]", "[BUSY]") + "<<<<<<< HEAD\n")[0][2] == "conflict"


@pytest.mark.parametrize("status", Status)
def test_a_lost_heading_goes_back_above_its_tasks(status: Status) -> None:
    text, fixes = mended(BOARD.replace(f"### {status}\n", ""))
    board = parse(text.encode())
    assert len(fixes) == 1
    assert {name: task.status for name, task in board.by_id.items()} == {
        name: task.status for name, task in parse(BOARD.encode()).by_id.items()
    }
    assert list(board.sections) == list(Status)


def test_several_lost_headings() -> None:
    broken = BOARD.replace("### ASSIGNED\n", "").replace("### IN_PROGRESS\n### REVIEW\n### DONE\n", "")
    board = parse(mended(broken)[0].encode())
    assert {name: task.status for name, task in board.by_id.items()} == {
        name: task.status for name, task in parse(BOARD.encode()).by_id.items()
    }


def test_the_second_of_two_equal_ids_becomes_a_new_one() -> None:
    text, fixes = mended(BOARD.replace("[TASK-002]", "[TASK-001]"))
    assert "- [TASK-050] Buy stamps\n" in text
    assert fixes == ("line 12: the second TASK-001 becomes TASK-050",)


def test_missing_areas_come_back() -> None:
    text, fixes = mended("# x\n## Current Tasks\n### INBOX\n### ASSIGNED\n### IN_PROGRESS\n### REVIEW\n### DONE", None)
    board = parse(text.encode())
    assert board.agents_at is not None
    assert board.activity_area is not None
    assert len(fixes) == 2


def test_repair_writes_only_when_asked_and_the_board_is_trusted_again(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    store.sync()
    broken = store.path.read_text().replace("### DONE\n", "").replace("[TASK-002]", "[TASK-001]")
    save(store.path, broken)
    assert len(store.repair(dry_run=True)[0].fixes) == 2
    assert store.path.read_text() == broken
    _, written = store.repair()
    assert written.stamp
    assert store.sync().person_changes == ()
    assert parse(store.path.read_bytes()).by_id["TASK-007"].status is Status.DONE
    assert parse(store.path.read_bytes()).by_id["TASK-008"].title == "Buy stamps"


def test_repair_does_not_accept_a_mass_deletion(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    store.sync()
    save(store.path, "# nothing\n")
    with pytest.raises(BoardSuspectError):
        store.repair()


@pytest.mark.parametrize(
    ("data", "line", "message"),
    [
        (BOARD.replace("stamps", "sta\0mps").encode(), 12, "a NUL character"),
        (BOARD.encode("utf-16"), 1, "the board is UTF-16, not UTF-8 text"),
    ],
)
def test_what_is_no_text_is_named(data: bytes, line: int, message: str) -> None:
    problem = next(one for one in check(parse(data)) if one.blocking)
    assert (problem.line, problem.message) == (line, message)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_a_board_that_is_no_file_is_refused_at_once(tmp_path: Path, make: Callable[[Path], None]) -> None:
    store = make_store(tmp_path)
    store.path.unlink()
    make(store.path)
    for read in (store.sync, store.read, store.undo, lambda: read_board(store.path)):
        with pytest.raises(BoardUnreadableError, match=r"WORKING\.md is"):
            read()
