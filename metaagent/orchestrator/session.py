"""One run from start to summary: heal, sync, plan, claim, attempt, settle, write, report.

Everything that happened is durable in the ledger before the board shows it. Concurrency is cooperative: the attempts of
one run share one event loop, the ledger's writer thread groups their commits, the board writer coalesces their moves.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime

from metaagent.agents.roster import find_agent
from metaagent.board.edit import SetAgent
from metaagent.board.store import BoardStore, PersonChange
from metaagent.config import seconds_of
from metaagent.errors import BoardConflictError, InterruptedRunError, MetaagentError, NotFoundError, told
from metaagent.inference.gateway import Gateway
from metaagent.inference.select import open_backend
from metaagent.ledger import claims, protocols, replies, runs
from metaagent.ledger.database import Ledger
from metaagent.orchestrator import record
from metaagent.orchestrator.advisers import Advisers
from metaagent.orchestrator.budget import Usage, used_up
from metaagent.orchestrator.carry import carry_out, give_back, intend
from metaagent.orchestrator.crew import muster
from metaagent.orchestrator.events import Notice, Observer, Planned, Summary
from metaagent.orchestrator.heal import heal
from metaagent.orchestrator.judging import judge_with
from metaagent.orchestrator.plan import plan
from metaagent.orchestrator.record import Begun, Candidate
from metaagent.orchestrator.snapshot import Obstacle, Snapshot, read_tasks, reasons, used_before
from metaagent.orchestrator.state import RunOptions, Session
from metaagent.orchestrator.writer import BoardWriter
from metaagent.records import AgentState, Outcome, Protocol, Status, Task
from metaagent.workspace import Workspace

# The event loop and the ledger's writer thread hand the interpreter to each other at every commit: with Python's
# default of 5 ms each would wait for the other most of the time.
SWITCH_SECONDS = 0.0005

UNATTENDED = frozenset({"heartbeat", "watch"})
"""Nobody looks on: code that a model wrote runs behind the strongest walls only, or the task waits for a person."""


def run(workspace: Workspace, options: RunOptions, observe: Observer) -> Summary:
    """Do one run. Failures of tasks are in the summary; raises what stops a run before it starts (no backend, a board
    that may not be written, an unknown task or agent), after the ledger has noted it."""
    sys.setswitchinterval(SWITCH_SECONDS)
    return asyncio.run(_run(workspace, options, observe))


async def _run(workspace: Workspace, options: RunOptions, observe: Observer) -> Summary:
    with workspace.open_ledger(workspace.config.ledger) as ledger:
        run_id = runs.start(ledger, options.command, [repr(options)])
        status, summary = "failed", {}
        try:
            result = await _run_recorded(workspace, options, observe, ledger, run_id)
            status = _end_of(result)
            summary = _summary_row(result)
            return result
        except MetaagentError as error:
            summary = {"error": error.message}
            raise
        finally:
            runs.end(ledger, run_id, status, summary)


async def _run_recorded(
    workspace: Workspace, options: RunOptions, observe: Observer, ledger: Ledger, run_id: str
) -> Summary:
    store = workspace.open_board(ledger)
    snapshot = _read(workspace, ledger, store, run_id, observe)
    check_wanted(options, snapshot)
    crew = muster(workspace.config, ledger, snapshot.agents)
    if options.agent:
        options = replace(options, agent=find_agent(crew.agents, options.agent).id)
    backend = open_backend(workspace.config, workspace.root, notice=lambda text: observe(Notice(text)))
    config = workspace.config
    gateway = Gateway(backend, config.deadlines, replies.LedgerReplyCache(ledger) if config.cache else None)
    try:
        session = Session(
            workspace=workspace,
            options=options,
            observe=observe,
            ledger=ledger,
            run_id=run_id,
            gateway=gateway,
            writer=BoardWriter(store, ledger, config.board.coalesce_ms / 1000),
            crew=crew,
            retries=config.run.retries if options.retries is None else options.retries,
            jobs=options.jobs or config.run.jobs or backend.slots,
            lease=seconds_of(config.run.lease),
        )
        session.advisers = Advisers(crew.agents, crew.roles, config, gateway.chat, session.now)
        session.judge = judge_with(
            workspace,
            ledger,
            unattended=options.command in UNATTENDED,
            notice=lambda text: observe(Notice(text)),
        )
        session.writer.on_change = lambda changes: _person_changed(session, changes)
        session.writer.on_notice = lambda text: observe(Notice(text, urgent=True))
        return await _work_through(session, snapshot)
    finally:
        await gateway.close()


def _read(workspace: Workspace, ledger: Ledger, store: BoardStore, run_id: str, observe: Observer) -> Snapshot:
    """The board, after what dead runs left was put right."""
    healed = heal(ledger, store, datetime.now(UTC), run_id, workspace.state_dir / "heal.lock")
    if healed:
        observe(Notice(f"healed {healed.attempts} interrupted attempts and {healed.intents} unfinished board writes"))
    if healed.postponed:
        observe(Notice(healed.postponed, urgent=True))
    return read_tasks(workspace, ledger, store, run_id)


def check_wanted(options: RunOptions, snapshot: Snapshot) -> None:
    """Raises NotFoundError for a task that was asked for and is not on the board."""
    known = {task.id for task in snapshot.tasks}
    for task_id in options.tasks:
        if task_id not in known:
            raise NotFoundError(f"no task {task_id} on the board", mend="metaagent task list")


async def _work_through(session: Session, snapshot: Snapshot) -> Summary:
    writing = asyncio.create_task(session.writer.run())
    keeping = asyncio.create_task(_keep_leases(session))
    with _signals(session):
        try:
            while _enqueue(session, snapshot):
                await _check_backend(session)
                await _drain(session, writing)
                if not session.open():
                    break
                snapshot = await _read_again(session)
        except MetaagentError as error:
            session.stop(error.message, error)
        finally:
            await _give_up(session)
            keeping.cancel()
            await _end_writing(session, writing)
    if session.failure is not None and not session.results:
        raise session.failure
    if session.failure is not None:
        session.observe(Notice(told(session.failure.message, session.failure.mend), urgent=True))
    return _summarise(session)


async def _read_again(session: Session) -> Snapshot:
    """The board after all of ours is on it. What a person saved while the last write went on is in what is read."""
    await _show_idle(session)
    await session.writer.flush()
    writer = session.writer
    return _read(session.workspace, session.ledger, writer.store, session.run_id, session.observe)


async def _give_up(session: Session) -> None:
    """Where the run itself failed: no attempt goes on without it. Each has its first step before that, in which it
    takes over the duty to give its task back."""
    await asyncio.sleep(0)
    for task in session.running:
        task.cancel()
    await asyncio.gather(*session.running, return_exceptions=True)
    await asyncio.gather(*session.finishing, return_exceptions=True)


def _enqueue(session: Session, snapshot: Snapshot) -> bool:
    """Put what the board offers into the queue; False when there is nothing (more) to do."""
    session.seen = snapshot.seen
    session.domains = snapshot.domains
    session.usage = used_before(session.ledger)
    skip = {**reasons(snapshot.held), **dict.fromkeys(session.tried, "tried in this run")}
    found = plan(snapshot.tasks, frozenset(session.options.tasks), skip)
    if not session.tried:
        session.observe(Planned(len(found.ready), len(found.waiting)))
        for task_id, reason in found.left_out.items():
            _leave_out(session, task_id, snapshot.held.get(task_id, Obstacle(reason)))
    session.queue.add(found.ready, found.waiting, {task.id: task for task in snapshot.tasks})
    return len(session.queue) > 0


def _leave_out(session: Session, task_id: str, obstacle: Obstacle) -> None:
    session.obstacles[task_id] = obstacle
    if not obstacle.status:
        session.observe(Notice(f"{task_id} {obstacle.reason}", urgent=task_id in session.options.tasks))
        return
    session.observe(Notice(told(f"{task_id}: {obstacle.reason}", obstacle.mend), urgent=True))


async def _check_backend(session: Session) -> None:
    """Ask for the models before anything is claimed, so that a missing one costs nothing."""
    for model in {agent.model for agent in session.crew.agents if not agent.paused}:
        await session.gateway.info(model)


async def _drain(session: Session, writing: asyncio.Task[None]) -> None:
    """Start attempts while there is room, until the queue is empty or the run has to stop."""
    while True:
        session.stop(reason) if (reason := session.why_stop()) else None
        while session.open() and len(session.running) < session.jobs and len(session.queue):
            await _start_some(session, session.jobs - len(session.running))
        going = session.running | session.finishing
        if not going:
            return
        await asyncio.wait(going if writing.done() else {*going, writing}, return_when=asyncio.FIRST_COMPLETED)
        for task in [task for task in going if task.done()]:
            session.running.discard(task)
            session.finishing.discard(task)
            task.result()
        if writing.done() and not session.stopped:
            session.stop("the board cannot be written", _failure_of(writing))


def _failure_of(task: asyncio.Task[None]) -> MetaagentError | None:
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, MetaagentError):
        raise error
    return error


async def _start_some(session: Session, room: int) -> None:
    """Claim up to ``room`` tasks in one transaction and start their attempts."""
    if session.options.limit is not None:
        room = min(room, session.options.limit - session.started)
        if room <= 0:
            session.full = f"the limit of {session.options.limit} attempts is reached"
            return
    taken = session.queue.take(room)
    candidates = [found for task in taken if (found := await _candidate(session, task))]
    if not candidates:
        return
    work = record.begin(session.ledger, session.run_id, candidates, session.seen, session.now(), session.lease)
    begun: list[Begun] = await asyncio.wrap_future(session.ledger.submit(work))
    session.ledger.known.update((one.candidate.task.id, one.candidate.task.hash) for one in begun)
    session.started += len(begun)
    for candidate in candidates:
        session.crew.load[candidate.agent.id] -= 1
    for one in begun:
        session.crew.load[one.candidate.agent.id] += 1
        session.writer.put(one.intent)
        if session.stopped:
            await give_back(session, one, session.stopped)
        else:
            session.running.add(asyncio.create_task(carry_out(session, one)))


async def _candidate(session: Session, task: Task) -> Candidate | None:
    """The task with its agent and protocol; None, and said why, where nobody may do it or its limits are used up."""
    session.tried.add(task.id)
    usage = session.usage.get(task.id, Usage())
    over = used_up(task.limits, usage)
    if over:
        await _to_review(session, task, over)
        return None
    agent = session.crew.choose(task, session.options.agent)
    if agent is None:
        who = session.options.agent or "any agent"
        session.observe(Notice(f"{task.id} is not for {who}; see: metaagent agent why {task.id}", urgent=True))
        return None
    session.crew.load[agent.id] += 1
    return Candidate(task, agent, _protocol(session, task, agent.model), usage.number + 1)


def _protocol(session: Session, task: Task, model: str) -> Protocol:
    key = (task.domain, model)
    if key not in session.active_protocols:
        session.active_protocols[key] = protocols.for_runs(session.ledger, task.domain, model)
    return session.active_protocols[key].of(task.id)


async def _to_review(session: Session, task: Task, reason: str) -> None:
    """A task that may not be tried again goes to a person."""
    work = record.review(session.run_id, task, reason, session.seen, session.now())
    intent = await asyncio.wrap_future(session.ledger.submit(work))
    if intent is not None:
        session.writer.put(intent)
        session.observe(Notice(f"{task.id} -> REVIEW: {reason}"))


def _person_changed(session: Session, changes: Sequence[PersonChange]) -> None:
    """A person edited the board while we worked: note it, and leave alone what is no longer open."""
    session.ledger.post(record.person_rows(changes, session.ledger.now(), session.run_id))
    for change in changes:
        if change.field == "status":
            session.queue.drop(change.task_id)
            if change.new == Status.DONE:
                session.queue.finished(change.task_id)


async def _keep_leases(session: Session) -> None:
    """Renew the leases of all attempts that run, well before they run out."""
    while True:
        await asyncio.sleep(session.lease / 3)
        session.ledger.post(claims.renew_batch(session.run_id, session.now(), session.lease))


async def _end_writing(session: Session, writing: asyncio.Task[None]) -> None:
    """Show the agents as idle, and let the board writer finish. What it cannot write is healed by the next start."""
    await _show_idle(session)
    session.writer.close()
    await asyncio.wait({writing})
    failure = _failure_of(writing)
    if failure is not None:
        session.stop("the board cannot be written", failure)


async def _show_idle(session: Session) -> None:
    if session.active:
        idle = [SetAgent(agent_id, AgentState.IDLE) for agent_id in sorted(session.active)]
        session.active.clear()
        await intend(session, idle)


@contextlib.contextmanager
def _signals(session: Session) -> Iterator[None]:
    """The first Ctrl-C, SIGTERM or closed terminal (SIGHUP, unless it is ignored as under nohup) ends the run cleanly;
    a second Ctrl-C ends it at once."""
    loop = asyncio.get_running_loop()

    def once(number: int) -> None:
        loop.remove_signal_handler(number)
        session.observe(Notice("stopping: what is finished is kept ...", urgent=True))
        session.interrupt()

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    before = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}
    try:
        for number in before:
            loop.add_signal_handler(number, once, number)
    except (NotImplementedError, RuntimeError, ValueError):
        before = {}  # not the main thread, or a platform without them: the caller's handlers stay
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)


def _summarise(session: Session) -> Summary:
    results, outcomes = session.results, [result.outcome for result in session.results]
    seconds = time.monotonic() - session.begun_at
    passed, failed = outcomes.count(Outcome.PASS), outcomes.count(Outcome.FAIL)
    return Summary(
        run_id=session.run_id,
        results=tuple(results),
        tasks=len(results),
        passed=passed,
        passed_first=sum(result.passed_first for result in results),
        failed=failed,
        review=sum(result.status is Status.REVIEW for result in results),
        inconclusive=outcomes.count(Outcome.INCONCLUSIVE),
        calls=session.spent.calls,
        tokens=session.spent.tokens,
        seconds=seconds,
        busy=session.gateway.busy.seconds / seconds if seconds else 0.0,
        conflicts=session.writer.conflicts,
        stopped=session.stopped or session.full,
        status=_exit_status(session, failed),
        artifacts=session.workspace.artifacts_dir,
    )


def _exit_status(session: Session, failed: int) -> int:
    if session.interrupted:
        return InterruptedRunError.exit_status
    if session.failure is not None:
        return session.failure.exit_status
    if session.writer.conflicts:
        return BoardConflictError.exit_status
    if failed:
        return MetaagentError.exit_status
    left = {obstacle.status for obstacle in session.obstacles.values()} - {0}
    return min(left, default=0)


def _end_of(summary: Summary) -> str:
    """How the ledger calls the end of a run."""
    if summary.status == InterruptedRunError.exit_status:
        return "interrupted"
    return "done" if summary.status in (0, 1) else "failed"


def _summary_row(summary: Summary) -> dict[str, object]:
    return {
        key: value for key, value in asdict(replace(summary, results=())).items() if key not in ("results", "artifacts")
    }
