"""A run over several Ollama servers of which some fail: no task suffers, and what happened is remembered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from metaagent.errors import BackendError
from metaagent.inference.host_memory import host_file, recall
from tests.fakes.ollama_server import FakeOllama
from tests.orchestrator.place import RIGHT, Place

Make = Callable[..., Place]
DOWN = "http://127.0.0.1:9"


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[FakeOllama]]:
    monkeypatch.setattr("metaagent.inference.gateway.FIRST_PAUSE", 0.01)
    monkeypatch.setattr("metaagent.inference.gateway.LONGEST_PAUSE", 0.05)
    monkeypatch.delenv("METAAGENT_BACKEND")
    with ExitStack() as stack:
        yield [stack.enter_context(FakeOllama(reply=RIGHT).running()) for _ in range(2)]


def settings(*urls: str) -> str:
    hosts = ", ".join(f'"{url}"' for url in urls)
    return f"backend: ollama\ndefault_model: tiny\nollama: {{hosts: [{hosts}], parallel: 2}}\ncache: false\n"


def test_hosts_that_fail_cost_no_task(make: Make, fakes: list[FakeOllama]) -> None:
    first, second = fakes
    first.behaviours = ["good", "reset", "reset_at_once"]
    place = make(12, config=settings(DOWN, first.url, second.url))
    summary = place.run()
    assert (summary.passed_first, summary.status, summary.inconclusive) == (12, 0, 0)
    assert len(first.requests) >= 2 and len(second.requests) >= 1
    assert f"{first.url} is left out for a while" in place.notices()
    known = recall(host_file(place.root))
    assert [known[url].until is None for url in (DOWN, second.url)] == [False, True]
    place.nothing_left_behind()


def test_no_host_at_all_stops_the_run_and_gives_the_tasks_back(make: Make, fakes: list[FakeOllama]) -> None:
    assert fakes
    place = make(3, config=settings(DOWN, "http://127.0.0.1:10"))
    with pytest.raises(BackendError, match="no Ollama server"):
        place.run()
    assert len(place.where("INBOX")) + len(place.where("ASSIGNED")) == 3
    place.nothing_left_behind()
