"""The board's one way to disk: under a lock, merged with what a person saved, exchanged in one step.

An operation is recorded in the history before it is written, and the history's latest version is the truth: a crash in
between is rolled forward by the next command, because the stamp on the board then names an older version than the
history's latest one.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from metaagent.board import place as files
from metaagent.board.check import Repaired, repair
from metaagent.board.diff import PersonChange, person_changes, suspicion
from metaagent.board.draft import Draft, finish, set_stamp
from metaagent.board.edit import Add, Conflict, Identify, Operation, apply, fold
from metaagent.board.editors import open_editor
from metaagent.board.history import History, Version, before_latest, find_base, person_stamp
from metaagent.board.intake import Intake, record, take_in
from metaagent.board.parse import Board, parse, read_board
from metaagent.board.place import Late, Place
from metaagent.board.problems import refuse
from metaagent.errors import BoardSuspectError, BoardUnreadableError, LockedError, NotFoundError, StorageError

__all__ = ["BoardStore", "Conflict", "PersonChange", "Sync", "Written", "read_board"]

ROUNDS = 200
HALF_WRITTEN_SECONDS = 1.0
_NUMBERED = re.compile(rb"TASK-(\d+)")


@dataclass(frozen=True)
class Written:
    """What a commit came to. ``stamp`` names the version now on the board; None when nothing had to be written.

    ``person_changes``: what a person changed since the last call of any process; ``added``: ids of the Adds, in order;
    ``new``: ids given to hand-written items; ``postponed``: why nothing was done (an editor has the board open).
    """

    stamp: str | None = None
    conflicts: tuple[Conflict, ...] = ()
    person_changes: tuple[PersonChange, ...] = ()
    postponed: str | None = None
    added: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    data: bytes = field(default=b"", repr=False)

    @cached_property
    def board(self) -> Board:
        """The board as it was left (parsed when first asked for)."""
        return parse(self.data)

    @property
    def changes(self) -> tuple[PersonChange, ...]:
        return self.person_changes


Sync = Written


@dataclass(frozen=True)
class Difference:
    """``base`` is the version compared with (``guessed``: the closest one); ``suspect`` why a person has to decide."""

    base: bytes
    data: bytes
    stamp: str | None
    guessed: bool
    changes: tuple[PersonChange, ...]
    suspect: str | None


@dataclass
class BoardStore:
    """The board of one workspace. Every method may be called from any thread or process; each takes the lock itself.

    ``taken`` names ids that may not be given again although the board does not have them (archived tasks).
    """

    path: Path
    lock_path: Path
    history: History
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    editor_wait: float = 10.0
    lock_wait: float = 30.0
    taken: Callable[[], Iterable[str]] = field(default=lambda: ())
    exchanging: bool = True
    _unheard: list[PersonChange] = field(default_factory=list, repr=False)

    def read(self) -> Board:
        """A whole board (no half-written save), without the lock."""
        return parse(_read(self, self._place))

    def sync(self, *, hurry: bool = False) -> Sync:
        """Take in a person's edits and give hand-written items their ids.

        While an editor has the board open nothing is written, for a bounded time; ``hurry`` does not wait.
        """
        return _transaction(self, [], postponed=None if hurry else _postponed(self))

    def commit(self, operations: Sequence[Operation], *, hurry: bool = False) -> Written:
        """Apply operations in one write, merged with what a person saved. Safe to repeat with the same operations.

        When ``postponed`` is set nothing was done or recorded: keep the operations and commit them again.
        """
        reason = None if hurry else _postponed(self)
        if reason is not None:
            return Written(postponed=reason)
        return _transaction(self, list(fold(operations)), postponed=None)

    def accept(self) -> Written:
        """Take the board as it stands for what a person wants, however much is missing."""
        return _decide(self, lambda _intake, data: data, "person")

    def undo(self, stamp: str | None = None) -> Written:
        """Bring back a version: the one before the latest, the latest when the board was changed since, or ``stamp``.

        What is undone stays in the history, so the next ``undo`` brings it back.
        """
        return _decide(self, lambda intake, data: _undo_target(intake, data, stamp).data, "undo", lenient=True)

    def undo_target(self, stamp: str | None = None) -> tuple[bytes, Version]:
        """The board's bytes now, and the version that ``undo`` would bring back. Neither lock nor record."""
        intake = _intake(self)
        intake.latest = self.history.latest()
        disk = self.path.read_bytes() if self.path.exists() else b""
        return disk, _undo_target(intake, disk, stamp)

    def repair(self, *, dry_run: bool = False) -> tuple[Repaired, Written]:
        """Make the mends that are safe. Raises what ``sync`` raises for what is left and needs a person."""
        return _repair(self, dry_run)

    def difference(self) -> Difference:
        """What a person changed since the version that the board was made from. Neither lock nor record."""
        return _difference(self)

    @property
    def _place(self) -> Place:
        return files.resolve(self.path, self.lock_path.parent, exchanging=self.exchanging)


