"""One process that puts up walls and runs a job behind them, watched from outside.

Every backend and every level comes through here: clean environment, closed descriptors, wall clock, output cap, the
limits that must be watched, and at the end nothing left of the tree.
"""

from __future__ import annotations

import os
import selectors
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from tempfile import TemporaryFile
from time import monotonic
from typing import IO, Any, Final

from metaagent.errors import EnvironmentFailedError
from metaagent.sandbox.base import KilledFor, Limits, Outcome, Status
from metaagent.sandbox.tree import sweep

Watch = Callable[[int], KilledFor | None]
"""Looks at the tree under a pid; tells the limit that is broken."""

_SIGXCPU: Final = 24
_TICK: Final = 0.02
_LAST_WORDS: Final = 2.0
"""How long after the process's end its pipes may stay open: everything that could hold them was killed."""


@dataclass(frozen=True, slots=True)
class Launch:
    """The command that makes the walls, and what it inherits. ``user`` is what root becomes.

    With ``opened`` the command starts by writing one line and reading one line: ``opened`` is called between the two,
    when the walls stand and the job has not begun.
    """

    command: Sequence[str]
    stdin: bytes
    descriptors: Sequence[int] = ()
    opened: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    returncode: int
    stdout: bytes
    stderr: bytes
    killed_for: KilledFor | None
    opened: bool
    seconds: float


def stoppable(watch: Watch, stop: Callable[[], bool] | None) -> Watch:
    """The watch of a job that may be told to end before its time."""
    if stop is None:
        return watch
    return lambda pid: KilledFor.WALL if stop() else watch(pid)


def execute(launch: Launch, limits: Limits, watch: Watch, environment: Mapping[str, str] | None = None) -> Ended:
    """Run to the end or to a limit. Raises EnvironmentFailedError when the command cannot even be started."""
    started = monotonic()
    try:
        process = subprocess.Popen(
            list(launch.command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment or {}),
            cwd="/",
            pass_fds=tuple(launch.descriptors),
            start_new_session=True,
        )
    except OSError as error:
        raise EnvironmentFailedError(
            f"the sandbox cannot start {launch.command[0]}: {error.strerror}", mend="metaagent sandbox probe"
        ) from error
    streams = _Streams(process, launch, limits.output_bytes)
    try:
        killed_for = _follow(process, streams, watch, started + limits.wall_seconds)
    finally:
        if process.poll() is None:
            sweep(process.pid, also=True)
        process.wait()
        streams.drain()
    if killed_for is None and streams.flooded:
        killed_for = KilledFor.OUTPUT
    return Ended(
        process.returncode, streams.text("out"), streams.text("err"), killed_for, streams.opened, monotonic() - started
    )


def outcome(ended: Ended, code: int | None, signal: int | None, files: dict[str, bytes]) -> Outcome:
    killed_for = ended.killed_for
    if killed_for is None and signal == _SIGXCPU:
        killed_for = KilledFor.CPU
    status = Status.KILLED if killed_for else Status.SIGNALLED if signal is not None else Status.EXITED
    if ended.killed_for is not None:
        code = signal = None
    return Outcome(status, code, signal, ended.stdout, ended.stderr, files, killed_for, ended.seconds)


def in_memory(stack: ExitStack, content: bytes) -> int:
    """A descriptor to read ``content`` from, closed at the end of ``stack``; a file without a name, not on disk."""
    try:
        stream = stack.enter_context(os.fdopen(os.memfd_create("job"), "w+b"))
    except OSError:  # we are behind such walls ourselves
        stream = stack.enter_context(TemporaryFile("w+b"))  # noqa: SIM115
    stream.write(content)
    stream.flush()
    stream.seek(0)
    return stream.fileno()


