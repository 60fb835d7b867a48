"""Insights: for each pattern the cause that it is thought to come from, how sure that is, and what could be done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from metaagent.learning.diagnosis import Cause, Company, Diagnosis, Signals, commonest, company, diagnose
from metaagent.learning.patterns import Pattern
from metaagent.ledger.database import Ledger
from metaagent.ledger.signals import FailedAttempt, failed_attempts

REMEDIES: dict[Cause, tuple[str, ...]] = {
    Cause.PROMPT: ("fixer", "exemplar", "rule", "option"),
    Cause.CONTEXT: ("option", "exemplar"),
    Cause.TOOL: (),
    Cause.EXTERNAL: ("strategy", "check", "route"),
    Cause.UNKNOWN: ("fixer", "exemplar", "strategy"),
}
"""cause -> the kinds of remedies that could address it, cheapest first. What a tool needs, a person mends."""


@dataclass(frozen=True, slots=True)
class Insight:
    """``shares``: how many of the pattern's attempts each cause was named for."""

    pattern: Pattern
    diagnosis: Diagnosis
    shares: tuple[tuple[str, int], ...]
    remedies: tuple[str, ...]


def insights(ledger: Ledger, found: Sequence[Pattern], tasks: Collection[str] | None) -> list[Insight]:
    """In the order of the patterns; ``tasks``: those that may be looked at, the mine split. A failed attempt is looked
    at with the errors of the pattern alone, in the company of all that failed in its domain, model and protocol."""
    failed = failed_attempts(ledger, tasks)
    signals = {one.attempt_id: signals_of(one) for one in failed}
    places = {one.attempt_id: (one.domain, one.model, one.protocol) for one in failed}
    companies = _companies(signals, places)
    made = []
    for pattern in found:
        ids = set(pattern.event_ids)
        named = [
            diagnose(replace(one, events=own), companies[places[one.attempt_id]])
            for one in signals.values()
            if (own := tuple(event for event in one.events if event.id in ids))
        ]
        diagnosis = commonest(named)
        counts = Counter(str(one.cause) for one in named)
        made.append(Insight(pattern, diagnosis, tuple(counts.most_common()), REMEDIES[diagnosis.cause]))
    return made


Place = tuple[str, str, str]


def _companies(signals: Mapping[str, Signals], places: Mapping[str, Place]) -> dict[Place, Company]:
    groups: dict[Place, list[Signals]] = {}
    for attempt_id, one in signals.items():
        groups.setdefault(places[attempt_id], []).append(one)
    return {place: company(inside) for place, inside in groups.items()}


def signals_of(one: FailedAttempt) -> Signals:
    """A failed attempt as the rules look at it."""
    return Signals(one.attempt_id, one.task_id, one.events, one.reasons, one.finishes, one.truncated, one.reply)