@contextmanager
def _locked(store: BoardStore) -> Iterator[None]:
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
            f"cannot write beside {store.path}: {error}", mend="check the folder's permissions"
        ) from None
    except OSError as error:
        raise StorageError(
            f"cannot write {store.path}: {error.strerror or error}", mend="free space, then repeat"
        ) from None


def _intake(store: BoardStore) -> Intake:
    return Intake(store.history, store.clock, store.path.name)


def _transaction(store: BoardStore, operations: list[Operation], *, postponed: str | None) -> Written:
    """Repeat what fails on a board that is being saved at this moment, for a moment."""
    intake = _intake(store)
    deadline = time.monotonic() + HALF_WRITTEN_SECONDS
    while True:
        try:
            return _attempt(store, intake, operations, postponed)
        except (BoardSuspectError, BoardUnreadableError):
            if time.monotonic() > deadline or not _just_saved(store.path):
                raise
            time.sleep(0.05)
        finally:
            store._unheard += intake.changes
            intake.changes.clear()


def _just_saved(path: Path) -> bool:
    try:
        return abs(time.time() - path.stat().st_mtime) < 2 * HALF_WRITTEN_SECONDS
    except FileNotFoundError:
        return True


def _attempt(store: BoardStore, intake: Intake, operations: list[Operation], postponed: str | None) -> Written:
    with _locked(store):
        place = store._place
        intake.latest = store.history.latest()
        if intake.latest is not None:
            _take_leftovers(place, intake)
        disk = _read(store, place, intake.latest)
        take_in(intake, disk)
        written = Written(postponed=postponed)
        if postponed is None:
            written = _bring(store, place, intake, operations, disk)
        return _finished(store, intake, written, disk)


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


def _bring(store: BoardStore, place: Place, intake: Intake, operations: list[Operation], disk: bytes) -> Written:
    """Apply and write. What could not be written is taken back from the history: a failed command changed nothing."""
    before = intake.latest
    written = _apply(store, intake, operations)
    applied = intake.latest
    try:
        _write(place, intake, disk)
    except BaseException:
        if intake.latest is applied and before is not None and applied is not before:
            record(intake, person_stamp(before.stamp, store.clock()), before.data, before.author)
        raise
    _postponement(store).unlink(missing_ok=True)
    return written


def _finished(store: BoardStore, intake: Intake, written: Written, disk: bytes) -> Written:
    assert intake.latest is not None
    changes = (*store._unheard, *intake.changes)
    store._unheard.clear()
    intake.changes.clear()
    return replace(
        written,
        stamp=None if intake.latest.data == disk or written.postponed else intake.latest.stamp,
        conflicts=(*intake.conflicts, *written.conflicts),
        person_changes=changes,
        notes=tuple(intake.notes),
        data=intake.latest.data,
    )


def _apply(store: BoardStore, intake: Intake, operations: list[Operation]) -> Written:
    """The operations on the latest version, with ids for what a person wrote by hand. Recorded, not yet written."""
    assert intake.latest is not None
    board = intake.board(intake.latest.data)
    names = _identify(store, board, operations)
    stamp = intake.stamp(board.stamp)
    protected = {(change.task_id, change.field): change.new or "" for change in (*store._unheard, *intake.changes)}
    applied = apply(board, [*names, *operations], protected=protected, stamp=stamp)
    intake.changes += [PersonChange(name.task_id, "added", None, name.status.value) for name in names]
    if applied.changed:
        record(intake, stamp, applied.data, "tool")
    return Written(conflicts=applied.conflicts, added=applied.added, new=tuple(name.task_id for name in names))


def _identify(store: BoardStore, board: Board, operations: list[Operation]) -> list[Identify]:
    """Ids for hand-written items, and for Adds without one (in place: a repeated attempt must give the same)."""
    bare = board.bare
    nameless = [index for index, item in enumerate(operations) if isinstance(item, Add) and item.task_id is None]
    if not bare and not nameless:
        return []
    number = _next_number(store, board, operations)
    for index in nameless:
        operation = operations[index]
        assert isinstance(operation, Add)
        operations[index] = replace(operation, task_id=f"TASK-{number:03}")
        number += 1
    return [Identify(task.title, task.status, f"TASK-{number + index:03}") for index, task in enumerate(bare)]


