"""One task in a run: prepared, attempted, settled, and handed to ledger and board."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from metaagent.agents.prompts import feedback
from metaagent.board.edit import Operation, SetAgent, SetField
from metaagent.errors import BackendUnreachableError, MetaagentError
from metaagent.ledger import attempts, comments
from metaagent.ledger.times import to_text
from metaagent.ledger.ulid import new_ulid
from metaagent.ledger.writer import Statement
from metaagent.orchestrator import record
from metaagent.orchestrator.advisers import Said
from metaagent.orchestrator.artifacts import store_artifact
from metaagent.orchestrator.attempt import Assignment, Hands, attempt
from metaagent.orchestrator.budget import Usage
from metaagent.orchestrator.events import Notice, Started, result_of
from metaagent.orchestrator.record import Begun
from metaagent.orchestrator.settle import Settlement, settle
from metaagent.orchestrator.state import Session
from metaagent.records import AgentState, Attempt, Outcome, Purpose, Status, Step, Task
from metaagent.tasks.brief import brief

# After so many attempts in a row that broken infrastructure ended, a run stops instead of burning through the board.
BROKEN_IN_A_ROW = 3
WORTH_SECONDS = 0.02


async def carry_out(session: Session, begun: Begun) -> None:
    """One attempt from its start in the ledger to its end there and on the way to the board."""
    task, agent = begun.candidate.task, begun.candidate.agent
    session.observe(Started(task.id, task.title, agent.id))
    _show_active(session, agent.id)
    try:
        prepared, prior = await _prepare(session, begun)
        made = await attempt(_assignment(session, begun, prepared, len(prior) + 1), _hands(session))
        said = await _advice(session, begun, made, prior)
        session.finishing.add(asyncio.create_task(_finish(session, begun, made, said)))
    except asyncio.CancelledError:
        await give_back(session, begun, "interrupted")
    except MetaagentError as error:
        await _fail(session, begun, error)
    finally:
        session.crew.load[agent.id] -= 1


async def _fail(session: Session, begun: Begun, error: MetaagentError) -> None:
    """The run stops, and its task goes back."""
    session.stop(error.message, error)
    await give_back(session, begun, error.message)


async def _prepare(session: Session, begun: Begun) -> tuple[Task, list[Step]]:
    """What advisers fill in before the attempt: a missing domain, an open strategy. Their calls are its first steps."""
    task, steps = begun.candidate.task, list[Step]()
    advisers = session.advisers
    assert advisers is not None
    if task.domain is None and session.domains and advisers.who("domain"):
        domain = await advisers.domain(brief(task), session.domains, steps)
        if domain:
            task = replace(task, domain=domain)
            await intend(session, [SetField(task.id, "domain", domain)])
    if task.strategy is None and advisers.who("strategy"):
        chosen = await advisers.strategy(brief(task), task.set or task.id, steps)
        task = replace(task, strategy=chosen)
    for step in steps:
        _keep_step(session, begun.attempt_id, step)
    return task, steps


def _assignment(session: Session, begun: Begun, task: Task, first_step: int) -> Assignment:
    candidate = begun.candidate
    return Assignment(
        id=begun.attempt_id,
        task=task,
        agent=candidate.agent,
        role=session.crew.roles[candidate.agent.role],
        protocol=candidate.protocol,
        settings=session.workspace.config.model(candidate.agent.model),
        purpose=Purpose.RUN,
        number=candidate.number,
        retries=session.retries,
        used=session.usage.get(task.id, Usage()),
        first_step=first_step,
    )


def _hands(session: Session) -> Hands:
    assert session.judge is not None
    return Hands(
        chat=session.gateway.chat,
        judge=session.judge,
        on_step=lambda attempt_id, step: _keep_step(session, attempt_id, step),
        now=session.now,
        new_id=new_ulid,
        stop=session.why_stop,
    )


def _keep_step(session: Session, attempt_id: str, step: Step) -> None:
    """A step that cost time goes to the ledger as it ends, and others follow it there. What took no time can be
    repeated, so it is written with what comes next."""
    rows = session.steps.setdefault(attempt_id, [])
    rows += attempts.step_batch(attempt_id, step, session.run_id)
    if step.seconds >= WORTH_SECONDS:
        session.ledger.post(session.steps.pop(attempt_id))


async def _advice(session: Session, begun: Begun, made: Attempt, prior: list[Step]) -> list[Said]:
    """Words for the person who will look at the task: why it failed, or what is to be said about the artifact."""
    task, advisers = begun.candidate.task, session.advisers
    assert advisers is not None
    steps = [*prior, *made.steps]
    count = len(steps)
    if made.outcome is Outcome.FAIL and advisers.who("why"):
        verdicts = [verdict for step in made.steps for verdict in step.verdicts]
        kinds = [event.kind for event in made.events]
        said = await advisers.why(brief(task), feedback(verdicts), kinds, steps)
    elif not task.checks and made.artifact is not None and advisers.who("comment"):
        said = await advisers.comments(brief(task), made.artifact, steps)
    else:
        return []
    for step in steps[count:]:
        _keep_step(session, begun.attempt_id, step)
    return said


async def _finish(session: Session, begun: Begun, made: Attempt, said: Sequence[Said]) -> None:
    """Write what an attempt came to. The next attempt need not wait for that, and an interruption does not end it: a
    result that is there is kept."""
    try:
        await _settle(session, begun, made, said)
    except MetaagentError as error:
        await _fail(session, begun, error)


async def _settle(session: Session, begun: Begun, made: Attempt, said: Sequence[Said]) -> None:
    """Settle the attempt, write it with its intent in one transaction, and hand the intent to the board."""
    task = begun.candidate.task
    usage = session.usage.get(task.id, Usage()).plus(_usage_of(made))
    session.usage[task.id] = usage
    settlement = settle(task, made, usage)
    path = store_artifact(session.workspace, task, made)
    relative = str(path.relative_to(session.workspace.root)) if path else None
    intent, statements = record.end(made, task, settlement, session.run_id, relative, session.gateway.backend.name)
    now = to_text(made.ended)
    for one in said:
        statements += comments.record_batch(
            task.id, begun.attempt_id, one.agent_id, one.role, one.body, now=now, run_id=session.run_id
        )
    if not await _write_end(session, begun, statements):
        return
    session.writer.put(intent)
    _report(session, made, task, settlement, path)
    _follow_up(session, task, made, settlement)


def _usage_of(made: Attempt) -> Usage:
    seconds = (made.ended - made.started).total_seconds()
    counted = 0 if made.outcome is Outcome.INCONCLUSIVE and made.artifact is None else 1  # as `used_before` counts
    return Usage(counted, seconds, made.prompt_tokens + made.reply_tokens, made.calls, made.cost, counted)


def _report(session: Session, made: Attempt, task: Task, settlement: Settlement, path: Path | None) -> None:
    result = result_of(task, made, settlement.status, settlement.reason, path)
    session.results.append(result)
    session.observe(result)


def _follow_up(session: Session, task: Task, made: Attempt, settlement: Settlement) -> None:
    """What the end of one task means for the others, and whether the run may go on."""
    if settlement.status is Status.DONE:
        session.queue.finished(task.id)
    session.broken = session.broken + 1 if settlement.broken else 0
    if session.broken >= BROKEN_IN_A_ROW:
        error = BackendUnreachableError(
            f"{session.broken} attempts in a row ended without the agent's fault; last: {settlement.reason}",
            mend="metaagent log --outcome inconclusive",
        )
        session.stop("infrastructure keeps failing", error)
    if settlement.again and session.options.all and made.calls > 0:
        session.tried.discard(task.id)


async def _write_end(session: Session, begun: Begun, statements: Sequence[Statement]) -> bool:
    """The attempt's last steps and its end, durable; False where another run has taken the task over meanwhile."""
    task_id = begun.candidate.task.id
    steps = session.steps.pop(begun.attempt_id, [])
    work = record.fenced(task_id, begun.attempt_id, statements, always=steps)
    ours: bool = await asyncio.wrap_future(session.ledger.submit(work))
    if not ours:
        session.observe(Notice(f"{task_id}: its lease ran out and another run took it over; void", urgent=True))
    return ours


async def give_back(session: Session, begun: Begun, reason: str) -> None:
    """The attempt ends as interrupted and the task goes back where it came from."""
    intent, statements = record.interrupt(begun, session.now(), session.run_id, reason)
    if await _write_end(session, begun, statements):
        session.writer.put(intent)


async def intend(session: Session, changes: Sequence[Operation]) -> None:
    intent, statements = record.intend(changes, session.now(), session.run_id)
    await asyncio.wrap_future(session.ledger.submit(statements))
    session.writer.put(intent)


def _show_active(session: Session, agent_id: str) -> None:
    """The board shows an agent as ACTIVE from its first attempt in this run; ``_end_writing`` shows it IDLE again."""
    if agent_id in session.active:
        return
    session.active.add(agent_id)
    intent, statements = record.intend([SetAgent(agent_id, AgentState.ACTIVE)], session.now(), session.run_id)
    session.ledger.post(statements)
    session.writer.put(intent)
