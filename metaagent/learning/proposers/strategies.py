"""Strategies: ask again where a public check knows that the answer is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from metaagent.learning.proposals import Bench, Case, Proposal
from metaagent.records import Remedy, Rung

FEWEST = 3
SOLVED = 0.2
"""About what share of known failures a fresh prompt and a sample solved (8 of 37, shared measurements)."""
RUNGS = (Rung.CONVERSATIONAL, Rung.FRESH, Rung.SAMPLE)


class Ladder:
    name = "ladder"
    kind = "strategy"

    def propose(self, cases: Sequence[Case], bench: Bench) -> list[Proposal]:  # noqa: ARG002 - the Protocol's signature
        """A fresh prompt with the findings, then a sample, on a failed public check alone: a blind retry after a
        rejection solved nothing on systematic errors."""
        known = [case for case in cases if not case.passed and any(event.public for event in case.events)]
        if len(known) < FEWEST:
            return []
        failures = sum(not case.passed for case in cases)
        why = f"a public check knows of {len(known)} of {failures} mine failures"
        return [replace(asking_again(), why=why, gain=SOLVED * len(known) / len(cases))]


def asking_again() -> Proposal:
    """The ladder itself, without evidence of its own."""
    settings = {"rungs": [str(rung) for rung in RUNGS], "on": "public"}
    readable = ("on a failed public check: a fresh prompt with its findings, then a sample at temperature 0.7",)
    return Proposal(Remedy("strategy", "ladder", settings), "a check asks again when it fails", readable)
