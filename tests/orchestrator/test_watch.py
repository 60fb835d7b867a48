"""Watching with the real watchfiles: a person's edit wakes it, its own writes do not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from metaagent.orchestrator.events import Notice
from metaagent.orchestrator.watch import changed, marks, own_write, watch, watched_files
from tests.orchestrator.place import Place

Make = Callable[..., Place]


class Watched:
    """``watch`` in a thread: each pass is a real run; ``stop`` ends it at the next pass."""

    def __init__(self, place: Place, passes: int) -> None:
        self.place = place
        self.left = passes
        self.passes = threading.Semaphore(0)
        self.watching = threading.Event()
        self.tasks: list[int] = []
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self) -> None:
        watch(self.place.workspace, self._work, lambda _event: self.watching.set())

    def _work(self) -> bool:
        from metaagent.orchestrator.session import run
        from metaagent.orchestrator.state import RunOptions

        summary = run(self.place.workspace, RunOptions(command="watch"), lambda _event: None)
        self.tasks.append(summary.tasks)
        self.left -= 1
        self.passes.release()
        return self.left > 0

    def wait(self) -> None:
        assert self.passes.acquire(timeout=20), self.tasks

    def settled(self) -> None:
        """Watching, and given the time to see what the last pass wrote."""
        assert self.watching.wait(10)
        time.sleep(1.2)

    def end(self) -> None:
        self.thread.join(20)
        assert not self.thread.is_alive()


def test_a_person_s_edit_wakes_it_and_its_own_writes_do_not(make: Make) -> None:
    place = make(1)
    watched = Watched(place, passes=3)
    watched.wait()
    watched.settled()
    assert watched.tasks == [1]
    place.edit("### INBOX\n", "### INBOX\n- something new\n")
    watched.wait()
    watched.settled()
    assert watched.tasks == [1, 1]
    place.write_spec("TASK-050")
    watched.wait()
    watched.end()
    assert watched.tasks == [1, 1, 0]
    assert place.statuses() == {"REC-001": "DONE", "TASK-001": "REVIEW"}


def test_a_board_saved_by_rename_wakes_it(make: Make) -> None:
    place = make()
    watched = Watched(place, passes=2)
    watched.wait()
    watched.settled()
    other = place.root / "new.tmp"
    other.write_text(place.board_path.read_text().replace("### INBOX\n", "### INBOX\n- renamed in\n"))
    other.replace(place.board_path)
    watched.wait()
    watched.end()
    assert watched.tasks == [0, 1]


def test_what_was_saved_while_a_run_went_on_is_not_missed(make: Make) -> None:
    """The edit comes between the look at the board and the moment when somebody listens."""
    place = make()
    done: list[int] = []

    def work() -> bool:
        place.run()
        done.append(1)
        if len(done) == 1:
            place.edit("### INBOX\n", "### INBOX\n- saved meanwhile\n")
        return len(done) < 2

    thread = threading.Thread(target=watch, args=(place.workspace, work, lambda _event: None), daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    assert place.where("REVIEW") == ["TASK-001"]


def test_a_pass_that_says_no_ends_it_at_once(make: Make) -> None:
    place = make()
    seen: list[object] = []
    watch(place.workspace, lambda: False, seen.append)
    assert seen == []


def test_the_files_that_matter(make: Make) -> None:
    place = make(1)
    names = {path.name for path in watched_files(place.workspace)}
    assert names == {"WORKING.md", "config.yaml", "records.yaml", "records.jsonl"}


@pytest.mark.parametrize("act", ["touch", "same", "new", "gone"])
def test_what_counts_as_changed(make: Make, act: str) -> None:
    place = make(1)
    before = marks(place.workspace)
    path = place.root / "tasks" / "records.yaml"
    if act == "touch":
        path.write_text(path.read_text() + "\n")
    elif act == "new":
        path = place.root / "tasks" / "other.yaml"
        path.write_text("goal: x\n")
    elif act == "gone":
        path.unlink()
    assert changed(before, marks(place.workspace)) == (frozenset() if act == "same" else {path})


def test_a_board_is_ours_only_as_we_wrote_it(make: Make) -> None:
    place = make(1)
    assert not own_write(place.workspace)
    place.run()
    assert own_write(place.workspace)
    place.edit("Record 1", "Record one")
    assert not own_write(place.workspace)
    place.board_path.unlink()
    assert not own_write(place.workspace)
    assert Notice("x")
