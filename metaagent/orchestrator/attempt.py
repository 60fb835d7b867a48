"""One attempt: values in, one value out. It knows no ledger and no board, so that it can be made anywhere.

An attempt climbs the ladder of rungs (strategies.py). Each rung asks the model once (twice where it plans first), has
the reply judged, and ends the attempt when everything held. A reply that repeats itself ends its rung; one that repeats
an earlier reply keeps that one's verdicts.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from metaagent.agents.prompts import Additions, Feedback, feedback, render, render_plan
from metaagent.config import ModelConfig
from metaagent.errors import ReplyError
from metaagent.inference.base import ChatRequest, Options
from metaagent.orchestrator.budget import Usage, used_up_inside
from metaagent.orchestrator.strategies import ladder, seed, temperature
from metaagent.records import (
    Agent,
    Attempt,
    Check,
    ErrorEvent,
    ErrorKind,
    Finding,
    Message,
    Outcome,
    Protocol,
    Purpose,
    Reply,
    Role,
    Rung,
    Step,
    Strategy,
    Task,
    Verdict,
)
from metaagent.remedies.apply import Applied, apply, with_added
from metaagent.remedies.delivery import artifact_of
from metaagent.remedies.fixers import fix
from metaagent.tasks.brief import brief
from metaagent.validators.base import score

# What the model did wrong, as against what broke on the way to it (never learned from).
_MODEL_REASONS = {"empty": ErrorKind.MODEL, "too_large": ErrorKind.MODEL, "context": ErrorKind.CONTEXT}


@dataclass(frozen=True, slots=True)
class Assignment:
    """All that an attempt is made from. ``number`` counts the task's attempts from 1; ``used`` is what earlier ones
    spent; ``first_step`` is the number of the first step that the attempt itself makes."""

    id: str
    task: Task
    agent: Agent
    role: Role
    protocol: Protocol
    settings: ModelConfig
    purpose: Purpose = Purpose.RUN
    number: int = 1
    retries: int = 2
    strategy: Strategy | None = None
    used: Usage = field(default_factory=Usage)
    first_step: int = 1


@dataclass(frozen=True, slots=True)
class Hands:
    """What an attempt acts through. ``on_step`` sees each step as it ends; ``stop``: why no further rung may start."""

    chat: Callable[[ChatRequest], Awaitable[Reply]]
    judge: Callable[[str, Sequence[Check], Task], Awaitable[tuple[Verdict, ...]]]
    on_step: Callable[[str, Step], None]
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    stop: Callable[[], str | None] = lambda: None


@dataclass(slots=True)
class _Course:
    """What has happened so far in one attempt: the only state, alive as long as the attempt."""

    assignment: Assignment
    hands: Hands
    applied: Applied
    checks: tuple[Check, ...]
    steps: list[Step] = field(default_factory=list)
    events: list[ErrorEvent] = field(default_factory=list)
    judged: dict[str, tuple[Verdict, ...]] = field(default_factory=dict)
    digest: str = ""

    @property
    def added(self) -> Additions:
        """What the protocol adds to the prompt."""
        return Additions(self.applied.examples, self.applied.rules)

    def add(self, step: Step) -> Step:
        self.steps.append(step)
        self.hands.on_step(self.assignment.id, step)
        return step

    def next_number(self) -> int:
        return self.assignment.first_step + len(self.steps)

    def event(self, step: int, finding: Finding, validator: str = "", public: bool = True) -> None:
        self.events.append(
            ErrorEvent(
                self.hands.new_id(),
                self.assignment.id,
                step,
                self.assignment.task.id,
                finding.kind,
                finding.message,
                validator,
                public,
                finding.location,
                finding.expected,
                finding.got,
            )
        )

    def usage(self) -> Usage:
        replies = [step.reply for step in self.steps if step.reply]
        return Usage(
            seconds=sum(step.seconds for step in self.steps),
            tokens=sum((reply.prompt_tokens or 0) + (reply.reply_tokens or 0) for reply in replies),
            calls=sum(reply.calls for reply in replies),
            cost=sum(cost_of(reply, self.assignment.settings) for reply in replies),
        )


@dataclass(frozen=True, slots=True)
class _Result:
    """What one rung came to. ``score`` is -1 where nothing was delivered."""

    outcome: Outcome
    reason: str
    score: float = -1.0
    artifact: str | None = None
    feedback: Feedback | None = None

    @property
    def rejected(self) -> bool:
        """Whether a key check failed it: a protocol that climbs on public findings alone stops there."""
        return self.feedback is not None and self.feedback.rejected


async def attempt(assignment: Assignment, hands: Hands) -> Attempt:
    """Climb the ladder until a rung passes, the rungs or the task's limits are used up, or the run has to stop.

    Failures of the model and of checks are in the result. Raises BackendUnreachableError and ModelMissingError, which
    no further rung can mend.
    """
    applied = apply(assignment.protocol, brief(assignment.task))
    checks = with_added(assignment.task.checks, applied.checks)
    course = _Course(assignment, hands, applied, checks)
    started = hands.now()
    rungs = applied.rungs or ladder(assignment.strategy or assignment.task.strategy, assignment.retries)
    results: list[_Result] = []
    stopped = None
    for position, rung in enumerate(rungs):
        stopped = _must_stop(course) if position else None
        if stopped:
            break
        results.append(await _climb(course, rung, position, _last_feedback(results)))
        if results[-1].outcome is not Outcome.FAIL or (applied.public_only and results[-1].rejected):
            break
    return _conclude(course, started, results, stopped)


def cost_of(reply: Reply, settings: ModelConfig) -> float:
    """The price of one reply, in the config's currency: tokens and model seconds times their prices."""
    tokens = (reply.prompt_tokens or 0) + (reply.reply_tokens or 0)
    return 0.0 if reply.cached else tokens * settings.price_per_token + reply.model_seconds * settings.price_per_second


