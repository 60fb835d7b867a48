"""Boards and stores for the tests of this room."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from metaagent.board.history import History, MemoryHistory, MemoryVersion
from metaagent.board.store import BoardStore

BOARD = """\
# Mission Control - Working State
Last Updated: 2026-02-02T10:30:00.000Z

## Active Agents
- agent:orchestrator:main [ACTIVE] - Coordinating project X
- agent:coder:main [IDLE]

## Current Tasks

### INBOX
- [TASK-001] Research competitor pricing
- [TASK-002] Buy stamps

### ASSIGNED
- [TASK-003] @agent:coder:main - Implement user authentication
  priority: high

### IN_PROGRESS
### REVIEW
### DONE
- [TASK-007] Database schema created ✅

## Notes
My own notes.

## Recent Activity
- 10:30 - agent:coder:main completed TASK-007
"""


class Clock:
    """A clock that moves only when it is told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class FileHistory:
    """A History in a folder, for tests with several processes. Used under the board's lock only."""

    folder: Path

    def _index(self) -> list[tuple[str, str, str]]:
        path = self.folder / "index.jsonl"
        return [tuple(json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []

    def _load(self, row: tuple[str, str, str]) -> MemoryVersion:
        return MemoryVersion(row[0], (self.folder / row[2]).read_bytes(), row[1])

    def latest(self) -> MemoryVersion | None:
        index = self._index()
        return self._load(index[-1]) if index else None

    def by_stamp(self, stamp: str) -> bytes | None:
        return next((self._load(row).data for row in reversed(self._index()) if row[0] == stamp), None)

    def recent(self, n: int) -> list[MemoryVersion]:
        return [self._load(row) for row in self._index()[: -n - 1 : -1]]

    def record(self, stamp: str, data: bytes, author: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"{len(self._index()):06}-{os.getpid()}"
        (self.folder / name).write_bytes(data)
        with (self.folder / "index.jsonl").open("a") as file:
            file.write(json.dumps([stamp, author, name]) + "\n")


def make_store(
    folder: Path, text: str | bytes | None = BOARD, history: History | None = None, **options: object
) -> BoardStore:
    path = folder / "WORKING.md"
    if text is not None:
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    options = {"clock": Clock(), **options}
    return BoardStore(path, folder / ".metaagent" / "board.lock", history or MemoryHistory(), **options)  # type: ignore[arg-type]


def rest(path: Path) -> None:
    """Make the file look as if it was saved a while ago, so that reading it needs no pause."""
    old = path.stat().st_mtime - 60
    os.utime(path, (old, old))


def save(path: Path, text: str | bytes) -> None:
    """A person's save, at rest by now."""
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    rest(path)
