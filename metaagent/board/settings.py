"""What a board store is made from: where the board and its lock are, its history, its clock and its patience."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from metaagent.board import place as files
from metaagent.board.diff import PersonChange
from metaagent.board.history import History
from metaagent.board.place import Place


@dataclass
class StoreSettings:
    """``taken`` names ids that may not be given again although the board does not have them (archived tasks);
    ``unheard`` holds changes that a failed call took in, until a call succeeds and returns them.
    """

    path: Path
    lock_path: Path
    history: History
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    editor_wait: float = 10.0
    lock_wait: float = 30.0
    taken: Callable[[], Iterable[str]] = field(default=lambda: ())
    exchanging: bool = True
    unheard: list[PersonChange] = field(default_factory=list, repr=False)

    @property
    def place(self) -> Place:
        return files.resolve(self.path, self.lock_path.parent, exchanging=self.exchanging)
