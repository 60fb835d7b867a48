"""Programs: what a learned JSON fixer does to a document, as data that JSON can hold.

    {"fields": [{"path": "lines[].sku", "branches": [{"when": GUARD or null, "then": EXPRESSION}, ...]}, ...]}

Fields are mended in order; a later one sees the earlier ones both as the reply had them (``field``) and as mended
(``fixed``). A path may come twice: its second stage starts from what the first made. Of a field's branches the first
whose guard holds and whose expression applies decides; ``["own"]`` keeps the value. ``[]`` in a path stands for each
item of a list; fields of the same item go by their own names, the others by their full paths.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from metaagent.records import Logprobs
from metaagent.remedies.json.fields.evaluate import NOTHING, Scope, evaluate
from metaagent.remedies.json.fields.guards import holds
from metaagent.remedies.json.fields.spans import MAX_TEXT

MAX_PLACES: Final = 2_000
_UNTOLD: Logprobs = MappingProxyType({})


@dataclass(slots=True)
class Place:
    """One spot of a document that a path names: ``holder[key]``."""

    holder: Any
    key: Any
    item: int | None = None

    def get(self) -> Any:
        if isinstance(self.holder, dict):
            return self.holder.get(self.key, NOTHING)
        return self.holder[self.key]


def places(document: Any, path: str) -> list[Place]:
    """Every spot that a path names, where the document has its holder."""
    parts = path.replace("[]", ".[]").removeprefix(".").split(".")
    found = [Place([document], 0)]
    for part in parts:
        found = [place for at in found for place in _step(at, part)][:MAX_PLACES]
    return found


def _step(place: Place, part: str) -> Iterator[Place]:
    value = place.get()
    if part == "[]":
        if isinstance(value, list):
            yield from (Place(value, n, n) for n in range(len(value)))
    elif isinstance(value, dict):
        yield Place(value, part, place.item)


def flat(document: Any, prefix: str = "") -> dict[str, Any]:
    """Path -> value of the plain values and plain lists of nested objects; lists of objects are left out."""
    found: dict[str, Any] = {}
    if not isinstance(document, dict):
        return found
    for key, value in document.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict):
            found.update(flat(value, path + "."))
        elif not (isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value)):
            found[path] = value
    return found


def scopes(
    raw: Any, fixed: Any, path: str, text: str, title: str = "", logprobs: Logprobs = _UNTOLD
) -> list[tuple[Place, Scope]]:
    """The places of a path in the document that is being mended, each with what an expression may see there."""
    text = text[:MAX_TEXT]
    whole, mended = flat(raw), flat(fixed)
    made: list[tuple[Place, Scope]] = []
    for before, place in zip(places(raw, path), places(fixed, path), strict=False):
        fields: Mapping[str, Any] = whole
        now: Mapping[str, Any] = mended
        if before.item is not None and isinstance(before.holder, dict):
            fields, now = whole | flat(before.holder), mended | flat(place.holder)
        made.append((place, Scope(place.get(), fields, text, now, title, logprobs.get(path, {}))))
    return made


def decide(branches: Any, scope: Scope) -> Any:
    """The value that a field's branches give it; NOTHING where none applies."""
    for branch in branches:
        when = branch.get("when")
        if when is not None and not holds(when, scope):
            continue
        value = evaluate(branch["then"], scope)
        if value is not NOTHING:
            return value
    return NOTHING


def run(program: Mapping[str, Any], document: Any, text: str, title: str = "", logprobs: Logprobs = _UNTOLD) -> Any:
    """The mended document; the one given is left as it was."""
    made = copy.deepcopy(document)
    for field in program.get("fields", ()):
        for place, scope in scopes(document, made, field["path"], text, title, logprobs):
            scope.own = NOTHING if scope.own is NOTHING else scope.own
            value = decide(field["branches"], _seen(scope))
            if value is not NOTHING:
                place.holder[place.key] = copy.deepcopy(value)
    return made


def _seen(scope: Scope) -> Scope:
    """A field that the reply left out reads as null."""
    if scope.own is NOTHING:
        scope.own = None
    return scope
