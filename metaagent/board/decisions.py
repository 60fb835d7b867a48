"""A person's word about the whole board: accept it as it stands, undo, repair; and what there is to decide about."""

from __future__ import annotations

from collections.abc import Callable

from metaagent.board.check import Repaired, repair
from metaagent.board.diff import person_changes, suspicion
from metaagent.board.draft import Draft, finish, set_stamp
from metaagent.board.history import Version, before_latest, find_base, person_stamp
from metaagent.board.intake import Intake, record, take_in
from metaagent.board.parse import parse
from metaagent.board.place import Place
from metaagent.board.problems import refuse
from metaagent.board.results import Difference, Written
from metaagent.board.settings import StoreSettings
from metaagent.board.transaction import finished, locked, new_intake, next_number, read_whole, write
from metaagent.errors import BoardSuspectError, NotFoundError


def decide(
    store: StoreSettings, choose: Callable[[Intake, bytes], bytes], author: str, *, lenient: bool = False
) -> Written:
    """A person's word about the whole board: ``choose`` says which bytes it shall have, with a new stamp."""
    intake = new_intake(store)
    with locked(store):
        place = store.place
        intake.latest = store.history.latest()
        disk = read_or_empty(store, place, intake.latest) if lenient else read_whole(store, place, intake.latest)
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
        write(place, intake, disk)
        return finished(store, intake, Written(), disk)


def repair_board(store: StoreSettings, dry_run: bool) -> tuple[Repaired, Written]:
    intake = new_intake(store)
    with locked(store):
        place = store.place
        intake.latest = store.history.latest()
        disk = read_whole(store, place, intake.latest)
        board = parse(disk)
        base = parse(find_base(store.history, intake.latest, board.stamp, disk).data) if intake.latest else None
        repaired = repair(board, base, next_number(store, board, []))
        if dry_run or not repaired.fixes:
            return repaired, Written(data=disk)
        take_in(intake, repaired.data)
        return repaired, _restamped(store, place, intake, disk)


def _restamped(store: StoreSettings, place: Place, intake: Intake, disk: bytes) -> Written:
    """Write the latest version under a new stamp."""
    assert intake.latest is not None
    board = intake.board(intake.latest.data)
    stamp = intake.stamp(board.stamp)
    draft = Draft(board)
    set_stamp(draft, stamp)
    record(intake, stamp, finish(draft), "tool")
    write(place, intake, disk)
    return finished(store, intake, Written(), disk)


def difference(store: StoreSettings) -> Difference:
    latest = store.history.latest()
    disk = read_whole(store, store.place, latest)
    board = parse(disk)
    if latest is None:
        return Difference(disk, disk, board.stamp, False, (), None)
    base = find_base(store.history, latest, board.stamp, disk)
    before = parse(base.data)
    suspect = suspicion(before, board, missing_count=not base.guessed)
    changes = person_changes(before, board)
    return Difference(base.data, disk, board.stamp, base.guessed, changes, suspect)


def undo_target(intake: Intake, disk: bytes, stamp: str | None) -> Version:
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


def read_or_empty(store: StoreSettings, place: Place, latest: Version | None) -> bytes:
    """For ``undo``, which also brings back a board that was deleted."""
    try:
        return read_whole(store, place, latest)
    except BoardSuspectError:
        place.path.touch()
        return b""
