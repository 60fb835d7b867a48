"""Trials in a workspace: which gate tasks, which agents, the engine as it is now; registered, run, concluded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from metaagent.errors import MetaagentError, UsageError
from metaagent.inference.gateway import Gateway
from metaagent.inference.select import open_backend
from metaagent.learning import gate, trial
from metaagent.learning.divide import divide, rule_of
from metaagent.learning.gate import Standing, Terms
from metaagent.learning.ladders import CALLS
from metaagent.learning.plan import Noise, Plan
from metaagent.learning.plan import plan as make_plan
from metaagent.learning.splits import Rule, Split, salted, statements
from metaagent.learning.trial import METRICS, Progress, Trial
from metaagent.ledger import protocols, replies, runs, splits, trials
from metaagent.ledger.database import Ledger, Row
from metaagent.orchestrator.budget import Usage
from metaagent.orchestrator.crew import Crew, muster
from metaagent.orchestrator.judging import judge_with
from metaagent.orchestrator.measure import Journal, Stand, pair
from metaagent.orchestrator.snapshot import default_limits
from metaagent.records import Protocol, Purpose, Rung, Task
from metaagent.remedies.apply import same_call
from metaagent.tasks.index import SpecIndex
from metaagent.workspace import Workspace

STEADY = 20
"""So many tasks without a flip it takes before a control's replies may come from the cache."""


@dataclass(frozen=True, slots=True)
class TrialOptions:
    """``again``: register a candidate anew that was decided before. ``retries``: further rungs for both arms.
    ``limit``: at most so many gate tasks, the first of their hashed order; it holds when the trial is registered."""

    metric: str = "passed"
    again: bool = False
    retries: int = 0
    jobs: int | None = None
    agent: str | None = None
    delta: float = gate.DELTA
    note: str = ""
    limit: int | None = None


Room = Callable[[Usage, int], bool]
"""Whether there is room for one pair more, after what this run of a trial has spent and beside so many under way."""


@dataclass(frozen=True, slots=True)
class TrialResult:
    """``id`` and ``k``: None where nothing was registered; ``activation``: where nothing was promoted. ``before``: the
    verdict stood already. ``spent``: calls and tokens of this run. The verdict ``open``: it goes on another time."""

    verdict: str
    reason: str
    standing: Standing
    terms: Terms
    base: Protocol
    candidate: Protocol
    id: str | None = None
    k: int | None = None
    activation: str | None = None
    spent: Usage = field(default_factory=Usage)
    before: bool = False


def all_tasks(workspace: Workspace) -> list[Task]:
    """Every specified task that something checks: only those can be learned from or decide."""
    index = SpecIndex(workspace.root, default_limits(workspace.config))
    return [task for task in index.tasks() if task.checks]


def gate_tasks(ledger: Ledger, tasks: Sequence[Task], domain: str, model: str, rule: Rule) -> list[Task]:
    """The gate tasks that a protocol of this domain would be in force for, in the order in which they count."""
    found = divide(ledger, tasks, rule)
    base = protocols.active(ledger, domain, model)
    salts = splits.salts(ledger)
    in_force = {name: protocols.active(ledger, name, model).hash for name in {task.domain for task in tasks}}
    chosen = [
        task
        for task in tasks
        if found[task.id] is Split.GATE and inside(task.domain, domain) and in_force[task.domain] == base.hash
    ]
    return sorted(chosen, key=lambda task: salted(salts[task.set or ""], "order", task.id))


def inside(domain: str | None, above: str) -> bool:
    """Whether a protocol of the domain ``above`` holds for a task of ``domain``."""
    return not above or domain == above or (domain or "").startswith(f"{above}.")


