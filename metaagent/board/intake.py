"""Taking in what a person saved: which version it started from, whether it can be a wish, and what it comes to.

``Intake.latest`` is the truth as far as the history knows it; every text that arrives is folded into it and recorded
before anything is written to the board.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from metaagent.board.diff import PersonChange, person_changes, suspicion
from metaagent.board.edit import Conflict
from metaagent.board.history import History, MemoryVersion, Version, find_base, next_stamp, person_stamp
from metaagent.board.merge import merge
from metaagent.board.parse import Board, parse
from metaagent.board.problems import refuse
from metaagent.errors import BoardSuspectError

SUSPECT_MEND = (
    "look with: metaagent board diff, then type: metaagent board accept (it is meant) or: metaagent board undo"
)


@dataclass(slots=True)
class Intake:
    """One transaction's view of the board. ``changes``, ``conflicts``, ``notes`` collect what the caller must hear."""

    history: History
    clock: Callable[[], datetime]
    name: str = "WORKING.md"
    latest: Version | None = None
    crossed: bool = False
    changes: list[PersonChange] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _board: Board | None = None
    _data: bytes | None = None

    def board(self, data: bytes) -> Board:
        """``data`` parsed; the last one is remembered."""
        if self._board is None or self._data != data:
            self._board, self._data = parse(data), data
        return self._board

    def stamp(self, *known: str | None) -> str:
        latest = self.latest.stamp if self.latest else None
        return next_stamp(self.clock(), [latest, *known])


def record(intake: Intake, stamp: str, data: bytes, author: str) -> None:
    intake.history.record(stamp, data, author)
    intake.latest = MemoryVersion(stamp, data, author)


def take_in(intake: Intake, data: bytes) -> None:
    """Fold a saved text into the latest version. Raises BoardUnreadableError or BoardSuspectError, nothing recorded."""
    latest = intake.latest
    if latest is not None and data == latest.data:
        return
    board = intake.board(data)
    refuse(board.problems, intake.name)
    if latest is None:
        _first(intake, board, data)
        return
    base = find_base(intake.history, latest, board.stamp, data, crossed=intake.crossed)
    if base.data == data:
        return
    before = parse(base.data)
    why = suspicion(before, board, missing_count=not base.guessed)
    if why is not None:
        raise BoardSuspectError(f"{intake.name}: {why}", mend=SUSPECT_MEND)
    if base.data == latest.data and not base.guessed:
        intake.changes += person_changes(before, board)
        record(intake, person_stamp(board.stamp, intake.clock()), data, "person")
    else:
        _merge(intake, before, board, latest, guessed=base.guessed)


def _first(intake: Intake, board: Board, data: bytes) -> None:
    intake.changes += [PersonChange(task_id, "added", None, task.status.value) for task_id, task in board.by_id.items()]
    record(intake, board.stamp or person_stamp(None, intake.clock()), data, "person")


def _merge(intake: Intake, before: Board, board: Board, latest: Version, *, guessed: bool) -> None:
    stamp = intake.stamp(board.stamp)
    merged = merge(before, board, parse(latest.data), guessed=guessed, stamp=stamp)
    refuse(intake.board(merged.data).problems, intake.name)
    record(intake, person_stamp(board.stamp, intake.clock()), board.render(), "person")
    record(intake, stamp, merged.data, "tool")
    intake.changes += merged.changes
    intake.conflicts += merged.conflicts
    if guessed:
        intake.notes.append(_guess_note(board.stamp, len(merged.unseen)))


def _guess_note(stamp: str | None, unseen: int) -> str:
    which = f"its stamp {stamp} is not in the history" if stamp else "it has no 'Last Updated' stamp"
    kept = f"; {unseen} tasks missing from it were kept" if unseen else ""
    return f"the saved board was compared with the closest known version, because {which}{kept}"
