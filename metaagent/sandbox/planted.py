"""What the probes reach for: a secret, files, listeners and a process of our own. Nobody else's is ever touched."""

from __future__ import annotations

import contextlib
import os
import resource
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from metaagent.sandbox.tree import until_gone

_KEPT = "to be kept\n"


class Planted:
    """One field of planted things, as a context manager. Open to every user, so that only walls keep a job off it."""

    def __init__(self) -> None:
        self.secret = secrets.token_hex(16)
        self.name = f"metaagent-probe-{secrets.token_hex(6)}"
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> Planted:
        with contextlib.ExitStack() as stack:
            self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="metaagent-probe-")))
            self.folder.chmod(0o777)
            self._plant_files(stack)
            self._listen(stack)
            self._victim: subprocess.Popen[bytes] | None = None
            stack.callback(self._end_victim)
            stack.callback(self.end_left)
            self._closing = stack.pop_all()
        return self

    def __exit__(self, *reason: object) -> None:
        self._closing.close()

    def _plant_files(self, stack: contextlib.ExitStack) -> None:
        keys = self.folder / "home" / ".ssh"
        keys.mkdir(parents=True)
        self.key = keys / "id_probe"
        self.key.write_text(self.secret)
        self.kept = self.folder / "kept"
        self.descriptor = os.open(self.key, os.O_RDONLY)
        stack.callback(os.close, self.descriptor)
        os.set_inheritable(self.descriptor, True)
        for path in (self.folder / "home", keys, self.key):
            path.chmod(0o755)

    def _listen(self, stack: contextlib.ExitStack) -> None:
        def listener(family: int, kind: int, address: Any) -> socket.socket:
            one = stack.enter_context(socket.socket(family, kind))
            one.bind(address)
            one.setblocking(False)
            if kind == socket.SOCK_STREAM:
                one.listen(4)
            return one

        self._sockets = {
            "tcp": listener(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            "udp": listener(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            "unix": listener(socket.AF_UNIX, socket.SOCK_STREAM, str(self.folder / "stream")),
            "datagram": listener(socket.AF_UNIX, socket.SOCK_DGRAM, str(self.folder / "datagram")),
            "abstract": listener(socket.AF_UNIX, socket.SOCK_STREAM, "\0" + self.name),
        }
        for name in ("stream", "datagram"):
            (self.folder / name).chmod(0o777)

    def reset(self) -> dict[str, Any]:
        """Everything as it was planted; where it all is, for an attempt."""
        (self.folder / "new").unlink(missing_ok=True)
        self.kept.write_text(_KEPT)
        self.kept.chmod(0o666)
        for name in self._sockets:
            self.came(name)
        fill = self.folder / "fill"
        shutil.rmtree(fill, ignore_errors=True)
        fill.mkdir()
        return {
            "secret": str(self.key),
            "new": str(self.folder / "new"),
            "kept": str(self.kept),
            "tcp": self._sockets["tcp"].getsockname()[1],
            "udp": self._sockets["udp"].getsockname()[1],
            "unix": str(self.folder / "stream"),
            "datagram": str(self.folder / "datagram"),
            "abstract": self.name,
            "victim": self._living_victim().pid,
            "name": self.name,
            "fill": f"{fill}/",
        }

    def came(self, name: str) -> bool:
        """Whether anything reached that listener since the last look."""
        one, came = self._sockets[name], False
        with contextlib.suppress(BlockingIOError):
            while True:
                if one.type == socket.SOCK_STREAM:
                    one.accept()[0].close()
                else:
                    one.recv(100)
                came = True
        return came

    def written(self) -> bool:
        return (self.folder / "new").exists()

    def emptied(self) -> bool:
        return self.kept.read_text() != _KEPT

    def opened(self) -> bool:
        return self.kept.stat().st_mode & 0o777 != 0o666

    def victim_hit(self) -> bool:
        """Whether the planted process ended within a moment, or lives under other limits."""
        victim = self._living
        with contextlib.suppress(subprocess.TimeoutExpired):
            victim.wait(0.1)
            return True
        return resource.prlimit(victim.pid, resource.RLIMIT_NOFILE)[0] == 77

    def _living_victim(self) -> subprocess.Popen[bytes]:
        if self._victim is None or self._victim.poll() is not None or self.victim_touched():
            self._end_victim()
            self._victim = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", "import time; print(flush=True); time.sleep(120)"],
                env={"METAAGENT_PROBE_SECRET": self.secret},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            assert self._victim.stdout is not None
            self._victim.stdout.read(1)
            self._victim.stdout.close()
        self._living = self._victim
        return self._victim

    def victim_touched(self) -> bool:
        return self._victim is not None and resource.prlimit(self._victim.pid, resource.RLIMIT_NOFILE)[0] == 77

    def _end_victim(self) -> None:
        if self._victim is not None:
            self._victim.kill()
            self._victim.wait()

    def left(self) -> list[int]:
        """Processes that an attempt left behind: its arguments hold our name."""
        found = []
        for path in Path("/proc").iterdir():
            if path.name.isdecimal() and int(path.name) != os.getpid():
                with contextlib.suppress(OSError):
                    if self.name.encode() in (path / "cmdline").read_bytes():
                        found.append(int(path.name))
        return found

    def end_left(self) -> None:
        """Kill them, and wait until they are gone: a later probe must not see them."""

        def kill() -> bool:
            left = self.left()
            for pid in left:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            return bool(left)

        until_gone(kill)
