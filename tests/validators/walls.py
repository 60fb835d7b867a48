"""The sandboxes of this machine for tests of the validators that need one: the strongest that works is enough."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from metaagent.errors import EnvironmentFailedError
from metaagent.records import Check, Verdict
from metaagent.sandbox.base import Job, Sandbox
from metaagent.sandbox.choose import BACKENDS
from metaagent.validators import CheckContext, judge


@cache
def working() -> dict[str, Sandbox]:
    found = {}
    for name, _, make in BACKENDS:
        try:
            sandbox = make()
            sandbox.run(Job(("true",)))
        except EnvironmentFailedError:
            continue
        found[name] = sandbox
    return found


def strongest() -> Sandbox:
    if not working():
        pytest.skip("no sandbox works here")
    return next(iter(working().values()))


def named(name: str) -> Sandbox:
    if name not in working():
        pytest.skip(f"{name} does not work here")
    return working()[name]


def context(root: Path, sandbox: Sandbox | None = None) -> CheckContext:
    return CheckContext(root, trusted=lambda path, digest: True, sandbox=sandbox or strongest())  # noqa: ARG005


def verdict(root: Path, artifact: str, validator: str, sandbox: Sandbox | None = None, /, **options: Any) -> Verdict:
    return judge(artifact, (Check(validator, False, options),), context(root, sandbox))[0]