def test(
    workspace: Workspace,
    candidate: Protocol,
    options: TrialOptions,
    watch: Callable[[Progress], None],
    notice: Callable[[str], None],
    room: Room = lambda _spent, _under_way: True,
) -> TrialResult:
    """Tries a candidate against the protocol in force; goes on with a trial that was interrupted.

    Raises UsageError for a candidate that cannot be tried, BackendError where no model answers (the trial stays open).
    """
    if options.metric not in METRICS:
        raise UsageError(f"no metric {options.metric!r}", mend=f"--metric {'|'.join(METRICS)}")
    if not candidate.model:
        raise UsageError("a candidate has to name its model", mend="metaagent protocol list")
    config = workspace.config
    with workspace.open_ledger() as ledger:
        base = protocols.active(ledger, candidate.domain, candidate.model)
        if candidate.hash == base.hash:
            raise UsageError(f"{candidate.hash[:12]} is in force already", mend="metaagent protocol list")
        known = trials.decided(ledger, base.hash, candidate.hash, candidate.domain, candidate.model)
        if known is not None and not options.again:
            return _known(ledger, known, base, candidate)
        tasks = gate_tasks(ledger, all_tasks(workspace), candidate.domain, candidate.model, rule_of(config.learning))
        run_id = runs.start(ledger, "learn test", [candidate.hash])
        backend = open_backend(config, workspace.root, notice=notice)

        async def tried() -> TrialResult:
            status = "interrupted"
            gateway = Gateway(backend, config.deadlines, None)
            crew = with_model(muster(config, ledger, {}), candidate.model)
            judge = judge_with(workspace, ledger, notice=notice)
            stand = Stand(
                workspace, ledger, run_id, gateway, crew, judge, Purpose.TRIAL, options.agent, options.retries
            )
            try:
                result = await _test(stand, base, candidate, tasks, options, watch, room)
                status = "done"
                return result
            except* MetaagentError as group:
                status = "failed"
                raise group.exceptions[0] from group
            finally:
                runs.end(ledger, run_id, status, {"candidate": candidate.hash})
                await gateway.close()

        return asyncio.run(tried())


def plan(workspace: Workspace, candidate: Protocol, options: TrialOptions) -> Plan:
    """What the trial of a candidate would take. Splits what has no split yet; makes no call and registers nothing."""
    config = workspace.config
    with workspace.open_ledger() as ledger:
        everything = all_tasks(workspace)
        tasks = gate_tasks(ledger, everything, candidate.domain, candidate.model, rule_of(config.learning))
        base = protocols.active(ledger, candidate.domain, candidate.model)
        terms = _terms(ledger, tasks, candidate, options)
        found = divide(ledger, everything, rule_of(config.learning))
        mine = [(task.domain, found[task.id]) for task in everything if inside(task.domain, candidate.domain)]
        return make_plan(
            terms,
            one_call=same_call(base.remedies, candidate.remedies),
            rungs=most_calls(base, candidate, options.retries),
            seconds_per_call=trials.seconds_per_call(ledger, candidate.model),
            jobs=options.jobs or config.run.jobs or config.embedded.slots,
            decided=trials.times_decided(ledger, [task.id for task in tasks]),
            noise=_noise(ledger, candidate, config.cache),
            said=statements(mine, gate.wins_needed(0, 0, terms.threshold)),
        )


def _noise(ledger: Ledger, candidate: Protocol, cache: bool) -> Noise | None:
    row = trials.last_flips(ledger, candidate.domain, candidate.model)
    if row is None:
        return None
    afresh = not (cache and steady(ledger, row["key"]))
    return Noise(row["time"], row["tasks"], row["flips"], row["changed"], afresh)


def most_calls(base: Protocol, candidate: Protocol, retries: int) -> int:
    """The most model calls that one attempt under either of them takes."""
    ladders = [
        sum(CALLS[Rung(rung)] for rung in remedy.settings.get("rungs", ()))
        for remedy in (*base.remedies, *candidate.remedies)
        if remedy.kind == "strategy"
    ]
    return max([retries + 1, *ladders])


def with_model(crew: Crew, model: str) -> Crew:
    """Those who work with the candidate's model: a protocol is for one model."""
    agents = tuple(agent for agent in crew.agents if agent.model == model)
    if not agents:
        raise UsageError(f"no agent works with {model}", mend="metaagent agent list")
    return replace(crew, agents=agents)


