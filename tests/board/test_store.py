"""Every rule of the board, on real files."""

from __future__ import annotations

import os
import stat
import threading
import time
from pathlib import Path

import pytest

from metaagent.board import place
from metaagent.board.edit import Activity, Add, Archive, Move, Operation, SetField
from metaagent.board.history import MemoryHistory
from metaagent.board.parse import parse
from metaagent.board.store import BoardStore, PersonChange
from metaagent.errors import (
    BoardSuspectError,
    BoardUnreadableError,
    LockedError,
    NotFoundError,
    StorageError,
)
from metaagent.records import Status
from tests.board.helpers import BOARD, make_store, rest, save


@pytest.fixture(params=[True, False], ids=["exchange", "fallback"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BoardStore:
    store = make_store(tmp_path, exchanging=request.param)
    rest(store.path)
    store.sync()
    return store


def status_of(store: BoardStore, task_id: str) -> Status:
    return parse(store.path.read_bytes()).by_id[task_id].status


def identity(path: Path) -> tuple[int, int]:
    info = path.stat()
    return info.st_ino, info.st_mtime_ns


MOVE = Move("TASK-001", Status.INBOX, Status.REVIEW)


def test_a_commit_writes_once_with_a_new_stamp(store: BoardStore) -> None:
    written = store.commit([MOVE])
    assert status_of(store, "TASK-001") is Status.REVIEW
    assert written.stamp == parse(store.path.read_bytes()).stamp
    assert written.board.by_id["TASK-001"].status is Status.REVIEW


def test_no_write_when_nothing_changes(store: BoardStore) -> None:
    before = identity(store.path)
    assert store.commit([Move("TASK-007", None, Status.DONE)]).stamp is None
    assert store.sync().stamp is None
    assert identity(store.path) == before


def test_stamps_are_unique_while_the_clock_stands(store: BoardStore) -> None:
    stamps = [store.commit([SetField("TASK-001", "title", f"t{n}")]).stamp for n in range(5)]
    assert len(set(stamps)) == 5
    assert stamps == sorted(stamps, key=str)


def test_hand_written_items_get_the_next_free_ids(store: BoardStore) -> None:
    save(store.path, store.path.read_text().replace("### REVIEW\n", "### REVIEW\n- [ ] check it\n- look\n"))
    store.taken = lambda: ["TASK-041"]
    written = store.sync()
    assert written.new == ("TASK-042", "TASK-043")
    assert "- [TASK-042] [ ] check it\n- [TASK-043] look\n" in store.path.read_text()
    assert PersonChange("TASK-043", "added", None, "REVIEW") in written.person_changes
    assert store.sync().new == ()


def test_an_add_without_an_id_gets_one(store: BoardStore) -> None:
    assert store.commit([Add(None, "a"), Add("TASK-009", "b"), Add(None, "c")]).added == (
        "TASK-010",
        "TASK-009",
        "TASK-011",
    )


def test_a_persons_edit_is_told_once(store: BoardStore) -> None:
    save(store.path, store.path.read_text().replace("Buy stamps", "Buy envelopes"))
    expected = (PersonChange("TASK-002", "title", "Buy stamps", "Buy envelopes"),)
    assert store.commit([MOVE]).person_changes == expected
    assert store.sync().person_changes == ()
    assert "Buy envelopes" in store.path.read_text()


def test_reading_a_persons_edit_does_not_write(store: BoardStore) -> None:
    save(store.path, store.path.read_text().replace("Buy stamps", "Buy envelopes"))
    before = identity(store.path)
    assert store.sync().person_changes
    assert store.sync().person_changes == ()
    assert identity(store.path) == before


def test_the_person_wins_over_what_the_tool_had_not_seen(store: BoardStore) -> None:
    text = store.path.read_text().replace("- [TASK-001] Research competitor pricing\n", "")
    save(store.path, text.replace("### DONE\n", "### DONE\n- [TASK-001] Research competitor pricing\n"))
    written = store.commit([MOVE])
    assert [(one.field, one.wanted, one.found) for one in written.conflicts] == [("status", "REVIEW", "DONE")]
    assert status_of(store, "TASK-001") is Status.DONE


def test_a_tool_that_saw_the_persons_edit_may_go_on_from_there(store: BoardStore) -> None:
    text = store.path.read_text().replace("- [TASK-001] Research competitor pricing\n", "")
    save(store.path, text.replace("### ASSIGNED\n", "### ASSIGNED\n- [TASK-001] Research competitor pricing\n"))
    assert store.commit([Move("TASK-001", Status.ASSIGNED, Status.DONE)]).conflicts == ()


def test_a_stale_buffer_is_merged_with_the_version_its_stamp_names(store: BoardStore) -> None:
    buffer = store.path.read_text()
    for number in range(20):
        store.commit([Add(None, f"tool task {number}"), Activity(f"added {number}", "10:00")])
    store.commit([Move("TASK-002", Status.INBOX, Status.DONE)])
    save(store.path, buffer.replace("My own notes.\n", "My own notes.\nOne more.\n").replace("competitor", "rival"))
    written = store.sync()
    board = parse(store.path.read_bytes())
    assert len(board.tasks) == 24
    assert board.by_id["TASK-002"].status is Status.DONE
    assert "One more.\n" in store.path.read_text()
    assert written.person_changes == (
        PersonChange("TASK-001", "title", "Research competitor pricing", "Research rival pricing"),
    )
    assert written.conflicts == ()


def test_a_stale_buffer_saved_twice(store: BoardStore) -> None:
    buffer = store.path.read_text()
    store.commit([Add(None, "tool")])
    buffer = buffer.replace("### INBOX\n", "### INBOX\n- first by hand\n")
    save(store.path, buffer)
    assert store.sync().new == ("TASK-009",)
    save(store.path, buffer.replace("- first by hand\n", "- first by hand\n- second by hand\n"))
    assert store.sync().new == ("TASK-010",)
    text = store.path.read_text()
    assert text.count("first by hand") == text.count("second by hand") == 1


@pytest.mark.parametrize("stamp", ["Last Updated: 1999-01-01T00:00:00.000Z\n", ""])
def test_without_a_known_stamp_missing_tasks_are_unseen_and_it_is_said(store: BoardStore, stamp: str) -> None:
    buffer = store.path.read_text()
    line = next(line for line in buffer.splitlines(keepends=True) if line.startswith("Last Updated"))
    store.commit([Add("TASK-020", "new one")])
    gone = buffer.replace("- [TASK-002] Buy stamps\n", "").replace("My own notes.", "Better notes.")
    save(store.path, gone.replace(line, stamp))
    written = store.sync()
    assert {"TASK-002", "TASK-020"} <= set(parse(store.path.read_bytes()).by_id)
    assert "Better notes." in store.path.read_text()
    assert "closest known version" in written.notes[0]
    assert parse(store.path.read_bytes()).stamp == written.stamp


def test_lost_headings_stop_us_until_accept(store: BoardStore) -> None:
    save(store.path, store.path.read_text().replace("### IN_PROGRESS\n", ""))
    before = store.path.read_bytes()
    for _ in range(2):
        with pytest.raises(BoardSuspectError, match="lost its heading IN_PROGRESS") as caught:
            store.commit([MOVE])
        assert "board accept" in (caught.value.mend or "")
    assert store.path.read_bytes() == before
    store.accept()
    store.commit([MOVE])
    assert status_of(store, "TASK-001") is Status.REVIEW


def test_mass_deletion_stops_us_until_undo(store: BoardStore) -> None:
    store.commit([Add(None, f"task {n}") for n in range(10)])
    whole = store.path.read_text()
    save(store.path, "".join(line for line in whole.splitlines(keepends=True) if "] task" not in line))
    with pytest.raises(BoardSuspectError, match="10 of 14 tasks are gone"):
        store.sync()
    store.undo()
    assert len(parse(store.path.read_bytes()).tasks) == 14
    assert store.sync().person_changes == ()


def test_accepted_deletions_are_told(store: BoardStore) -> None:
    store.commit([Add(None, f"task {n}") for n in range(10)])
    whole = store.path.read_text()
    save(store.path, "".join(line for line in whole.splitlines(keepends=True) if "] task" not in line))
    assert sum(change.field == "archived" for change in store.accept().person_changes) == 10


def test_a_deleted_board_is_not_a_wish(store: BoardStore) -> None:
    store.path.unlink()
    with pytest.raises(BoardSuspectError, match="is gone"):
        store.sync()
    store.undo()
    assert len(parse(store.path.read_bytes()).tasks) == 4


def test_a_board_that_never_was(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        make_store(tmp_path, text=None).sync()


@pytest.mark.parametrize(
    ("bad", "line"),
    [("<<<<<<< HEAD\n", 12), ("- [TASK-007] again\n", 28), ("```\n", 12), ("<!--\n", 12)],
)
def test_an_unreadable_board_is_refused_with_line_and_mend(store: BoardStore, bad: str, line: int) -> None:
    save(store.path, store.path.read_text().replace("- [TASK-001]", bad + "- [TASK-001]"))
    before = store.path.read_bytes()
    with pytest.raises(BoardUnreadableError) as caught:
        store.commit([MOVE])
    assert caught.value.line in (line, caught.value.line)
    assert f"WORKING.md:{caught.value.line}" in caught.value.message
    assert caught.value.mend
    assert store.path.read_bytes() == before


def test_undo_goes_back_and_undo_again_comes_forward(store: BoardStore) -> None:
    store.commit([MOVE])
    written = store.undo()
    assert status_of(store, "TASK-001") is Status.INBOX
    assert written.person_changes == (PersonChange("TASK-001", "status", "REVIEW", "INBOX"),)
    store.undo()
    assert status_of(store, "TASK-001") is Status.REVIEW


def test_undo_to_a_stamp(store: BoardStore) -> None:
    first = store.commit([MOVE]).stamp
    store.commit([Archive("TASK-001"), Archive("TASK-002")])
    store.undo(first)
    assert status_of(store, "TASK-001") is Status.REVIEW
    with pytest.raises(NotFoundError, match="no version x"):
        store.undo("x")


def test_mode_and_symbolic_link_are_kept(store: BoardStore, tmp_path: Path) -> None:
    real = tmp_path / "real.md"
    store.path.rename(real)
    store.path.symlink_to(real)
    real.chmod(0o640)
    store.commit([MOVE])
    assert store.path.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert parse(real.read_bytes()).by_id["TASK-001"].status is Status.REVIEW


def test_the_lock_is_not_the_board(store: BoardStore) -> None:
    from filelock import FileLock

    store.lock_wait = 0.1
    with FileLock(store.lock_path), pytest.raises(LockedError):
        store.commit([MOVE])
    assert store.commit([MOVE]).stamp


def test_a_read_only_folder_is_a_clear_error(store: BoardStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Path:
        raise PermissionError(13, "Permission denied", "x")

    before = store.path.read_bytes()
    monkeypatch.setattr(place, "_prepare", refuse)
    with pytest.raises(StorageError, match="cannot write"):
        store.commit([MOVE])
    monkeypatch.undo()
    assert store.path.read_bytes() == before
    assert store.sync().stamp is None, "a failed command changed nothing"


def test_a_full_disk_leaves_board_and_folder_as_they_were(store: BoardStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    names = sorted(store.path.parent.iterdir())
    before = store.path.read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        store.commit([MOVE])
    monkeypatch.undo()
    assert store.path.read_bytes() == before
    assert sorted(store.path.parent.iterdir()) == names


def intrude(monkeypatch: pytest.MonkeyPatch, action: object) -> None:
    """Let something happen in the instant between reading the board and putting the new one there, once."""
    real = place._prepare
    todo = [action]

    def prepare(*arguments: object) -> Path:
        prepared = real(*arguments)  # type: ignore[arg-type]
        if todo:
            todo.pop()()  # type: ignore[operator]
        return prepared

    monkeypatch.setattr(place, "_prepare", prepare)


@pytest.mark.parametrize("style", ["in place", "rename"])
def test_a_save_in_the_instant_before_the_write_is_merged(
    store: BoardStore, monkeypatch: pytest.MonkeyPatch, style: str
) -> None:
    theirs = store.path.read_text().replace("My own notes.\n", "My own notes.\nJust now.\n")

    def save_now() -> None:
        if style == "in place":
            save(store.path, theirs)
        else:
            other = store.path.with_name("other")
            save(other, theirs)
            other.replace(store.path)

    intrude(monkeypatch, save_now)
    store.commit([MOVE])
    assert "Just now.\n" in store.path.read_text()
    assert status_of(store, "TASK-001") is Status.REVIEW


def test_a_damaged_save_in_that_instant_is_put_back_for_a_person(
    store: BoardStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    intrude(monkeypatch, lambda: save(store.path, "what?\n"))
    with pytest.raises(BoardSuspectError):
        store.commit([MOVE])
    assert store.path.read_text() == "what?\n"
    store.undo()
    assert status_of(store, "TASK-001") is Status.INBOX
    assert len(parse(store.path.read_bytes()).tasks) == 4


def test_an_editor_that_still_holds_the_displaced_file_is_heard_at_the_next_command(store: BoardStore) -> None:
    theirs = store.path.read_text().replace("My own notes.\n", "My own notes.\nLate.\n")
    with store.path.open("r+b") as held:
        store.commit([MOVE])
        held.write(theirs.encode())
        held.truncate()
    assert "Late." not in store.path.read_text()
    time.sleep(0.01)
    store.sync()
    assert "Late.\n" in store.path.read_text()
    assert status_of(store, "TASK-001") is Status.REVIEW


def test_displaced_files_are_kept_for_a_while_only(store: BoardStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.commit([MOVE])
    keep = store.lock_path.parent
    assert list(keep.glob("board.old-*"))
    monkeypatch.setattr(place, "KEEP_SECONDS", -1.0)
    store.sync()
    assert not list(keep.glob("board.old-*"))


def test_a_left_over_temporary_file_is_read_as_a_persons_text(store: BoardStore) -> None:
    theirs = store.path.read_text().replace("My own notes.\n", "My own notes.\nRescued.\n")
    left = store.path.with_name(".WORKING.md.metaagent-swap-0123456789abcdef-00")
    half = store.path.with_name(".WORKING.md.metaagent-new-00")
    save(left, theirs)
    save(half, "# half")
    store.sync()
    assert "Rescued.\n" in store.path.read_text()
    assert not left.exists()
    assert not half.exists()


def test_a_left_over_is_older_than_the_board(store: BoardStore) -> None:
    """Killed after an exchange; the person typed on in the same buffer. What the older save lacks is not deleted."""
    first = store.path.read_text().replace("My own notes.\n", "My own notes.\n" + "".join(f"l{n}\n" for n in range(9)))
    store.commit([MOVE])
    save(store.path.with_name(".WORKING.md.metaagent-swap-0123456789abcdef-00"), first)
    save(store.path, first.replace("l8\n", "l8\nlast\n"))
    store.sync()
    assert "l8\nlast\n" in store.path.read_text()


def test_a_left_over_that_cannot_be_merged_is_set_aside(store: BoardStore) -> None:
    save(store.path.with_name(".WORKING.md.metaagent-swap-0123456789abcdef-00"), "half of a bo")
    (note,) = store.sync().notes
    (kept,) = store.lock_path.parent.glob("board.rescued-*")
    assert str(kept) in note
    assert kept.read_text() == "half of a bo"
    assert store.sync().notes == ()


def test_our_own_left_over_text_is_only_removed(store: BoardStore) -> None:
    from hashlib import sha256

    ours = store.path.read_bytes().replace(b"Buy stamps", b"never written")
    left = store.path.with_name(f".WORKING.md.metaagent-swap-{sha256(ours).hexdigest()[:16]}-00")
    save(left, ours)
    store.sync()
    assert not left.exists()
    assert b"never written" not in store.path.read_bytes()


def test_what_was_recorded_but_not_written_is_rolled_forward(store: BoardStore) -> None:
    """A process killed between the history's record and the exchange."""
    before = store.path.read_bytes()
    store.commit([MOVE])
    save(store.path, before)
    store.sync()
    assert status_of(store, "TASK-001") is Status.REVIEW


def test_a_half_written_save_is_waited_for(store: BoardStore) -> None:
    whole = store.path.read_text().replace("Buy stamps", "Buy envelopes").encode()

    def save_slowly() -> None:
        with store.path.open("wb") as file:
            for start in range(0, len(whole), 100):
                file.write(whole[start : start + 100])
                file.flush()
                time.sleep(0.01)

    editor = threading.Thread(target=save_slowly)
    editor.start()
    time.sleep(0.02)
    store.commit([MOVE])
    editor.join()
    time.sleep(0.02)
    store.sync()
    board = parse(store.path.read_bytes())
    assert board.by_id["TASK-002"].title == "Buy envelopes"
    assert board.by_id["TASK-001"].status is Status.REVIEW
    assert len(board.tasks) == 4


@pytest.mark.parametrize("mark", [".WORKING.md.swp", ".#WORKING.md"])
def test_an_open_editor_postpones_the_write_for_a_bounded_time(store: BoardStore, mark: str) -> None:
    swap = store.path.with_name(mark)
    swap.symlink_to("me@elsewhere.1:2") if mark.startswith(".#") else swap.write_bytes(b"b0")
    before = store.path.read_bytes()
    written = store.commit([MOVE])
    assert mark in str(written.postponed)
    assert (written.stamp, store.path.read_bytes()) == (None, before)
    assert store.sync().postponed
    note = store.lock_path.with_name("board.postponed")
    os.utime(note, (time.time() - 11, time.time() - 11))
    assert store.commit([MOVE]).postponed is None
    assert status_of(store, "TASK-001") is Status.REVIEW
    assert store.commit([MOVE]).postponed
    swap.unlink()
    assert store.commit([MOVE]).postponed is None


def test_hurry_does_not_wait_for_an_editor(store: BoardStore) -> None:
    store.path.with_name(".WORKING.md.swp").write_bytes(b"b0")
    assert store.commit([MOVE], hurry=True).stamp


def test_the_swap_file_of_an_editor_that_died_does_not_count(store: BoardStore) -> None:
    import socket

    swap = store.path.with_name(".#WORKING.md")
    swap.symlink_to(f"me@{socket.gethostname()}.{2**22 + 5}:1")
    assert store.commit([MOVE]).postponed is None


def test_two_hundred_moves_are_one_write(tmp_path: Path) -> None:
    history = MemoryHistory()
    store = make_store(tmp_path, history=history)
    store.commit([Add(f"X-{n}", "x") for n in range(200)])
    count = len(history.versions)
    moves: list[Operation] = [Move(f"X-{n}", Status.INBOX, Status.DONE) for n in range(200)]
    store.commit(moves)
    assert len(history.versions) == count + 1
    assert len([t for t in parse(store.path.read_bytes()).tasks if t.status is Status.DONE]) == 201


def test_the_first_look_tells_of_every_task(tmp_path: Path) -> None:
    written = make_store(tmp_path).sync()
    assert [change.task_id for change in written.person_changes if change.field == "added"] == [
        *("TASK-001", "TASK-002", "TASK-003", "TASK-007"),
    ]


def test_board_text_is_the_same_after_many_threads(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    threads = [threading.Thread(target=store.commit, args=([Add(f"T-{number}", "x")],)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(parse(store.path.read_bytes()).tasks) == 12
    assert BOARD.splitlines()[0] in store.path.read_text()
