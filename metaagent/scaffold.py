"""Makes a workspace: the board, the configuration and an example's files. Whatever is there already stays as it is."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from metaagent.errors import NotFoundError, StorageError, UsageError
from metaagent.workspace import BOARD_NAME, STATE_NAME, Workspace, ensure_state

_PACKAGE = Path(__file__).resolve().parent
_LOCAL_STATE = {"ledger.db", "ledger.db-wal", "ledger.db-shm", "board.lock", "run.lock", "artifacts", "__pycache__"}

BOARD = """\
# Mission Control - Working State
Last Updated: {stamp}

## Active Agents
- agent:executor:main [IDLE]

## Current Tasks

### INBOX

### ASSIGNED

### IN_PROGRESS

### REVIEW

### DONE

## Recent Activity
"""

CONFIG = """\
# The settings of this workspace. Every key is optional; what stands here commented out is the default.
# No secrets in this file: name an environment variable instead. Check it with: metaagent config show

# backend: auto            # auto | ollama | embedded | scripted:FILE
# default_model: qwen2.5-coder-1.5b

# agents:
#   agent:executor:main:
#     capabilities: [json]
#     heartbeat: 15m

# limits:                  # what one task may use up in all its attempts together
#   attempts: 3
#   seconds: 600

# run:
#   retries: 2
"""


@dataclass(frozen=True, slots=True)
class Created:
    """A workspace with the files that were written and those that were there before and kept, relative to it."""

    workspace: Workspace
    written: tuple[str, ...]
    kept: tuple[str, ...]


def example_folders() -> dict[str, Path]:
    """The examples that came with metaagent, by name: from the installed package, or from a checkout."""
    for folder in (_PACKAGE / "_examples", _PACKAGE.parent / "examples"):
        if folder.is_dir():
            return {path.name: path for path in sorted(folder.iterdir()) if path.is_dir()}
    return {}


def create_workspace(
    directory: Path, example: str | None = None, *, rows: int | None = None, dry_run: bool = False
) -> Created:
    """Make ``directory`` a workspace, with an example's files if one is named. Never overwrites a file. ``rows``: only
    the first so many tasks of each of the example's sets, on the board too.

    Raises NotFoundError for an unknown example, StorageError where the files cannot be written.
    """
    root = directory.expanduser().absolute()
    if root.exists() and not root.is_dir():
        raise UsageError(f"{directory} is a file, not a folder", mend="metaagent init OTHER_FOLDER")
    files = _wanted(example)
    if rows is not None:
        files = _shortened(files, rows)
    written: list[str] = []
    kept: list[str] = []
    for name, data in files.items():
        (kept if os.path.lexists(root / name) else written).append(name)
        if not dry_run:
            _write_new(root / name, data)
    workspace = Workspace(root)
    if not dry_run:
        ensure_state(workspace)
    return Created(workspace, tuple(written), tuple(kept))


def _wanted(example: str | None) -> dict[str, bytes]:
    """Relative path to content of every file that a new workspace has."""
    stamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    files = {BOARD_NAME: BOARD.format(stamp=stamp).encode(), f"{STATE_NAME}/config.yaml": CONFIG.encode()}
    if example is not None:
        folder = _example(example)
        files.update({path.relative_to(folder).as_posix(): path.read_bytes() for path in _files(folder)})
    return files


def _shortened(files: dict[str, bytes], rows: int) -> dict[str, bytes]:
    """The files with the first rows of each table of tasks; lines of the board for tasks that are left out go too."""
    tables = {name: data.splitlines(keepends=True) for name, data in files.items() if name.endswith(".jsonl")}
    left_out = {
        b"- [" + str(json.loads(line)["id"]).encode() + b"]" for all_ in tables.values() for line in all_[rows:]
    }
    kept = {name: b"".join(lines[:rows]) for name, lines in tables.items()}
    board = b"".join(
        line for line in files[BOARD_NAME].splitlines(keepends=True) if line[: line.find(b"]") + 1] not in left_out
    )
    return {**files, **kept, BOARD_NAME: board}


def _example(name: str) -> Path:
    known = example_folders()
    if name not in known:
        names = ", ".join(known) or "none came with this installation"
        raise NotFoundError(f"no example '{name}' (known: {names})", mend="metaagent init --help")
    return known[name]


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not _LOCAL_STATE.intersection(path.relative_to(folder).parts):
            yield path


def _write_new(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError:
        return
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror}",
            mend=f"check the folder's permissions and space: ls -ld {path.parent}",
        ) from error
