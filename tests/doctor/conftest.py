from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from metaagent.doctor import machine
from metaagent.doctor.condition import Condition


@pytest.fixture
def walls(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sandbox is another test's subject: here it is well, and costs no seconds."""

    def sandbox(*_: object, **__: object) -> Iterator[Condition]:
        yield Condition("sandbox", "ok", "in place")

    monkeypatch.setattr(machine, "sandbox", sandbox)


@pytest.fixture
def place(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace that is well: a scripted model, the configuration, no ledger yet."""
    from metaagent.workspace import Workspace, ensure_state

    ensure_state(Workspace(workspace))
    (workspace / "script.yaml").write_text("default: well\n", encoding="utf-8")
    (workspace / ".metaagent" / "config.yaml").write_text("default_model: tiny\n", encoding="utf-8")
    monkeypatch.setenv("METAAGENT_BACKEND", "scripted:script.yaml")
    return workspace
