from __future__ import annotations

from collections.abc import Callable

import pytest

from metaagent.errors import LockedError, UsageError
from metaagent.orchestrator.runlock import run_lock
from tests.orchestrator.place import Place

Make = Callable[..., Place]


def test_the_only_run_keeps_others_out(make: Make) -> None:
    workspace = make().workspace
    with run_lock(workspace, "fail") as held:
        assert held
        with run_lock(workspace, "skip") as other:
            assert not other
        with pytest.raises(LockedError) as caught, run_lock(workspace, "fail"):
            pass
        assert caught.value.exit_status == 75
        with run_lock(workspace, None) as shared:
            assert shared
    with run_lock(workspace, "wait") as again:
        assert again


def test_an_unknown_word_is_refused(make: Make) -> None:
    with pytest.raises(UsageError), run_lock(make().workspace, "perhaps"):
        pass
