"""The commands that the specifications of a workspace name: what ``metaagent trust`` shows beside files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from metaagent.errors import MetaagentError
from metaagent.tasks.sheet import read_sheet
from metaagent.trust import runnable
from metaagent.validators.command import pin, words_of
from metaagent.validators.protocol import OptionsError

MAX_FILES: Final = 5_000
_PASSED: Final = frozenset({"node_modules", "__pycache__"})


def all_runnable(root: Path) -> dict[str, str]:
    """Every file and every command that may run or judge in this workspace -> its SHA-256."""
    return {**runnable(root), **commands(root)}


def commands(root: Path) -> dict[str, str]:
    """``command: WORDS`` -> the SHA-256 of the words, sorted. A specification that does not hold runs nothing."""
    found = dict[str, str]()
    for path in _specifications(root):
        try:
            if b"command" in path.read_bytes():
                found.update(pin(words_of(run)) for run in _runs(read_sheet(path).values))
        except (MetaagentError, OptionsError, OSError):
            continue
    return dict(sorted(found.items()))


def _specifications(root: Path) -> list[Path]:
    found: list[Path] = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _PASSED)
        found += [Path(folder, name) for name in sorted(names) if name.endswith((".yaml", ".yml"))]
        if len(found) > MAX_FILES:
            break
    return found[:MAX_FILES]


def _runs(values: Mapping[str, Any]) -> Iterator[Any]:
    checks = values.get("checks")
    for kind in ("public", "key"):
        items = checks.get(kind) if isinstance(checks, Mapping) else None
        for item in items if isinstance(items, list) else ():
            options = item.get("command") if isinstance(item, Mapping) else None
            if isinstance(options, Mapping):
                yield options.get("run")
