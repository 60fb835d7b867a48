"""``.metaagent/config.yaml`` as one frozen value. Every key is optional; an unknown key is an error.

Secrets are not stored here: where one is needed, the name of an environment variable is.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from metaagent.errors import ConfigError, StorageError
from metaagent.yamltree import line_of, repeated_key

BACKEND_VARIABLE = "METAAGENT_BACKEND"
DEFAULT_MODEL = "qwen2.5-coder-1.5b"
DEFAULT_AGENT = "agent:executor:main"

_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d)")
_SPAN_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST_SPAN = 100 * 365 * 86400
_AGENT_ID = re.compile(r"agent:[A-Za-z0-9_-]+:[A-Za-z0-9_.-]+")


def seconds_of(span: str) -> float:
    """``90s``, ``15m``, ``2h``, ``7d`` as seconds; raises ValueError for anything else."""
    found = _SPAN.fullmatch(span.strip())
    if not found:
        raise ValueError(f"{span!r} is not a time span such as 90s, 15m, 2h or 7d")
    seconds = float(found[1]) * _SPAN_SECONDS[found[2]]
    if seconds > _LONGEST_SPAN:
        raise ValueError(f"{span!r} is longer than a century")
    return seconds


def _checked_span(span: str) -> str:
    seconds_of(span)
    return span


def _checked_agent_id(agent_id: str) -> str:
    if not _AGENT_ID.fullmatch(agent_id):
        raise ValueError(f"{agent_id!r} is not an agent id such as agent:executor:main")
    return agent_id


def _checked_backend(backend: str) -> str:
    if backend in {"auto", "ollama", "embedded"} or backend.startswith("scripted:"):
        return backend
    raise ValueError(f"{backend!r} is not a backend: auto, ollama, embedded or scripted:FILE")


Span = Annotated[str, AfterValidator(_checked_span)]
AgentId = Annotated[str, AfterValidator(_checked_agent_id)]
BackendName = Annotated[str, AfterValidator(_checked_backend)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class OllamaConfig(_Section):
    """``hosts`` empty: OLLAMA_HOST, else 127.0.0.1:11434. Of several, a call goes to the least loaded one that has the
    model. ``parallel`` is the OLLAMA_NUM_PARALLEL of each."""

    hosts: tuple[str, ...] = ()
    parallel: int = Field(1, ge=1, le=64)


class EmbeddedConfig(_Section):
    """``models`` maps a catalog name to a GGUF file of your own."""

    slots: int = Field(4, ge=1, le=64)
    threads: int | None = Field(None, ge=1)
    models: dict[str, str] = {}


class ModelConfig(_Section):
    """``ollama`` is the model's name on the Ollama server, where it differs. Prices are in your currency."""

    num_ctx: int = Field(4096, ge=256)
    num_predict: int = Field(512, ge=1)
    repeat_penalty: float = Field(1.0, gt=0)
    price_per_token: float = Field(0.0, ge=0)
    price_per_second: float = Field(0.0, ge=0)
    ollama: str | None = None


class AgentConfig(_Section):
    """``role`` defaults to the middle part of the agent's id; ``heartbeat`` is a span such as 15m."""

    role: str | None = None
    model: str | None = None
    capabilities: tuple[str, ...] = ()
    temperature: float = Field(0.0, ge=0, le=2)
    heartbeat: Span | None = None
    note: str = ""


class RoleConfig(_Section):
    """A role of your own, or a built-in one replaced; see metaagent/agents/roles.yaml for the built-in ones."""

    purpose: str
    system: str
    task: str
    capabilities: tuple[str, ...] = ()
    skills: dict[str, float] = {}
    may: tuple[str, ...] = ("write",)


class LimitsConfig(_Section):
    """What one task may use up in all its attempts together, unless its specification says otherwise."""

    attempts: int | None = Field(3, ge=1)
    seconds: float | None = Field(None, gt=0)
    tokens: int | None = Field(None, ge=1)
    cost: float | None = Field(None, gt=0)


class RunConfig(_Section):
    """``jobs`` unset: as many as the backend has slots."""

    jobs: int | None = Field(None, ge=1, le=256)
    retries: int = Field(2, ge=0, le=10)
    lease: Span = "10m"


class Deadlines(_Section):
    """Seconds: until connected, until the first token (model load included), between tokens, and in all."""

    connect: float = Field(5, gt=0)
    first_token: float = Field(180, gt=0)
    idle: float = Field(60, gt=0)
    total: float = Field(600, gt=0)


