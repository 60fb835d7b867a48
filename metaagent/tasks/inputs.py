"""A task's inputs: texts, or ``{file: PATH}`` for the text of a file inside the workspace."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from metaagent.errors import SpecificationError
from metaagent.tasks.sheet import read_text

MAX_INPUT = 1_000_000
_PRIVATE = ".metaagent"


def read_input(value: Any, root: Path, forbidden: Iterable[Path] = ()) -> str:
    """The text of one input. ``forbidden`` are the files that hold the task's own answers."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping) and set(value) == {"file"} and isinstance(value["file"], str):
        return read_text(inside(value["file"], root, forbidden), value["file"], MAX_INPUT)
    if value is None or (isinstance(value, Mapping) and "file" in value):
        raise SpecificationError("must be a text or {file: PATH}", mend="write it like {file: data/bill.txt}")
    return json.dumps(value, ensure_ascii=False)


def inside(path: str, root: Path, forbidden: Iterable[Path] = ()) -> Path:
    """The file, resolved; SpecificationError where it leaves the workspace, links included, or holds its secrets."""
    home = root.resolve()
    try:
        file = (home / path).resolve()
    except (OSError, ValueError, RuntimeError):
        raise SpecificationError(f"{path!r} is not a path", mend="name a file of the workspace") from None
    if not file.is_relative_to(home) or file.is_relative_to(home / _PRIVATE):
        raise SpecificationError(f"{path!r} is outside of the workspace", mend="copy the file into the workspace")
    if file in {other.resolve() for other in forbidden}:
        raise SpecificationError(f"{path!r} holds the answers of this task", mend="keep inputs in files of their own")
    return file
