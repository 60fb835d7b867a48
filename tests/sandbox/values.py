"""Jobs and stand-ins for the sandbox's tests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metaagent.sandbox.base import MIB, Job, Limits, Outcome, Status
from metaagent.sandbox.interpreter import interpreter

SMALL = Limits(
    wall_seconds=5.0,
    cpu_seconds=5,
    memory_bytes=128 * MIB,
    processes=16,
    file_bytes=4 * MIB,
    output_bytes=64 * 1024,
    disk_bytes=8 * MIB,
)


def python(source: str, *arguments: str, limits: Limits = SMALL, **job: Any) -> Job:
    """A job that runs Python source."""
    return Job((sys.executable, "-I", "-S", "-c", source, *arguments), limits=limits, readable=interpreter(), **job)


def running(marker: str) -> list[int]:
    """Processes whose arguments hold the marker."""
    found = []
    for path in Path("/proc").iterdir():
        try:
            if path.name.isdecimal() and marker.encode() in (path / "cmdline").read_bytes():
                found.append(int(path.name))
        except OSError:
            continue
    return found


class NoWalls:
    """What a sandbox must never be: it just runs the job. Only for the probes' own attempts."""

    level, name = 1, "no walls"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def identity(self) -> str:
        return "none"

    def run(self, job: Job) -> Outcome:
        for name, content in job.files.items():
            (self._folder / name).write_bytes(content)
        done = subprocess.run(job.argv, input=job.stdin, capture_output=True, cwd=self._folder, timeout=20, check=False)
        return Outcome(Status.EXITED, done.returncode, None, done.stdout, done.stderr, {}, None, 0.0)


class Memory:
    """Proofs kept in memory."""

    def __init__(self, *proofs: Mapping[str, Any]) -> None:
        self.kept = {proof["backend"]: proof for proof in proofs}

    def recall(self, backend: str) -> Mapping[str, Any] | None:
        return self.kept.get(backend)

    def remember(self, proof: Mapping[str, Any]) -> None:
        self.kept[proof["backend"]] = proof
