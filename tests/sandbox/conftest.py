"""Both levels, each where this machine has it: what is missing is skipped by name, and CI has both."""

from __future__ import annotations

from functools import cache

import pytest

from metaagent.errors import EnvironmentFailedError
from metaagent.sandbox.base import Job, Sandbox
from metaagent.sandbox.bubblewrap import Bubblewrap
from metaagent.sandbox.landlock import Landlock
from metaagent.sandbox.probes import Proof, prove

MAKERS = {"bubblewrap": Bubblewrap, "landlock": Landlock}


@cache
def made(name: str) -> Sandbox | str:
    """The backend where it works at all here, else why it does not."""
    try:
        sandbox: Sandbox = MAKERS[name]()
        sandbox.run(Job(("true",)))
    except EnvironmentFailedError as error:
        return error.message
    return sandbox


@cache
def proof_of(name: str) -> Proof | str:
    """All probes, once for the whole test run."""
    sandbox = made(name)
    return sandbox if isinstance(sandbox, str) else prove(sandbox)


@pytest.fixture(params=list(MAKERS))
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    found = made(request.param)
    if isinstance(found, str):
        pytest.skip(f"{request.param} does not work here: {found}")
    return found


@pytest.fixture(params=list(MAKERS))
def proof(request: pytest.FixtureRequest) -> Proof:
    found = proof_of(request.param)
    if isinstance(found, str):
        pytest.skip(f"{request.param} does not work here: {found}")
    return found
