"""Where a task goes after an attempt. Pure: attempt, limits and usage in, a status and its reason out."""

from __future__ import annotations

from dataclasses import dataclass

from metaagent.orchestrator.budget import Usage, used_up
from metaagent.records import Attempt, Outcome, Status, Task


@dataclass(frozen=True, slots=True)
class Settlement:
    """``again``: the same run may try the task once more when it was asked to go on until nothing is left.
    ``broken``: infrastructure failed, not the agent."""

    status: Status
    reason: str
    again: bool = False
    broken: bool = False


def settle(task: Task, attempt: Attempt, usage: Usage) -> Settlement:
    """``usage`` is what all attempts at the task used up, this one included.

    Passed: DONE. Nothing to judge it: REVIEW. Failed: back to ASSIGNED while its limits allow another attempt, else
    REVIEW. A broken backend sends the task back as if it had not been tried; a broken check needs a person.
    """
    if attempt.outcome is Outcome.PASS:
        return Settlement(Status.DONE, attempt.reason)
    if attempt.outcome is Outcome.INCONCLUSIVE:
        return _inconclusive(task, attempt)
    over = used_up(task.limits, usage)
    if over:
        return Settlement(Status.REVIEW, f"{attempt.reason}; {over}")
    return Settlement(Status.ASSIGNED, attempt.reason, again=True)


def broke_on_the_way(attempt: Attempt) -> bool:
    """Whether the infrastructure ended the attempt: its last call of a model got no answer that could be judged."""
    return attempt.artifact is None or bool(attempt.steps and attempt.steps[-1].error)


def _inconclusive(task: Task, attempt: Attempt) -> Settlement:
    if broke_on_the_way(attempt):
        return Settlement(Status.ASSIGNED, attempt.reason, again=True, broken=True)
    if not task.checks:
        return Settlement(Status.REVIEW, attempt.reason)
    return Settlement(Status.REVIEW, f"a check broke: {attempt.reason}", broken=True)
