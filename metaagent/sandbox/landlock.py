"""Level 2: Landlock, a filter of system calls and resource limits, put up by a small launcher. Needs Python and Linux.

Weaker than level 1, and this is how: the job sees the machine's file names (never the contents of files), its writing
goes to a real disk (a watchdog ends it when it is too much, so the bound is not exact), the limit on an ordinary user's
processes counts all that the user runs, and file modes and times cannot be changed. There is no /proc and no /dev/shm.
"""

from __future__ import annotations

import ctypes
import errno
import marshal
import os
import platform
import resource
import shutil
import struct
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from metaagent.errors import EnvironmentFailedError
from metaagent.sandbox import seccomp
from metaagent.sandbox.base import MAX_INODES, Job, KilledFor, Outcome, require
from metaagent.sandbox.collect import Folder
from metaagent.sandbox.disk import over, remove
from metaagent.sandbox.execute import Ended, Launch, execute, in_memory, outcome, stoppable
from metaagent.sandbox.interpreter import SYSTEM, interpreter
from metaagent.sandbox.tree import descendants, memory_over, threads, threads_of_user
from metaagent.sandbox.user import open_to_all, stranger

LAUNCHER: Final = Path(__file__).with_name("launcher.py")
_DESCRIPTORS: Final = 256

# linux/landlock.h: what each ABI added to what can be handled.
_FILES: Final = {1: 0x1FFF, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}  # ABI 1: execute ... make_sym; refer, truncate, ioctl
_NETWORK: Final = {4: 0x3}  # bind and connect of TCP
_SCOPES: Final = {6: 0x3}  # abstract Unix sockets and signals stay inside
_READ: Final = 0x1 | 0x4 | 0x8  # execute, read a file, list a folder
_DEVICE: Final = 0x2 | 0x4 | 1 << 14  # write, read, truncate
_WRITE: Final = 0xFFFF & ~(1 << 6 | 1 << 9 | 1 << 11)  # everything but making devices and sockets
_ETC: Final = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime")
_DEVICES: Final = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")

SystemCall = Callable[..., tuple[int, int]]
"""Number and arguments in, result and errno out: injected where a kernel without Landlock is to be shown."""


def system_call(number: int, *arguments: Any) -> tuple[int, int]:
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall(ctypes.c_long(number), *arguments)
    return result, ctypes.get_errno()


def landlock_abi(call: SystemCall = system_call) -> int:
    """The kernel's version of Landlock. Raises EnvironmentFailedError, with the reason, where there is none."""
    if sys.platform != "linux" or platform.machine() not in seccomp.MACHINES or struct.calcsize("P") != 8:
        raise EnvironmentFailedError(
            f"Landlock with a system-call filter is for 64-bit Linux on {' or '.join(seccomp.MACHINES)}; "
            f"this is {sys.platform} on {platform.machine()}"
        )
    result, number = call(444, ctypes.c_void_p(None), ctypes.c_size_t(0), ctypes.c_uint(1))
    if result >= 1:
        return result
    why = {errno.ENOSYS: "the kernel was built without it", errno.EOPNOTSUPP: "it is not switched on at boot (lsm=)"}
    said = why.get(number, os.strerror(number) if number else "it has no version")
    raise EnvironmentFailedError(
        f"this kernel has no Landlock: {said}", mend="use Linux 5.13 or later with Landlock on"
    )


