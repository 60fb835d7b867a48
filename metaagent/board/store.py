"""The board's one way to disk: under a lock, merged with what a person saved, exchanged in one step.

An operation is recorded in the history before it is written, and the history's latest version is the truth: a crash in
between is rolled forward by the next command, because the stamp on the board then names an older version than the
history's latest one.
"""

from __future__ import annotations

from collections.abc import Sequence

from metaagent.board import decisions, transaction
from metaagent.board.check import Repaired
from metaagent.board.diff import PersonChange
from metaagent.board.edit import Conflict, Operation, fold
from metaagent.board.history import Version
from metaagent.board.parse import Board, parse, read_board
from metaagent.board.results import Difference, Written
from metaagent.board.settings import StoreSettings

__all__ = ["BoardStore", "Conflict", "Difference", "PersonChange", "Sync", "Written", "read_board"]

Sync = Written


class BoardStore(StoreSettings):
    """The board of one workspace. Every method may be called from any thread or process; each takes the lock itself."""

    def read(self) -> Board:
        """A whole board (no half-written save), without the lock."""
        return parse(transaction.read_whole(self, self.place))

    def sync(self, *, hurry: bool = False) -> Sync:
        """Take in a person's edits and give hand-written items their ids.

        While an editor has the board open nothing is written, for a bounded time; ``hurry`` does not wait.
        """
        return transaction.transaction(self, [], postponed=None if hurry else transaction.postponed(self))

    def commit(self, operations: Sequence[Operation], *, hurry: bool = False) -> Written:
        """Apply operations in one write, merged with what a person saved. Safe to repeat with the same operations.

        When ``postponed`` is set nothing was done or recorded: keep the operations and commit them again.
        """
        reason = None if hurry else transaction.postponed(self)
        if reason is not None:
            return Written(postponed=reason)
        return transaction.transaction(self, list(fold(operations)), postponed=None)

    def accept(self) -> Written:
        """Take the board as it stands for what a person wants, however much is missing."""
        return decisions.decide(self, lambda _intake, data: data, "person")

    def undo(self, stamp: str | None = None) -> Written:
        """Bring back a version: the one before the latest, the latest when the board was changed since, or ``stamp``.

        What is undone stays in the history, so the next ``undo`` brings it back.
        """
        return decisions.decide(
            self, lambda intake, data: decisions.undo_target(intake, data, stamp).data, "undo", lenient=True
        )

    def undo_target(self, stamp: str | None = None) -> tuple[bytes, Version]:
        """The board's bytes now, and the version that ``undo`` would bring back. Neither lock nor record."""
        intake = transaction.new_intake(self)
        intake.latest = self.history.latest()
        disk = self.path.read_bytes() if self.path.exists() else b""
        return disk, decisions.undo_target(intake, disk, stamp)

    def repair(self, *, dry_run: bool = False) -> tuple[Repaired, Written]:
        """Make the mends that are safe. Raises what ``sync`` raises for what is left and needs a person."""
        return decisions.repair_board(self, dry_run)

    def difference(self) -> Difference:
        """What a person changed since the version that the board was made from. Neither lock nor record."""
        return decisions.difference(self)