def _follow(process: subprocess.Popen[bytes], streams: _Streams, watch: Watch, deadline: float) -> KilledFor | None:
    tick, cost = monotonic() + _TICK / 2, 0.0
    while process.poll() is None:
        now = monotonic()
        if now >= deadline:
            return KilledFor.WALL
        if now >= tick:
            broken = watch(process.pid)
            if broken is not None:
                return broken
            cost = monotonic() - now
            tick = now + max(_TICK, 5 * cost)
        streams.serve(max(0.0, min(tick, deadline) - monotonic()))
        if streams.flooded:
            return KilledFor.OUTPUT
    return None


class _Streams:
    """Both outputs as they come, up to the cap, the input as it is taken, and word of the process's end."""

    def __init__(self, process: subprocess.Popen[bytes], launch: Launch, cap: int) -> None:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        self._stdin: IO[bytes] | None = process.stdin
        self._names: dict[IO[bytes], str] = {process.stdout: "out", process.stderr: "err"}
        self._texts = {"out": bytearray(), "err": bytearray()}
        self._input = memoryview(launch.stdin)
        self._gate, self._cap = launch.opened, cap
        self.opened = launch.opened is None
        self._selector = selectors.DefaultSelector()
        self._end = _end_of(process.pid)
        if self._end is not None:
            self._selector.register(self._end, selectors.EVENT_READ)
        for stream in (process.stdin, *self._names):
            os.set_blocking(stream.fileno(), False)
        for stream in self._names:
            self._selector.register(stream, selectors.EVENT_READ)
        if self.opened:
            self._offer()

    @property
    def flooded(self) -> bool:
        return any(len(text) > self._cap for text in self._texts.values())

    def text(self, name: str) -> bytes:
        return bytes(self._texts[name][: self._cap])

    def serve(self, wait: float) -> bool:
        """Wait for whatever happens next and take or give what is there; whether any output came."""
        came = False
        for key, _ in self._selector.select(wait if self._end is not None else min(wait, 0.005)):
            if key.fileobj is self._stdin:
                self._give()
            elif key.fileobj != self._end:
                came = self._take(key.fileobj) or came
        return came

    def _take(self, stream: Any) -> bool:
        data = os.read(stream.fileno(), 262144)
        if not data:
            self._selector.unregister(stream)
            stream.close()
            return False
        name = self._names[stream]
        if not self.opened and name == "out":
            data = data[1:]  # the line that says the walls stand
            self._open()
        text = self._texts[name]
        text += data[: max(0, self._cap + 1 - len(text))]
        return True

    def _open(self) -> None:
        self.opened = True
        if self._gate is not None:
            self._gate()
            self._input = memoryview(b"\n" + bytes(self._input))
        self._offer()

    def _offer(self) -> None:
        if self._stdin is not None:
            self._selector.register(self._stdin, selectors.EVENT_WRITE)
            self._give()

    def _give(self) -> None:
        """As much of the input as fits; the pipe closes after the last byte, or when nobody reads it any more."""
        assert self._stdin is not None
        with suppress(BlockingIOError):
            try:
                while self._input:
                    self._input = self._input[os.write(self._stdin.fileno(), self._input[:65536]) :]
            except BrokenPipeError:
                self._input = memoryview(b"")
            self._shut()

    def _shut(self) -> None:
        if self._stdin is not None:
            with suppress(KeyError):
                self._selector.unregister(self._stdin)
            with suppress(OSError):
                self._stdin.close()
            self._stdin = None

    def drain(self) -> None:
        """What is left in the pipes after the end, and the end of all descriptors."""
        self._shut()
        if self._end is not None:
            self._selector.unregister(self._end)
            os.close(self._end)
            self._end = None
        deadline = monotonic() + _LAST_WORDS
        while self._selector.get_map() and not self.flooded and monotonic() < deadline:
            self.serve(0.05)
        for stream in self._names:
            stream.close()
        self._selector.close()


def _end_of(pid: int) -> int | None:
    """A descriptor that becomes readable when the process ends; None on a kernel before 5.3."""
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None