def _must_stop(course: _Course) -> str | None:
    reason = course.hands.stop()
    return reason or used_up_inside(course.assignment.task.limits, course.assignment.used.plus(course.usage()))


def _last_feedback(results: Sequence[_Result]) -> Feedback | None:
    return next((result.feedback for result in reversed(results) if result.feedback), None)


async def _climb(course: _Course, rung: Rung, position: int, told: Feedback | None) -> _Result:
    """One rung: plan where it plans, write, judge."""
    assignment = course.assignment
    role, task, added = assignment.role, course.applied.asked, course.added
    try:
        plan = None
        if rung is Rung.PLAN:
            asked = render_plan(role, task, added=added, feedback=told)
            planned = await _ask(course, asked, rung, position, "plan", constrained=False)
            if planned.finish == "repetition":
                return _repeated(course, told)
            plan = planned.text
        messages = render(role, task, added=added, feedback=told, plan=plan)
        reply = await _ask(course, messages, rung, position, str(rung))
    except ReplyError as error:
        return _broken(course, error)
    if reply.finish == "repetition":
        return _repeated(course, told)
    return await _judge(course, reply)


def _repeated(course: _Course, told: Feedback | None) -> _Result:
    """A reply that repeats itself is not judged (nor followed, where it is a plan): its rung has failed."""
    finding = Finding(ErrorKind.MODEL, "the reply repeated itself and was ended", "reply")
    course.event(course.steps[-1].number, finding)
    return _Result(Outcome.FAIL, finding.message, feedback=told)


async def _ask(
    course: _Course, messages: tuple[Message, ...], rung: Rung, position: int, name: str, constrained: bool = True
) -> Reply:
    """One model call as a step; a call that fails is a step too, and raises ReplyError."""
    request = _request(course, messages, rung, position, constrained)
    number, started, clock = course.next_number(), course.hands.now(), time.perf_counter()
    prompt = transcript(messages)
    try:
        reply = await course.hands.chat(request)
    except ReplyError as error:
        seconds = time.perf_counter() - clock
        course.add(Step(number, "model", name, started, seconds, prompt, error=f"{error.reason}: {error.message}"))
        raise
    course.digest = reply.digest
    course.add(Step(number, "model", name, started, time.perf_counter() - clock, prompt, reply))
    if reply.truncated:
        course.event(number, Finding(ErrorKind.CONTEXT, "the prompt was longer than the model's window and was cut"))
    return reply


def _request(
    course: _Course, messages: tuple[Message, ...], rung: Rung, position: int, constrained: bool
) -> ChatRequest:
    assignment, given = course.assignment, course.applied.options
    settings, task = assignment.settings, assignment.task
    options = Options(
        num_ctx=given.get("num_ctx", settings.num_ctx),
        num_predict=given.get("num_predict", settings.num_predict),
        temperature=max(temperature(rung, assignment.agent), given.get("temperature", 0.0)),
        seed=seed(task.id, position, assignment.number),
        repeat_penalty=given.get("repeat_penalty", settings.repeat_penalty),
        stop=tuple(given.get("stop", ())),
    )
    form = course.applied.asked.artifact
    constrained = constrained and given.get("constrained", True) and form.format == "json"
    model = course.applied.model or assignment.agent.model
    return ChatRequest(model, messages, options, form.schema if constrained else None, agent=assignment.agent.id)


