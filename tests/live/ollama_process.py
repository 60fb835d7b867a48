"""A real Ollama server as a process of its own: free port, own home and models, killed and started again at will."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

BINARY_VARIABLE = "METAAGENT_TEST_OLLAMA"
PARALLEL = 4
START_SECONDS = 60.0


def binary() -> str | None:
    """The server that .ci/ollama built, or one that is installed."""
    return os.environ.get(BINARY_VARIABLE) or shutil.which("ollama")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class OllamaProcess:
    """``folder`` becomes the server's home. Each start leads a process group: the model's runner lives on after a kill
    -9 of the server, and ends with ``stop``."""

    command: str
    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    groups: list[int] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        settings = {
            "HOME": str(self.folder),
            "OLLAMA_HOST": f"127.0.0.1:{self.port}",
            "OLLAMA_MODELS": str(self.folder / "models"),
            "OLLAMA_NO_CLOUD": "1",
            "OLLAMA_CONTEXT_LENGTH": "4096",
            "OLLAMA_NUM_PARALLEL": str(PARALLEL),
        }
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.command, "serve"],
                env={"PATH": os.environ["PATH"], **settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.groups.append(self.process.pid)

    def wait(self) -> None:
        """Until it answers; its log is in the error where it does not."""
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/api/version", timeout=5):
                    return
            except (urllib.error.URLError, OSError) as error:
                ended = self.process is None or self.process.poll() is not None
                if ended or time.monotonic() > end:
                    log = (self.folder / "log").read_text(encoding="utf-8", errors="replace")
                    raise AssertionError(f"the server does not answer: {log[-2000:]}") from error
                time.sleep(0.1)

    def kill(self) -> None:
        """As the kernel does when memory is short: no goodbye."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def revive(self) -> None:
        """Start it again where a test has left it dead."""
        if self.process is None or self.process.poll() is not None:
            self.start()
            self.wait()

    def stop(self) -> None:
        for group in self.groups:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        if self.process is not None:
            self.process.wait()


@contextlib.contextmanager
def running(command: str, folder: Path) -> Iterator[OllamaProcess]:
    folder.mkdir(parents=True, exist_ok=True)
    server = OllamaProcess(command, folder)
    try:
        server.start()
        server.wait()
        yield server
    finally:
        server.stop()
