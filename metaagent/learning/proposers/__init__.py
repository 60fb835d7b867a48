"""Proposers: each makes candidate remedies of one kind from mine cases. Registered by name; tried cheapest first.

A package of your own registers one as an entry point of the group ``metaagent.proposers`` (a class without arguments).
"""

from __future__ import annotations

import importlib

from metaagent.learning.proposals import Proposer

ENTRY_POINTS = "metaagent.proposers"

BUILT_IN: dict[str, str] = {
    "shipped": "metaagent.learning.proposers.shipped:Shipped",
    "json.fields": "metaagent.learning.proposers.json:JsonFields",
    "library.imports": "metaagent.learning.proposers.library:LibraryImports",
    "python": "metaagent.learning.proposers.python:PythonRewrites",
    "sql": "metaagent.learning.proposers.sql:SqlViews",
    "options": "metaagent.learning.proposers.options:RaisedLimits",
    "notes": "metaagent.learning.proposers.notes:NotedFields",
    "checks": "metaagent.learning.proposers.checks:PublicChecks",
    "ladder": "metaagent.learning.proposers.strategies:Ladder",
    "exemplars": "metaagent.learning.proposers.exemplars:Solved",
    "library": "metaagent.learning.proposers.library:LibraryReference",
    "rules": "metaagent.learning.proposers.rules:PatternRules",
}
"""Name -> ``module:class``, cheapest first: fixers cost no model call, what changes a prompt does."""


def proposers() -> list[Proposer]:
    """All that are registered, the built-in ones first."""
    from importlib.metadata import entry_points  # read only when remedies are made

    found = [_load(where) for where in BUILT_IN.values()]
    return found + [point.load()() for point in entry_points(group=ENTRY_POINTS)]


def _load(where: str) -> Proposer:
    module, _, name = where.partition(":")
    made: Proposer = getattr(importlib.import_module(module), name)()
    return made
