"""Real processes: editors that save in three styles while tools write, and tools that are killed in the middle."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from metaagent.board.edit import Add
from metaagent.board.parse import parse
from metaagent.board.store import BoardStore
from metaagent.records import Status
from tests.board.helpers import BOARD, FileHistory, make_store, save

SAVES = 12
KILLS = 12


def start_writer(folder: Path, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.board.writer", str(folder), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])


def in_place(path: Path, text: str) -> None:
    """Truncate and write in pieces, as an editor with a slow disk does."""
    with path.open("w") as file:
        middle = len(text) // 2
        file.write(text[:middle])
        file.flush()
        time.sleep(0.002)
        file.write(text[middle:])


def by_rename(path: Path, text: str) -> None:
    other = path.with_name("WORKING.md~editor")
    other.write_text(text)
    other.replace(path)


def whole(path: Path) -> str:
    """What an editor loads: it does not start from a file that is half-written by itself."""
    return path.read_text()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save(tmp_path / "WORKING.md", BOARD)
    store_of(tmp_path).sync()
    return tmp_path


def store_of(folder: Path) -> BoardStore:
    return make_store(folder, text=None, history=FileHistory(folder / "history"))


@pytest.fixture
def writers(folder: Path) -> Iterator[list[subprocess.Popen[str]]]:
    started = [start_writer(folder, 25) for _ in range(2)]
    yield started
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.parametrize("write", [in_place, by_rename], ids=["in place", "rename"])
def test_an_editor_that_reloads_loses_no_line(
    folder: Path, writers: list[subprocess.Popen[str]], write: Callable[[Path, str], None]
) -> None:
    path = folder / "WORKING.md"
    typed = []
    for number in range(SAVES):
        text = whole(path).replace("My own notes.\n", f"My own notes.\nline {number:03}\n", 1)
        typed.append(f"line {number:03}\n")
        time.sleep(0.01)
        write(path, text)
        time.sleep(0.05)
    assert_all_is_there(folder, writers, typed)


def test_a_stale_buffer_saved_over_many_tool_writes_loses_nothing(
    folder: Path, writers: list[subprocess.Popen[str]]
) -> None:
    path = folder / "WORKING.md"
    buffer = whole(path)
    typed = []
    for number in range(SAVES // 2):
        buffer = buffer.replace("My own notes.\n", f"My own notes.\nline {number:03}\n", 1)
        typed.append(f"line {number:03}\n")
        time.sleep(0.15)
        by_rename(path, buffer)
    assert_all_is_there(folder, writers, typed)


def assert_all_is_there(folder: Path, writers: list[subprocess.Popen[str]], typed: list[str]) -> None:
    """Every line of the person once, every task of the tools once and where the tool put it."""
    reported = [line.strip() for process in writers for line in process.communicate(timeout=60)[0].splitlines()]
    assert [process.returncode for process in writers] == [0, 0]
    time.sleep(0.05)
    store_of(folder).sync()
    data = (folder / "WORKING.md").read_bytes()
    board = parse(data)
    assert [line for line in typed if line not in data.decode()] == []
    assert {name for name in reported if board.by_id[name].status is not Status.DONE} == set()
    assert set(parse(BOARD.encode()).by_id) <= set(board.by_id)
    assert not [problem for problem in board.problems if problem.blocking]


def test_kill_9_leaves_the_board_old_or_new_and_nothing_acknowledged_is_lost(folder: Path) -> None:
    path = folder / "WORKING.md"
    seed = random.Random(7)
    acknowledged: set[str] = set()
    for _ in range(KILLS):
        process = start_writer(folder, 10_000)
        seen: list[str] = []
        reader = threading.Thread(target=lambda p=process, s=seen: s.extend(line.strip() for line in p.stdout or ()))
        reader.start()
        while not seen and process.poll() is None:
            time.sleep(0.005)
        time.sleep(seed.uniform(0, 0.03))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        reader.join()
        acknowledged |= set(seen)
        stands = parse(path.read_bytes())
        assert not [problem for problem in stands.problems if problem.blocking]
        assert FileHistory(folder / "history").by_stamp(stands.stamp or "") == path.read_bytes()
        assert acknowledged <= set(stands.by_id)
    store = store_of(folder)
    store.sync()
    store.commit([Add("LAST", "x")])
    board = parse(path.read_bytes())
    assert {name for name in acknowledged if board.by_id[name].status is not Status.DONE} == set()
    assert not list(folder.glob(".WORKING.md.metaagent-*"))
