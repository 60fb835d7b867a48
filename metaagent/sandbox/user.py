"""Who a job runs as. Root defeats limits and owns everything, so root becomes somebody whom nobody knows."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final

_NOBODY: Final = 65534
_FIRST, _COUNT = 1_879_048_192, 100_000_000
"""User ids that no account, container range (subuid) or directory service uses: no two jobs share one, so the kernel's
limit on processes is exact, and a job cannot touch another."""


def stranger() -> int | None:
    """A user id for one job, which owns nothing and runs nothing; None where we are an ordinary user already."""
    if os.geteuid() != 0:
        return None
    return _FIRST + secrets.randbelow(_COUNT) if _all_ids() else _NOBODY


@cache
def _all_ids() -> bool:
    """Whether every user id exists here: a container may know only some."""
    try:
        fields = Path("/proc/self/uid_map").read_text().split()
    except OSError:
        return False
    return len(fields) == 3 and int(fields[0]) == 0 and int(fields[2]) > _FIRST + _COUNT


def open_to_all(paths: Iterable[Path]) -> bool:
    """Whether a stranger could walk to each of them and read it; one behind root's own folder could not."""
    return all(_walkable(path) for path in paths)


def _walkable(path: Path) -> bool:
    try:
        real = path.resolve(strict=True)
        need = 0o5 if real.is_dir() else 0o4
        return real.stat().st_mode & need == need and all(one.stat().st_mode & 0o1 for one in real.parents)
    except OSError:
        return False
