"""From proposals to candidates: few and strong ones, bundled and pruned on mine before any trial. Pure, given a judge.

A candidate is a whole protocol. Fixers are combined by replay, which is exact. What changes a prompt or a ladder cannot
be replayed: each such group makes a candidate of its own, to be screened on mine by model calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from metaagent.learning.ladders import RUNGS
from metaagent.learning.proposals import Case, Judge, Proposal
from metaagent.learning.proposers.strategies import asking_again
from metaagent.learning.replay import Change, replayed
from metaagent.records import Protocol, Remedy, Rung
from metaagent.remedies.cap import added_tokens, over_cap
from metaagent.remedies.fixers import SHIPPED

HARM = 3
"""A task that passed and is broken weighs as three that are mended."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """``remedies`` is the whole protocol, what is in force included. ``exact``: mended, harmed, gain and ``scores``
    (each mine case's, in the order of the cases) are from a replay; else ``gain`` is what such a remedy brought
    elsewhere, a guess to order candidates by. A replay judges fixers by cases that they were made from: ``expected``
    is the mean gain on others, and ``holds`` the share of ``mended`` that is expected to be mended among others."""

    remedies: tuple[Remedy, ...]
    kinds: tuple[str, ...]
    why: str
    readable: tuple[str, ...]
    mended: tuple[str, ...]
    harmed: tuple[str, ...]
    gain: float
    exact: bool
    scores: tuple[float, ...] = ()
    expected: float = 0.0
    holds: float = 1.0


def candidates(
    cases: Sequence[Case],
    base: Protocol,
    proposals: Sequence[Proposal],
    judge: Judge,
    rungs: Sequence[Rung] = RUNGS,
) -> list[Candidate]:
    """The best first. Nothing where nothing would help; what adds more to prompts than any protocol may is left out.
    ``rungs``: how a check asks again where no ladder is proposed."""
    fixers = [proposal for proposal in proposals if proposal.remedy.kind == "fixer"]
    made = [bundle] if (bundle := fixer_bundle(cases, base, fixers, judge)) is not None else []
    made += _others(base, [proposal for proposal in proposals if proposal.remedy.kind != "fixer"], rungs)
    fitting = [one for one in made if not over_cap(added_tokens(replace(base, remedies=one.remedies)))]
    return sorted(fitting, key=lambda candidate: -candidate.gain)


def fixer_bundle(
    cases: Sequence[Case], base: Protocol, proposals: Sequence[Proposal], judge: Judge
) -> Candidate | None:
    """Fixers added one by one, the most promising first, each only where the replay with it is better than without;
    then all that are left at once, for those that mend a task only together, less those that bring nothing.

    What was learned is judged here on the cases that it was learned from; its proposer has already held it against
    cases that it was not made from (``Proposal.gain``), and only what gained there is looked at. A learned fixer is
    made from the model's own replies, and replaces those of its name that are in force.
    """
    names = {one.remedy.name for one in proposals} - set(SHIPPED)
    base = replace(base, remedies=tuple(one for one in base.remedies if one.kind != "fixer" or one.name not in names))
    kept = [remedy for remedy in base.remedies if remedy.kind == "fixer"]
    promising = sorted((one for one in proposals if one.gain > 0), key=lambda one: -one.gain)
    chosen: list[Proposal] = []
    best = Change((), (), 0.0, tuple(case.score for case in cases))
    for proposal in promising:
        together, change = _together(cases, kept, [*chosen, proposal], judge)
        if _worth(change) > _worth(best):
            chosen, best = together, change
    if len(chosen) < len(promising):
        chosen, best = _with_the_rest(cases, kept, chosen, best, promising, judge)
    if not chosen:
        return None
    return Candidate(
        remedies=(*base.remedies, *(proposal.remedy for proposal in chosen)),
        kinds=("fixer",),
        why="; ".join(proposal.why for proposal in chosen),
        readable=tuple(line for proposal in chosen for line in proposal.readable),
        mended=best.mended,
        harmed=best.harmed,
        gain=best.gain,
        exact=True,
        scores=best.scores,
        expected=min(best.gain, sum(proposal.gain for proposal in chosen)),
        holds=_holds(chosen, best),
    )


def _holds(chosen: Sequence[Proposal], change: Change) -> float:
    """The share of the tasks that a replay mends that is expected among others: as its proposers' own judgement on
    cases left out has it, of whole tasks where they judge those, else of scores."""
    if not change.mended or change.gain <= 0:
        return 1.0
    if any(proposal.tasks_left_out for proposal in chosen):
        mended = {task for proposal in chosen for task in proposal.mended}
        return min(1.0, len(mended) / len(change.mended))
    return min(1.0, sum(proposal.gain for proposal in chosen) / change.gain)


def _together(
    cases: Sequence[Case], kept: Sequence[Remedy], proposals: Sequence[Proposal], judge: Judge
) -> tuple[list[Proposal], Change]:
    return list(proposals), replayed(cases, [*kept, *(one.remedy for one in proposals)], judge, afresh=True)


def _with_the_rest(
    cases: Sequence[Case],
    kept: Sequence[Remedy],
    chosen: list[Proposal],
    best: Change,
    promising: Sequence[Proposal],
    judge: Judge,
) -> tuple[list[Proposal], Change]:
    """All of them, where that is better; then less each one, the least promising first, that is not missed."""
    every, change = _together(cases, kept, promising, judge)
    if _worth(change) <= _worth(best):
        return chosen, best
    for proposal in reversed(promising):
        fewer, without = _together(cases, kept, [one for one in every if one is not proposal], judge)
        if _worth(without) >= _worth(change):
            every, change = fewer, without
    return every, change


def _worth(change: Change) -> float:
    """The sum of scores gained, with a broken task counted three times over."""
    return change.gain * len(change.scores) - (HARM - 1) * len(change.harmed)


def _others(base: Protocol, proposals: Sequence[Proposal], rungs: Sequence[Rung]) -> list[Candidate]:
    """Checks go with the ladder that asks again when they fail; all others stand alone. Of several ladders, or checks
    of one name, the most promising."""
    ladder = _best(proposal for proposal in proposals if proposal.remedy.kind == "strategy")
    checks = _best(proposal for proposal in proposals if proposal.remedy.kind == "check")
    alone = [proposal for proposal in proposals if proposal.remedy.kind not in ("strategy", "check")]
    groups = [[proposal] for proposal in alone]
    if ladder or checks:
        groups.append([*checks, *(ladder or [asking_again(rungs)])])
    return [_candidate(base, group) for group in groups if not _in_force(base, group)]


def _best(proposals: Iterable[Proposal]) -> list[Proposal]:
    """One for each place."""
    found: dict[tuple[str, str], Proposal] = {}
    for proposal in proposals:
        place = _place(proposal.remedy)
        if place not in found or proposal.gain > found[place].gain:
            found[place] = proposal
    return list(found.values())


def _in_force(base: Protocol, group: Sequence[Proposal]) -> bool:
    """What takes the same place is in force already: the same again is no candidate."""
    have = {_place(remedy) for remedy in base.remedies}
    return all(_place(proposal.remedy) in have for proposal in group)


def _candidate(base: Protocol, group: Sequence[Proposal]) -> Candidate:
    new = [remedy for proposal in group for remedy in (proposal.remedy, *proposal.beside)]
    places = {_place(remedy) for remedy in new}
    kept = tuple(remedy for remedy in base.remedies if _place(remedy) not in places)
    return Candidate(
        remedies=(*new, *kept),
        kinds=tuple(dict.fromkeys(proposal.remedy.kind for proposal in group)),
        why="; ".join(proposal.why for proposal in group),
        readable=tuple(line for proposal in group for line in proposal.readable),
        mended=(),
        harmed=(),
        gain=max(proposal.gain for proposal in group),
        exact=False,
    )


def unseen(cases: Sequence[Case], base: Protocol, proposals: Sequence[Proposal], judge: Judge) -> float:
    """The mean score that tasks like these would come to under the prompt that their replies came from, with the fixers
    that are proposed for it: each as it did on cases that it was not made from. What learned fixers make of the very
    cases they came from is no estimate of that: there they mend nearly everything, and no prompt looks better."""
    shipped = [remedy for remedy in without_learned(base.remedies) if remedy.kind == "fixer"]
    bare = replayed(cases, shipped, judge, afresh=True).scores
    gained = sum(proposal.gain for proposal in proposals if proposal.gain > 0)
    return min(1.0, sum(bare) / max(1, len(bare)) + gained)


def screened(
    candidate: Candidate, before: Sequence[Case], asked: Sequence[Case], bundle: Candidate | None, gain: float
) -> Candidate:
    """A candidate with what it came to on mine: ``before`` are the cases under what is in force, ``asked`` those under
    the candidate, ``bundle`` the fixers that were made from these (None: none help), ``gain`` what is expected of it
    (``unseen``)."""
    after = {case.task.id: (case.passed, case.score) for case in asked}
    if bundle is not None:
        for case, score in zip(asked, bundle.scores, strict=True):
            passed = (case.passed or case.task.id in bundle.mended) and case.task.id not in bundle.harmed
            after[case.task.id] = (passed, score)
        candidate = replace(
            candidate,
            remedies=bundle.remedies,
            kinds=(*candidate.kinds, "fixer"),
            why=f"{candidate.why}; {bundle.why}",
            readable=(*candidate.readable, *bundle.readable),
        )
    else:
        candidate = replace(candidate, remedies=without_learned(candidate.remedies))
    scores = tuple(after[case.task.id][1] for case in before)
    return replace(
        candidate,
        mended=tuple(case.task.id for case in before if not case.passed and after[case.task.id][0]),
        harmed=tuple(case.task.id for case in before if case.passed and not after[case.task.id][0]),
        gain=gain,
        scores=scores,
        expected=gain,
        holds=1.0 if bundle is None else bundle.holds,
    )


def _place(remedy: Remedy) -> tuple[str, str]:
    """What a remedy takes the place of: another of its kind and name; one way of choosing exemplars that of another."""
    return (remedy.kind, "" if remedy.kind == "exemplar" else remedy.name)


def without_learned(remedies: Sequence[Remedy]) -> tuple[Remedy, ...]:
    """The remedies less the fixers that were learned: those belong to the prompt that their replies came from, and are
    mined again where the prompt changes."""
    return tuple(remedy for remedy in remedies if remedy.kind != "fixer" or remedy.name in SHIPPED)
