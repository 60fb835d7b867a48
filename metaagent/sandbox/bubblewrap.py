"""Level 1: bubblewrap. Own namespaces, an empty file system with the system's programs read-only, limits inside.

Nothing of the job touches the disk: its folder is a tmpfs of bounded size, filled while the walls are built, and what
is collected is read through a descriptor of that folder, which keeps it after everything in it has ended.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Final

from metaagent.errors import EnvironmentFailedError
from metaagent.sandbox import seccomp
from metaagent.sandbox.base import MAX_INODES, MIB, Job, KilledFor, Outcome, require
from metaagent.sandbox.collect import Folder
from metaagent.sandbox.execute import Ended, Launch, execute, in_memory, outcome, stoppable
from metaagent.sandbox.interpreter import SYSTEM
from metaagent.sandbox.tree import alive, descendants, memory_over, threads, until_gone
from metaagent.sandbox.user import stranger

PLACE: Final = "/job"
"""The job's folder, as the job sees it."""

_TOOLS: Final = "/usr/bin:/bin:/usr/sbin:/sbin"
_SHARED_MEMORY, _TEMPORARY = 16 * MIB, 32 * MIB
_DESCRIPTORS: Final = 256
_ETC: Final = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime")
_GATE: Final = 'echo; read -r _ && exec "$@"'
"""Says on stdout that the walls stand, and waits for a line before the job begins. bubblewrap's inner process ties
itself to the outer one only when they stand: where the maker was killed before, no line comes, and no job begins."""
_CHILD: Final = 'test "$PPID" = "$0" && exec "$@"'
"""Goes on as a child of the process it is given, and of no other."""


@dataclass(frozen=True)
class Bubblewrap:
    """Raises EnvironmentFailedError when made where a part is missing; whether it holds is for the probes."""

    path: str = field(default_factory=lambda: find("bwrap", "bubblewrap", os.environ.get("PATH", os.defpath)))
    level: int = 1
    name: str = "bubblewrap"

    @cached_property
    def _prlimit(self) -> str:
        return find("prlimit", "util-linux")

    @cached_property
    def _setpriv(self) -> str:
        return find("setpriv", "util-linux")

    @cached_property
    def _filter(self) -> bytes:
        if platform.machine() not in seccomp.MACHINES:
            raise EnvironmentFailedError(f"no filter of system calls for {platform.machine()}")
        return seccomp.assemble(platform.machine(), None)

    def identity(self) -> str:
        path = Path(self.path).resolve()
        parts = (path.read_bytes(), self._filter, self._prlimit.encode(), Path(__file__).read_bytes())
        return f"{path}:{sha256(b''.join(parts)).hexdigest()[:16]}"

    def run(self, job: Job) -> Outcome:
        require(job.readable)
        with ExitStack() as stack:
            view = _View(stack)
            command, descriptors = self._command(job, stack, view)
            opened = view.keep if job.collect else view.read
            launch = Launch(command, job.stdin, [*descriptors, *job.link], opened)
            ended = execute(launch, job.limits, stoppable(view.watch(job), job.stop))
            view.read()
            view.wait()
            if ended.killed_for is None and view.status is None:
                raise EnvironmentFailedError(
                    f"bubblewrap could not put up its walls: {_said(ended)}", mend="metaagent sandbox probe"
                )
            files = view.folder.collect(job.collect, job.limits.file_bytes) if view.folder else {}
            return outcome(ended, *_split(view.status), files)

    def _command(self, job: Job, stack: ExitStack, view: _View) -> tuple[list[str], list[int]]:
        user = stranger()
        descriptors = [view.write_end, in_memory(stack, self._filter)]
        walls = [*_walls(user), "--json-status-fd", str(descriptors[0]), "--seccomp", str(descriptors[1])]
        walls += _file_system(job)
        for name, content in job.files.items():
            descriptors.append(in_memory(stack, content))
            walls += ["--perms", "0666" if user else "0644", "--file", str(descriptors[-1]), f"{PLACE}/{name}"]
        walls += ["--chdir", PLACE, "--remount-ro", "/"]
        # Not as arguments: those of a process are for all users of the machine to read, the environment is not.
        descriptors.append(in_memory(stack, b"\0".join(map(os.fsencode, walls))))
        inner = ["/bin/sh", "-c", _GATE, "sh", *self._become(user), *self._limits(job), *job.argv]
        return [*self._tied(), self.path, "--args", str(descriptors[-1]), "--", *inner], descriptors

    def _tied(self) -> list[str]:
        """The walls end with this process from their first moment. What bubblewrap asks for itself comes late: whoever
        was killed before that left walls, and the job behind them, to nobody."""
        return [self._setpriv, "--pdeathsig", "KILL", "--", "/bin/sh", "-c", _CHILD, str(os.getpid())]

    def _become(self, user: int | None) -> list[str]:
        if user is None:
            return []
        drop = ["--clear-groups", "--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all"]
        return [self._setpriv, f"--reuid={user}", f"--regid={user}", *drop, "--"]

    def _limits(self, job: Job) -> list[str]:
        limits = job.limits
        return [
            self._prlimit,
            f"--as={limits.memory_bytes}",
            f"--nproc={limits.processes}",
            f"--fsize={limits.file_bytes}",
            f"--cpu={limits.cpu_seconds}:{limits.cpu_seconds + 1}",
            f"--nofile={_DESCRIPTORS}",
            "--core=0",
            "--",
        ]


