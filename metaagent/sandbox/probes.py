"""Probes: each guarantee of a sandbox, shown to be needed here and then shown to hold.

Every attempt of ``attempts.py`` runs first as any program runs, against planted things of our own: it must succeed, or
its failing behind the walls proves nothing. Then it runs in the sandbox and must fail. Small amounts stand for large
ones (a limit of 96 MiB, not 3 GiB), so that no probe endangers the machine.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Any, Final

from metaagent.sandbox.base import MIB, Job, Limits, Sandbox
from metaagent.sandbox.interpreter import interpreter
from metaagent.sandbox.planted import Planted

ATTEMPTS: Final = Path(__file__).with_name("attempts.py")
LIMITS: Final = Limits(
    wall_seconds=8.0,
    cpu_seconds=5,
    memory_bytes=96 * MIB,
    processes=24,
    file_bytes=8 * MIB,
    output_bytes=MIB,
    disk_bytes=24 * MIB,
)
_SECONDS: Final = 10.0

Reached = Callable[[Planted, str], bool]
"""Looks whether an attempt came through, by its output or by what was planted."""


def _told(planted: Planted, said: str) -> bool:
    return planted.secret in said


def _done(_planted: Planted, said: str) -> bool:
    return "done" in said.split()


def _came(name: str) -> Reached:
    return lambda planted, _said: planted.came(name)


@dataclass(frozen=True, slots=True)
class Probe:
    """``always``: must succeed without the sandbox wherever we run. The others depend on the machine or on root."""

    name: str
    promise: str
    reached: Reached
    always: bool = True


PROBES: Final[tuple[Probe, ...]] = (
    Probe("secret", "reads no file outside, such as a key below ~/.ssh", _told),
    Probe("environment", "sees no other process's environment", _told),
    Probe("descriptors", "inherits no open file", _told),
    Probe("write", "makes no file outside", lambda planted, _: planted.written()),
    Probe("truncate", "changes no file outside", lambda planted, _: planted.emptied()),
    Probe("mode", "changes no file's mode outside", lambda planted, _: planted.opened()),
    Probe("shared_memory", "cannot fill /dev/shm", _done),
    Probe("dev", "cannot fill /dev", _done, always=False),
    Probe("tcp", "reaches no TCP listener", _came("tcp")),
    Probe("udp", "reaches no UDP socket", _came("udp")),
    Probe("unix", "reaches no Unix socket by path", _came("unix")),
    Probe("abstract", "reaches no abstract Unix socket", _came("abstract")),
    Probe("pair", "reaches no Unix socket by a pair of datagrams", _came("datagram")),
    Probe("signals", "signals no process outside", lambda planted, _: planted.victim_hit()),
    Probe("limits", "changes no other process's limits", lambda planted, _: planted.victim_touched()),
    Probe("trace", "traces no process outside", _done, always=False),
    Probe("namespace", "makes no namespace of its own", _done, always=False),
    Probe("memory", "one process holds no more memory than allowed", _done),
    Probe("memory_of_several", "several processes hold no more together", _done),
    Probe("memory_of_files", "no memory is held outside of processes", _done),
    Probe("processes", "starts no more processes than allowed", _done),
    Probe("disk", "takes no more disk than allowed", _done),
    Probe("disk_unseen", "nor by removed files that stay open", _done),
    Probe("large_file", "writes no file larger than allowed", _done),
    Probe("daemon", "leaves no process behind", lambda planted, _: bool(planted.left())),
)


@dataclass(frozen=True, slots=True)
class Result:
    """``shown``: it succeeds without the sandbox. ``held``: it ran behind the walls and did not succeed."""

    name: str
    promise: str
    shown: bool
    held: bool
    needed: bool = True
    note: str = ""

    @property
    def ok(self) -> bool:
        return self.held and (self.shown or not self.needed)


@dataclass(frozen=True, slots=True)
class Proof:
    """What the probes found of one backend, for one kernel, one state of the backend and one user (``key``)."""

    backend: str
    level: int
    key: Mapping[str, str]
    results: tuple[Result, ...]
    problem: str = ""
    seconds: float = field(default=0.0, compare=False)

    @property
    def ok(self) -> bool:
        return not self.problem and bool(self.results) and all(result.ok for result in self.results)

    @property
    def failed(self) -> tuple[Result, ...]:
        return tuple(result for result in self.results if not result.ok)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "key": dict(self.key), "ok": self.ok}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Proof:
        """Raises KeyError or TypeError for what is not a proof."""
        results = tuple(Result(**result) for result in data["results"])
        return cls(data["backend"], data["level"], dict(data["key"]), results, data["problem"], data["seconds"])


def key_of(sandbox: Sandbox) -> dict[str, str]:
    """What a proof is for: where one of these changes, the probes run anew."""
    sources = b"".join(
        Path(__file__).with_name(name).read_bytes() for name in ("attempts.py", "planted.py", "probes.py")
    )
    return {
        "kernel": f"{platform.release()} {platform.machine()}",
        "backend": sandbox.identity(),
        "user": str(os.geteuid()),
        "probes": sha256(sources).hexdigest()[:16],
    }


def prove(sandbox: Sandbox, probes: Sequence[Probe] = PROBES) -> Proof:
    """Run all probes, some seconds. A sandbox that cannot start is a proof with a problem, not an exception."""
    started = monotonic()
    with Planted() as planted:
        results, problem = [], ""
        for probe in probes:
            shown = probe.reached(planted, _control(probe, planted))
            planted.end_left()
            result = _inside(sandbox, probe, planted, shown)
            planted.end_left()
            results.append(result)
            if not result.held and result.note.startswith(_BROKEN):
                problem = result.note
                break
    return Proof(sandbox.name, sandbox.level, key_of(sandbox), tuple(results), problem, monotonic() - started)


_BROKEN: Final = "it cannot start: "


def _arguments(probe: Probe, at: Mapping[str, Any]) -> list[str]:
    return [probe.name, json.dumps(dict(at))]


def _control(probe: Probe, planted: Planted) -> str:
    """What the attempt says with nothing in its way but its own bounds. Only our own attempts ever run like this."""
    command = [sys.executable, "-I", "-S", str(ATTEMPTS), *_arguments(probe, planted.reset())]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            cwd=planted.folder,
            pass_fds=(planted.descriptor,),
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        return (late.stdout or b"").decode(errors="replace")
    return done.stdout.decode(errors="replace")


def _inside(sandbox: Sandbox, probe: Probe, planted: Planted, shown: bool) -> Result:
    from metaagent.errors import EnvironmentFailedError

    at = {**planted.reset(), "fill": ""}
    job = Job(
        (sys.executable, "-I", "-S", "attempts.py", *_arguments(probe, at)),
        files={"attempts.py": ATTEMPTS.read_bytes()},
        limits=LIMITS,
        readable=interpreter(),
    )

    def found(held: bool, note: str) -> Result:
        return Result(probe.name, probe.promise, shown, held, probe.always, note)

    try:
        outcome = sandbox.run(job)
    except EnvironmentFailedError as error:
        return found(False, _BROKEN + error.message)
    said = outcome.stdout.decode(errors="replace")
    if not said.startswith("begin"):
        return found(False, _BROKEN + (_last_line(outcome.stderr) or "the probe said nothing"))
    if probe.reached(planted, said):
        return found(False, "it came through")
    return found(True, f"ended for {outcome.killed_for}" if outcome.killed_for else _last_line(outcome.stderr))


def _last_line(text: bytes) -> str:
    lines = text.decode(errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else ""
