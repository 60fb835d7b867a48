"""A pinned model on its way into a server that speaks Ollama's protocol."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from metaagent.errors import BackendUnreachableError, ReplyError, UsageError
from metaagent.inference.install import install, needed, recipe_of
from metaagent.inference.ollama import OllamaBackend
from tests.fakes.ollama_server import FakeOllama
from tests.inference.test_pull import DATA, a_model

MODEL = a_model()


@pytest.fixture
def fake() -> Iterator[FakeOllama]:
    with FakeOllama(models=()).running() as server:
        yield server


@pytest.fixture
async def server(fake: FakeOllama) -> AsyncIterator[OllamaBackend]:
    backend = OllamaBackend(fake.url, names={MODEL.name: MODEL.ollama})
    yield backend
    await backend.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.gguf"
    path.write_bytes(DATA)
    return path


async def test_the_server_gets_file_template_and_stop_words(
    fake: FakeOllama, server: OllamaBackend, file: Path
) -> None:
    steps: list[tuple[int, int]] = []
    assert await needed(MODEL, server)
    await install(MODEL, file, server, lambda done, total: steps.append((done, total)))
    assert fake.blobs == {f"sha256:{MODEL.sha256}": len(DATA)}
    sent = fake.created["small:1"]
    assert (sent["template"], sent["parameters"]) == (MODEL.template, {"stop": sorted(MODEL.stop)})
    assert steps[-1] == (len(DATA), len(DATA))
    assert not await needed(MODEL, server)


async def test_what_the_server_has_is_not_sent_again(fake: FakeOllama, server: OllamaBackend, file: Path) -> None:
    fake.blobs[f"sha256:{MODEL.sha256}"] = 1
    await install(MODEL, file, server, lambda *_: pytest.fail("nothing to send"))
    assert await server.recipe(MODEL.name) == recipe_of(MODEL)


async def test_another_model_of_that_name_is_left_alone_unless_it_may_be_replaced(
    fake: FakeOllama, server: OllamaBackend, file: Path
) -> None:
    fake.models = ("small:1",)
    with pytest.raises(UsageError, match="another small:1: its weights are not the pinned file") as caught:
        await needed(MODEL, server)
    assert "--replace" in str(caught.value.mend)
    assert await needed(MODEL, server, replace=True)
    await install(MODEL, file, server, lambda *_: None)
    assert not await needed(MODEL, server)
    other = dataclasses.replace(MODEL, template="{{ .Prompt }}", stop=())
    with pytest.raises(UsageError, match="small:1: its chat template differs, its stop words differ"):
        await needed(other, server)


async def test_a_server_that_makes_something_else_of_it_is_not_believed(
    fake: FakeOllama, server: OllamaBackend, file: Path
) -> None:
    fake.spoils_what_it_is_given = True
    with pytest.raises(BackendUnreachableError, match="chat template differs"):
        await install(MODEL, file, server, lambda *_: None)


async def test_a_file_that_is_not_the_pinned_one_is_refused_by_the_server(
    fake: FakeOllama, server: OllamaBackend, file: Path
) -> None:
    file.write_bytes(b"something else")
    with pytest.raises(ReplyError, match="digest mismatch"):
        await install(MODEL, file, server, lambda *_: None)
    assert not fake.created
