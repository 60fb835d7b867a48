"""Runs on a server that speaks Ollama's protocol and breaks it, through the real ``ollama`` library."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from metaagent.errors import BackendError, BackendUnreachableError, ModelMissingError
from tests.fakes.ollama_server import HTML, FakeOllama
from tests.orchestrator.place import RIGHT, Place

Make = Callable[..., Place]
CONFIG = """\
backend: ollama
default_model: tiny
ollama: {hosts: ["URL"]}
deadlines: {connect: 1, first_token: 0.8, idle: 0.6, total: 30}
cache: false
board: {coalesce_ms: 10}
"""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOllama]:
    monkeypatch.setattr("metaagent.inference.gateway.FIRST_PAUSE", 0.01)
    monkeypatch.setattr("metaagent.inference.gateway.LONGEST_PAUSE", 0.05)
    with FakeOllama(reply=RIGHT).running() as fake:
        monkeypatch.delenv("METAAGENT_BACKEND")
        yield fake


@pytest.fixture
def place(make: Make, server: FakeOllama) -> Place:
    return make(5, config=CONFIG.replace("URL", server.url))


def given_back(place: Place) -> None:
    assert place.where("IN_PROGRESS") == []
    place.nothing_left_behind()


def test_a_good_server_does_all(place: Place) -> None:
    assert place.run().passed_first == 5


@pytest.mark.parametrize(
    "fault",
    [
        "hang_before_token",
        "hang_after_headers",
        "hang_in_the_middle",
        "garbage",
        "array",
        "wrong_types",
        "html",
        "html_unlabelled",
        "no_done",
        "nothing",
        "error_line",
        "error_500",
    ],
)
def test_one_fault_costs_one_attempt_and_the_task_is_back(place: Place, server: FakeOllama, fault: str) -> None:
    """Infrastructure: nobody's failure, the run goes on, the task can be tried again."""
    server.behaviours = [fault]
    summary = place.run(jobs=1)
    assert (summary.passed, summary.inconclusive, summary.failed, summary.status) == (4, 1, 0, 0)
    assert place.where("ASSIGNED") == ["REC-001"]
    assert place.rows("SELECT DISTINCT kind FROM error_events") == [("infrastructure",)]
    given_back(place)
    assert place.run().passed == 1


@pytest.mark.parametrize("fault", ["busy", "reset", "reset_at_once"])
def test_what_asking_again_mends_costs_nothing(place: Place, server: FakeOllama, fault: str) -> None:
    server.behaviours = [fault, fault]
    summary = place.run(jobs=1)
    assert (summary.passed_first, summary.status, summary.calls) == (5, 0, 7)


@pytest.mark.parametrize("fault", ["huge", "huge_line", "empty", "repeats", "thirty_tokens"])
def test_what_the_model_did_wrong_is_a_failed_rung(place: Place, server: FakeOllama, fault: str) -> None:
    """A reply of 10 MB among them: dropped as it comes, and the next rung goes on."""
    place.write_config(CONFIG.replace("URL", server.url).replace("first_token: 0.8", "first_token: 20"))
    server.behaviours = [fault]
    summary = place.run("REC-001")
    assert (summary.passed, summary.passed_first) == (1, 0)
    assert place.rows("SELECT DISTINCT kind FROM error_events") == [("model",)]
    largest = place.rows("SELECT max(length(body)) FROM texts")[0][0]
    assert largest < 2_000_000


@pytest.mark.parametrize("fault", ["busy", "hang_in_the_middle", "html", "no_done"])
def test_three_in_a_row_stop_the_run_with_4(place: Place, server: FakeOllama, fault: str) -> None:
    server.behaviours = [fault] * 99
    summary = place.run(jobs=1, all=True)
    assert (summary.status, summary.stopped, summary.tasks) == (4, "infrastructure keeps failing", 3)
    assert len(place.where("INBOX")) == 2
    given_back(place)
    server.behaviours = []
    assert place.run().passed == 5


def test_a_token_count_that_lies_is_not_believed(place: Place, server: FakeOllama) -> None:
    server.behaviours = ["lies"] * 5
    summary = place.run()
    assert summary.passed == 5
    assert summary.tokens < 100_000


def test_a_dead_server_is_4_and_nothing_is_claimed(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metaagent.inference.gateway.FIRST_PAUSE", 0.01)
    monkeypatch.delenv("METAAGENT_BACKEND")
    place = make(3, config=CONFIG.replace("URL", "http://127.0.0.1:9"))
    before = place.board_path.read_bytes()
    with pytest.raises(BackendUnreachableError) as caught:
        place.run()
    assert caught.value.exit_status == 4
    assert place.board_path.read_bytes() == before
    assert place.order() == []
    place.nothing_left_behind()


def test_a_server_that_dies_in_the_middle_gives_its_tasks_back(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metaagent.inference.gateway.FIRST_PAUSE", 0.01)
    monkeypatch.setattr("metaagent.inference.gateway.LONGEST_PAUSE", 0.02)
    monkeypatch.delenv("METAAGENT_BACKEND")
    with FakeOllama(reply=RIGHT, behaviours=["good", "good"] + ["reset_at_once"] * 99).running() as fake:
        place = make(9, config=CONFIG.replace("URL", fake.url))
        summary = place.run(jobs=1)
        assert (summary.status, summary.passed) == (4, 2)
        given_back(place)


@pytest.mark.parametrize("answer", [HTML, b"[]", b"\xff\xfe"])
def test_a_page_of_a_proxy_instead_of_a_server_is_4(place: Place, server: FakeOllama, answer: bytes) -> None:
    server.tags_answer = server.version_answer = answer
    with pytest.raises(BackendError) as caught:
        place.run()
    assert caught.value.exit_status == 4
    assert place.order() == []


def test_a_server_without_the_model_says_how_to_get_it(place: Place, server: FakeOllama) -> None:
    server.models = ("other:latest",)
    with pytest.raises(ModelMissingError) as caught:
        place.run()
    assert "pull" in (caught.value.mend or "")
    assert place.order() == []


def test_a_model_that_vanishes_in_the_middle_gives_its_tasks_back(place: Place, server: FakeOllama) -> None:
    server.behaviours = ["good", "good", "vanished"]
    summary = place.run(jobs=1)
    assert (summary.status, summary.passed) == (4, 2)
    assert "no model" in (summary.stopped or "") + place.notices()
    given_back(place)
    server.models = ("tiny:latest",)
    assert (place.run(jobs=1).status, set(place.statuses().values())) == (0, {"DONE"})
    assert [place.outcomes(task_id).count("pass") for task_id in place.statuses()] == [1] * 5


def test_a_server_that_dies_and_returns_between_two_runs_finishes_the_work(place: Place, server: FakeOllama) -> None:
    server.behaviours = ["good", "good"] + ["reset_at_once"] * 20
    assert place.run(jobs=1).status == 4
    given_back(place)
    server.behaviours = []
    assert (place.run(jobs=2).status, set(place.statuses().values())) == (0, {"DONE"})
    assert [place.outcomes(task_id).count("pass") for task_id in place.statuses()] == [1] * 5


def test_a_server_that_is_away_for_a_moment_costs_no_attempt(place: Place, server: FakeOllama) -> None:
    server.behaviours = ["good", "reset_at_once", "busy", "reset_at_once", "good"]
    summary = place.run(jobs=1)
    assert (summary.status, summary.passed) == (0, 5)
    assert [place.outcomes(task_id) for task_id in place.statuses()] == [["pass"]] * 5