async def _test(
    stand: Stand,
    base: Protocol,
    candidate: Protocol,
    tasks: Sequence[Task],
    options: TrialOptions,
    watch: Callable[[Progress], None],
    room: Room,
) -> TrialResult:
    ledger = stand.ledger
    engine = await engine_of(stand.gateway, candidate.model)
    settings = {**engine, "retries": options.retries, "agent": options.agent}
    open_row = _open(ledger, base, candidate)
    if open_row is not None:
        found = _resumed(ledger, open_row, base, candidate, tasks)
        _same_wishes(found, options)
        changed = _changes(found, trials.tasks_of(ledger, found.id), settings)
        if changed:
            ended = trial.void(ledger, found, changed)
            return _result(found, ended, None, Usage())
    else:
        tasks = tasks[: options.limit]
        terms = _terms(ledger, tasks, candidate, options)
        at_first = gate.standing([], terms)
        if at_first.verdict is not None:
            said = f"{len(tasks)} gate tasks are too few: candidate {terms.k} needs {at_first.wins_needed} gains"
            return TrialResult("inconclusive", said, at_first, terms, base, candidate)
        found = _registered(ledger, base, candidate, tasks, terms, options, settings)
    stand = replace(stand, gateway=_with_cache(stand, found, engine))
    journal = Journal(ledger, stand.gateway, f"trial:{found.id}")
    jobs = options.jobs or stand.workspace.config.run.jobs or stand.gateway.backend.slots
    ended = await trial.run(
        ledger,
        found,
        lambda one, task: pair(stand, journal, task, one.base, one.candidate),
        jobs,
        watch,
        lambda under_way: room(journal.spent, under_way),
    )
    if ended.verdict is None:
        said = f"the budget ends after {ended.pairs} of {len(found.tasks)} pairs; it goes on where it stands"
        return _result(found, replace(ended, verdict="open", reason=said), None, journal.spent)
    calls = max(journal.spent.calls, replies.calls(ledger, f"trial:{found.id}:"))  # those of earlier runs too
    activation = trial.conclude(ledger, found, ended, calls)
    replies.forget(ledger, f"trial:{found.id}:")
    return _result(found, ended, activation, journal.spent)


async def engine_of(gateway: Gateway, model: str) -> dict[str, Any]:
    """What a reply depends on beside the prompt: part of the key that says whether it may be used again."""
    info = await gateway.info(model)
    backend = gateway.backend
    return {
        "backend": backend.name,
        "engine": await gateway.version(),
        "digest": info.digest,
        "slots": backend.slots,
        "prefix": {"embedded": "cached", "ollama": "the server's"}.get(backend.name, "none"),
    }


def engine_key(engine: Mapping[str, Any], model: str) -> str:
    return json.dumps({**engine, "model": model}, sort_keys=True)


def steady(ledger: Ledger, key: str) -> bool:
    """Whether all A/A trials with this engine together saw enough tasks, and none of them flip."""
    seen, flips, _ = trials.flips(ledger, key)
    return seen >= STEADY and not flips


def _with_cache(stand: Stand, found: Trial, engine: Mapping[str, Any]) -> Gateway:
    """Replies that are there already may stand for new ones only where an A/A trial saw none change, and none that is
    older than the promotion that it would be the control for."""
    config = stand.workspace.config
    if not config.cache or not steady(stand.ledger, engine_key(engine, found.candidate.model)):
        return stand.gateway
    since = stand.ledger.one("SELECT max(time) FROM activations WHERE model = ?", (found.candidate.model,))
    cache = replies.LedgerReplyCache(stand.ledger, (since[0] if since else None) or "")
    return Gateway(stand.gateway.backend, config.deadlines, cache)


def _open(ledger: Ledger, base: Protocol, candidate: Protocol) -> Row | None:
    """The open trial of this candidate. Open ones against a control that is no longer in force are ended first."""
    for row in trials.open_trials(ledger, candidate.domain, candidate.model):
        if row["base"] != base.hash:
            stale = Trial(row["id"], trial.terms_of(row), base, candidate, (), {})
            trial.void(ledger, stale, "the protocol in force changed before it was decided")
    return trials.unfinished(ledger, base.hash, candidate.hash, candidate.domain, candidate.model)


