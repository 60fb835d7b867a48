"""A protocol and a task in, what the attempt does differently out. Pure; version 0 changes nothing.

| kind | name | settings, beside ``trigger`` |
| --- | --- | --- |
| fixer | a registered fixer | its own |
| option | ``options`` | ``num_predict``, ``temperature``, ``num_ctx``, ``repeat_penalty``, ``stop``, ``constrained`` |
| option | ``notes`` | ``fields``: those that the model writes a note before (remedies/json/notes.py) |
| check | a public validator | its options |
| strategy | ``ladder`` | ``rungs``; ``on``: climb after ``any`` failure (default), or a failed ``public`` check only |
| exemplar | ``nearest``, ``fixed`` | ``pool``, ``count``, ``cap`` (remedies/exemplars.py) |
| rule | any | ``text``: one line for the prompt |
| route | ``prompt``, ``model`` | ``goal``: replaces the task's goal; ``model``: asks that one |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from metaagent.errors import MetaagentError
from metaagent.records import Brief, Check, Protocol, Remedy, Rung
from metaagent.remedies.exemplars import FIXED, Example, fixed, nearest
from metaagent.remedies.json.notes import with_notes
from metaagent.remedies.trigger import fires

MOST_RULES = 3
"""More rules than this in one prompt did harm on a small model, whatever they said."""
NOTES = "notes"
OPTIONS = frozenset({"num_predict", "temperature", "num_ctx", "repeat_penalty", "stop", "constrained"})


@dataclass(frozen=True, slots=True)
class Applied:
    """What a protocol comes to for one task. ``rungs`` None: the ladder that the run asks for."""

    brief: Brief
    examples: tuple[Example, ...] = ()
    rules: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    notes: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    rungs: tuple[Rung, ...] | None = None
    public_only: bool = False
    model: str | None = None
    fixers: tuple[Remedy, ...] = ()

    @property
    def asked(self) -> Brief:
        """The brief as the model is asked: with the notes that are no part of what is delivered."""
        if not self.notes:
            return self.brief
        return replace(self.brief, artifact=with_notes(self.brief.artifact, self.notes))


def apply(protocol: Protocol, brief: Brief) -> Applied:
    """Raises MetaagentError for a remedy of a kind that this version cannot carry out: leaving it out would measure
    another protocol than the one that is named."""
    applied = Applied(brief)
    for remedy in protocol.remedies:
        make = _KINDS.get(remedy.kind)
        if make is None:
            raise MetaagentError(
                f"protocol {protocol.version} holds the {remedy.kind} {remedy.name!r}, which this version cannot do",
                mend="update metaagent, or use protocol 0",
            )
        if fires(remedy.settings, brief):
            applied = make(applied, remedy)
    return applied


def with_added(checks: tuple[Check, ...], added: tuple[Check, ...]) -> tuple[Check, ...]:
    """A protocol's own public checks go before the task's key checks; a task that nothing checks stays one."""
    if not added or not checks:
        return checks
    first_key = next((index for index, check in enumerate(checks) if not check.public), len(checks))
    return (*checks[:first_key], *added, *checks[first_key:])


def same_call(one: Sequence[Remedy], other: Sequence[Remedy]) -> bool:
    """Whether two protocols ask the model the very same thing, so that one reply serves both: they differ in fixers
    alone, and neither asks again after a failure."""
    if any(remedy.kind == "strategy" for remedy in (*one, *other)):
        return False
    return [remedy for remedy in one if remedy.kind != "fixer"] == [
        remedy for remedy in other if remedy.kind != "fixer"
    ]


def _fixer(applied: Applied, remedy: Remedy) -> Applied:
    return replace(applied, fixers=(*applied.fixers, remedy))


def _option(applied: Applied, remedy: Remedy) -> Applied:
    if remedy.name == NOTES:
        return replace(applied, notes=(*applied.notes, *remedy.settings["fields"]))
    given = {key: value for key, value in remedy.settings.items() if key in OPTIONS}
    return replace(applied, options=MappingProxyType({**applied.options, **given}))


def _check(applied: Applied, remedy: Remedy) -> Applied:
    options = {key: value for key, value in remedy.settings.items() if key != "trigger"}
    return replace(applied, checks=(*applied.checks, Check(remedy.name, True, options)))


def _strategy(applied: Applied, remedy: Remedy) -> Applied:
    rungs = tuple(Rung(name) for name in remedy.settings["rungs"])
    return replace(applied, rungs=rungs, public_only=remedy.settings.get("on") == "public")


def _exemplar(applied: Applied, remedy: Remedy) -> Applied:
    choose = fixed if remedy.name == FIXED else nearest
    return replace(applied, examples=(*applied.examples, *choose(remedy.settings, applied.brief)))


def _rule(applied: Applied, remedy: Remedy) -> Applied:
    if len(applied.rules) >= MOST_RULES:
        return applied
    return replace(applied, rules=(*applied.rules, str(remedy.settings["text"])))


def _route(applied: Applied, remedy: Remedy) -> Applied:
    goal, model = remedy.settings.get("goal"), remedy.settings.get("model")
    brief = applied.brief if goal is None else replace(applied.brief, goal=str(goal))
    return replace(applied, brief=brief, model=applied.model if model is None else str(model))


_KINDS = {
    "fixer": _fixer,
    "option": _option,
    "check": _check,
    "strategy": _strategy,
    "exemplar": _exemplar,
    "rule": _rule,
    "route": _route,
}
KINDS = tuple(_KINDS)
