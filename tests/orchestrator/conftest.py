from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.orchestrator.place import BACKEND, Model, Place, make_place


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model is a script in the workspace: still nothing here can reach a real one."""
    monkeypatch.setenv("METAAGENT_BACKEND", BACKEND)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Place]:
    def made(records: int = 0, **options: Any) -> Place:
        return make_place(tmp_path / "workspace", records, **options)

    return made


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Model:
    """Stands behind every run of the test, in place of the script file."""
    made = Model()
    monkeypatch.setattr("metaagent.orchestrator.session.open_backend", made.backend)
    return made
