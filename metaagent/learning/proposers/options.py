"""Options: limits of the model call that mine errors show to be too small."""

from __future__ import annotations

from collections.abc import Sequence

from metaagent.learning.proposals import Bench, Case, Proposal
from metaagent.records import ErrorKind, Remedy

FEWEST = 3
"""A pattern needs three error events at least."""
LARGEST_REPLY = 4096


class RaisedLimits:
    name = "options"
    kind = "option"

    def propose(self, cases: Sequence[Case], bench: Bench) -> list[Proposal]:  # noqa: ARG002 - the Protocol's signature
        """More room for the reply where replies were cut at ``num_predict`` (the event's message says at how many)."""
        cut = [case for case in cases if any(_cut(event.kind, event.message) for event in case.events)]
        if len(cut) < FEWEST:
            return []
        limit = max(_limit(event.message) for case in cut for event in case.events if _cut(event.kind, event.message))
        raised = min(2 * limit, LARGEST_REPLY)
        if raised <= limit:
            return []
        why = f"{len(cut)} of {len(cases)} mine replies were cut at {limit} tokens"
        return [Proposal(Remedy("option", "options", {"num_predict": raised}), why, (f"num_predict: {raised}",))]


def _cut(kind: ErrorKind, message: str) -> bool:
    return kind is ErrorKind.MODEL and message.startswith("the reply was cut at ")


def _limit(message: str) -> int:
    return int(message.removeprefix("the reply was cut at ").split()[0])
