"""Every guarantee is shown to be needed here, and to hold, at each level; and the probes notice where it does not."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from metaagent.errors import EnvironmentFailedError
from metaagent.sandbox.base import Job, Outcome, Sandbox
from metaagent.sandbox.landlock import Landlock
from metaagent.sandbox.probes import PROBES, Proof, key_of, prove
from tests.sandbox.conftest import made
from tests.sandbox.values import NoWalls

NAMES = [probe.name for probe in PROBES]
FAST = [
    probe for probe in PROBES if probe.name in ("secret", "write", "tcp", "pair", "signals", "daemon", "descriptors")
]


@pytest.mark.parametrize("name", NAMES)
def test_a_probe_succeeds_without_the_sandbox_and_fails_inside(proof: Proof, name: str) -> None:
    assert proof.problem == ""
    result = next(result for result in proof.results if result.name == name)
    assert result.held, result.note
    assert result.shown or not result.needed


def test_all_probes_together_are_a_proof(proof: Proof) -> None:
    assert proof.ok
    assert [result.name for result in proof.results] == NAMES
    if os.geteuid() == 0:
        assert next(result for result in proof.results if result.name == "dev").shown


def test_a_proof_survives_being_stored(proof: Proof) -> None:
    assert Proof.from_json(json.loads(json.dumps(proof.to_json()))) == proof


def test_the_probes_see_through_a_sandbox_that_stops_nothing(tmp_path: Path) -> None:
    found = prove(NoWalls(tmp_path), [probe for probe in FAST if probe.name != "descriptors"])
    assert not found.ok
    assert {result.note for result in found.results} == {"it came through"}


def test_a_wall_that_fails_alone_is_named(tmp_path: Path) -> None:
    found = prove(NoWalls(tmp_path), [probe for probe in FAST if probe.name in ("write", "descriptors")])
    assert [result.name for result in found.failed] == ["write"]


def test_what_cannot_be_shown_proves_nothing(sandbox: Sandbox) -> None:
    impossible = replace(FAST[0], reached=lambda _planted, _said: False)
    (result,) = prove(sandbox, [impossible]).results
    assert (result.held, result.shown, result.ok) == (True, False, False)


def test_a_sandbox_that_cannot_start_is_a_problem_and_not_an_exception() -> None:
    class Broken:
        level, name = 1, "broken"

        def identity(self) -> str:
            return "broken"

        def run(self, job: Job) -> Outcome:
            raise EnvironmentFailedError(f"no {job.argv[-2]} today")

    found = prove(Broken(), FAST)
    assert (found.ok, len(found.results)) == (False, 1)
    assert found.problem == "it cannot start: no secret today"


def test_a_probe_that_did_not_run_did_not_hold(tmp_path: Path) -> None:
    class Mute(NoWalls):
        def run(self, job: Job) -> Outcome:
            return super().run(Job((*job.argv[:1], "-c", "pass")))

    assert prove(Mute(tmp_path), FAST[:1]).problem == "it cannot start: the probe said nothing"


def test_the_key_changes_with_the_backend(sandbox: Sandbox) -> None:
    key = key_of(sandbox)
    assert key == key_of(sandbox)
    assert key["user"] == str(os.geteuid())
    assert os.uname().release in key["kernel"]


@pytest.mark.parametrize("abi", [1, 3, 5])
def test_an_older_landlock_is_helped_by_the_filter(abi: int) -> None:
    found = made("landlock")
    if isinstance(found, str) or not isinstance(found, Landlock) or found.abi < abi:
        pytest.skip(f"no Landlock of ABI {abi} here: {found}")
    names = ("secret", "truncate", "tcp", "abstract", "pair", "signals")
    assert prove(Landlock(abi=abi), [probe for probe in PROBES if probe.name in names]).ok
