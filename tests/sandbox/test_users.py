"""The walls hold for an ordinary user as for root, and where namespaces are forbidden."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from metaagent.sandbox.user import open_to_all, stranger
from tests.conftest import REPOSITORY
from tests.sandbox.conftest import made
from tests.sandbox.test_probes import NAMES

_ORDINARY = 54_321


@cache
def as_ordinary_user() -> dict[str, Any] | str:
    """The proofs of an ordinary user, when we are root; else why not."""
    if os.geteuid() != 0:
        return "we are an ordinary user already: the other tests show it"
    interpreter = next((path for path in _interpreters() if open_to_all([Path(path)]) and _recent(path)), None)
    if interpreter is None or not open_to_all([REPOSITORY / "metaagent" / "sandbox"]):
        return "no Python 3.11 or no checkout that an ordinary user may read"
    done = subprocess.run(
        [interpreter, "-B", str(Path(__file__).with_name("as_user.py"))],
        env={"PYTHONPATH": str(REPOSITORY), "PATH": os.environ["PATH"], "HOME": "/nonexistent"},
        user=_ORDINARY,
        group=_ORDINARY,
        extra_groups=[],
        cwd="/",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _interpreters() -> list[str]:
    found = [sys.executable, *(f"/usr/bin/python3{minor}" for minor in ("", ".11", ".12", ".13", ".14"))]
    return [path for path in found if Path(path).exists()]


def _recent(path: str) -> bool:
    code = "import sys; sys.exit(sys.version_info < (3, 11))"
    return subprocess.run([path, "-c", code], user=_ORDINARY, group=_ORDINARY, check=False, cwd="/").returncode == 0


@pytest.mark.parametrize("backend", ["bubblewrap", "landlock"])
def test_an_ordinary_user_has_all_walls(backend: str) -> None:
    found = as_ordinary_user()
    if isinstance(found, str):
        pytest.skip(found)
    proof = found[backend]
    if isinstance(made(backend), str) and proof["problem"]:
        pytest.skip(f"{backend} does not work here: {proof['problem']}")
    assert proof["problem"] == ""
    assert [result["name"] for result in proof["results"]] == NAMES
    assert [r for r in proof["results"] if not r["held"] or (r["needed"] and not r["shown"])] == []


@pytest.mark.parametrize("backend", ["bubblewrap", "landlock"])
def test_where_namespaces_are_forbidden_only_landlock_works(backend: str) -> None:
    if isinstance(made("landlock"), str):
        pytest.skip("no filter of system calls here")
    if backend == "bubblewrap" and shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    command = [sys.executable, str(Path(__file__).with_name("filtered.py")), backend]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, cwd=REPOSITORY)
    if backend == "landlock":
        assert done.stdout.strip() == "ran"
    else:
        assert done.stdout.startswith("refused: bubblewrap could not put up its walls")


def test_root_becomes_somebody_else_each_time() -> None:
    if os.geteuid() != 0:
        assert stranger() is None
        return
    ids = {stranger() for _ in range(20)}
    assert 0 not in ids
    assert ids == {65534} or len(ids) > 10


def test_what_others_may_walk_to(tmp_path: Path) -> None:
    assert open_to_all([Path("/usr/bin"), Path("/usr")])
    assert not open_to_all([tmp_path / "missing"])
    inner = tmp_path / "closed" / "inner"
    inner.mkdir(parents=True)
    (tmp_path / "closed").chmod(0o700)
    assert not open_to_all([inner])
