"""The whole examination, component by component; what waits for a broken one is named as not checked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaagent.doctor import engine, machine, places
from metaagent.doctor.condition import Condition, failure, guarded, waits
from metaagent.errors import MetaagentError

if TYPE_CHECKING:
    from metaagent.config import Config
    from metaagent.workspace import Workspace

Notice = Callable[[str], None]
COMPONENTS = (
    *("python", "sqlite", "workspace", "configuration", "board", "ledger", "sandbox"),
    *("backend", "models", "agents"),
)


@dataclass(frozen=True, slots=True)
class Examination:
    workspace: Workspace | None
    conditions: tuple[Condition, ...]

    @property
    def failed(self) -> tuple[Condition, ...]:
        return tuple(one for one in self.conditions if one.state == "failed")


def examine(start: Path, explicit: Path | None, notice: Notice) -> Examination:
    """All components, each with at least one condition. Changes nothing but the sandbox's proof in a ledger that is
    there and well."""
    from metaagent.sandbox.choose import Forgetful

    place, missing = places.find(start, explicit)
    config = _configuration(place)
    found = [*guarded("python", machine.python), *guarded("sqlite", machine.sqlite)]
    if missing is not None:
        found.append(missing)
    if place is not None:
        found += _workspace(place, config)
    recorded = place is not None and _usable(found)
    proofs = _Kept(place) if place is not None and recorded else Forgetful()
    found += guarded("sandbox", lambda: machine.sandbox(proofs, notice))
    found += _engine(config, place, place.root if place else start, recorded)
    return Examination(place, tuple(sorted(found, key=lambda one: COMPONENTS.index(one.component))))


def _configuration(place: Workspace | None) -> Config | MetaagentError | OSError:
    """Outside of a workspace: the defaults, and what the environment says."""
    from metaagent.config import parse_config

    if place is not None:
        return places.read_configuration(place)
    try:
        return parse_config("", where="the environment")
    except MetaagentError as error:
        return error


def _engine(
    config: Config | MetaagentError | OSError, place: Workspace | None, root: Path, recorded: bool
) -> Iterator[Condition]:
    """Agents are examined in a workspace alone: outside of one there are none."""
    if isinstance(config, MetaagentError | OSError):
        yield from (waits(component, "configuration") for component in ("backend", "models", "agents"))
        return
    found = engine.examine(config, root)
    yield from found.conditions
    if place is not None:
        yield from guarded("agents", lambda: engine.agents(found, config, place, recorded=recorded))


def _workspace(place: Workspace, config: Config | MetaagentError | OSError) -> Iterator[Condition]:
    yield from guarded("workspace", lambda: places.workspace(place))
    if isinstance(config, MetaagentError | OSError):
        configured = [failure("configuration", config)]
    else:
        configured = list(guarded("configuration", lambda: places.configuration(config, place.config_path)))
    recorded = list(guarded("ledger", lambda: places.ledger(place)))
    weighed = _usable(recorded) and all(one.state == "ok" for one in configured)
    yield from configured
    yield from recorded
    yield from guarded("board", lambda: places.board(place, compare=weighed))


def _usable(found: Iterable[Condition]) -> bool:
    """Whether there is a ledger that can be read as it is: whole, and of today's schema (opening an older one would
    migrate it)."""
    from metaagent.ledger.connect import SCHEMA

    recorded = [one for one in found if one.component == "ledger"]
    return all(one.state != "failed" and one.details.get("schema") == SCHEMA for one in recorded)


class _Kept:
    """Proofs in the ledger of a workspace, opened only when one is read or written."""

    def __init__(self, place: Workspace) -> None:
        self._place = place

    def recall(self, backend: str) -> Mapping[str, Any] | None:
        from metaagent.ledger.sandboxes import LedgerProofs

        with self._place.open_ledger(read_only=True) as ledger:
            return LedgerProofs(ledger).recall(backend)

    def remember(self, proof: Mapping[str, Any]) -> None:
        from metaagent.ledger.sandboxes import LedgerProofs

        if os.access(self._place.state_dir, os.W_OK):
            with self._place.open_ledger() as ledger:
                LedgerProofs(ledger).remember(proof)
