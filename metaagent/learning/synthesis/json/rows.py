"""Evidence for the search: for each field of a domain, what replies said there and what was wanted. Pure.

Wanted values come from the key checks of mine tasks (``json.expected``), else from error events; a field without an
event was right as the reply had it.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from metaagent.learning.proposals import Case
from metaagent.records import Logprobs, Outcome
from metaagent.remedies.json import repair
from metaagent.remedies.json.fields.evaluate import NOTHING, Scope
from metaagent.remedies.json.fields.program import scopes
from metaagent.remedies.json.strict import loads
from metaagent.remedies.text import fence
from metaagent.tasks.brief import brief

MOST_ROWS: Final = 1_000
"""Of one field. A thousand lines in each of a dozen replies took a quarter of an hour a field, and say no more."""


@dataclass(frozen=True, slots=True)
class Example:
    """One reply as a document, and the same as it should have been."""

    case: int
    task_id: str
    group: str
    text: str
    title: str
    document: Any
    expected: Any
    failed: frozenset[str]
    logprobs: Logprobs


@dataclass(slots=True)
class Row:
    """One place of one reply."""

    example: int
    group: str
    scope: Scope
    expected: Any
    right: bool

    @property
    def own(self) -> Any:
        return self.scope.own


def same(first: Any, second: Any) -> bool:
    """Equal as JSON values: 1 and 1.0 are, 1 and true are not."""
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    return bool(first == second)


def examples(cases: Sequence[Case]) -> list[Example]:
    """The cases whose reply is an object or a list and whose wanted values are known, by the ids of their tasks: what
    is learned from them does not depend on the order in which they came."""
    made: list[Example] = []
    for number, case in sorted(enumerate(cases), key=lambda one: (one[1].task.id, one[1].reply)):
        if case.outcome is Outcome.INCONCLUSIVE:
            continue
        document = _document(case)
        if not isinstance(document, dict):
            continue
        try:
            expected = copy.deepcopy(document)
        except RecursionError:  # nested some hundred deep: nothing that a task asks for
            continue
        for path, value in _wanted(case).items():
            _put(expected, path, value)
        failed = frozenset(event.location for event in case.events if event.location)
        group, text = case.task.group or case.task.id, brief(case.task).own_text
        made.append(
            Example(number, case.task.id, group, text, case.task.title, document, expected, failed, case.logprobs)
        )
    return made


def _document(case: Case) -> Any:
    for text in (case.reply, case.artifact):
        try:
            return loads(text)
        except (ValueError, RecursionError, TypeError):
            continue
    told = brief(case.task)
    bare = fence.fix(case.reply, told, {}) or case.reply
    try:
        return loads(repair.fix(bare, told, {}) or bare)
    except (ValueError, RecursionError):
        return None


def _wanted(case: Case) -> dict[str, Any]:
    wanted: dict[str, Any] = {}
    for event in case.events:
        if event.expected is not None and event.location and not event.public:
            try:
                wanted[event.location] = json.loads(event.expected)
            except (ValueError, RecursionError):
                continue
    for check in case.task.checks:
        values = check.options.get("values")
        if check.validator == "json.expected" and isinstance(values, Mapping):
            wanted.update({str(path): value for path, value in values.items()})
    return wanted


def _put(document: Any, path: str, value: Any) -> None:
    """Set a value by its path (``a.b[0].c``), where its holder is there or can be made."""
    parts: list[str | int] = [
        int(part[1:-1]) if part.startswith("[") else part for part in re.findall(r"\[\d+\]|[^.\[\]$]+", path.strip('"'))
    ]
    holder = document
    for part, following in pairwise(parts):
        if isinstance(holder, dict) and isinstance(part, str):
            if not isinstance(holder.get(part), (dict, list)):
                holder[part] = [] if isinstance(following, int) else {}
            holder = holder[part]
        elif isinstance(holder, list) and isinstance(part, int) and part < len(holder):
            holder = holder[part]
        else:
            return
    if not parts:
        return
    last = parts[-1]
    if isinstance(holder, dict) and isinstance(last, str):
        holder[last] = copy.deepcopy(value)
    if isinstance(holder, list) and isinstance(last, int) and last < len(holder):
        holder[last] = copy.deepcopy(value)


def field_paths(found: Iterable[Example]) -> list[str]:
    """The paths of all wanted values, in the order they are met."""
    seen: dict[str, None] = {}
    for example in found:
        for path in _leaves(example.expected, example.document, ""):
            seen.setdefault(path)
    return list(seen)


def _leaves(expected: Any, got: Any, prefix: str) -> Iterable[str]:
    if isinstance(expected, dict) and isinstance(got, dict):
        for key, value in expected.items():
            if re.search(r"[.\[\]]", key):
                continue
            yield from _leaves(value, got.get(key), f"{prefix}.{key}" if prefix else key)
    elif isinstance(expected, list) and prefix:
        yield prefix
        if isinstance(got, list) and len(got) == len(expected):
            for value, item in zip(expected, got, strict=True):
                yield from _leaves(value, item, prefix + "[]")
    elif prefix:
        yield prefix


def rows(found: Sequence[Example], path: str) -> list[Row]:
    """Every place that the path names, with what is wanted there; of too many, as many evenly spread over each
    reply."""
    made: list[Row] = []
    pairs = []
    for example in found:
        got = scopes(example.document, example.document, path, example.text, example.title, example.logprobs)
        wanted = scopes(example.expected, example.expected, path, example.text)
        pairs.append(list(zip(got, wanted, strict=True)) if len(got) == len(wanted) else [])
    if sum(map(len, pairs)) > MOST_ROWS:
        pairs = [_spread(one, max(1, MOST_ROWS // len(found))) for one in pairs]
    for number, (example, both) in enumerate(zip(found, pairs, strict=True)):
        for (_, scope), (_, other) in both:
            if other.own is NOTHING:
                continue
            missing = scope.own is NOTHING
            scope.own = None if missing else scope.own
            scope.fixed = dict(scope.fixed)
            failed = _failed(path, example.failed)
            right = not missing and (
                same(scope.own, other.own) or (_plain(path) and not failed and bool(example.failed))
            )
            made.append(Row(number, example.group, scope, scope.own if right else other.own, right))
    return made


def _spread(items: list[Any], count: int) -> list[Any]:
    """So many of them at even distances; all where they are fewer."""
    return items if len(items) <= count else [items[n * len(items) // count] for n in range(count)]


def _failed(path: str, locations: frozenset[str]) -> bool:
    """Whether an event names the path or something that holds it."""
    return any(
        path == name or path.startswith((f"{name}.", f"{name}[")) for name in (n.removeprefix("$.") for n in locations)
    )


def _plain(path: str) -> bool:
    return "[" not in path
