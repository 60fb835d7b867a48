"""From the ledger to patterns: error events of the tasks that may be looked at, and errors of other tools."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from metaagent.errors import NotFoundError, UsageError
from metaagent.learning.edits import Edit
from metaagent.learning.fingerprints.fingerprint import Failure
from metaagent.learning.patterns import LEAST_EVENTS, Event, Exposure, Pattern, mine, native
from metaagent.learning.similar import Similar, nearest
from metaagent.ledger import error_events, foreign, pattern_edits
from metaagent.ledger import tasks as task_facts
from metaagent.ledger.database import Ledger, Row
from metaagent.ledger.error_events import EventFilters
from metaagent.ledger.times import to_text


def patterns(
    ledger: Ledger,
    tasks: Collection[str] | None,
    *,
    filters: EventFilters | None = None,
    least: int = LEAST_EVENTS,
) -> list[Pattern]:
    """The patterns of the ledger. ``tasks``: those that may be looked at, the mine split (None: all there are).
    ``filters`` limit the events; errors of other tools are left out where a task, domain or model is asked for."""
    filters = filters or EventFilters(tasks)
    rows = error_events.learnable(ledger, filters)
    events = [_event(row) for row in rows]
    exposures = [_exposure(row) for row in error_events.exposed(ledger, tasks) if _covered(row, filters)]
    if (filters.task_id, filters.domain, filters.model, filters.validator) == (None, None, None, None):
        events += [event for event in map(_foreign, foreign.counted(ledger)) if _wanted(event, filters)]
        reports = [row for row in foreign.finished(ledger) if _recent(row["time"], filters)]
        exposures += [Exposure(row["id"], row["time"], None) for row in reports]
    return mine(events, exposures, edits(ledger), fixes(ledger), least=least)


@dataclass(frozen=True, slots=True)
class Example:
    """One error event as evidence."""

    task_id: str | None
    attempt_id: str
    time: str
    message: str
    location: str
    expected: str | None
    got: str | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a pattern rests on: examples of different tasks, and the tasks most similar to its own that were solved, and
    that failed in another way."""

    examples: tuple[Example, ...]
    solved: tuple[Similar, ...]
    failed: tuple[Similar, ...]


def evidence(ledger: Ledger, pattern: Pattern, tasks: Collection[str] | None, *, examples: int = 5) -> Evidence:
    """The evidence for a pattern; ``tasks`` as for ``patterns``."""
    if not pattern.tasks:
        return Evidence(tuple(_foreign_examples(ledger, pattern, examples)), (), ())
    outcomes = {row["task_id"]: row["outcome"] for row in error_events.exposed(ledger, tasks)}
    others = {outcome: [t for t, o in outcomes.items() if o == outcome and t not in pattern.tasks] for outcome in _ENDS}
    texts = task_facts.inputs(ledger, outcomes)
    solved, failed = (tuple(nearest(texts, pattern.tasks, others[outcome], SIMILAR)) for outcome in _ENDS)
    return Evidence(tuple(_examples(ledger, pattern, examples)), solved, failed)


SIMILAR = 3
_ENDS = ("pass", "fail")


def _examples(ledger: Ledger, pattern: Pattern, limit: int) -> list[Example]:
    """The latest event of each task, the newest first."""
    found: dict[str, Example] = {}
    for row in reversed(error_events.by_ids(ledger, pattern.event_ids)):
        found.setdefault(row["task_id"], Example(**{name: row[name] for name in Example.__slots__}))
        if len(found) == limit:
            break
    return list(found.values())


def _foreign_examples(ledger: Ledger, pattern: Pattern, limit: int) -> list[Example]:
    wanted = set(pattern.event_ids)
    rows = [row for row in foreign.counted(ledger) if f"{row['ingest_id']}:{row['signature']}" in wanted]
    return [Example(None, row["ingest_id"], row["time"], row["message"], row["source"], None, None) for row in rows][
        :limit
    ]


def find(found: Sequence[Pattern], text: str) -> Pattern:
    """The pattern that an id names, or the beginning of one, or a signature of it."""
    exact = [pattern for pattern in found if text == pattern.id]
    near = exact or [pattern for pattern in found if pattern.id.startswith(text)]
    near = near or [pattern for pattern in found if any(one.startswith(text) for one in pattern.group.members)]
    if not near or not text:
        raise NotFoundError(f"no pattern '{text}'", mend="metaagent learn patterns --min 1")
    if len(near) > 1:
        raise UsageError(f"'{text}' could be {len(near)} patterns", mend=f"metaagent learn patterns show {near[0].id}")
    return near[0]


def apart(pattern: Pattern, signatures: Sequence[str]) -> tuple[str, ...]:
    """Those signatures of a merged pattern that are to stand alone (none named: all). Raises UsageError where it is one
    signature, NotFoundError for one that is none of its own."""
    members = pattern.group.members
    if len(members) == 1:
        raise UsageError(f"pattern {pattern.id} is one signature, and was not merged")
    return tuple(_member(members, text) for text in signatures) or members


def _member(members: Sequence[str], text: str) -> str:
    found = [one for one in members if one.startswith(text)]
    if len(found) != 1:
        raise NotFoundError(f"'{text}' is not one signature of the pattern", mend=f"one of: {', '.join(members)}")
    return found[0]


def joined(merged: Sequence[Pattern]) -> tuple[str, ...]:
    """The signatures of these patterns as one. Raises UsageError for fewer than two."""
    if len({pattern.id for pattern in merged}) < 2:
        raise UsageError("it takes two patterns to merge")
    return tuple(sorted({one for pattern in merged for one in pattern.group.members}))


def edits(ledger: Ledger) -> list[Edit]:
    rows = pattern_edits.history(ledger)
    return [Edit(row["action"], row["pattern"], tuple(json.loads(row["signatures"])), row["text"]) for row in rows]


def fixes(ledger: Ledger) -> dict[str, list[str]]:
    """The times when a protocol was put in force, by domain."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for row in error_events.activated(ledger):
        found[row["domain"]].append(row["time"])
    return dict(found)


def _event(row: Row) -> Event:
    return Event(
        id=row["id"],
        time=row["time"],
        attempt_id=row["attempt_id"],
        task_id=row["task_id"],
        failure=native(*(row[name] for name in ("kind", "validator", "location", "message", "expected", "got"))),
        domain=row["domain"],
        validator=row["validator"],
        expected=row["expected"],
        got=row["got"],
    )


def _exposure(row: Row) -> Exposure:
    return Exposure(row["id"], row["time"], row["task_id"], frozenset(json.loads(row["validators"])))


def _foreign(row: Row) -> Event:
    return Event(
        id=f"{row['ingest_id']}:{row['signature']}",
        time=row["time"],
        attempt_id=row["ingest_id"],
        task_id=None,
        failure=Failure(row["kind"], tuple(json.loads(row["head"])), row["message"]),
        count=row["count"],
    )


def _wanted(event: Event, filters: EventFilters) -> bool:
    return filters.kind in (None, event.failure.kind) and _recent(event.time, filters)


def _covered(row: Row, filters: EventFilters) -> bool:
    """Whether an attempt could have shown what the filters let through."""
    if filters.task_id not in (None, row["task_id"]) or filters.model not in (None, row["model"]):
        return False
    if not _recent(row["time"], filters):
        return False
    return filters.domain is None or f"{row['domain'] or ''}.".startswith(f"{filters.domain}.")


def _recent(time: str, filters: EventFilters) -> bool:
    return filters.since is None or time >= to_text(filters.since)
