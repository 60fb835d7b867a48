"""Files that commands write where a person asked for them: whole or not at all, and nobody else's is lost."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

HEAD = 2048
"""The first bytes of a page, in which it says who wrote it."""


def write_whole(target: Path, data: bytes) -> None:
    """Write beside it, then rename: no half file is ever there. Raises OSError, and leaves nothing behind."""
    beside = target.with_name(f".{target.name}.metaagent")
    try:
        beside.write_bytes(data)
        beside.replace(target)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def only_our_page(path: Path) -> None:
    """Raises UsageError where something is at ``path`` that is no page of metaagent's own: it is kept."""
    from metaagent.errors import StorageError, UsageError
    from metaagent.monitor.page import GENERATOR

    if not path.exists():
        return
    try:
        ours = path.is_file() and GENERATOR.encode() in _head(path)
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from error
    if not ours:
        raise UsageError(
            f"{path} is there already and is no page that metaagent wrote; it is kept",
            mend=f"metaagent evaluate --html {quote(str(path.with_name(f'{path.stem}-new.html')))}",
        )


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD)
