"""Looking at sealed tasks: which ones are drawn, and their errors, once they have been retired.

They are drawn whatever came of them. Were only those that failed retired, what is left would be what passes, and every
report to come would flatter the version that was looked at. Near-duplicates go with them.
"""

from __future__ import annotations

from dataclasses import dataclass

from metaagent.learning.mine_split import salt
from metaagent.learning.splits import Split, order
from metaagent.ledger import runs, splits
from metaagent.ledger.database import Ledger, Row
from metaagent.ledger.error_events import EventFilters, exposed, list_events

MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class Scope:
    """Which sealed tasks may be drawn: of this set, this domain and those below it, at most about ``limit`` (whole
    groups are)."""

    set_name: str | None = None
    domain: str | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Drawn:
    """``tasks`` would be retired; ``failed``: those of them with error events; ``sealed``: so many there are."""

    tasks: tuple[str, ...]
    failed: int
    sealed: int


@dataclass(frozen=True, slots=True)
class Revealed:
    """The events of the tasks that were retired, oldest first, and how many sealed tasks of the scope are left."""

    events: list[Row]
    retired: int
    left: int


def draw(ledger: Ledger, scope: Scope) -> Drawn:
    """The attempted sealed tasks in a hashed order, with those of their groups. None where none of them failed: then
    there is nothing to show. Writes nothing."""
    sealed = splits.of_set(ledger, Split.SEALED, scope.set_name, scope.domain)
    failed = {row["task_id"] for row in list_events(ledger, EventFilters(tasks=sealed), MOST)}
    tried = failed | {row["task_id"] for row in exposed(ledger, sealed)}
    chosen = splits.kin(ledger, order(tried, salt(ledger))[: scope.limit]) if failed else frozenset()
    return Drawn(tuple(sorted(chosen)), len(failed & chosen), len(sealed))


def reveal(ledger: Ledger, scope: Scope, drawn: Drawn) -> Revealed:
    """Retires what was drawn, then reads its events: in this order, so that nothing is seen of a task that still
    counts. Noted as a run of its own."""
    place = [f"{name}={value}" for name, value in (("set", scope.set_name), ("domain", scope.domain)) if value]
    run_id = runs.start(ledger, "evaluate --reveal", [*place, *drawn.tasks])
    retired = splits.retire(ledger, drawn.tasks)
    runs.end(ledger, run_id, "done", {"retired": retired})
    events = list_events(ledger, EventFilters(tasks=frozenset(drawn.tasks)), MOST)
    left = len(splits.of_set(ledger, Split.SEALED, scope.set_name, scope.domain))
    return Revealed(events[::-1], retired, left)
