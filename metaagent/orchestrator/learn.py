"""The learning loop in a workspace: attempt what mine lacks, propose, screen, try, and again after a promotion.

Learning itself knows no model: it is handed the cases of the ledger and a judge, and hands back candidates.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from metaagent.inference import warm
from metaagent.learning.bundle import Candidate, fixer_bundle, screened, unseen, without_learned
from metaagent.learning.cases import collect, missing
from metaagent.learning.gate import likely_pairs, stronger_metric
from metaagent.learning.proposals import Bench, Case, Proposal
from metaagent.learning.propose import ask
from metaagent.learning.proposers import proposers
from metaagent.learning.splits import salted
from metaagent.learning.trial import Progress
from metaagent.ledger import protocols, trials
from metaagent.orchestrator.budget import Budget, Usage, fits, left, spent
from metaagent.orchestrator.candidates import (
    FEWEST_CASES,
    Subject,
    candidates_for,
    left_out,
    note,
    nothing_failed,
    subjects,
)
from metaagent.orchestrator.evaluate import Measurement, MeasureOptions, measure_all
from metaagent.orchestrator.events import Observer
from metaagent.orchestrator.present import present_digests
from metaagent.orchestrator.replay import replayer
from metaagent.orchestrator.trials import Room, TrialOptions, TrialResult
from metaagent.orchestrator.trials import plan as plan_trial
from metaagent.orchestrator.trials import test as try_candidate
from metaagent.records import Protocol, Task
from metaagent.remedies.cap import added_tokens, fresh_tokens
from metaagent.workspace import Workspace

MOST_ROUNDS = 3
RACE = 12
"""So many mine tasks are asked under each of several candidates of one kind before the best of them is screened."""
AUTO = "auto"
USUAL_PROMPT = 600
"""Tokens of a prompt and its reply, roughly: what a protocol adds is compared with that."""


@dataclass(frozen=True, slots=True)
class LearnOptions:
    """``domain``: only this one and those below it; ``metric``: what trials count, ``auto`` for the one by which a
    candidate's evidence on mine is the stronger. ``kept``: of the budget, what is for measuring afterwards; only where
    nothing is in force yet it may be spent: the first thing that helps is worth more than to know by how much."""

    domain: str | None = None
    budget: Budget = field(default_factory=Budget)
    metric: str = AUTO
    jobs: int | None = None
    rounds: int = MOST_ROUNDS
    kept: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True)
class Learned:
    """What the loop came to for one subject. ``said``: plain statements of what it could not do, and why."""

    domain: str
    model: str
    cases: int
    failures: int
    candidates: int
    trials: tuple[TrialResult, ...]
    said: tuple[str, ...]
    calls: int
    tokens: int
    seconds: float

    @property
    def promoted(self) -> int:
        return sum(result.activation is not None for result in self.trials)


def learn(
    workspace: Workspace,
    options: LearnOptions,
    observe: Observer,
    watch: Callable[[Progress], None],
    notice: Callable[[str], None],
) -> list[Learned]:
    """Runs the loop for every subject within the budget. What was measured, proposed and tried before is not done
    again, so that an interrupted loop goes on where it stopped."""
    purse = _Purse(options.budget, options.kept)
    with workspace.open_ledger() as ledger:
        found = subjects(workspace, ledger, options.domain)
    digests = present_digests(workspace, {subject.model for subject in found})
    found = [replace(subject, digest=digests.get(subject.model)) for subject in found]
    with warm.kept():
        return [_Loop(workspace, subject, options, purse, observe, watch, notice).run() for subject in found]


@dataclass(slots=True)
class _Purse:
    """What the loop may spend, over all subjects. ``keeping``: all but what is ``kept``."""

    budget: Budget
    kept: Usage
    keeping: bool = True
    used: Usage = field(default_factory=Usage)
    started: float = field(default_factory=time.monotonic)

    @property
    def calls_left(self) -> int | None:
        """None: without a bound."""
        return self.rest().calls

    def empty(self) -> str | None:
        return spent(self.budget, self._so_far())

    def rest(self) -> Budget:
        return left(self.budget, self._so_far())

    def _so_far(self) -> Usage:
        used = self.used.plus(Usage(seconds=time.monotonic() - self.started))
        return used.plus(self.kept) if self.keeping else used

    def pay(self, usage: Usage) -> None:
        self.used = self.used.plus(Usage(calls=usage.calls, tokens=usage.tokens))

    def room(self, calls_per_pair: int) -> Room:
        """Whether a trial may begin a further pair. Of time a trial that was begun takes what it needs: it was begun
        because it would fit, and what is half measured has cost all of it."""
        rest = replace(self.rest(), seconds=None)
        return lambda used, under_way: fits(rest, used, calls_per_pair * (under_way + 1))


@dataclass(slots=True)
class _Loop:
    """The loop of one subject."""

    workspace: Workspace
    subject: Subject
    options: LearnOptions
    purse: _Purse
    observe: Observer
    watch: Callable[[Progress], None]
    notice: Callable[[str], None]
    results: list[TrialResult] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    proposed: int = 0
    cases: list[Case] = field(default_factory=list)
    put_off: bool = False
    """Whether something was left for want of time or calls: then nothing can be said of what would help."""
    fixers: list[Proposal] = field(default_factory=list)
    """Those proposed in this round, for the replies to the prompt in force."""

    def run(self) -> Learned:
        started, before = time.monotonic(), self.purse.used
        for _ in range(self.options.rounds):
            if not self._round():
                break
        return Learned(
            self.subject.domain,
            self.subject.model,
            len(self.cases),
            sum(not case.passed for case in self.cases),
            self.proposed,
            tuple(self.results),
            tuple(dict.fromkeys(self.said)),
            self.purse.used.calls - before.calls,
            self.purse.used.tokens - before.tokens,
            time.monotonic() - started,
        )

    def _round(self) -> bool:
        """Whether something was promoted: then the errors are others, and another round may find more."""
        self.said += self._left_out()
        self.purse.keeping = self._in_force()
        self.cases = self._measured(None)
        place = f"{self.subject.domain or 'no domain'} on {self.subject.model}"
        reason = self.purse.empty()
        if reason and len(self.cases) < len(self.subject.tasks):
            self._later(f"{place}: {reason} after {len(self.cases)} of {len(self.subject.tasks)} mine tasks")
            return False
        if len(self.cases) < FEWEST_CASES:
            self.said.append(
                f"{place}: {len(self.cases)} mine tasks are too few to learn from ({FEWEST_CASES} at least)"
            )
            return False
        if all(case.passed for case in self.cases):
            with self.workspace.open_ledger() as ledger:
                self.said.append(nothing_failed(ledger, self.subject))
            return False
        with self.workspace.open_ledger() as ledger:
            prospects = candidates_for(self.workspace, ledger, self.subject, self.notice)
        found = prospects.candidates
        self.fixers = [one for one in prospects.proposed if one.remedy.kind == "fixer"]
        self.proposed += len(found)
        promoted = any(self._tried(candidate) for candidate in self._raced(found) if candidate is not None)
        if not promoted and not self.put_off and not any(result.activation for result in self.results):
            self.said.append(f"{place}: nothing to learn here that helps; a larger model or a retry strategy may")
        return promoted

    def _in_force(self) -> bool:
        with self.workspace.open_ledger() as ledger:
            return bool(protocols.active(ledger, self.subject.domain, self.subject.model).remedies)

    def _left_out(self) -> list[str]:
        with self.workspace.open_ledger() as ledger:
            base = protocols.active(ledger, self.subject.domain, self.subject.model)
            cases = collect(ledger, self.subject.tasks, base, self.subject.model, self.subject.digest)
            said = left_out(ledger, self.subject, base, cases)
        return [said] if said else []

    def _tried(self, candidate: Candidate) -> bool:
        """Whether the candidate was promoted."""
        reason = self.purse.empty()
        if reason:
            self._later(f"stopped: {reason}")
            return False
        if not candidate.exact and not self._affordable(candidate, len(self.subject.tasks), "screening it on mine"):
            return False
        kept = candidate if candidate.exact else self._screened(candidate)
        if kept is None:
            return False
        protocol = self._stored(kept)
        seen = self._differences(kept)
        metric = self._metric(seen, protocol)
        options = TrialOptions(metric=metric, jobs=self.options.jobs, note=kept.why)
        wanted = plan_trial(self.workspace, protocol, options)
        pairs = likely_pairs(seen[metric], wanted.threshold, wanted.pairs)
        if not self._affordable(kept, -(-wanted.calls * pairs // max(1, wanted.pairs)), "its trial"):
            return False
        room = self.purse.room(wanted.calls_per_pair)
        result = try_candidate(self.workspace, protocol, options, self.watch, self.notice, room)
        self.purse.pay(result.spent)
        self.put_off |= result.verdict == "open"
        if not result.before:
            self.results.append(result)
        return result.activation is not None and not result.before

    def _differences(self, candidate: Candidate) -> dict[str, list[float]]:
        """What the candidate would change on tasks like mine, by metric: a value for each case, in their order. Mine
        itself says too much: fixers have seen its answers, and mend whole tasks there that they would not elsewhere."""
        mended, harmed = set(candidate.mended), set(candidate.harmed)
        passed = [candidate.holds * (case.task.id in mended) - (case.task.id in harmed) for case in self.cases]
        scores = [after - case.score for case, after in zip(self.cases, candidate.scores, strict=True)]
        more = candidate.expected - sum(scores) / len(scores)
        return {"passed": passed, "score": [max(-1.0, min(1.0, score + more)) for score in scores]}

    def _metric(self, seen: Mapping[str, Sequence[float]], protocol: Protocol) -> str:
        """What the trial counts: as asked; else as its open trial was registered; else what mine speaks for."""
        if self.options.metric != AUTO:
            return self.options.metric
        with self.workspace.open_ledger() as ledger:
            base = protocols.active(ledger, self.subject.domain, self.subject.model)
            row = trials.unfinished(ledger, base.hash, protocol.hash, self.subject.domain, self.subject.model)
        return stronger_metric(seen["passed"], seen["score"]) if row is None else str(row["metric"])

    def _later(self, why: str) -> None:
        """Something was left for another time, where it goes on from what is measured."""
        self.put_off = True
        self.said.append(why)

    def _affordable(self, candidate: Candidate, calls: int, what: str) -> bool:
        """Whether about so many calls take no longer than what is left of the budget's time; where they do, that is
        said. What calls and tokens do not reach for is begun and goes on another time. Long prompts take their time:
        what a protocol adds is read, once for each slot at least."""
        with self.workspace.open_ledger() as ledger:
            pace = trials.seconds_per_call(ledger, self.subject.model)
        there = self.purse.rest().seconds
        if there is None or pace is None:
            return True
        longer = 1 + added_tokens(Protocol(remedies=candidate.remedies)) / USUAL_PROMPT
        jobs = self.options.jobs or self.workspace.config.run.jobs or self.workspace.config.embedded.slots
        seconds = calls * pace * longer / jobs
        if seconds <= there:
            return True
        kinds, needs, rest = "+".join(candidate.kinds), seconds / 60, there / 60
        self._later(f"{kinds}: {what} takes about {needs:.0f} minutes, {rest:.0f} are left; next time, or --budget")
        return False

    def _stored(self, candidate: Candidate) -> Protocol:
        with self.workspace.open_ledger() as ledger:
            base = protocols.active(ledger, self.subject.domain, self.subject.model)
            note(ledger, self.subject, base, [candidate], len(self.cases))
            return protocols.record(ledger, self.subject.domain, self.subject.model, candidate.remedies)

    def _raced(self, found: Sequence[Candidate]) -> Iterator[Candidate | None]:
        """The candidates in turn. Of those of one kind that need model calls to be judged, such as two ways to choose
        exemplars, only the best on a few mine tasks: screening each on all of mine would cost too much. None where the
        budget ends before that is known."""
        done: set[tuple[str, ...]] = set()
        for candidate in found:
            racing = [one for one in found if not one.exact and one.kinds == candidate.kinds]
            if candidate.exact or len(racing) == 1:
                yield candidate
            elif candidate.kinds not in done:
                done.add(candidate.kinds)
                yield self._winner(racing)

    def _winner(self, racing: Sequence[Candidate]) -> Candidate | None:
        if self.purse.empty() or not self._affordable(racing[0], RACE * len(racing), "choosing among them on mine"):
            return min(racing, key=_fresh)
        asked = [self._asked(one, self.some) for one in racing]
        if any(len(cases) < len(self.some) for cases in asked):
            self._later(f"{'+'.join(racing[0].kinds)}: the budget ends while choosing among them on mine; next time")
            return None
        ranks = [(_mean(cases), -_fresh(one)) for one, cases in zip(racing, asked, strict=True)]
        shown = ", ".join(f"{_names(one)} {mean:.2f}" for one, (mean, _) in zip(racing, ranks, strict=True))
        self.notice(f"raced on {len(self.some)} mine tasks: {shown}")
        return racing[ranks.index(max(ranks))]

    @property
    def some(self) -> list[Task]:
        """A few mine tasks in a hashed order, the same for every candidate."""
        return sorted(self.subject.tasks, key=lambda task: salted(task.hash, "race", task.id))[:RACE]

    def _asked(self, candidate: Candidate, tasks: Sequence[Task] | None = None) -> list[Case]:
        """The cases of mine under a candidate less what was learned for another prompt."""
        with self.workspace.open_ledger() as ledger:
            remedies = without_learned(candidate.remedies)
            asked = protocols.record(ledger, self.subject.domain, self.subject.model, remedies)
        return self._measured(asked, tasks)

    def _screened(self, candidate: Candidate) -> Candidate | None:
        """A candidate that changes what the model is asked, tried on mine: with the learned fixers mined again on the
        replies that it brings, for those belong to the prompt. None where mine is no better for it."""
        cases = self._asked(candidate)
        if len(cases) < len(self.cases):
            kinds, done = "+".join(candidate.kinds), f"{len(cases)} of {len(self.cases)} mine tasks"
            self._later(f"{kinds}: the budget ends while it is screened, after {done}; next time")
            return None
        asked = Protocol(remedies=without_learned(candidate.remedies))
        with self.workspace.open_ledger() as ledger:
            judge = replayer(self.workspace, ledger, self.notice)
            base = protocols.active(ledger, self.subject.domain, self.subject.model)
            makers = [one for one in proposers() if one.kind == "fixer"]
            fixers = ask(cases, Bench(self.workspace.root, judge), makers, self.notice)
            bundle = fixer_bundle(cases, asked, fixers, judge)
            before = unseen(self.cases, base, self.fixers, judge)
            after = unseen(cases, asked, fixers, judge)
        kinds = "+".join(candidate.kinds)
        self.notice(
            f"screened on {len(cases)} mine tasks, with fixers as tasks left out judge them: "
            f"{before:.3f} -> {kinds} {after:.3f}"
        )
        if after <= before:
            self.said.append(f"{kinds}: no gain on mine ({before:.3f} -> {after:.3f}), not tried")
            return None
        return screened(candidate, self.cases, cases, bundle, after - before)

    def _measured(self, protocol: Protocol | None, tasks: Sequence[Task] | None = None) -> list[Case]:
        """The cases of the subject (``tasks``: of these alone) under a protocol (None: the one in force); what is
        missing is attempted first, as far as the budget's calls go."""
        wanted = self.subject.tasks if tasks is None else tasks
        with self.workspace.open_ledger() as ledger:
            used = protocol or protocols.active(ledger, self.subject.domain, self.subject.model)
            cases = collect(ledger, wanted, used, self.subject.model, self.subject.digest)
            lacking = missing(cases, wanted)[: self.purse.calls_left]
            if lacking and not self.purse.empty():
                self.notice(f"{len(lacking)} mine tasks are attempted under protocol {used.hash[:12]}")
                options = MeasureOptions(
                    jobs=self.options.jobs, args=("learn", used.hash, "mine"), budget=self.purse.rest()
                )
                made = measure_all(self.workspace, ledger, lacking, used, self.observe, options)
                self._paid(made)
                cases = collect(ledger, wanted, used, self.subject.model, self.subject.digest)
        return cases

    def _paid(self, made: Measurement) -> None:
        self.purse.pay(Usage(calls=made.calls, tokens=made.tokens if made.calls else 0))


def _fresh(candidate: Candidate) -> int:
    return fresh_tokens(Protocol(remedies=candidate.remedies))


def _names(candidate: Candidate) -> str:
    return "+".join(one.name for one in candidate.remedies if one.kind in candidate.kinds)


def _mean(cases: Sequence[Case]) -> float:
    return sum(case.score for case in cases) / len(cases) if cases else 0.0
