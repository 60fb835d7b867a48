"""What in a workspace may run, by content: the Python files in ``checks/``.

Pure hashing; the ledger stores what a person trusted (``metaagent trust``). A check runs the bytes whose hash was
compared, never the file again, so a change between the look and the run changes nothing.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from metaagent.errors import StorageError, UsageError

CHECKS = "checks"
MAX_SOURCE = 1_000_000


@dataclass(frozen=True, slots=True)
class Comparison:
    """What may run now beside what was pinned. Removed files need no trust: they cannot run."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]

    @property
    def trusted(self) -> bool:
        return not self.added and not self.changed


def digest(source: bytes) -> str:
    return sha256(source).hexdigest()


def runnable(root: Path) -> dict[str, str]:
    """Every file that may run in this workspace -> its SHA-256, by path relative to it, sorted."""
    files = sorted((root / CHECKS).rglob("*.py"))
    relative = [file.relative_to(root).as_posix() for file in files if file.is_file()]
    return {path: digest(read_source(root, path)) for path in relative}


def read_source(root: Path, path: str) -> bytes:
    """The bytes of a file that may run; UsageError where it is not a Python file inside the workspace's ``checks/``."""
    home, file = (root / CHECKS).resolve(), (root / path).resolve()
    if (
        posixpath.normpath(path) != path
        or not file.is_relative_to(home)
        or file.suffix != ".py"
        or not home.is_relative_to(root.resolve())
    ):
        raise UsageError(
            f"{path!r} is not a Python file in {CHECKS}/ of the workspace",
            mend=f"move it to {CHECKS}/ and name it so, like {CHECKS}/tone.py",
        )
    try:
        with file.open("rb") as stream:
            source = stream.read(MAX_SOURCE + 1)
    except FileNotFoundError:
        raise UsageError(f"the check file {path} does not exist", mend=f"create {path}") from None
    except OSError as error:
        raise StorageError(f"cannot read the check file {path}: {error.strerror}") from error
    if len(source) > MAX_SOURCE:
        raise UsageError(f"the check file {path} is larger than {MAX_SOURCE} bytes", mend="make it smaller")
    return source


def compare(current: Mapping[str, str], pinned: Mapping[str, str]) -> Comparison:
    return Comparison(
        added=tuple(sorted(path for path in current if path not in pinned)),
        changed=tuple(sorted(path for path in current if path in pinned and pinned[path] != current[path])),
        removed=tuple(sorted(path for path in pinned if path not in current)),
    )


def pins(pinned: Mapping[str, str]) -> Callable[[str, str], bool]:
    """The answer for ``CheckContext.trusted``: whether this path with this SHA-256 is pinned."""
    return lambda path, found: pinned.get(path) == found
