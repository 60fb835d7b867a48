"""What is learned for, and what would be tried because of its errors: subjects and their candidates. No model call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from metaagent.learning.bandit import Arm, Pull, arms
from metaagent.learning.bundle import Candidate, candidates, without_learned
from metaagent.learning.cases import collect, outdated
from metaagent.learning.divide import divide, rule_of
from metaagent.learning.ladders import Climb, Step, ladder_of, steps
from metaagent.learning.proposals import Bench, Case, Proposal
from metaagent.learning.propose import ask
from metaagent.learning.proposers import proposers
from metaagent.learning.splits import Split
from metaagent.ledger import proposals, protocols, splits, trials
from metaagent.ledger.climbs import climbed
from metaagent.ledger.database import Ledger
from metaagent.ledger.proposals import Proposed
from metaagent.orchestrator.crew import muster
from metaagent.orchestrator.offers import offers
from metaagent.orchestrator.replay import replayer
from metaagent.orchestrator.trials import all_tasks, inside
from metaagent.records import Protocol, Rung, Task
from metaagent.workspace import Workspace

FEWEST_CASES = 8
"""Fewer mine tasks teach nothing that would hold elsewhere."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is learned for: a domain and a model, with its tasks of one split, mine where nothing else is said.
    ``digest``: what the backend has by the model's name now, where it was asked."""

    domain: str
    model: str
    tasks: tuple[Task, ...]
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Prospects:
    """What could be done about a subject's failures: its cases, what was made from them, and the candidates made of
    that and of what its neighbours offer, the best first."""

    cases: list[Case]
    proposed: list[Proposal]
    candidates: list[Candidate]


def subjects(
    workspace: Workspace, ledger: Ledger, domain: str | None = None, split: Split = Split.MINE
) -> list[Subject]:
    """Each domain with the model of the agent that would be chosen for its tasks; splits what has no split yet."""
    tasks = all_tasks(workspace)
    found = divide(ledger, tasks, rule_of(workspace.config.learning))
    crew = muster(workspace.config, ledger, {})
    groups: dict[tuple[str, str], list[Task]] = {}
    for task in tasks:
        agent = crew.choose(replace(task, assignees=()))
        if agent is None or found[task.id] is not split or not inside(task.domain, domain or ""):
            continue
        groups.setdefault((task.domain or "", agent.model), []).append(task)
    return [Subject(*key, tuple(members)) for key, members in groups.items()]


def candidates_for(
    workspace: Workspace, ledger: Ledger, subject: Subject, notice: Callable[[str], None], *, keep: bool = True
) -> Prospects:
    """The cases that the ledger has for a subject, and what would be tried because of them: noted as proposals where
    ``keep`` is set. No model call."""
    base = protocols.active(ledger, subject.domain, subject.model)
    cases = collect(ledger, subject.tasks, base, subject.model, subject.digest)
    if said := left_out(ledger, subject, base, cases):
        notice(said)
    if len(cases) < FEWEST_CASES or all(case.passed for case in cases):
        return Prospects(cases, [], [])
    rungs = ladder_of(rungs_in_order(ledger, subject.domain, subject.model))
    bench = Bench(workspace.root, replayer(workspace, ledger, notice), rungs=rungs)
    proposed = ask(cases, bench, proposers(), notice)
    offered = ask(cases, bench, offers(workspace, ledger, subject.domain, subject.model), notice)
    found = candidates(cases, base, [*proposed, *offered], bench.judge, bench.rungs)
    order = {arm.kind: place for place, arm in enumerate(kinds_in_order(ledger, subject.domain))}
    found.sort(key=lambda candidate: (min(order.get(kind, 99) for kind in candidate.kinds), -candidate.gain))
    if keep:
        note(ledger, subject, base, found, len(cases))
    return Prospects(cases, proposed, found)


def left_out(ledger: Ledger, subject: Subject, base: Protocol, cases: Sequence[Case]) -> str:
    """That evidence of another model by the same name does not count; empty where there is none."""
    count = outdated(ledger, cases, subject.tasks, base, subject.model)
    place = f"{subject.domain or 'no domain'} on {subject.model}"
    return f"{place}: left out: what {count} mine tasks came to with another model of that name" if count else ""


def nothing_failed(ledger: Ledger, subject: Subject) -> str:
    """That all mine tasks pass; where fixers in force were made from these very tasks, how little that says."""
    base = protocols.active(ledger, subject.domain, subject.model)
    said = "no failures on mine, nothing to learn"
    if without_learned(base.remedies) != base.remedies:
        said += ": the fixers in force were made from these tasks, so others may fail; more tasks would tell"
    return f"{subject.domain or 'no domain'} on {subject.model}: {said}"


def note(ledger: Ledger, subject: Subject, base: Protocol, found: Sequence[Candidate], cases: int) -> None:
    """Stores candidates as protocols and as proposals against ``base``."""
    rows = []
    for one in found:
        stored = protocols.record(ledger, subject.domain, subject.model, one.remedies, parent=base.hash, note=one.why)
        rows.append(
            Proposed(
                subject.domain,
                subject.model,
                base.hash,
                stored.hash,
                one.kinds,
                one.why,
                one.readable,
                one.mended,
                one.harmed,
                one.gain,
                one.exact,
                cases,
            )
        )
    proposals.record(ledger, rows)


def kinds_in_order(ledger: Ledger, domain: str) -> list[Arm]:
    """The kinds of remedy in the order in which they are tried in a domain, with what the ledger knows of each."""
    return arms(domain, _pulls(ledger))


def rungs_in_order(ledger: Ledger, domain: str, model: str) -> list[Step]:
    """The rungs in the order in which a ladder for a domain climbs them, with what the ledger knows of each: from mine
    tasks alone. A further rung counts only where a public check had failed the one before it."""
    climbs = climbed(ledger, splits.task_ids(ledger, Split.MINE), model)
    return steps(
        domain,
        [Climb(one.domain, Rung(one.rung), one.known is None, one.solved) for one in climbs if one.known is not False],
    )


def _pulls(ledger: Ledger) -> list[Pull]:
    """The trials that ended, as the bandit over kinds reads them."""
    found = []
    for row in trials.history(ledger):
        proposed = proposals.find(ledger, row["candidate"])
        if row["verdict"] in ("promote", "reject") and proposed is not None:
            found.append(Pull(row["domain"], proposed.kinds, row["verdict"] == "promote"))
    return found