def _next_number(store: BoardStore, board: Board, operations: Iterable[Operation]) -> int:
    """The first number above every TASK-NNN that the board mentions anywhere or the ledger knows."""
    named = [item.task_id.encode() for item in operations if isinstance(item, Add) and item.task_id]
    texts = [board.render(), *(name.encode() for name in store.taken()), *named]
    latest = store.history.latest()
    texts += [latest.data] if latest is not None else []
    return max((int(found) for text in texts for found in _NUMBERED.findall(text)), default=0) + 1


def _write(place: Place, intake: Intake, disk: bytes) -> None:
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


def _decide(
    store: BoardStore, choose: Callable[[Intake, bytes], bytes], author: str, *, lenient: bool = False
) -> Written:
    """A person's word about the whole board: ``choose`` says which bytes it shall have, with a new stamp."""
    intake = _intake(store)
    with _locked(store):
        place = store._place
        intake.latest = store.history.latest()
        disk = _read_or_empty(store, place, intake.latest) if lenient else _read(store, place, intake.latest)
        chosen = parse(choose(intake, disk))
        refuse(chosen.problems, intake.name)
        before = intake.latest
        if before is None or disk != before.data:
            record(intake, person_stamp(parse(disk).stamp, store.clock()), disk, "person")
        stamp = intake.stamp(chosen.stamp)
        draft = Draft(chosen)
        set_stamp(draft, stamp)
        intake.changes += person_changes(parse(before.data if before else b""), chosen)
        record(intake, stamp, finish(draft), author)
        _write(place, intake, disk)
        return _finished(store, intake, Written(), disk)


def _repair(store: BoardStore, dry_run: bool) -> tuple[Repaired, Written]:
    intake = _intake(store)
    with _locked(store):
        place = store._place
        intake.latest = store.history.latest()
        disk = _read(store, place, intake.latest)
        board = parse(disk)
        base = parse(find_base(store.history, intake.latest, board.stamp, disk).data) if intake.latest else None
        repaired = repair(board, base, _next_number(store, board, []))
        if dry_run or not repaired.fixes:
            return repaired, Written(data=disk)
        take_in(intake, repaired.data)
        return repaired, _restamped(store, place, intake, disk)


def _restamped(store: BoardStore, place: Place, intake: Intake, disk: bytes) -> Written:
    """Write the latest version under a new stamp."""
    assert intake.latest is not None
    board = intake.board(intake.latest.data)
    stamp = intake.stamp(board.stamp)
    draft = Draft(board)
    set_stamp(draft, stamp)
    record(intake, stamp, finish(draft), "tool")
    _write(place, intake, disk)
    return _finished(store, intake, Written(), disk)


def _difference(store: BoardStore) -> Difference:
    latest = store.history.latest()
    disk = _read(store, store._place, latest)
    board = parse(disk)
    if latest is None:
        return Difference(disk, disk, board.stamp, False, (), None)
    base = find_base(store.history, latest, board.stamp, disk)
    before = parse(base.data)
    suspect = suspicion(before, board, missing_count=not base.guessed)
    changes = person_changes(before, board)
    return Difference(base.data, disk, board.stamp, base.guessed, changes, suspect)


def _undo_target(intake: Intake, disk: bytes, stamp: str | None) -> Version:
    latest = intake.latest
    if stamp is not None:
        found = [version for version in intake.history.recent(10_000) if version.stamp == stamp]
        target: Version | None = found[0] if found else None
    elif latest is not None and disk != latest.data:
        target = latest
    else:
        target = before_latest(intake.history)
    if target is None:
        what = f"no version {stamp}" if stamp else "no earlier version"
        raise NotFoundError(f"the board's history has {what}", mend="metaagent board undo --list")
    return target


def _read(store: BoardStore, place: Place, latest: Version | None = None) -> bytes:
    known = latest.data if latest is not None else None
    try:
        return files.stable_read(place.path, known)
    except FileNotFoundError:
        if (latest or store.history.latest()) is None:
            raise NotFoundError(f"there is no {store.path}", mend="metaagent init") from None
        raise BoardSuspectError(f"{store.path} is gone", mend="bring it back with: metaagent board undo") from None


def _read_or_empty(store: BoardStore, place: Place, latest: Version | None) -> bytes:
    """For ``undo``, which also brings back a board that was deleted."""
    try:
        return _read(store, place, latest)
    except BoardSuspectError:
        place.path.touch()
        return b""


def _postponement(store: BoardStore) -> Path:
    return store.lock_path.with_name("board.postponed")


def _postponed(store: BoardStore) -> str | None:
    """Why writing has to wait: an editor has the board open, and it has not been ``editor_wait`` seconds yet."""
    mark = open_editor(store._place.path) or open_editor(store.path)
    note = _postponement(store)
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
