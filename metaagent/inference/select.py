"""Which backend answers: what the config names, or the first usable one. Nothing else in the program knows which."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from metaagent.errors import BackendUnreachableError, ModelMissingError
from metaagent.inference import catalog
from metaagent.inference.address import host_url

if TYPE_CHECKING:
    from metaagent.config import Config
    from metaagent.inference.base import Backend, ModelInfo
    from metaagent.inference.ollama import OllamaBackend

Notice = Callable[[str], None]

PROBE_SECONDS = 2.0

INSTALL = (
    "start Ollama (https://ollama.com/download), or install the embedded engine: "
    "python -m pip install 'metaagent[embedded]' && metaagent model pull"
)


def open_backend(config: Config, workspace_root: Path, *, notice: Notice) -> Backend:
    """The backend for this workspace. ``notice`` gets what the user should know (a warning, the choice made).

    Raises ``BackendUnreachableError`` or ``ModelMissingError`` with what to install or pull; ``ConfigError`` for a
    script that does not hold.
    """
    kind, _, rest = config.backend.partition(":")
    if kind == "scripted":
        from metaagent.inference.script_file import read_script

        return read_script(workspace_root / rest)
    if kind == "ollama":
        return open_ollama(config, workspace_root, notice)
    files = _files(config, workspace_root)
    if kind == "embedded":
        return _embedded(config, files, notice)
    return _first_usable(config, files, workspace_root, notice)


def models_in_use(config: Config) -> tuple[str, ...]:
    """The models that the configured agents use, the default one first."""
    named = [config.default_model, *(agent.model for agent in config.agents.values() if agent.model)]
    return tuple(dict.fromkeys(named))


def _first_usable(config: Config, files: Mapping[str, Path], workspace_root: Path, notice: Notice) -> Backend:
    wanted = models_in_use(config)
    answers = [models for models in ask_servers(config, PROBE_SECONDS).values() if models is not None]
    if answers:
        missing = lacking(config, [model for models in answers for model in models])
        if not missing:
            return open_ollama(config, workspace_root, notice)
        notice(f"Ollama answers but does not have {', '.join(missing)}; looking for the embedded engine")
    engine = find_spec("xllamacpp") is not None
    if engine and all(model in files for model in wanted):
        return _embedded(config, files, notice)
    raise _nothing_usable(wanted, files, engine, bool(answers), _ollama_names(config))


def lacking(config: Config, served: Sequence[ModelInfo]) -> list[str]:
    """The models in use that are not among those served."""
    from metaagent.inference.ollama import has_model

    names = _ollama_names(config)
    return [model for model in models_in_use(config) if not has_model(served, names.get(model, model))]


def _nothing_usable(
    wanted: tuple[str, ...], files: Mapping[str, Path], engine: bool, served: bool, names: Mapping[str, str]
) -> BackendUnreachableError | ModelMissingError:
    if engine:
        missing = [model for model in wanted if model not in files]
        return ModelMissingError(
            f"the embedded engine is installed, but the model {', '.join(missing)} is not here",
            mend=f"metaagent model pull {missing[0]}",
        )
    if served:
        return ModelMissingError(
            f"Ollama answers, but does not have {', '.join(names.get(model, model) for model in wanted)}",
            mend=f"metaagent model pull {wanted[0]} --into ollama"
            if catalog.is_pinned(wanted[0])
            else f"ollama pull {names.get(wanted[0], wanted[0])}",
        )
    return BackendUnreachableError("no Ollama server answers, and the embedded engine is not installed", mend=INSTALL)


def _files(config: Config, workspace_root: Path) -> dict[str, Path]:
    """The model files that are here: those the user names, and what the catalog can find."""
    named = {name: workspace_root / Path(path).expanduser() for name, path in config.embedded.models.items()}
    found = {model.name: catalog.locate(model, named) for model in catalog.MODELS}
    return {
        **{name: path for name, path in named.items() if path.is_file()},
        **{name: place.path for name, place in found.items() if place is not None},
    }


def _ollama_names(config: Config) -> dict[str, str]:
    """Our name of a model -> its name on an Ollama server."""
    own = {name: model.ollama for name, model in config.models.items() if model.ollama}
    return {**{model.name: model.ollama for model in catalog.MODELS}, **own}


def ask_servers(config: Config, timeout: float) -> dict[str, list[ModelInfo] | None]:
    """What each configured server has, by URL, in the config's order; ``None`` for one that does not answer in time.
    They are asked at the same time, so that several that are down cost no more than one."""
    from concurrent.futures import ThreadPoolExecutor

    from metaagent.inference.ollama import served_models

    urls = server_urls(config)
    with ThreadPoolExecutor(len(urls)) as pool:
        return dict(zip(urls, pool.map(lambda url: served_models(url, timeout=timeout), urls), strict=True))


def server_urls(config: Config) -> list[str]:
    """The servers that the config names, each once; OLLAMA_HOST, or this machine, where it names none."""
    return list(dict.fromkeys(host_url(host) for host in config.ollama.hosts or (None,)))


def open_servers(config: Config, notice: Notice) -> list[OllamaBackend]:
    """Each Ollama server that the config names, whether it answers or not."""
    from metaagent.inference.ollama import OllamaBackend

    return [
        OllamaBackend(
            url,
            slots=config.ollama.parallel,
            connect=config.deadlines.connect,
            names=_ollama_names(config),
            notice=notice,
        )
        for url in server_urls(config)
    ]


def open_ollama(config: Config, workspace_root: Path, notice: Notice) -> Backend:
    """The Ollama servers that the config names as one backend; how several of them do is remembered for ``status``."""
    servers = open_servers(config, notice)
    if len(servers) == 1:
        return servers[0]
    from metaagent.inference.host_memory import host_file, remember
    from metaagent.inference.hosts import HostsBackend

    return HostsBackend(
        {server.url: server for server in servers},
        deadlines=config.deadlines,
        notice=notice,
        observe=lambda states: remember(host_file(workspace_root), states),
    )


def _embedded(config: Config, files: Mapping[str, Path], notice: Notice) -> Backend:
    if find_spec("xllamacpp") is None:
        raise BackendUnreachableError("the embedded engine is not installed", mend=INSTALL)
    from metaagent.inference.embedded import EmbeddedBackend

    return EmbeddedBackend(files, slots=config.embedded.slots, threads=config.embedded.threads, notice=notice)
