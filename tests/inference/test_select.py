from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from metaagent.config import Config
from metaagent.errors import BackendUnreachableError, ConfigError, ModelMissingError
from metaagent.inference import select
from metaagent.inference.host_memory import host_file, recall
from metaagent.inference.hosts import HostsBackend
from metaagent.inference.ollama import OllamaBackend
from metaagent.inference.select import models_in_use, open_backend
from tests.fakes.ollama_server import FakeOllama


@pytest.fixture
def fake() -> Iterator[FakeOllama]:
    with FakeOllama(models=("tiny:latest", "qwen2.5-coder:1.5b")).running() as server:
        yield server


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    state = {"installed": True}
    monkeypatch.setattr(select, "find_spec", lambda _: object() if state["installed"] else None)
    return state


def config(**values: Any) -> Config:
    return Config.model_validate(values)


def opened(settings: Config, root: Path) -> tuple[str, list[str]]:
    notices: list[str] = []
    return open_backend(settings, root, notice=notices.append).name, notices


def test_a_script_is_found_in_the_workspace(tmp_path: Path) -> None:
    (tmp_path / "replies.yaml").write_text("default: x")
    assert opened(config(backend="scripted:replies.yaml"), tmp_path) == ("scripted", [])
    with pytest.raises(ConfigError):
        opened(config(backend="scripted:absent.yaml"), tmp_path)


def test_auto_takes_ollama_when_it_has_the_models(fake: FakeOllama, tmp_path: Path) -> None:
    settings = config(ollama={"hosts": [fake.url], "parallel": 3})
    backend = open_backend(settings, tmp_path, notice=pytest.fail)
    assert isinstance(backend, OllamaBackend)
    assert (backend.url, backend.slots) == (fake.url, 3)


def test_a_name_of_the_users_own_is_looked_for(fake: FakeOllama, tmp_path: Path) -> None:
    settings = config(ollama={"hosts": [fake.url]}, default_model="mine", models={"mine": {"ollama": "tiny"}})
    assert opened(settings, tmp_path)[0] == "ollama"


def test_auto_takes_the_engine_when_ollama_lacks_a_model(
    fake: FakeOllama, tmp_path: Path, engine: dict[str, bool]
) -> None:
    (tmp_path / "own.gguf").write_bytes(b"GGUF")
    settings = config(
        ollama={"hosts": [fake.url]}, default_model="own", embedded={"models": {"own": "own.gguf"}, "slots": 2}
    )
    assert engine["installed"]
    name, notices = opened(settings, tmp_path)
    assert (name, len(notices)) == ("embedded", 1)
    assert "does not have own" in notices[0]


def test_the_models_of_all_agents_are_needed(tmp_path: Path, engine: dict[str, bool]) -> None:
    (tmp_path / "own.gguf").write_bytes(b"GGUF")
    agents = {"agent:executor:main": {"model": "own"}, "agent:coding:a": {"model": "other"}}
    settings = config(default_model="own", agents=agents, embedded={"models": {"own": "own.gguf"}})
    assert models_in_use(settings) == ("own", "other")
    assert engine["installed"]
    with pytest.raises(ModelMissingError, match="other") as caught:
        opened(settings, tmp_path)
    assert caught.value.mend == "metaagent model pull other"


def test_an_engine_without_a_model_says_what_to_pull(tmp_path: Path, engine: dict[str, bool]) -> None:
    assert engine["installed"]
    with pytest.raises(ModelMissingError) as caught:
        opened(config(), tmp_path)
    assert caught.value.mend == "metaagent model pull qwen2.5-coder-1.5b"


def test_a_server_without_the_model_says_what_to_pull(
    fake: FakeOllama, tmp_path: Path, engine: dict[str, bool]
) -> None:
    engine["installed"] = False
    with pytest.raises(ModelMissingError) as caught:
        opened(config(ollama={"hosts": [fake.url]}, default_model="absent"), tmp_path)
    assert caught.value.mend == "ollama pull absent"
    fake.models = ()
    with pytest.raises(ModelMissingError) as caught:
        opened(config(ollama={"hosts": [fake.url]}), tmp_path)
    assert caught.value.mend == "metaagent model pull qwen2.5-coder-1.5b --into ollama"


@pytest.mark.parametrize("backend", ["auto", "embedded"])
def test_nothing_usable_says_what_to_install(tmp_path: Path, engine: dict[str, bool], backend: str) -> None:
    engine["installed"] = False
    with pytest.raises(BackendUnreachableError) as caught:
        opened(config(backend=backend), tmp_path)
    assert "metaagent[embedded]" in str(caught.value.mend)
    assert caught.value.exit_status == 4


def test_a_named_backend_is_not_asked_first(tmp_path: Path) -> None:
    assert opened(config(backend="ollama", ollama={"hosts": ["127.0.0.1:9"]}), tmp_path) == ("ollama", [])


def test_several_hosts_are_one_backend_whose_states_are_remembered(fake: FakeOllama, tmp_path: Path) -> None:
    (tmp_path / ".metaagent").mkdir()
    settings = config(
        backend="auto", default_model="tiny", ollama={"hosts": [fake.url, "127.0.0.1:9", f"{fake.url}/"], "parallel": 3}
    )
    backend = open_backend(settings, tmp_path, notice=lambda _: None)
    assert isinstance(backend, HostsBackend)
    assert backend.slots == 6  # the same server twice is one

    async def look() -> None:
        assert (await backend.describe("tiny")).name == "tiny"
        await backend.close()

    asyncio.run(look())
    known = recall(host_file(tmp_path))
    assert [known[url].until is None for url in (fake.url, "http://127.0.0.1:9")] == [True, False]
