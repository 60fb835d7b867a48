"""What each kind of remedy in a protocol contributes: the protocol less that kind, on the same sealed tasks. Pure,
given a judge; what comes out is about all of the tasks together, never about one.

Most of it needs no model call. Fixers and checks come after the reply, a ladder after its first rung: what protocols
differ in beyond these is what the model is asked. Where that is the same, replies that were measured under one of them
are those of the other, and only have to be fixed and judged its way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from metaagent.learning.cases import fixed
from metaagent.learning.gate import net_interval
from metaagent.learning.proposals import Judge
from metaagent.learning.report import Interval, difference
from metaagent.ledger.mask import MASKED
from metaagent.records import Logprobs, Outcome, Protocol, Remedy, Rung, Strategy, Task
from metaagent.remedies.apply import KINDS, apply, with_added
from metaagent.statistics import Proportion, wilson
from metaagent.tasks.brief import brief

_NONE, _UNKNOWN = wilson(0, 0), Interval(None)
AFTER_THE_REPLY = frozenset({"fixer", "check", "strategy"})
REPLAYED, MEASURED, NOT_MEASURED = "replayed", "measured", "not measured"


@dataclass(frozen=True, slots=True)
class Result:
    """How one task came out. ``score`` is the share of units that held."""

    passed: bool
    score: float


@dataclass(frozen=True, slots=True)
class Tried:
    """One task as it was measured under some protocol without retries. ``replies``: of each call until a reply was
    first judged, in order, None for one that failed; ``judged``: whether one was (one that repeats itself is not);
    ``logprobs`` are those of the last."""

    task: Task
    result: Result
    replies: tuple[str | None, ...]
    judged: bool
    logprobs: Logprobs = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Without:
    """The version in force less its remedies of one ``kind``, on ``n`` tasks that have a result both ways. ``protocol``
    is the hash of that lesser version, ``how`` is where its results come from. ``fewer_failed`` and ``fewer_errors``
    are what the kind brings, as shares of all tasks and of all units: 0.4 is 40 points; with 95% intervals, for tasks
    Bonett and Price's, for units a bootstrap over tasks. ``gains``: tasks that pass with
    the kind alone; ``losses``: those that pass without it alone. ``next`` is the command that measures it, or why it
    cannot be replayed here, where nothing is known."""

    kind: str
    protocol: str
    how: str
    n: int = 0
    failed_without: Proportion = _NONE
    failed_with: Proportion = _NONE
    errors_without: float | None = None
    errors_with: float | None = None
    gains: int = 0
    losses: int = 0
    fewer_failed: Interval = _UNKNOWN
    fewer_errors: Interval = _UNKNOWN
    next: str = ""


def kinds(protocol: Protocol) -> list[str]:
    """The kinds of remedies that it holds, in the order of the table of kinds."""
    held = {remedy.kind for remedy in protocol.remedies}
    return [kind for kind in KINDS if kind in held]


def plural(kind: str) -> str:
    return f"{kind.removesuffix('y')}ies" if kind.endswith("y") else f"{kind}s"


def less(protocol: Protocol, kind: str) -> tuple[Remedy, ...]:
    return tuple(remedy for remedy in protocol.remedies if remedy.kind != kind)


def serves(measured: Sequence[Remedy], wanted: Sequence[Remedy]) -> bool:
    """Whether first replies under one set of remedies are those that another would get, so that they can be replayed.
    A ladder cannot: what its later rungs ask depends on what became of the first."""
    if any(remedy.kind == "strategy" for remedy in wanted):
        return False
    return _asked(measured) == _asked(wanted)


def _asked(remedies: Sequence[Remedy]) -> list[Remedy]:
    return [remedy for remedy in remedies if remedy.kind not in AFTER_THE_REPLY]


def replayed(tried: Sequence[Tried], measured: Protocol, wanted: Protocol, judge: Judge) -> dict[str, Result]:
    """Task id -> how it comes out under ``wanted``, which ``measured`` has to serve. Left out is what cannot be known:
    tasks whose first reply the ledger has not, or not whole, and those that cannot be judged now."""
    found: dict[str, Result] = {}
    asked: list[tuple[str, Task, str]] = []
    for one in tried:
        known, reply = _first_reply(one, measured)
        if not known:
            continue
        artifact = None if reply is None else fixed(one.task, reply, wanted, one.logprobs)
        if reply is None or artifact is None:
            found[one.task.id] = Result(False, 0.0)
        elif _stands(one, reply, artifact, measured, wanted):
            found[one.task.id] = one.result
        else:
            asked.append((one.task.id, _as_checked(one.task, wanted), artifact))
    judged = judge([(task, text) for _, task, text in asked])
    for (task_id, _, _), now in zip(asked, judged, strict=True):
        if now.outcome is not Outcome.INCONCLUSIVE:
            found[task_id] = Result(now.outcome is Outcome.PASS, now.score)
    return found


def _first_reply(one: Tried, measured: Protocol) -> tuple[bool, str | None]:
    """Whether it is known what the first rung came to, and the reply that it had judged (None: it had none, and so
    failed). A ladder that does not begin as usual began with another prompt."""
    rungs = apply(measured, brief(one.task)).rungs
    if rungs is not None and (rungs[0] is not Rung.CONVERSATIONAL or one.task.strategy is Strategy.REASONING):
        return False, None
    if not one.judged or (rungs is not None and len(one.replies) > 1):
        return True, None
    reply = one.replies[-1] if one.replies else None
    return reply is not None and MASKED not in reply, reply


def _stands(one: Tried, reply: str, artifact: str, measured: Protocol, wanted: Protocol) -> bool:
    """Whether what was measured is the result of this artifact: the same text by the same checks, and no later rung."""
    before, after = apply(measured, brief(one.task)), apply(wanted, brief(one.task))
    same = before.rungs is None and before.checks == after.checks
    return same and artifact == fixed(one.task, reply, measured, one.logprobs)


def _as_checked(task: Task, protocol: Protocol) -> Task:
    """The task with the public checks that a protocol adds: judged by other rules, it has another hash."""
    added = apply(protocol, brief(task)).checks
    if not added:
        return task
    return replace(task, checks=with_added(task.checks, added), hash=f"{task.hash} under {protocol.hash}")


def without(kind: str, protocol: str, how: str, lesser: Mapping[str, Result], whole: Mapping[str, Result]) -> Without:
    """The row of a kind, over the tasks that have a result both ways; there must be one."""
    shared = sorted(task for task in lesser if task in whole)
    pairs = [(lesser[task], whole[task]) for task in shared]
    n = len(pairs)
    gains = sum(after.passed and not before.passed for before, after in pairs)
    losses = sum(before.passed and not after.passed for before, after in pairs)
    return Without(
        kind=kind,
        protocol=protocol,
        how=how,
        n=n,
        failed_without=wilson(sum(not before.passed for before, _ in pairs), n),
        failed_with=wilson(sum(not after.passed for _, after in pairs), n),
        errors_without=sum(1 - before.score for before, _ in pairs) / n,
        errors_with=sum(1 - after.score for _, after in pairs) / n,
        gains=gains,
        losses=losses,
        fewer_failed=Interval((gains - losses) / n, *net_interval(gains, losses, n)),
        fewer_errors=difference([(1 - before.score, 1 - after.score) for before, after in pairs]),
    )
