"""The strongest that proves itself is used, nothing less; where none does, nothing runs."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from metaagent.errors import EnvironmentFailedError
from metaagent.sandbox.base import Job, Outcome, Sandbox
from metaagent.sandbox.bubblewrap import Bubblewrap
from metaagent.sandbox.choose import Backends, Forgetful, candidates, choose, probe, refusal
from metaagent.sandbox.landlock import Landlock, landlock_abi
from metaagent.sandbox.probes import Proof
from tests.sandbox.conftest import made, proof_of
from tests.sandbox.values import Memory


def no_landlock(*_: Any) -> tuple[int, int]:
    return -1, errno.ENOSYS


def without_landlock() -> Sandbox:
    return Landlock(abi=landlock_abi(no_landlock))


@pytest.fixture
def forbidden(tmp_path: Path) -> str:
    """A bubblewrap that is there and refused, as in many containers and under Ubuntu's AppArmor rule."""
    path = tmp_path / "bwrap"
    path.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    path.chmod(0o755)
    return str(path)


def test_the_strongest_proven_one_is_used(proof: Proof) -> None:
    kept = Memory(proof.to_json())
    chosen = choose(kept, level=2, backends=[(proof.backend, proof.level, lambda: _made(proof.backend))])
    assert (chosen.name, chosen.level) == (proof.backend, proof.level)


def _made(name: str) -> Sandbox:
    found = made(name)
    assert not isinstance(found, str)
    return found


def test_a_forbidden_bubblewrap_gives_way_to_landlock(forbidden: str) -> None:
    known = proof_of("landlock")
    if isinstance(known, str):
        pytest.skip(f"no Landlock here: {known}")
    kept = Memory(known.to_json())
    backends: Backends = [("bubblewrap", 1, lambda: Bubblewrap(forbidden)), ("landlock", 2, Landlock)]
    said: list[str] = []
    assert choose(kept, backends=backends, notice=said.append).name == "landlock"
    assert said == ["probing the sandbox bubblewrap, once on this machine: some seconds"]
    refused = kept.recall("bubblewrap")
    assert refused is not None
    assert "Permission denied" in refused["problem"]
    said.clear()
    assert choose(kept, backends=backends, notice=said.append).name == "landlock"
    assert said == []  # what is known to be forbidden is not tried again
    with pytest.raises(EnvironmentFailedError, match="Permission denied"):
        choose(kept, level=1, backends=backends)


def test_a_forbidden_bubblewrap_runs_nothing(forbidden: str, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    with pytest.raises(EnvironmentFailedError, match="could not put up its walls: bwrap: setting up uid map"):
        Bubblewrap(forbidden).run(Job(("touch", str(trace))))
    assert not trace.exists()


def test_no_landlock_and_no_bubblewrap_is_a_refusal_that_shows_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    backends: Backends = [("bubblewrap", 1, Bubblewrap), ("landlock", 2, without_landlock)]
    with pytest.raises(EnvironmentFailedError) as caught:
        choose(Forgetful(), backends=backends)
    assert "bwrap is not installed" in caught.value.message
    assert "the kernel was built without it" in caught.value.message
    shown = refusal(["python", "a b.py"], caught.value)
    assert "python 'a b.py'" in shown.message
    assert shown.mend == caught.value.mend


@pytest.mark.parametrize(
    ("answer", "why"),
    [((-1, errno.ENOSYS), "built without"), ((-1, errno.EOPNOTSUPP), "not switched on"), ((0, 0), "no version")],
)
def test_why_there_is_no_landlock(answer: tuple[int, int], why: str) -> None:
    with pytest.raises(EnvironmentFailedError, match=why):
        landlock_abi(lambda *_: answer)


class Pretending:
    """A backend whose identity a test changes."""

    name, level = "pretending", 1

    def __init__(self) -> None:
        self.version = "1"
        self.runs = 0

    def identity(self) -> str:
        return self.version

    def run(self, job: Job) -> Outcome:
        self.runs += 1
        raise EnvironmentFailedError(f"cannot run {job.argv[0]}")


def test_a_proof_is_for_one_state_of_the_backend() -> None:
    pretending, kept = Pretending(), Memory()
    backends: Backends = [("pretending", 1, lambda: pretending)]
    assert candidates(kept, backends)[0].why_not == "not probed here"
    assert pretending.runs == 0
    probe(candidates(kept, backends)[0], kept)
    assert candidates(kept, backends)[0].fresh
    pretending.version = "2"
    (candidate,) = candidates(kept, backends)
    assert not candidate.fresh
    assert candidate.why_not == "not probed since the kernel, backend or user changed"
    before = pretending.runs
    with pytest.raises(EnvironmentFailedError):
        choose(kept, backends=backends)
    assert pretending.runs == before + 1


def test_a_proof_in_an_unknown_form_counts_as_none() -> None:
    kept = Memory({"backend": "pretending", "of": "another version"})
    (candidate,) = candidates(kept, [("pretending", 1, Pretending)])
    assert candidate.proof is None


def test_a_sandbox_that_stops_working_in_the_middle_runs_nothing(forbidden: str, sandbox: Sandbox) -> None:
    """The proof was good, the walls are gone: that is an error of the environment, and no second way is tried."""
    known = proof_of(sandbox.name)
    assert isinstance(known, Proof)
    chosen = choose(Memory(known.to_json()), backends=[(sandbox.name, sandbox.level, lambda: sandbox)])
    assert chosen is sandbox
    with pytest.raises(EnvironmentFailedError):
        Bubblewrap(forbidden).run(Job(("true",)))
