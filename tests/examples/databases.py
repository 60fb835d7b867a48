"""An example's database to ask and to change."""

from __future__ import annotations

import sqlite3
from pathlib import Path


def in_memory(fixture: Path, change: str = "") -> sqlite3.Connection:
    """A copy of the fixture in memory, changed."""
    copy = sqlite3.connect(":memory:")
    original = sqlite3.connect(f"file:{fixture}?mode=ro", uri=True)
    original.backup(copy)
    original.close()
    copy.executescript(change)
    return copy
