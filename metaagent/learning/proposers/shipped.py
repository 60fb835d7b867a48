"""Fixers that are shipped: each is replayed on the mine replies, and proposed where it mends more than it breaks."""

from __future__ import annotations

from collections.abc import Sequence

from metaagent.learning.proposals import Bench, Case, Proposal
from metaagent.learning.replay import replayed
from metaagent.records import Remedy
from metaagent.remedies.fixers import SHIPPED


class Shipped:
    name = "shipped"
    kind = "fixer"

    def propose(self, cases: Sequence[Case], bench: Bench) -> list[Proposal]:
        """Those that mend at least one task and harm none: with no parameters there is nothing to overfit, but a fixer
        that breaks even one right answer of mine will break others."""
        found = []
        for name, says in SHIPPED.items():
            remedy = Remedy("fixer", name)
            change = replayed(cases, (remedy,), bench.judge)
            if change.gain > 0 and not change.harmed:
                why = f"mends {len(change.mended)} of {len(cases)} mine tasks by replay, harms none"
                found.append(Proposal(remedy, why, (says,), change.mended, (), change.gain))
        return sorted(found, key=lambda proposal: -proposal.gain)