@dataclass(frozen=True)
class Landlock:
    """``abi`` may be lowered, to be as on an older kernel; never raised above what the kernel has."""

    abi: int = field(default_factory=landlock_abi)
    level: int = 2
    name: str = "landlock"

    def identity(self) -> str:
        sources = LAUNCHER.read_bytes() + Path(__file__).read_bytes() + self._filter()
        return f"abi {self.abi}, {sys.executable}:{sha256(sources).hexdigest()[:16]}"

    def run(self, job: Job) -> Outcome:
        require(job.readable)
        with ExitStack() as stack:
            user = stranger()
            base = _place(job, user)
            stack.callback(remove, base)
            read_end, write_end = os.pipe()
            stack.callback(os.close, read_end)
            plan = in_memory(stack, marshal.dumps(self._plan(job, base, user)))
            command = [sys.executable, "-I", "-S", "-B", str(LAUNCHER), str(plan), str(write_end)]
            try:
                launch = Launch(command, job.stdin, (plan, write_end, *job.link))
                ended = execute(launch, job.limits, stoppable(_watch(job, base), job.stop))
            finally:
                os.close(write_end)
            said = os.read(read_end, 65536).decode(errors="replace") if ended.killed_for is None else ""
            code, signal = _status(said, ended)
            folder = Folder(str(base / "job"))
            stack.callback(folder.close)
            return outcome(ended, code, signal, folder.collect(job.collect, job.limits.file_bytes))

    def _plan(self, job: Job, base: Path, user: int | None) -> dict[str, Any]:
        readable = [*map(str, (*SYSTEM, *_ETC)), *map(str, job.readable)]
        fixed = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(base / "job"), "TMPDIR": str(base / "tmp")}
        return {
            "machine": platform.machine(),
            "parent": os.getpid(),
            "handled": self._handled(),
            "paths": [(path, _READ) for path in readable]
            + [(path, _DEVICE) for path in _DEVICES]
            + [(str(base / name), _WRITE) for name in ("job", "tmp")],
            "filter": self._filter(),
            "user": user,
            "search": user is not None and not open_to_all((*job.readable, *interpreter())),
            "limits": _limits(job, user),
            "folder": str(base / "job"),
            "link": list(job.link),
            "argv": list(job.argv),
            "environment": {**fixed, "LANG": "C.UTF-8", **job.environment},
        }

    def _handled(self) -> list[int]:
        """The bits of each kind that this ABI knows; a kernel is told no kind that it does not."""
        kinds = [sum(bits for since, bits in kind.items() if since <= self.abi) for kind in (_FILES, _NETWORK, _SCOPES)]
        while kinds[-1] == 0:
            kinds.pop()
        return kinds

    def _filter(self) -> bytes:
        return seccomp.assemble(platform.machine(), self.abi)


def _place(job: Job, user: int | None) -> Path:
    """A new folder with the job's files, owned by whom it will run as."""
    base = Path(tempfile.mkdtemp(prefix="metaagent-job-"))
    try:
        for name in ("job", "tmp"):
            (base / name).mkdir(mode=0o700)
        for name, content in job.files.items():
            path = base / "job" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        if user is not None:
            for path in (base, *base.rglob("*")):
                os.chown(path, user, user)
    except OSError:
        shutil.rmtree(base, ignore_errors=True)
        raise
    return base


def _limits(job: Job, user: int | None) -> dict[int, tuple[int, int]]:
    limits = job.limits
    others = 0 if user is not None else threads_of_user(os.getuid())
    return {
        resource.RLIMIT_AS: (limits.memory_bytes,) * 2,
        resource.RLIMIT_NPROC: (limits.processes + others,) * 2,
        resource.RLIMIT_FSIZE: (limits.file_bytes,) * 2,
        resource.RLIMIT_CPU: (limits.cpu_seconds, limits.cpu_seconds + 1),
        resource.RLIMIT_NOFILE: (_DESCRIPTORS,) * 2,
        resource.RLIMIT_CORE: (0, 0),
    }


def _watch(job: Job, base: Path) -> Callable[[int], KilledFor | None]:
    limits = job.limits

    def look(pid: int) -> KilledFor | None:
        tree = descendants(pid)
        if memory_over(tree, limits.memory_bytes):
            return KilledFor.MEMORY
        if threads(tree) > limits.processes:
            return KilledFor.PROCESSES
        return KilledFor.DISK if over(base, tree, limits.disk_bytes, MAX_INODES) else None

    return look


def _status(said: str, ended: Ended) -> tuple[int | None, int | None]:
    lines = said.split("\n")
    if ended.killed_for is not None:
        return None, None
    if lines[0].startswith("broken ") or not lines[-1].startswith(("exit ", "signal ")):
        reason = lines[0].removeprefix("broken ") or ended.stderr.decode(errors="replace").strip()[-300:]
        raise EnvironmentFailedError(f"Landlock could not put up its walls: {reason}", mend="metaagent sandbox probe")
    word, number = lines[-1].split()
    return (int(number), None) if word == "exit" else (None, int(number))
