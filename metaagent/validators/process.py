"""One bounded child process: wall-clock limit, output cap, and the end of its whole process group."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import IO, Final

MAX_OUTPUT: Final = 1_000_000
_GLANCE: Final = 0.05
"""How often to look whether the process ended while a grandchild keeps its pipes open."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended. ``status`` is None where it was stopped for time or output."""

    status: int | None
    output: bytes
    errors: bytes
    timed_out: bool = False
    flooded: bool = False


def run(
    command: Sequence[str], data: bytes, *, seconds: float, environment: Mapping[str, str], folder: Path | None
) -> Ended:
    """Run with ``data`` on stdin. Returns when the process ends, at the limit, or at too much output."""
    with tempfile.TemporaryFile() as source:
        source.write(data)
        source.seek(0)
        process = subprocess.Popen(
            command,
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            cwd=folder,
            start_new_session=True,
        )
    with process:
        try:
            return _watch(process, monotonic() + seconds)
        finally:
            _kill(process)


def _watch(process: subprocess.Popen[bytes], deadline: float) -> Ended:
    streams = _Streams(process)
    while streams.open:
        left = deadline - monotonic()
        if left <= 0:
            return streams.ended(None, timed_out=True)
        if process.poll() is not None:
            _kill(process)
            left = 0.0
        if not streams.read(min(left, _GLANCE)) and process.poll() is not None and left == 0.0:
            break
        if streams.flooded:
            return streams.ended(None, flooded=True)
    with suppress(subprocess.TimeoutExpired):
        return streams.ended(process.wait(max(0.0, deadline - monotonic())))
    return streams.ended(None, timed_out=True)


class _Streams:
    """Both outputs of a process, read as they come and kept up to the cap."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None and process.stderr is not None
        self._texts: dict[IO[bytes], bytearray] = {process.stdout: bytearray(), process.stderr: bytearray()}
        self._out, self._err = process.stdout, process.stderr
        self._selector = selectors.DefaultSelector()
        for stream in self._texts:
            os.set_blocking(stream.fileno(), False)
            self._selector.register(stream, selectors.EVENT_READ)

    @property
    def open(self) -> bool:
        return bool(self._selector.get_map())

    @property
    def flooded(self) -> bool:
        return any(len(text) > MAX_OUTPUT for text in self._texts.values())

    def read(self, wait: float) -> bool:
        """Read what is there; whether there was anything."""
        ready = self._selector.select(wait)
        for key, _ in ready:
            stream: IO[bytes] = key.fileobj  # type: ignore[assignment]
            data = os.read(stream.fileno(), 65536)
            if data:
                self._texts[stream] += data
            else:
                self._selector.unregister(stream)
        return bool(ready)

    def ended(self, status: int | None, *, timed_out: bool = False, flooded: bool = False) -> Ended:
        self._selector.close()
        output, errors = bytes(self._texts[self._out][:MAX_OUTPUT]), bytes(self._texts[self._err][:MAX_OUTPUT])
        return Ended(status, output, errors, timed_out, flooded)


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
