"""A workspace: a folder with WORKING.md and .metaagent/. Found or made here; its board and ledger are opened here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from metaagent.errors import NotFoundError, StorageError

if TYPE_CHECKING:
    from metaagent.board.store import BoardStore
    from metaagent.config import Config, LedgerConfig
    from metaagent.ledger.database import Ledger

WORKSPACE_VARIABLE = "METAAGENT_WORKSPACE"
BOARD_NAME = "WORKING.md"
STATE_NAME = ".metaagent"

# config.yaml is the only file of .metaagent/ that belongs under version control.
GITIGNORE = "*\n!.gitignore\n!config.yaml\n"


@dataclass(frozen=True)
class Workspace:
    """The places of one workspace. The configuration is read when it is first asked for."""

    root: Path

    @property
    def board_path(self) -> Path:
        return self.root / BOARD_NAME

    @property
    def state_dir(self) -> Path:
        return self.root / STATE_NAME

    @property
    def config_path(self) -> Path:
        return self.state_dir / "config.yaml"

    @property
    def ledger_path(self) -> Path:
        return self.state_dir / "ledger.db"

    @property
    def artifacts_dir(self) -> Path:
        return self.state_dir / "artifacts"

    @property
    def tasks_dir(self) -> Path:
        return self.root / "tasks"

    @cached_property
    def config(self) -> Config:
        from metaagent.config import load_config

        return load_config(self.config_path)

    def open_ledger(self, settings: LedgerConfig | None = None, *, read_only: bool = False) -> Ledger:
        """The ledger; made on first use. The caller closes it (it is a context manager). ``settings`` are those of a
        run; a short command writes each action as it comes."""
        from metaagent.ledger.database import Ledger

        if not read_only:
            ensure_state(self)
        if settings is None or not settings.batching:
            return Ledger.open(self.ledger_path, read_only=read_only)
        return Ledger.open(self.ledger_path, batching=True, queue=settings.queue, flush_ms=settings.flush_ms)

    def open_board(self, ledger: Ledger) -> BoardStore:
        """The board, with its history kept in ``ledger``."""
        from metaagent.board.store import BoardStore
        from metaagent.ledger.boards import LedgerHistory
        from metaagent.ledger.tasks import known_ids

        settings = self.config.board
        return BoardStore(
            self.board_path,
            lock_path=self.state_dir / "board.lock",
            history=LedgerHistory(ledger, keep=settings.keep),
            editor_wait=settings.editor_wait_seconds,
            taken=partial(known_ids, ledger),
        )


def find_workspace(start: Path, explicit: Path | None = None, environment: Mapping[str, str] = os.environ) -> Workspace:
    """The workspace that ``-C``, then METAAGENT_WORKSPACE, then the folders from ``start`` upwards name.

    A folder is a workspace when it has WORKING.md, or a ledger whose board was lost.
    Raises NotFoundError when there is none.
    """
    named = explicit or (Path(environment[WORKSPACE_VARIABLE]) if environment.get(WORKSPACE_VARIABLE) else None)
    if named is not None:
        root = named.expanduser().absolute()
        if not _is_workspace(root):
            raise NotFoundError(f"{named} is not a workspace: it has no {BOARD_NAME}", mend=f"metaagent init {named}")
        return Workspace(root)
    here = start.absolute()
    for folder in (here, *here.parents):
        if _is_workspace(folder):
            return Workspace(folder)
    raise NotFoundError(f"no workspace here: no {BOARD_NAME} in {here} or above it", mend="metaagent init")


def _is_workspace(folder: Path) -> bool:
    return (folder / BOARD_NAME).exists() or (folder / STATE_NAME / "ledger.db").exists()


def ensure_state(workspace: Workspace) -> None:
    """Make .metaagent/ and its .gitignore where they are missing; raises StorageError where they cannot be made."""
    ignore = workspace.state_dir / ".gitignore"
    if ignore.exists():
        return
    try:
        workspace.state_dir.mkdir(exist_ok=True)
        ignore.write_text(GITIGNORE, encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"cannot make {workspace.state_dir}: {error.strerror}", mend="check the folder's permissions and free space"
        ) from error
