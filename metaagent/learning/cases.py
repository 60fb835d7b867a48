"""Cases: the mine tasks of one domain with what the model first answered under the protocol in force."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from metaagent.learning.proposals import Case
from metaagent.ledger import digests
from metaagent.ledger.database import Ledger
from metaagent.ledger.first_tries import FirstTry, first_tries
from metaagent.records import Logprobs, Protocol, Task
from metaagent.remedies.apply import apply, with_added
from metaagent.remedies.delivery import artifact_of
from metaagent.remedies.fixers import fix
from metaagent.tasks.brief import brief
from metaagent.validators.base import outcome, score


def collect(
    ledger: Ledger, tasks: Iterable[Task], protocol: Protocol, model: str, digest: str | None = None
) -> list[Case]:
    """The cases that the ledger has for these tasks, which must be of the mine split. Evidence of another content of a
    task is left out: it was judged by other rules. So is that of another content of the model than ``digest``, where
    nothing else is known its newest in the ledger: those are the errors of another model."""
    known = {task.id: task for task in tasks}
    now = digest or digests.newest(ledger).get(model)
    tries = first_tries(ledger, protocol.hash, model, known, now)
    return [_case(known[one.task_id], one, protocol) for one in tries if one.task_hash == known[one.task_id].hash]


def outdated(ledger: Ledger, cases: Sequence[Case], tasks: Iterable[Task], protocol: Protocol, model: str) -> int:
    """How many of the tasks that are missing among the cases were attempted by another model of the same name."""
    lacking = {task.id: task.hash for task in missing(cases, tasks)}
    return sum(one.task_hash == lacking[one.task_id] for one in first_tries(ledger, protocol.hash, model, lacking))


def _case(task: Task, tried: FirstTry, protocol: Protocol) -> Case:
    artifact = fixed(task, tried.reply, protocol, tried.logprobs)
    checks = with_added(task.checks, apply(protocol, brief(task)).checks)
    return Case(
        task=task,
        attempt_id=tried.attempt_id,
        reply=tried.reply,
        artifact=artifact,
        outcome=outcome(checks, tried.verdicts),
        score=score(checks, tried.verdicts),
        events=tried.events,
        logprobs=tried.logprobs,
    )


def fixed(task: Task, reply: str, protocol: Protocol, logprobs: Logprobs) -> str:
    """What the reply delivers, as the protocol's fixers leave it."""
    reply = artifact_of(reply, task.artifact.format)
    applied = apply(protocol, brief(task))
    made = fix(applied.fixers, reply, applied.brief, logprobs)
    return made[-1].text if made else reply


def missing(cases: Sequence[Case], tasks: Iterable[Task]) -> list[Task]:
    """The tasks that nothing is known of yet under this protocol: `learn` attempts them first."""
    have = {case.task.id for case in cases}
    return [task for task in tasks if task.id not in have]
