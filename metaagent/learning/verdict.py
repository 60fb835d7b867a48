"""Go or no-go: does it recursively improve, by rules that are stated beside what was measured. Pure.

Go: every rule that can be measured holds, and the one on sealed tasks can be. No-go: no improvement on sealed tasks,
errors that are mostly noise where there are enough of them to tell, or a task that costs more than 5 dollars. Else: not
enough evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from metaagent.learning.report import Interval

TASKS = 10
PATTERNS = 5
FEWER_ERRORS = 0.20
COST = 1.0
TOO_DEAR = 5.0
SECONDS = 120.0
NOISE = 0.5
SEALED = 10
"""So many sealed tasks must be measured with and without what was learned before anything is said of them."""
FAILING = 10
"""So many mine tasks must show errors before noise can be told from patterns: one takes three tasks of each half."""


class Verdict(StrEnum):
    GO = "go"
    NO_GO = "no-go"
    NOT_ENOUGH = "not enough evidence"


@dataclass(frozen=True, slots=True)
class Facts:
    """``fewer_errors`` is on sealed tasks, against zero-shot, of the version in force. ``patterns`` are all that were
    mined, ``reproducible`` those seen in both of two random halves of mine, more often than not; ``noise`` is the share
    of error events that no reproducible pattern holds, ``failing`` the mine tasks that have error events. Costs in
    dollars, ``cost_basis`` says of what."""

    completed: int
    patterns: int
    reproducible: int
    noise: float | None
    failing: int
    fewer_errors: Interval
    sealed: int
    cost_per_task: float | None
    cost_basis: str
    seconds_per_task: float | None


@dataclass(frozen=True, slots=True)
class Rule:
    """``holds`` None: not measurable yet."""

    rule: str
    measured: str
    holds: bool | None


@dataclass(frozen=True, slots=True)
class Decision:
    verdict: Verdict
    why: str
    rules: tuple[Rule, ...]


def decide(facts: Facts) -> Decision:
    rules = (
        Rule(f"at least {TASKS} tasks completed", str(facts.completed), facts.completed >= TASKS),
        Rule(
            f"at least {PATTERNS} reproducible patterns",
            f"{facts.reproducible} of {facts.patterns}",
            facts.reproducible >= PATTERNS,
        ),
        _improvement(facts),
        _below("less than 1 dollar a task", facts.cost_per_task, COST, f"{{:.4f}} ({facts.cost_basis})"),
        _below("less than 2 minutes a task", facts.seconds_per_task, SECONDS, "{:.1f} s"),
        _noise(facts),
    )
    verdict, why = _verdict(facts, rules)
    return Decision(verdict, why, rules)


def _improvement(facts: Facts) -> Rule:
    name, found = f"more than {FEWER_ERRORS:.0%} fewer errors on sealed tasks", facts.fewer_errors
    if found.value is None:
        return Rule(name, "not measured", None)
    if found.low is None or found.high is None:
        return Rule(name, f"{found.value:.1%}, n = {facts.sealed}", None)
    text = f"{found.value:.1%} ({found.low:.1%} to {found.high:.1%}), n = {facts.sealed}"
    if facts.sealed < SEALED:
        return Rule(name, f"not measured enough: {text} of {SEALED}", None)
    return Rule(name, text, found.value > FEWER_ERRORS and found.low > 0)


def _noise(facts: Facts) -> Rule:
    name = f"at most {NOISE:.0%} of the errors are noise (from {TASKS} tasks and {FAILING} of mine with errors on)"
    if facts.noise is None:
        return Rule(name, "not measured", None)
    enough = facts.completed >= TASKS and facts.failing >= FAILING
    return Rule(name, f"{facts.noise:.0%}, {facts.failing} of mine", facts.noise <= NOISE if enough else None)


def _below(name: str, value: float | None, limit: float, form: str) -> Rule:
    return Rule(name, "not measured" if value is None else form.format(value), None if value is None else value < limit)


def _verdict(facts: Facts, rules: Sequence[Rule]) -> tuple[Verdict, str]:
    found = facts.fewer_errors
    if facts.cost_per_task is not None and facts.cost_per_task > TOO_DEAR:
        return Verdict.NO_GO, f"a task costs more than {TOO_DEAR:g} dollars"
    enough = facts.sealed >= SEALED
    if enough and found.value is not None and found.high is not None and (found.high <= 0 or found.value <= 0):
        return Verdict.NO_GO, "no improvement on sealed tasks"
    if rules[-1].holds is False:
        return Verdict.NO_GO, f"{facts.noise:.0%} of the errors are noise: no reproducible pattern holds them"
    if rules[2].holds and all(rule.holds for rule in rules if rule.holds is not None):
        return Verdict.GO, "every rule that can be measured holds"
    open_rules = [rule.rule for rule in rules if not rule.holds]
    return Verdict.NOT_ENOUGH, "not shown yet: " + "; ".join(open_rules)