def transcript(messages: Sequence[Message]) -> str:
    """The messages as the one text that the ledger keeps."""
    return "\n\n".join(f"[{message.role}]\n{message.content}" for message in messages)


def _broken(course: _Course, error: ReplyError) -> _Result:
    """A call that failed: the model's fault is a failed rung, anything else makes the attempt inconclusive."""
    kind = _MODEL_REASONS.get(error.reason, ErrorKind.INFRASTRUCTURE)
    course.event(course.steps[-1].number, Finding(kind, error.message, error.reason))
    outcome = Outcome.INCONCLUSIVE if kind is ErrorKind.INFRASTRUCTURE else Outcome.FAIL
    return _Result(outcome, error.message)


async def _judge(course: _Course, reply: Reply) -> _Result:
    """Have a reply judged, as the protocol's fixers leave it; what was judged in an earlier rung keeps its verdicts and
    makes no new step."""
    artifact = _fixed(course, reply)
    if not course.checks:
        return _Result(Outcome.INCONCLUSIVE, "no validators: a person decides", 0.0, artifact)
    verdicts = course.judged.get(artifact)
    if verdicts is None:
        verdicts = await _judge_anew(course, reply, artifact)
    value = score(course.checks, verdicts)
    last = verdicts[-1]
    if last.outcome is Outcome.PASS:
        return _Result(Outcome.PASS, "every check held", value, artifact)
    return _Result(last.outcome, _reason(last), value, artifact, feedback(verdicts))


def _fixed(course: _Course, reply: Reply) -> str:
    """What the reply delivers, after the fixers in force; each that changed it, or broke, is a step."""
    text = artifact_of(reply.text, course.assignment.task.artifact.format)
    for made in fix(course.applied.fixers, text, course.applied.brief, reply.logprobs):
        now = course.hands.now()
        course.add(Step(course.next_number(), "fixer", made.name, now, 0.0, error=made.error, output=made.text))
        text = made.text
    return text


def _reason(verdict: Verdict) -> str:
    """Why a check did not pass, in one line and without the values of a key check."""
    if not verdict.findings:
        return verdict.validator
    first = verdict.findings[0]
    where = f"{first.location}: " if first.location else ""
    more = f" (and {len(verdict.findings) - 1} more)" if len(verdict.findings) > 1 else ""
    return f"{verdict.validator}: {verdict.held} of {verdict.checked} held; {where}{first.message}{more}"


async def _judge_anew(course: _Course, reply: Reply, artifact: str) -> tuple[Verdict, ...]:
    task, number = course.assignment.task, course.next_number()
    called = next(step.number for step in reversed(course.steps) if step.kind == "model")
    started, clock = course.hands.now(), time.perf_counter()
    verdicts = await course.hands.judge(artifact, course.checks, task)
    course.add(Step(number, "validation", "checks", started, time.perf_counter() - clock, verdicts=verdicts))
    course.judged[artifact] = verdicts
    for verdict in verdicts:
        for finding in verdict.findings:
            course.event(number, finding, verdict.validator, verdict.public)
    if verdicts[-1].outcome is Outcome.FAIL and reply.finish == "length":
        cut = f"the reply was cut at {course.assignment.settings.num_predict} tokens (num_predict)"
        course.event(called, Finding(ErrorKind.MODEL, cut, "reply"))
    return verdicts


def _conclude(course: _Course, started: datetime, results: Sequence[_Result], stopped: str | None) -> Attempt:
    assignment, last = course.assignment, results[-1]
    best = last if last.outcome is Outcome.PASS else max(results, key=lambda result: result.score)
    replies = [step.reply for step in course.steps if step.reply]
    usage = course.usage()
    return Attempt(
        id=assignment.id,
        task_id=assignment.task.id,
        task_hash=assignment.task.hash,
        agent_id=assignment.agent.id,
        model=assignment.agent.model,
        digest=course.digest,
        protocol=assignment.protocol.hash,
        purpose=assignment.purpose,
        number=assignment.number,
        started=started,
        ended=course.hands.now(),
        outcome=last.outcome,
        score=max(best.score, 0.0),
        reason=f"{last.reason}; {stopped}" if stopped else last.reason,
        rungs=len(results),
        passed_first=results[0].outcome is Outcome.PASS,
        calls=usage.calls,
        prompt_tokens=sum(reply.prompt_tokens or 0 for reply in replies),
        reply_tokens=sum(reply.reply_tokens or 0 for reply in replies),
        model_seconds=sum(0.0 if reply.cached else reply.model_seconds for reply in replies),
        cost=usage.cost,
        artifact=best.artifact,
        steps=tuple(course.steps),
        events=tuple(course.events),
    )
