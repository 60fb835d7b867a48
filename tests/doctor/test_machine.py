"""The machine: versions, and a sandbox that is there, refused, or not at all."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from metaagent.doctor import machine
from metaagent.sandbox import choose
from metaagent.sandbox.choose import Forgetful
from metaagent.sandbox.landlock import Landlock, landlock_abi
from tests.conftest import Ran
from tests.sandbox.conftest import proof_of
from tests.sandbox.values import Memory

Cli = Callable[..., Ran]


def without_landlock() -> Landlock:
    return Landlock(abi=landlock_abi(lambda *_: (-1, errno.ENOSYS)))


@pytest.fixture
def forbidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bubblewrap on the PATH that is refused, as in many containers and under Ubuntu's AppArmor rule."""
    import os

    folder = tmp_path / "bin"
    folder.mkdir()
    path = folder / "bwrap"
    path.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_versions() -> None:
    (old,) = machine.python((3, 9, 1))
    assert (old.state, "3.9.1 is older than 3.11" in old.says) == ("failed", True)
    (bad,) = machine.sqlite("3.40.1", vulnerable=True)
    assert (bad.state, "lock" in bad.says) == ("warning", True)
    (good,) = machine.sqlite("3.51.3", vulnerable=False)
    assert good.state == "ok"


def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "LIBRARIES", ("typer", "no_such_library", "no_such.part"))
    (found,) = machine.python()
    assert (found.state, found.details["missing"]) == ("failed", ["no_such_library", "no_such.part"])
    assert "-m pip install" in (found.mend or "")


@pytest.mark.usefixtures("forbidden")
def test_a_forbidden_bubblewrap_gives_way_to_landlock_and_says_so() -> None:
    known = proof_of("landlock")
    if isinstance(known, str):
        pytest.skip(f"no Landlock here: {known}")
    kept, said = Memory(known.to_json()), list[str]()
    (found,) = machine.sandbox(kept, said.append)
    assert (found.state, found.details["used"], found.details["level"]) == ("warning", "landlock", 2)
    assert "setting up uid map: Permission denied" in found.says
    assert "user namespaces" in (found.mend or "")
    assert said == ["probing the sandbox bubblewrap: some seconds"]
    (again,) = machine.sandbox(kept, said.append)
    assert (len(said), again.details["remembered"]) == (1, ["bubblewrap"])  # known, and not tried again


@pytest.mark.usefixtures("forbidden")
def test_no_sandbox_at_all_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "BACKENDS", [choose.BACKENDS[0], ("landlock", 2, without_landlock)])
    (found,) = machine.sandbox(Forgetful(), lambda _: None)
    assert found.state == "failed"
    assert "Permission denied" in found.says
    assert "the kernel was built without it" in found.says


@pytest.mark.usefixtures("forbidden", "place")
def test_fix_proves_anew_what_was_refused_before(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "BACKENDS", [choose.BACKENDS[0]])
    assert cli("task", "add", "A ledger").status == 0
    assert cli("doctor", "--json").status == 5  # the proof is kept
    ran = cli("doctor", "--fix", "--json")
    assert [fix["component"] for fix in ran.json["fixes"]] == ["sandbox"]
    assert ran.err.count("probing the sandbox bubblewrap") == 1
