"""One change of the board: take in what a person saved, apply, record, write, and merge what is saved meanwhile."""

from __future__ import annotations

import errno
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from metaagent.board import place as files
from metaagent.board.diff import PersonChange
from metaagent.board.edit import Add, Identify, Operation, apply
from metaagent.board.editors import open_editor
from metaagent.board.history import Version, person_stamp
from metaagent.board.intake import Intake, record, take_in
from metaagent.board.parse import Board
from metaagent.board.place import Late, Place
from metaagent.board.results import Written
from metaagent.board.settings import StoreSettings
from metaagent.errors import BoardSuspectError, BoardUnreadableError, LockedError, NotFoundError, StorageError

ROUNDS = 200
HALF_WRITTEN_SECONDS = 1.0
_NUMBERED = re.compile(rb"TASK-(\d+)")


@contextmanager
def locked(store: StoreSettings) -> Iterator[None]:
    from filelock import FileLock, Timeout

    try:
        store.lock_path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(store.lock_path, timeout=store.lock_wait, thread_local=False)
        with lock:
            yield
    except Timeout:
        raise LockedError(
            f"another process has held {store.lock_path} for {store.lock_wait:g} s", mend="try again when it has ended"
        ) from None
    except PermissionError as error:
        raise StorageError(
            f"cannot {'read' if error.filename == str(store.path) else 'write beside'} {store.path}: {error.strerror}",
            mend=f"check the permissions of folder and file: ls -ld {store.path.parent} {store.path}",
        ) from None
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise StorageError(
            f"cannot write {store.path}: {error.strerror or error}",
            mend="free some space, then run the same command again" if full else f"ls -ld {store.path}",
        ) from None


def new_intake(store: StoreSettings) -> Intake:
    return Intake(store.history, store.clock, store.path.name)


def transaction(store: StoreSettings, operations: list[Operation], *, postponed: str | None) -> Written:
    """Repeat what fails on a board that is being saved at this moment, for a moment."""
    intake = new_intake(store)
    deadline = time.monotonic() + HALF_WRITTEN_SECONDS
    while True:
        try:
            return _attempt(store, intake, operations, postponed)
        except (BoardSuspectError, BoardUnreadableError):
            if time.monotonic() > deadline or not _just_saved(store.path):
                raise
            time.sleep(0.05)
        finally:
            store.unheard += intake.changes
            intake.changes.clear()


def _just_saved(path: Path) -> bool:
    try:
        return abs(time.time() - path.stat().st_mtime) < 2 * HALF_WRITTEN_SECONDS
    except FileNotFoundError:
        return True


def _attempt(store: StoreSettings, intake: Intake, operations: list[Operation], postponed: str | None) -> Written:
    with locked(store):
        place = store.place
        intake.latest = store.history.latest()
        if intake.latest is not None:
            _take_leftovers(place, intake)
        disk = read_whole(store, place, intake.latest)
        take_in(intake, disk)
        written = Written(postponed=postponed)
        if postponed is None:
            written = _bring(store, place, intake, operations, disk)
        return finished(store, intake, written, disk)


def _take_leftovers(place: Place, intake: Intake) -> None:
    """What arrived in files of ours is older than what is on the board now, so it is taken in first: the other way
    round, lines that it does not have yet would look deleted. What cannot be merged is set aside: it must not block.
    """
    for late in files.leftovers(place):
        try:
            take_in(intake, late.data)
        except (BoardSuspectError, BoardUnreadableError):
            if not _just_saved(late.path):
                kept = files.set_aside(place, late)
                intake.notes.append(f"a save that could not be merged is kept as {kept}")
        else:
            intake.crossed = True
            files.settle(place, late)


def _bring(store: StoreSettings, place: Place, intake: Intake, operations: list[Operation], disk: bytes) -> Written:
    """Apply and write. What could not be written is taken back from the history: a failed command changed nothing."""
    before = intake.latest
    written = _apply(store, intake, operations)
    applied = intake.latest
    try:
        write(place, intake, disk)
    except BaseException:
        if intake.latest is applied and before is not None and applied is not before:
            record(intake, person_stamp(before.stamp, store.clock()), before.data, before.author)
        raise
    postponement(store).unlink(missing_ok=True)
    return written


