"""What a sandbox is given and what it gives back. All values are frozen; no backend knows more of a job than this."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Final, Protocol

from metaagent.errors import NotFoundError, UsageError

MIB: Final = 1024 * 1024
MAX_FILES: Final = 400
"""Each copied file is one open descriptor while a sandbox is built."""

MAX_INODES: Final = 5_000
"""Files and folders that a job may make: empty ones take no space that is counted, but memory of the kernel."""


class KilledFor(StrEnum):
    """The limit that ended a job from the outside."""

    WALL = "wall"
    CPU = "cpu"
    MEMORY = "memory"
    OUTPUT = "output"
    DISK = "disk"
    PROCESSES = "processes"


class Status(StrEnum):
    """EXITED with a status, SIGNALLED by a signal of its own doing, KILLED for a limit."""

    EXITED = "exited"
    SIGNALLED = "signalled"
    KILLED = "killed"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a job may use. Memory, processes and disk are those of the whole tree, not of each process."""

    wall_seconds: float = 10.0
    cpu_seconds: int = 10
    memory_bytes: int = 512 * MIB
    processes: int = 32
    file_bytes: int = 32 * MIB
    output_bytes: int = MIB
    disk_bytes: int = 64 * MIB


@dataclass(frozen=True, slots=True)
class Job:
    """One command to run behind walls.

    ``files`` are copied into its folder under relative names, ``collect`` names what is copied out afterwards (regular
    files only, missing ones are left out). ``environment`` is all it gets besides PATH, HOME, TMPDIR and LANG.
    ``readable`` are absolute paths it may read where they are, such as ``interpreter()`` or a fixture. ``link`` are
    descriptors that it inherits under their numbers: pipes to another job, no more. When ``stop`` answers true, its
    time is over.
    """

    argv: tuple[str, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)
    collect: tuple[str, ...] = ()
    stdin: bytes = b""
    limits: Limits = Limits()
    environment: Mapping[str, str] = field(default_factory=dict)
    readable: tuple[Path, ...] = ()
    link: tuple[int, ...] = ()
    stop: Callable[[], bool] | None = None

    def __post_init__(self) -> None:
        if not self.argv or any("\0" in text for text in (*self.argv, *self.environment.values())):
            raise UsageError("a command for the sandbox has at least one word, and no NUL character")
        for name in self.environment:
            if not name or "=" in name or "\0" in name:
                raise UsageError(f"{name!r} cannot name a variable of the environment")
        if len(self.files) > MAX_FILES:
            raise UsageError(f"{len(self.files)} files for one job; at most {MAX_FILES} are copied into a sandbox")
        for name in (*self.files, *self.collect):
            check_name(name)
        for path in self.readable:
            check_readable(path)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended. ``stdout`` and ``stderr`` are cut at the output limit, ``files`` hold what was collected."""

    status: Status
    exit_code: int | None
    signal: int | None
    stdout: bytes
    stderr: bytes
    files: Mapping[str, bytes]
    killed_for: KilledFor | None
    seconds: float

    @property
    def ok(self) -> bool:
        return self.status is Status.EXITED and self.exit_code == 0


class Sandbox(Protocol):
    """A backend. ``level`` 1 is the only one allowed where nobody watches; 2 is weaker.

    ``run`` raises EnvironmentFailedError when the walls cannot be put up: then nothing has run. It never runs a job
    with fewer walls instead.
    """

    @property
    def level(self) -> int: ...

    @property
    def name(self) -> str: ...

    def identity(self) -> str:
        """Text that changes when this backend does; a stored proof is for one identity."""
        ...

    def run(self, job: Job) -> Outcome: ...


def check_name(name: str) -> None:
    """A file of a job: a relative path in its plainest form, that stays inside the job's folder."""
    path = PurePosixPath(name)
    plain = str(path) == name and not path.is_absolute() and ".." not in path.parts and name not in ("", ".")
    if not plain or "\0" in name or len(name.encode(errors="surrogateescape")) > 1000 or len(path.parts) > 32:
        raise UsageError(f"{name!r} cannot name a file of a job: use a relative path without '..'")


def check_readable(path: Path) -> None:
    """What a job may read must be named narrowly: never a home folder, nor a folder that holds one."""
    if not path.is_absolute() or ".." in path.parts or "\0" in str(path):
        raise UsageError(f"{path} cannot be opened to a sandbox: name it by an absolute path")
    if any(home == path or path in home.parents for home in _homes()):
        raise UsageError(
            f"{path} cannot be opened to a sandbox: it is or holds a home folder", mend="name what is needed"
        )


def require(paths: Iterable[Path]) -> None:
    """A job does not run without what it was promised to be able to read."""
    for path in paths:
        if not path.exists():
            raise NotFoundError(f"{path}, which a job in the sandbox is to read, does not exist")


def _homes() -> tuple[Path, ...]:
    try:
        return (Path.home(), Path.home().resolve())
    except RuntimeError:  # nobody knows where home is
        return (Path("/root"),)
