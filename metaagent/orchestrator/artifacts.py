"""Where artifacts are kept: .metaagent/artifacts/ATTEMPT-NAME. The reply itself is in the ledger as well."""

from __future__ import annotations

import os
import re
from pathlib import Path

from metaagent.errors import StorageError
from metaagent.records import Attempt, Task
from metaagent.workspace import Workspace

_ENDINGS = {"json": "json", "text": "txt", "python": "py", "sql": "sql", "markdown": "md"}
_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


def artifact_name(task: Task) -> str:
    """The file name: the one that the task gives (its last part), else the task's id with the format's ending."""
    given = Path(task.artifact.name).name if task.artifact.name else ""
    name = given or f"{task.id}.{_ENDINGS.get(task.artifact.format, 'txt')}"
    return _UNSAFE.sub("_", name).lstrip(".") or "artifact"


def store_artifact(workspace: Workspace, task: Task, attempt: Attempt) -> Path | None:
    """Write what the attempt produced, and return where; None where it produced nothing. Raises StorageError."""
    if attempt.artifact is None:
        return None
    path = workspace.artifacts_dir / f"{attempt.id}-{artifact_name(task)}"
    data = attempt.artifact.encode("utf-8", "backslashreplace")
    try:
        _write(path, data)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}", mend="free space, then repeat") from error
    return path


def _write(path: Path, data: bytes) -> None:
    """Plain system calls: this is on the way of every attempt."""
    try:
        number = os.open(path, _NEW, 0o644)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        number = os.open(path, _NEW, 0o644)
    try:
        while data:
            data = data[os.write(number, data) :]
    finally:
        os.close(number)
