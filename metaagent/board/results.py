"""What the store hands back."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from metaagent.board.diff import PersonChange
from metaagent.board.edit import Conflict
from metaagent.board.parse import Board, parse


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


@dataclass(frozen=True)
class Difference:
    """``base`` is the version compared with (``guessed``: the closest one); ``suspect`` why a person has to decide."""

    base: bytes
    data: bytes
    stamp: str | None
    guessed: bool
    changes: tuple[PersonChange, ...]
    suspect: str | None
