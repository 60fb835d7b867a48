"""Exemplars: solved mine tasks as examples before a task, the nearest by their words."""

from __future__ import annotations

from collections.abc import Sequence

from metaagent.learning.proposals import Bench, Case, Proposal
from metaagent.records import Remedy
from metaagent.remedies.exemplars import CAP, CHARACTERS_PER_TOKEN
from metaagent.tasks.brief import brief

FEWEST = 4
COUNTS = (4,)
EXPECTED_GAIN = 0.2
"""What nearest exemplars brought where errors are systematic (0.2 to 0.6 of the tasks); a trial says what they bring
here."""


class NearestSolved:
    name = "exemplars"
    kind = "exemplar"

    def propose(self, cases: Sequence[Case], bench: Bench) -> list[Proposal]:  # noqa: ARG002 - the Protocol's signature
        """The pool holds each mine task once, with what it was solved by: its own passing artifact, else its reference.
        Solutions so long that few would fit under the cap are left out."""
        pool = [entry for case in cases if (entry := _entry(case)) is not None]
        failed = sum(not case.passed for case in cases)
        if len(pool) < FEWEST or not failed:
            return []
        found = []
        for count in COUNTS:
            settings = {"pool": pool, "count": count, "cap": CAP}
            readable = (f"the {count} nearest of {len(pool)} solved tasks, at most about {CAP} tokens",)
            why = f"{failed} of {len(cases)} mine tasks fail; {len(pool)} have a solution to show"
            found.append(Proposal(Remedy("exemplar", "nearest", settings), why, readable, gain=EXPECTED_GAIN))
        return found


def _entry(case: Case) -> dict[str, object] | None:
    artifact = case.artifact if case.passed else case.task.reference
    if artifact is None:
        return None
    artifact = artifact.strip()
    text = "\n".join(case.task.inputs.values()) if case.task.inputs else case.task.goal
    if (len(artifact) + len(text)) / CHARACTERS_PER_TOKEN > CAP / 2:
        return None
    task = case.task
    return {
        "task": task.id,
        "group": brief(task).group,
        "goal": task.goal,
        "inputs": dict(task.inputs),
        "artifact": artifact,
    }