def find(name: str, package: str, where: str = _TOOLS) -> str:
    found = shutil.which(name, path=where)
    if found is None:
        raise EnvironmentFailedError(f"{name} is not installed", mend=f"install the package {package}")
    return found


def _walls(user: int | None) -> Iterator[str]:
    """As an ordinary user a user namespace; as root none, for the job becomes a stranger inside (and owns nothing)."""
    yield from ("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try")
    yield from ("--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL")
    if user is None:
        yield from ("--unshare-user", "--disable-userns")
    else:
        for capability in ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"):
            yield from ("--cap-add", capability)


def _file_system(job: Job) -> Iterator[str]:
    yield from _system()
    for file in _ETC:
        yield from ("--ro-bind-try", file, file)
    yield from ("--proc", "/proc", "--dev", "/dev")
    yield from _tmpfs("/dev/shm", _SHARED_MEMORY)
    yield from ("--remount-ro", "/dev")
    yield from _tmpfs("/tmp", _TEMPORARY)
    yield from _tmpfs(PLACE, job.limits.disk_bytes)
    for parent in dict.fromkeys(parent for path in job.readable for parent in reversed(path.parents[:-1])):
        yield from () if _known(parent) else ("--perms", "0755", "--dir", str(parent))
    for path in job.readable:
        yield from ("--ro-bind", str(path), str(path))
    for folder in dict.fromkeys(str(parent) for name in job.files for parent in _folders(name)):
        yield from ("--perms", "0777", "--dir", f"{PLACE}/{folder}")
    fixed = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": PLACE, "TMPDIR": "/tmp", "LANG": "C.UTF-8"}
    for key, value in {**fixed, **job.environment}.items():
        yield from ("--setenv", key, value)


def _system() -> Iterator[str]:
    for path in SYSTEM:
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), str(path))
        elif path.is_dir():
            yield from ("--ro-bind", str(path), str(path))


def _known(path: Path) -> bool:
    return path in (Path("/tmp"), Path("/dev"), Path("/proc"), Path(PLACE)) or any(
        path == one or one in path.parents for one in SYSTEM
    )


def _tmpfs(path: str, size: int) -> tuple[str, ...]:
    return ("--perms", "0777", "--size", str(size), "--tmpfs", path)


def _folders(file: str) -> list[PurePosixPath]:
    return [parent for parent in reversed(PurePosixPath(file).parents) if parent.name]


class _View:
    """What bubblewrap tells of its sandbox: the first process's pid, and at the end the status of the command."""

    def __init__(self, stack: ExitStack) -> None:
        self._read_end, self.write_end = os.pipe()
        self._stack, self._said = stack, b""
        for end in (self._read_end, self.write_end):
            stack.callback(os.close, end)
        os.set_blocking(self._read_end, False)
        self.pid: int | None = None
        self.status: int | None = None
        self.folder: Folder | None = None

    def read(self) -> None:
        with suppress(BlockingIOError):
            self._said += os.read(self._read_end, 65536)
        for line in self._said.splitlines():
            with suppress(ValueError):
                told = json.loads(line)
                self.pid = told.get("child-pid", self.pid)
                self.status = told.get("exit-code", self.status)

    def wait(self) -> None:
        """Until the sandbox's first process has ended, and with it all others: bubblewrap itself does not wait."""
        until_gone(lambda: self.pid is not None and alive(self.pid))

    def keep(self) -> None:
        """The walls stand: take hold of the job's folder."""
        self.read()
        self.folder = Folder(f"/proc/{self.pid}/root{PLACE}")
        self._stack.callback(self.folder.close)

    def watch(self, job: Job) -> Callable[[int], KilledFor | None]:
        def look(pid: int) -> KilledFor | None:
            if self.pid is None:
                self.read()
            tree = descendants(pid)
            if memory_over(tree, job.limits.memory_bytes):
                return KilledFor.MEMORY
            if threads(tree) > job.limits.processes + 2:  # bubblewrap's own two
                return KilledFor.PROCESSES
            return KilledFor.DISK if self._many_files() else None

        return look

    def _many_files(self) -> bool:
        for place in (PLACE, "/tmp", "/dev/shm"):
            with suppress(OSError):
                # One descriptor for both questions: between two looks by name the sandbox may have got its own root.
                descriptor = os.open(f"/proc/{self.pid}/root{place}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
                try:
                    found, device = os.fstatvfs(descriptor), os.fstat(descriptor).st_dev
                finally:
                    os.close(descriptor)
                if found.f_files - found.f_ffree > MAX_INODES and _inside(place, device):
                    return True
        return False


def _inside(place: str, device: int) -> bool:
    """Whether that is the sandbox's own file system already, and not yet the machine's."""
    return not Path(place).exists() or device != Path(place).stat().st_dev


def _said(ended: Ended) -> str:
    text = ended.stderr.decode(errors="replace").strip().splitlines()
    return text[-1][:300] if text else f"it ended with status {ended.returncode} and no word"


def _split(status: int | None) -> tuple[int | None, int | None]:
    """Exit status and signal. bubblewrap tells a signal as 128 + n: an exit with such a status looks the same."""
    if status is None or not 128 < status <= 192:
        return status, None
    return None, status - 128
