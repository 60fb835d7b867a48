"""Judges artifacts again without a model call and without a trace in the ledger: how remedies are screened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from metaagent.learning.proposals import Judge, Judged
from metaagent.ledger import trust as trusts
from metaagent.ledger.database import Ledger
from metaagent.orchestrator.judging import Walls
from metaagent.records import Task
from metaagent.validators.base import confined, judge, outcome, score
from metaagent.validators.protocol import CheckContext
from metaagent.workspace import Workspace

WORKERS = 2


def replayer(
    workspace: Workspace, ledger: Ledger, notice: Callable[[str], None] = lambda _: None, workers: int = WORKERS
) -> Judge:
    """A judge of (task, artifact) pairs by the tasks' own checks; the same pair is judged once in its life.

    Raises TrustError and EnvironmentFailedError as a run does.
    """
    walls = Walls(ledger, False, notice)
    known: dict[tuple[str, str], Judged] = {}

    def one(pair: tuple[Task, str]) -> Judged:
        task, artifact = pair
        key = (task.hash, artifact)
        if key not in known:
            context = CheckContext(
                root=workspace.root,
                task=task,
                trusted=lambda path, sha256: trusts.trusted(ledger, path, sha256),
                sandbox=walls.sandbox() if confined(task.checks) else None,
            )
            verdicts = judge(artifact, task.checks, context)
            known[key] = Judged(outcome(task.checks, verdicts), score(task.checks, verdicts), verdicts)
        return known[key]

    def all_of(pairs: Sequence[tuple[Task, str]]) -> list[Judged]:
        if not any(confined(task.checks) for task, _ in pairs):
            return [one(pair) for pair in pairs]
        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(one, pairs))

    return all_of
