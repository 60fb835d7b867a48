"""Exemplars: solved mine tasks as examples before a task, the nearest by their words or a few that stand for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from metaagent.learning.proposals import Bench, Case, Proposal
from metaagent.records import Remedy
from metaagent.remedies.exemplars import CAP, CHARACTERS_PER_TOKEN, COUNT, FIXED, NEAREST, cosine, vectors
from metaagent.tasks.brief import brief

FEWEST = 4
SPARE = 2
"""Fixed exemplars beyond those that are shown: they step in before a task of the group of one."""
EXPECTED_GAIN = 0.2
"""What exemplars brought where errors are systematic (0.2 to 0.6 of the tasks); a trial says what they bring here."""


class Solved:
    name = "exemplars"
    kind = "exemplar"

    def propose(self, cases: Sequence[Case], bench: Bench) -> list[Proposal]:  # noqa: ARG002 - the Protocol's signature
        """The pool holds each mine task once, with what it was solved by: its own passing artifact, else its reference.
        Solutions so long that few would fit under the cap are left out. Two proposals: the nearest before each task,
        and fixed ones; which is better differs from domain to domain, and is tried on mine."""
        entries = {case.task.id: entry for case in cases if (entry := _entry(case)) is not None}
        failed = sum(not case.passed for case in cases)
        if len(entries) < FEWEST or not failed:
            return []
        pool = list(entries.values())
        why = f"{failed} of {len(cases)} mine tasks fail; {len(pool)} have a solution to show"
        near = (f"the {COUNT} nearest of {len(pool)} solved tasks, at most about {CAP} tokens",)
        chosen = _representatives([case for case in cases if case.task.id in entries], COUNT + SPARE)
        same = (f"the same {COUNT} solved tasks before each, at most about {CAP} tokens: {', '.join(chosen[:COUNT])}",)
        return [
            _proposal(NEAREST, pool, why, near),
            _proposal(FIXED, [entries[task_id] for task_id in chosen], why, same),
        ]


def _proposal(name: str, pool: Sequence[Mapping[str, Any]], why: str, readable: tuple[str, ...]) -> Proposal:
    settings = {"pool": list(pool), "count": COUNT, "cap": CAP}
    return Proposal(Remedy("exemplar", name, settings), why, readable, gain=EXPECTED_GAIN)


def _representatives(cases: Sequence[Case], count: int) -> list[str]:
    """Task ids, chosen greedily so that each failing case has one near it: near in its words, and in what was wrong
    (facility location: Nemhauser, Wolsey and Fisher 1978). One of each content group at most."""
    likeness = _likeness(cases)
    failing = [index for index, case in enumerate(cases) if not case.passed]
    best = dict.fromkeys(failing, 0.0)
    chosen: list[int] = []
    groups = [brief(case.task).group or case.task.id for case in cases]
    while len(chosen) < count:
        taken = {groups[index] for index in chosen}
        left = [index for index in range(len(cases)) if groups[index] not in taken]
        if not left:
            break
        pick = max(left, key=lambda one: (sum(max(likeness[i][one], best[i]) for i in failing), -one))
        chosen.append(pick)
        best = {i: max(best[i], likeness[i][pick]) for i in failing}
    return [cases[index].task.id for index in chosen]


def _likeness(cases: Sequence[Case]) -> list[list[float]]:
    words = vectors([brief(case.task).own_text for case in cases])
    wrong = [{(event.kind, event.location) for event in case.events} for case in cases]
    return [
        [cosine(words[i], words[j]) + _overlap(wrong[i], wrong[j]) for j in range(len(cases))]
        for i in range(len(cases))
    ]


def _overlap(one: set[Any], other: set[Any]) -> float:
    """Jaccard's index."""
    return len(one & other) / len(one | other) if one or other else 0.0


def _entry(case: Case) -> dict[str, Any] | None:
    artifact = case.artifact if case.passed else case.task.reference
    if artifact is None:
        return None
    artifact, told = artifact.strip(), brief(case.task)
    if (len(artifact) + len(told.own_text)) / CHARACTERS_PER_TOKEN > CAP / 2:
        return None
    return {
        "task": told.task_id,
        "group": told.group,
        "goal": told.goal,
        "inputs": dict(told.inputs),
        "artifact": artifact,
    }
