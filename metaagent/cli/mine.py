"""What learning may look at, for the nouns: the ledger's mine split, made where it is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metaagent.cli.state import State
    from metaagent.ledger.database import Ledger


@contextmanager
def mine_ledger(state: State) -> Iterator[tuple[Ledger, frozenset[str]]]:
    """The ledger, read-only, and the ids of its mine tasks."""
    from metaagent.learning import mine_split
    from metaagent.learning.divide import rule_of

    with state.ledger(read_only=True) as ledger:
        missing = bool(mine_split.undivided(ledger))
    if missing:
        from metaagent.orchestrator.trials import all_tasks

        with state.ledger() as ledger:
            mine_split.complete(ledger, all_tasks(state.workspace()), rule_of(state.workspace().config.learning))
    with state.ledger(read_only=True) as ledger:
        yield ledger, mine_split.mine_ids(ledger)