def finished(store: StoreSettings, intake: Intake, written: Written, disk: bytes) -> Written:
    assert intake.latest is not None
    changes = (*store.unheard, *intake.changes)
    store.unheard.clear()
    intake.changes.clear()
    return replace(
        written,
        stamp=None if intake.latest.data == disk or written.postponed else intake.latest.stamp,
        conflicts=(*intake.conflicts, *written.conflicts),
        person_changes=changes,
        notes=tuple(intake.notes),
        data=intake.latest.data,
    )


def _apply(store: StoreSettings, intake: Intake, operations: list[Operation]) -> Written:
    """The operations on the latest version, with ids for what a person wrote by hand. Recorded, not yet written."""
    assert intake.latest is not None
    board = intake.board(intake.latest.data)
    names = _identify(store, board, operations)
    stamp = intake.stamp(board.stamp)
    protected = {(change.task_id, change.field): change.new or "" for change in (*store.unheard, *intake.changes)}
    applied = apply(board, [*names, *operations], protected=protected, stamp=stamp)
    intake.changes += [PersonChange(name.task_id, "added", None, name.status.value) for name in names]
    if applied.changed:
        record(intake, stamp, applied.data, "tool")
    return Written(conflicts=applied.conflicts, added=applied.added, new=tuple(name.task_id for name in names))


def _identify(store: StoreSettings, board: Board, operations: list[Operation]) -> list[Identify]:
    """Ids for hand-written items, and for Adds without one (in place: a repeated attempt must give the same)."""
    bare = board.bare
    nameless = [index for index, item in enumerate(operations) if isinstance(item, Add) and item.task_id is None]
    if not bare and not nameless:
        return []
    number = next_number(store, board, operations)
    for index in nameless:
        operation = operations[index]
        assert isinstance(operation, Add)
        operations[index] = replace(operation, task_id=f"TASK-{number:03}")
        number += 1
    return [Identify(task.title, task.status, f"TASK-{number + index:03}") for index, task in enumerate(bare)]


def next_number(store: StoreSettings, board: Board, operations: Iterable[Operation]) -> int:
    """The first number above every TASK-NNN that the board mentions anywhere or the ledger knows."""
    named = [item.task_id.encode() for item in operations if isinstance(item, Add) and item.task_id]
    texts = [board.render(), *(name.encode() for name in store.taken()), *named]
    latest = store.history.latest()
    texts += [latest.data] if latest is not None else []
    return max((int(found) for text in texts for found in _NUMBERED.findall(text)), default=0) + 1


def write(place: Place, intake: Intake, disk: bytes) -> None:
    """Bring the latest version to the board, and with it whatever is saved there in the same moment."""
    for _ in range(ROUNDS):
        assert intake.latest is not None
        data = intake.latest.data
        if data == disk:
            return
        outcome = files.put(place, data, disk)
        if outcome is True:
            return
        if isinstance(outcome, Late):
            _merge_late(place, intake, outcome)
            disk = data
        else:
            disk = files.stable_read(place.path)
            take_in(intake, disk)
    raise LockedError(f"{place.path.name} is being saved faster than it can be merged", mend="try again")


def _merge_late(place: Place, intake: Intake, late: Late) -> None:
    try:
        take_in(intake, late.data)
    except (BoardSuspectError, BoardUnreadableError):
        files.take_back(place, late)
        raise
    files.settle(place, late)


def read_whole(store: StoreSettings, place: Place, latest: Version | None = None) -> bytes:
    known = latest.data if latest is not None else None
    try:
        return files.stable_read(place.path, known)
    except FileNotFoundError:
        if (latest or store.history.latest()) is None:
            raise NotFoundError(f"there is no {store.path}", mend="metaagent init") from None
        raise BoardSuspectError(f"{store.path} is gone", mend="bring it back with: metaagent board undo") from None


def postponement(store: StoreSettings) -> Path:
    return store.lock_path.with_name("board.postponed")


def postponed(store: StoreSettings) -> str | None:
    """Why writing has to wait: an editor has the board open, and it has not been ``editor_wait`` seconds yet."""
    mark = open_editor(store.place.path) or open_editor(store.path)
    note = postponement(store)
    if mark is None or store.editor_wait <= 0:
        return None
    try:
        since = note.stat().st_mtime
    except FileNotFoundError:
        note.parent.mkdir(parents=True, exist_ok=True)
        note.touch()
        since = time.time()
    left = store.editor_wait - (time.time() - since)
    if left <= 0:
        return None
    return f"an editor has {store.path.name} open ({mark}): it is written in {left:.0f} s, or when the editor closes it"
