"""How the hosts did when they were last used: a small file in ``.metaagent/``, read without asking anyone."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metaagent.inference.hosts import HostState


@dataclass(frozen=True, slots=True)
class Remembered:
    """``until``: when the pause ends of a host that was left out, ``None`` for one that was in. ``seen``: when that
    was written down."""

    seen: datetime
    until: datetime | None
    reason: str


def host_file(workspace_root: Path) -> Path:
    return workspace_root / ".metaagent" / "hosts.json"


def remember(path: Path, states: Iterable[HostState]) -> None:
    """Best effort, the last writer wins: this is a memory for people, nothing is decided by it."""
    now = datetime.now(UTC)
    known = {
        one.url: {
            "seen": now.isoformat(),
            "until": (now + timedelta(seconds=one.pause)).isoformat() if one.state != "in" else None,
            "reason": one.reason,
        }
        for one in states
    }
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        temporary.write_text(json.dumps(known, indent=1), encoding="utf-8")
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()


def recall(path: Path) -> dict[str, Remembered]:
    """What is remembered, by URL; nothing where the file is missing or not ours."""
    try:
        known = json.loads(path.read_bytes())
        return {
            url: Remembered(
                datetime.fromisoformat(one["seen"]),
                datetime.fromisoformat(one["until"]) if one["until"] else None,
                str(one["reason"]),
            )
            for url, one in known.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
