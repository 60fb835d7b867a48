"""Fixers: deterministic transformations of a reply before it is judged. Registered by name, applied in order.

A fixer is a function ``(reply, brief, settings) -> str | None``. It returns the changed text, or None where it
abstains: the reply is not of a kind that it knows, or there is nothing to mend. It must be pure, fast (a millisecond or
so) and must not raise on any reply; one that does is left out of that attempt, and noted. It sees what prompts may hold
(``Brief``) and its own settings, never a check or a reference. Under ``LOGPROBS`` the settings hold the reply's
log-probabilities, where the backend told them (``records.Logprobs``).

A package of your own registers one as an entry point of the group ``metaagent.fixers``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from metaagent.errors import NotFoundError
from metaagent.records import Brief, Logprobs, Remedy
from metaagent.remedies.trigger import fires

Fixer = Callable[[str, Brief, Mapping[str, Any]], str | None]

ENTRY_POINTS = "metaagent.fixers"

BUILT_IN: dict[str, str] = {
    "json.fields": "metaagent.remedies.json.fields:fix",
    "json.notes": "metaagent.remedies.json.notes:fix",
    "json.repair": "metaagent.remedies.json.repair:fix",
    "sql.columns": "metaagent.remedies.sql.columns:fix",
    "sql.dialect": "metaagent.remedies.sql.dialect:fix",
    "sql.joins": "metaagent.remedies.sql.joins:fix",
    "sql.stated": "metaagent.remedies.sql.stated:fix",
    "sql.statement": "metaagent.remedies.sql.statement:fix",
    "sql.views": "metaagent.remedies.sql.views:fix",
    "text.fence": "metaagent.remedies.text.fence:fix",
    "python.imports": "metaagent.remedies.python.imports:fix",
    "python.indentation": "metaagent.remedies.python.indentation:fix",
    "python.library": "metaagent.remedies.python.library:fix",
    "python.name": "metaagent.remedies.python.name:fix",
    "python.rewrites": "metaagent.remedies.python.rewrites:fix",
    "python.trailing": "metaagent.remedies.python.trailing:fix",
}
"""Name -> ``module:function``; imported when a protocol first names it."""

SHIPPED: dict[str, str] = {
    "text.fence": "the artifact alone, without the code fence and the prose around it",
    "json.repair": "text that is nearly JSON, read as it was meant",
    "json.notes": "a note that the model wrote for itself before a field is taken out",
    "sql.statement": "the one SELECT of a reply, without fences, prose and further statements",
    "sql.dialect": "functions and forms of other databases, said in SQLite",
    "sql.columns": "the names and the order of columns that the question's own text asks for",
    "sql.joins": "a column that its table has not, from the table that has it, joined along the foreign keys",
    "sql.stated": "decimals and forms of dates that the question states",
    "python.trailing": "prose around the code, prints, asserts and tests after the function go",
    "python.indentation": "code whose indentation alone is broken gets one that parses",
    "python.name": "the function gets the name that the task's text states",
    "python.imports": "a missing import of the standard library is added",
}
"""Those of ``BUILT_IN`` that work without settings, each with what it does in one line, in the order in which they are
applied: learned fixers follow, and find the reply in its form."""


STAGES: dict[str, int] = {
    "text.fence": 0,
    "sql.statement": 0,
    "sql.dialect": 1,
    "sql.columns": 2,
    "sql.joins": 3,
    "sql.stated": 4,
    "sql.views": 90,
    "json.notes": 90,
}
"""What must come before what, whatever order they were found in; those without a place are applied in between."""
_LATE = 50

LOGPROBS = "logprobs"
_UNTOLD: Logprobs = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Fixed:
    """What one fixer made of a text. ``error`` is set, and the text as it was, where the fixer broke."""

    name: str
    text: str
    error: str | None = None


@lru_cache(maxsize=256)
def find_fixer(name: str) -> Fixer:
    """The registered fixer. Raises NotFoundError for a name that nothing registers."""
    if name in BUILT_IN:
        module, _, function = BUILT_IN[name].partition(":")
        found: Fixer = getattr(importlib.import_module(module), function)
        return found
    from importlib.metadata import entry_points  # read only where a name is not ours

    for point in entry_points(group=ENTRY_POINTS, name=name):
        loaded: Fixer = point.load()
        return loaded
    raise NotFoundError(f"no fixer is named {name!r}", mend="metaagent protocol list")


def in_order(remedies: Iterable[Remedy]) -> list[Remedy]:
    """As fixers are applied: those that take the artifact out of a reply first, what was learned last; else as given.
    ``rank`` in the settings orders learned ones of one name."""
    return sorted(remedies, key=lambda one: (STAGES.get(one.name, _LATE), one.settings.get("rank", 0)))


def fix(remedies: Iterable[Remedy], reply: str, brief: Brief, logprobs: Logprobs = _UNTOLD) -> list[Fixed]:
    """Every change that the fixers among ``remedies`` make to the reply, in order; the last text is the artifact."""
    made: list[Fixed] = []
    text = reply
    for remedy in in_order(remedies):
        if remedy.kind != "fixer" or not fires(remedy.settings, brief):
            continue
        try:
            changed = find_fixer(remedy.name)(text, brief, {**remedy.settings, LOGPROBS: logprobs})
        except NotFoundError:
            raise
        except Exception as error:  # noqa: BLE001 - a boundary: a fixer is a plug-in, its failure is not the agent's
            made.append(Fixed(remedy.name, text, f"{type(error).__name__}: {error}"))
            continue
        if changed is not None and changed != text:
            text = changed
            made.append(Fixed(remedy.name, text))
    return made
