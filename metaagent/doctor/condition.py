"""What an examination finds: one condition for each component."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from metaagent.errors import MetaagentError

State = Literal["ok", "warning", "failed", "not checked"]


@dataclass(frozen=True, slots=True)
class Condition:
    """How one component is. ``name`` tells several of one component apart (a model, an agent); ``mend`` is what to
    type. Only ``failed`` makes the environment fail; ``not checked`` waits for another component."""

    component: str
    state: State
    says: str
    mend: str | None = None
    name: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


def failure(component: str, error: MetaagentError | OSError, name: str = "") -> Condition:
    if isinstance(error, MetaagentError):
        return Condition(component, "failed", error.message, error.mend, name)
    place = f": {error.filename}" if error.filename is not None else ""
    mend = f"ls -ld {error.filename}" if error.filename is not None else None
    return Condition(component, "failed", f"{error.strerror or type(error).__name__}{place}", mend, name)


def guarded(component: str, look: Callable[[], Iterable[Condition]]) -> Iterator[Condition]:
    """What ``look`` finds; what it raises on purpose, or the system says, is a failure of the component."""
    try:
        yield from look()
    except (MetaagentError, OSError) as error:
        yield failure(component, error)


def waits(component: str, other: str) -> Condition:
    return Condition(component, "not checked", f"waits for the {other}")
