"""What in a workspace may run or judge, by content: the Python files in ``checks/`` and all files in ``fixtures/``.

Pure hashing; the ledger stores what a person trusted (``metaagent trust``). A check works with the bytes whose hash was
compared, never with the file again, so a change between the look and the run changes nothing.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from metaagent.errors import StorageError, UsageError
from metaagent.records import Check

CHECKS = "checks"
FIXTURES = "fixtures"
MAX_SOURCE = 1_000_000
MAX_FIXTURE = 64 * 1024 * 1024
"""Bytes of one fixture, all its files together: each judgement copies them."""
MAX_FIXTURE_FILES = 200


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
    """Every file that may run or judge in this workspace -> its SHA-256, by path relative to it, sorted."""
    files = sorted((root / CHECKS).rglob("*.py"))
    relative = [file.relative_to(root).as_posix() for file in files if file.is_file()]
    sources = {path: digest(read_source(root, path)) for path in relative}
    fixtures = {path.relative_to(root).as_posix(): digest(_bytes(path)) for path in _files(root / FIXTURES)}
    return {**sources, **fixtures}


def needed(root: Path, check: Check) -> dict[str, str]:
    """The files that a check cannot do without -> their SHA-256. UsageError where one is missing or out of place."""
    file, fixture = check.options.get("file"), check.options.get("fixture")
    if check.validator == "user" and isinstance(file, str):
        return {file: digest(read_source(root, file))}
    places = [fixture, file if check.validator == "python.tests" else None, check.options.get("generator")]
    read = (read_fixture(root, place) for place in places if isinstance(place, str))
    return {path: digest(content) for files in read for path, content in files.items()}


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


def read_fixture(root: Path, path: str) -> dict[str, bytes]:
    """A file or a folder inside the workspace's ``fixtures/``: path relative to the workspace -> content.

    Raises UsageError where it is missing, empty, too large, or leads out of ``fixtures/``.
    """
    home, place = root.resolve() / FIXTURES, root / path
    plain = posixpath.normpath(path) == path and not posixpath.isabs(path)
    if not plain or not place.resolve().is_relative_to(home) or place.resolve() == home:
        raise UsageError(
            f"{path!r} is not in {FIXTURES}/ of the workspace",
            mend=f"move it to {FIXTURES}/ and name it so, like {FIXTURES}/shop.db",
        )
    files = _files(place)
    if not files:
        raise UsageError(f"the fixture {path} does not exist", mend=f"create {path}")
    if len(files) > MAX_FIXTURE_FILES or sum(file.stat().st_size for file in files) > MAX_FIXTURE:
        raise UsageError(
            f"the fixture {path} has more than {MAX_FIXTURE_FILES} files or {MAX_FIXTURE} bytes", mend="make it smaller"
        )
    return {file.relative_to(root).as_posix(): _bytes(file) for file in files}


def _files(place: Path) -> list[Path]:
    """The regular files at or under a place, no links followed, caches of Python left out."""
    found = [place] if place.is_file() else sorted(place.rglob("*"))
    return [file for file in found if file.is_file() and not file.is_symlink() and "__pycache__" not in file.parts]


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise StorageError(f"cannot read {file}: {error.strerror}") from error


def compare(current: Mapping[str, str], pinned: Mapping[str, str]) -> Comparison:
    return Comparison(
        added=tuple(sorted(path for path in current if path not in pinned)),
        changed=tuple(sorted(path for path in current if path in pinned and pinned[path] != current[path])),
        removed=tuple(sorted(path for path in pinned if path not in current)),
    )


def pins(pinned: Mapping[str, str]) -> Callable[[str, str], bool]:
    """The answer for ``CheckContext.trusted``: whether this path with this SHA-256 is pinned."""
    return lambda path, found: pinned.get(path) == found
