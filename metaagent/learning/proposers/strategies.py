"""Strategies: plan first where that solves more, ask again where a public check knows that the answer is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from metaagent.learning.ladders import RUNGS
from metaagent.learning.proposals import Bench, Case, Proposal
from metaagent.records import Remedy, Rung

FEWEST = 3
SOLVED = 0.2
"""About what share of known failures a fresh prompt and a sample solved (8 of 37, shared measurements)."""
_READABLE = {
    Rung.FRESH: "a fresh prompt with its findings",
    Rung.SAMPLE: "a sample at temperature 0.7",
    Rung.PLAN: "a plan, then its answer",
}


class Ladder:
    name = "ladder"
    kind = "strategy"

    def propose(self, cases: Sequence[Case], bench: Bench) -> list[Proposal]:
        """The ladder that the ledger speaks for, on a failed public check alone: a blind retry after a rejection solved
        nothing on systematic errors. Where planning first solved more, no check has to know of the failures."""
        failures = sum(not case.passed for case in cases)
        known = [case for case in cases if not case.passed and any(event.public for event in case.events)]
        planned = bench.rungs[0] is Rung.PLAN
        if not failures or (len(known) < FEWEST and not planned):
            return []
        why = f"a public check knows of {len(known)} of {failures} mine failures"
        if planned:
            why = f"planning first solved more mine tasks than answering at once; {why}"
        helped = failures if planned else len(known)
        return [replace(asking_again(bench.rungs), why=why, gain=SOLVED * helped / len(cases))]


def asking_again(rungs: Sequence[Rung] = RUNGS) -> Proposal:
    """The ladder itself, without evidence of its own."""
    settings = {"rungs": [str(rung) for rung in rungs], "on": "public"}
    again = f"on a failed public check: {', then '.join(_READABLE[rung] for rung in rungs[1:])}"
    first = ["first a plan, then its answer"] if rungs[0] is Rung.PLAN else []
    return Proposal(Remedy("strategy", "ladder", settings), "a check asks again when it fails", (*first, again))