class LedgerConfig(_Section):
    """``batching`` trades the durability of the last ``flush_ms`` for speed; off by default."""

    retention_days: int | None = Field(None, ge=1)
    batching: bool = False
    queue: int = Field(1000, ge=1)
    flush_ms: int = Field(20, ge=1)


class BoardConfig(_Section):
    """``keep``: how many versions of the board the history holds behind ``board undo``."""

    coalesce_ms: int = Field(100, ge=0)
    keep: int = Field(200, ge=10)
    editor_wait_seconds: float = Field(10, ge=0)


class LearningConfig(_Section):
    """``salt`` makes the splits of sets that are split for the first time repeatable; unset: a random one for each.
    ``unseen_families``: kinds of task that learning never sees, to measure how far it reaches; all of them are sealed.
    """

    salt: str | None = None
    unseen_families: list[str] = []


class Config(_Section):
    backend: BackendName = "auto"
    default_model: str = DEFAULT_MODEL
    ollama: OllamaConfig = OllamaConfig()
    embedded: EmbeddedConfig = EmbeddedConfig()
    models: dict[str, ModelConfig] = {}
    agents: dict[AgentId, AgentConfig] = {}
    roles: dict[str, RoleConfig] = {}
    limits: LimitsConfig = LimitsConfig()
    run: RunConfig = RunConfig()
    deadlines: Deadlines = Deadlines()
    ledger: LedgerConfig = LedgerConfig()
    board: BoardConfig = BoardConfig()
    learning: LearningConfig = LearningConfig()
    cache: bool = True

    def model(self, name: str) -> ModelConfig:
        """The settings of a model, the defaults where the file does not name it."""
        return self.models.get(name, ModelConfig())


def load_config(path: Path, environment: Mapping[str, str] = os.environ) -> Config:
    """The configuration at ``path``, the defaults where there is no file.

    Raises ConfigError with the line and the nearest known key, StorageError when the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        text = ""
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text ({error})", mend="save it as UTF-8") from error
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from error
    return parse_config(text, where=str(path), environment=environment)


def parse_config(text: str, *, where: str, environment: Mapping[str, str] = os.environ) -> Config:
    """``text`` as a Config; ``where`` names it in errors. METAAGENT_BACKEND overrides ``backend``."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        values: Any = yaml.safe_load(text) if root else {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error)
        raise ConfigError(f"{where}{line}: not valid YAML: {problem}", mend="metaagent config edit") from error
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise ConfigError(f"{where}:1: must be a mapping of settings", mend="metaagent config edit")
    twice = repeated_key(root)
    if twice:
        raise ConfigError(f"{where}:{twice[1]}: the key '{twice[0]}' stands twice", mend="metaagent config edit")
    override = environment.get(BACKEND_VARIABLE)
    if override:
        try:
            values = {**values, "backend": _checked_backend(override)}
        except ValueError as error:
            raise ConfigError(f"{BACKEND_VARIABLE}: {error}", mend=f"unset {BACKEND_VARIABLE}") from error
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_explain(error, root, where), mend="metaagent config edit") from error


def _explain(error: ValidationError, root: yaml.Node | None, where: str) -> str:
    errors = error.errors()  # a mistyped key first: what is then missing follows from it
    first = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
    location: tuple[int | str, ...] = tuple(part for part in first["loc"] if part != "[key]")
    line = line_of(root, location)
    name = ".".join(str(part) for part in location)
    if first["type"] == "extra_forbidden":
        known = _known_keys(location[:-1])
        near = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.4)
        hint = f"; did you mean '{near[0]}'?" if near else f"; known here: {', '.join(known)}"
        return f"unknown key '{name}' at {where}:{line}{hint}"
    return f"{where}:{line}: {name}: {first['msg'].removeprefix('Value error, ')}"


def _known_keys(path: Sequence[int | str]) -> list[str]:
    """The keys that the section at ``path`` knows; names of agents, models and roles are any."""
    section: type[BaseModel] = Config
    for part in path:
        field = section.model_fields.get(str(part))
        if field is None:
            continue
        nested = [field.annotation, *getattr(field.annotation, "__args__", ())]
        section = next((kind for kind in nested if isinstance(kind, type) and issubclass(kind, BaseModel)), section)
    return list(section.model_fields)
