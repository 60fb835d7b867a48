"""How many patterns mine's errors make, and how much of them is noise: for the go/no-go rules."""

from __future__ import annotations

from metaagent.learning.mine_split import mine_ids
from metaagent.learning.mining import patterns
from metaagent.learning.patterns import LEAST_EVENTS
from metaagent.learning.summary import PatternCounts
from metaagent.ledger.database import Ledger
from metaagent.ledger.error_events import EventFilters, learnable


def pattern_counts(ledger: Ledger, domain: str, model: str) -> PatternCounts:
    """Of one domain and model: patterns of at least three events, those of them that are reproducible, the share of all
    error events that no reproducible pattern holds, and how many tasks have error events."""
    mine = mine_ids(ledger)
    filters = EventFilters(mine, domain=domain or None, model=model)
    found = patterns(ledger, mine, filters=filters, least=1)
    events = sum(one.events for one in found)
    solid = [one for one in found if one.reproducible]
    return PatternCounts(
        patterns=sum(one.events >= LEAST_EVENTS for one in found),
        reproducible=len(solid),
        noise=1 - sum(one.events for one in solid) / events if events else None,
        failing=len({row["task_id"] for row in learnable(ledger, filters)}),
    )