def _terms(ledger: Ledger, tasks: Sequence[Task], candidate: Protocol, options: TrialOptions) -> Terms:
    k, discoveries = trials.next_number(ledger)
    mended = trials.fixed(ledger, candidate.domain, candidate.model)
    return Terms(
        k=k,
        discoveries=discoveries,
        metric=options.metric,
        families=len({task.family or "" for task in tasks}),
        pairs=len(tasks),
        fixed=sum((task.id, task.hash) in mended for task in tasks),
        delta=options.delta,
    )


def _registered(
    ledger: Ledger,
    base: Protocol,
    candidate: Protocol,
    tasks: Sequence[Task],
    terms: Terms,
    options: TrialOptions,
    settings: Mapping[str, Any],
) -> Trial:
    mended = trials.fixed(ledger, candidate.domain, candidate.model)
    protocols.record(ledger, candidate.domain, candidate.model, candidate.remedies, parent=base.hash)
    rows = [trials.TrialTask(task.id, task.hash, task.family or "", (task.id, task.hash) in mended) for task in tasks]
    trial_id = trials.register(
        ledger,
        base,
        candidate,
        rows,
        trial.bar(terms.alpha),
        metric=terms.metric,
        alpha=terms.alpha,
        delta=terms.delta,
        families=terms.families,
        settings=settings,
        note=options.note,
    )
    row = trials.find(ledger, trial_id)
    assert row is not None
    return Trial(trial_id, trial.terms_of(row), base, candidate, tuple(tasks), settings)


def _resumed(ledger: Ledger, row: Row, base: Protocol, candidate: Protocol, tasks: Sequence[Task]) -> Trial:
    known = {task.id: task for task in tasks}
    registered = trials.tasks_of(ledger, row["id"])
    ordered = tuple(known[one["task_id"]] for one in registered if one["task_id"] in known)
    return Trial(row["id"], trial.terms_of(row), base, candidate, ordered, trial.settings_of(row))


def _same_wishes(found: Trial, options: TrialOptions) -> None:
    """A trial goes on as it was registered; raises UsageError for other wishes than then."""
    registered = {"metric": found.terms.metric, **{key: found.settings.get(key) for key in ("retries", "agent")}}
    wished = {"metric": options.metric, "retries": options.retries, "agent": options.agent}
    other = [f"{key} {value}" for key, value in registered.items() if wished[key] != value]
    if other:
        raise UsageError(
            f"its open trial (candidate {found.terms.k}) was registered with {', '.join(other)}",
            mend="metaagent learn test with the same options",
        )


def _changes(found: Trial, registered: Sequence[Row], settings: Mapping[str, Any]) -> str:
    """Why a trial that was interrupted cannot go on; empty where it can."""
    now = {task.id: task.hash for task in found.tasks}
    moved = [row["task_id"] for row in registered if now.get(row["task_id"]) != row["task_hash"]]
    if moved:
        return f"{len(moved)} of its tasks changed since it was registered: what was measured is not mixed with them"
    different = sorted(key for key, value in settings.items() if found.settings.get(key) != value)
    if different:
        return f"another {', '.join(different)} than when it was registered"
    return ""


def _result(found: Trial, ended: Standing, activation: str | None, spent: Usage) -> TrialResult:
    return TrialResult(
        verdict=ended.verdict or "inconclusive",
        reason=ended.reason,
        standing=ended,
        terms=found.terms,
        base=found.base,
        candidate=found.candidate,
        id=found.id,
        k=found.terms.k,
        activation=activation,
        spent=spent,
    )


def _known(ledger: Ledger, row: Row, base: Protocol, candidate: Protocol) -> TrialResult:
    found = Trial(row["id"], trial.terms_of(row), base, candidate, (), {})
    standing = replace(trial.recompute(ledger, row["id"]), verdict=row["verdict"], reason=row["reason"])
    return replace(_result(found, standing, row["activation_id"], Usage()), before=True)
