"""Runs the trial of a registered candidate: the same gate tasks under both protocols, decided by the gate as they come.

Attempts are made by whoever is handed in. Pairs are written one by one, so that a trial that was killed goes on where
it stood; the gate looks at them in their registered order alone, however they overtake each other.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from metaagent.errors import MetaagentError
from metaagent.learning import gate
from metaagent.learning.gate import Pair, Standing, Terms, decide, standing
from metaagent.ledger import trials
from metaagent.ledger.database import Ledger, Row
from metaagent.records import Attempt, Outcome, Protocol, Task

METRICS = ("passed", "score")


@dataclass(frozen=True, slots=True)
class Trial:
    """A registered candidate, ready to run: ``tasks`` in the order in which they count."""

    id: str
    terms: Terms
    base: Protocol
    candidate: Protocol
    tasks: tuple[Task, ...]
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Progress:
    """What a watcher is told after each pair: integers and the verdict, nothing of single tasks."""

    k: int
    tasks: int
    measured: int
    standing: Standing


Arms = Callable[[Trial, Task], Awaitable[tuple[Attempt, Attempt]]]
"""Attempts a task under the control and under the candidate; both are in the ledger when it returns."""
Room = Callable[[int], bool]
"""Whether there is room for one pair more beside so many under way; it knows what was spent, and no outcome."""


def bar(alpha: float) -> Callable[[int, int], tuple[float, float]]:
    """The weight and the threshold of the k-th candidate, as the registration stores them."""
    return lambda k, discoveries: (gate.weight(k), gate.threshold(k, discoveries, alpha))


def terms_of(row: Row) -> Terms:
    """The registered terms of a row of ``v_trials``."""
    return Terms(
        k=row["k"],
        discoveries=row["discoveries"],
        alpha=row["alpha"],
        metric=row["metric"],
        families=row["families"],
        pairs=row["tasks"],
        fixed=row["fixed"],
        delta=row["delta"],
    )


def recompute(ledger: Ledger, trial_id: str) -> Standing:
    """Where a trial stands, from the ledger alone: a verdict can be checked by anyone at any time."""
    row = trials.find(ledger, trial_id)
    if row is None:
        raise MetaagentError(f"no trial {trial_id}", mend="metaagent learn history")
    pairs = [pair_of(one, row["metric"]) for one in _counted(trials.pairs_of(ledger, trial_id))]
    return decide(pairs, terms_of(row))


def pair_of(row: Row, metric: str) -> Pair:
    """A stored pair as the gate sees it."""
    outcomes = Outcome(row["control_outcome"]), Outcome(row["candidate_outcome"])
    passed = tuple(outcome is Outcome.PASS for outcome in outcomes)
    scores = passed if metric == "passed" else (row["control_score"], row["candidate_score"])
    control, candidate = (
        None if outcome is Outcome.INCONCLUSIVE else float(score)
        for outcome, score in zip(outcomes, scores, strict=True)
    )
    return Pair(row["family"], control, candidate, passed[0], passed[1], bool(row["fixed"]))


def _counted(rows: Sequence[Row]) -> list[Row]:
    """The pairs up to the first that is still missing."""
    return [row for number, row in enumerate(rows, 1) if row["number"] == number]


class _Course:
    """A trial at work: what is measured, and what is still to be done."""

    def __init__(self, ledger: Ledger, trial: Trial, arms: Arms, watch: Callable[[Progress], None], room: Room) -> None:
        self.ledger, self.trial, self.arms, self.watch, self.room = ledger, trial, arms, watch, room
        self.under_way, self.full = 0, False
        known = {row["number"] for row in trials.pairs_of(ledger, trial.id)}
        self.left = iter([(n, task) for n, task in enumerate(trial.tasks, 1) if n not in known])
        self.standing = self.look(0)

    def look(self, looked: int) -> Standing:
        rows = trials.pairs_of(self.ledger, self.trial.id)
        counted = [pair_of(row, self.trial.terms.metric) for row in _counted(rows)]
        found = decide(counted, self.trial.terms, looked)
        self.watch(Progress(self.trial.terms.k, len(self.trial.tasks), len(rows), found))
        return found

    async def work(self) -> None:
        for number, task in self.left:
            self.full = self.full or not self.room(self.under_way)
            if self.full:
                return
            self.under_way += 1
            control, candidate = await self.arms(self.trial, task)
            self.under_way -= 1
            if self.standing.verdict is not None:
                return  # decided while this pair was measured: it is not part of the evidence
            row = pair_row(number, task, control, candidate, self.trial.terms.metric)
            await asyncio.wrap_future(self.ledger.submit(trials.pair_batch(self.ledger, self.trial.id, row)))
            if self.standing.verdict is None:
                self.standing = self.look(self.standing.pairs)
            if self.standing.verdict is not None:
                return


def pair_row(number: int, task: Task, control: Attempt, candidate: Attempt, metric: str) -> trials.PairRow:
    broken = Outcome.INCONCLUSIVE in (control.outcome, candidate.outcome)
    if metric == "passed":
        difference = float((candidate.outcome is Outcome.PASS) - (control.outcome is Outcome.PASS))
    else:
        difference = candidate.score - control.score
    return trials.PairRow(
        number,
        task.id,
        task.hash,
        control.id,
        candidate.id,
        str(control.outcome),
        str(candidate.outcome),
        control.score,
        candidate.score,
        None if broken else difference,
    )


async def run(
    ledger: Ledger, trial: Trial, arms: Arms, jobs: int, watch: Callable[[Progress], None], room: Room
) -> Standing:
    """Measures pairs, ``jobs`` at a time, until the gate decides or there is no room: then the standing has no verdict,
    and the trial stays open. Raises what the arms raise: it stays open too."""
    course = _Course(ledger, trial, arms, watch, room)
    if course.standing.verdict is None:
        async with asyncio.TaskGroup() as group:
            for _ in range(max(1, jobs)):
                group.create_task(course.work())
    return course.standing


def conclude(ledger: Ledger, trial: Trial, found: Standing, calls: int, why: str = "") -> str | None:
    """Writes the verdict; a promotion puts the candidate in force. The activation's id, None where nothing changed."""
    assert found.verdict is not None
    ended = trials.End(
        found.verdict,
        found.reason,
        found.pairs,
        found.gains,
        found.losses,
        found.ties,
        found.inconclusive,
        found.evidence,
        found.futility,
        calls,
    )
    if found.verdict == "promote":
        reason = why or f"trial {trial.terms.k}: {found.gains} gains, {found.losses} losses, E {found.evidence:.1f}"
        return trials.promote(ledger, trial.id, trial.candidate, trial.base, ended, reason)
    trials.end(ledger, trial.id, ended)
    return None


def void(ledger: Ledger, trial: Trial, reason: str) -> Standing:
    """Ends a trial that cannot go on (its tasks, its model or its control changed): inconclusive, its k is used up."""
    rows = _counted(trials.pairs_of(ledger, trial.id))
    found = standing([pair_of(row, trial.terms.metric) for row in rows], trial.terms)
    ended = replace(found, verdict="inconclusive", reason=reason)
    conclude(ledger, trial, ended, 0)
    return ended


def settings_of(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(row["settings"])
    return found
