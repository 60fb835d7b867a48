"""What a run may spend, and what a task may use up. Pure: usage in, a reason to stop (or none) out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import ceil

from metaagent.config import seconds_of
from metaagent.errors import UsageError
from metaagent.records import Limits

_COUNT = re.compile(r"(\d+(?:\.\d+)?)(k|m)?(calls|tokens)")
_FACTOR = {None: 1, "k": 1_000, "m": 1_000_000}


@dataclass(frozen=True, slots=True)
class Usage:
    """What was spent: attempts made, wall seconds, tokens read and written, model calls, cost. ``number`` counts all
    attempts ever made: unlike ``attempts`` a person's retry does not set it back."""

    attempts: int = 0
    seconds: float = 0.0
    tokens: int = 0
    calls: int = 0
    cost: float = 0.0
    number: int = 0

    def plus(self, other: Usage) -> Usage:
        return Usage(
            self.attempts + other.attempts,
            self.seconds + other.seconds,
            self.tokens + other.tokens,
            self.calls + other.calls,
            self.cost + other.cost,
            self.number + other.number,
        )


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that one run may spend; ``None`` means no bound."""

    seconds: float | None = None
    calls: int | None = None
    tokens: int | None = None


def parse_budget(text: str | None) -> Budget:
    """``10m``, ``200calls``, ``50ktokens``, or several joined by commas; None: no bound. Else UsageError."""
    values: dict[str, float] = {}
    if text is None:
        return Budget()
    for part in text.replace(" ", "").lower().split(","):
        found = _COUNT.fullmatch(part)
        if found:
            values[found[3]] = float(found[1]) * _FACTOR[found[2]]
            continue
        try:
            values["seconds"] = seconds_of(part)
        except ValueError:
            raise UsageError(f"{part!r} is not a budget", mend="--budget 10m, 200calls or 50ktokens") from None
    calls, tokens = values.get("calls"), values.get("tokens")
    return Budget(values.get("seconds"), None if calls is None else int(calls), None if tokens is None else int(tokens))


def spent(budget: Budget, usage: Usage) -> str | None:
    """Why nothing more may be started, or None."""
    if budget.seconds is not None and usage.seconds >= budget.seconds:
        return f"the budget of {budget.seconds:g} s is spent"
    if budget.calls is not None and usage.calls >= budget.calls:
        return f"the budget of {budget.calls} calls is spent"
    if budget.tokens is not None and usage.tokens >= budget.tokens:
        return f"the budget of {budget.tokens} tokens is spent"
    return None


def fits(budget: Budget, usage: Usage, calls: int) -> bool:
    """Whether after that usage there is room for so many calls more."""
    return spent(budget, usage.plus(Usage(calls=calls - 1))) is None


def left(budget: Budget, usage: Usage) -> Budget:
    """What is still to spend, nothing where more was spent already; without a bound there is none."""
    return Budget(
        None if budget.seconds is None else max(0.0, budget.seconds - usage.seconds),
        None if budget.calls is None else max(0, budget.calls - usage.calls),
        None if budget.tokens is None else max(0, budget.tokens - usage.tokens),
    )


def share(budget: Budget, part: float) -> Budget:
    """That part of a budget, calls and tokens rounded up."""
    return Budget(
        None if budget.seconds is None else budget.seconds * part,
        None if budget.calls is None else ceil(budget.calls * part),
        None if budget.tokens is None else ceil(budget.tokens * part),
    )


def used_up(limits: Limits, usage: Usage) -> str | None:
    """Why a task may not be tried again, or None."""
    if limits.attempts is not None and usage.attempts >= limits.attempts:
        return f"its limit of {limits.attempts} attempts is used up"
    return used_up_inside(limits, usage)


def used_up_inside(limits: Limits, usage: Usage) -> str | None:
    """As ``used_up``, for the next rung of an attempt that has begun: the number of attempts plays no part."""
    if limits.seconds is not None and usage.seconds >= limits.seconds:
        return f"its limit of {limits.seconds:g} seconds is used up"
    if limits.tokens is not None and usage.tokens >= limits.tokens:
        return f"its limit of {limits.tokens} tokens is used up"
    if limits.cost is not None and usage.cost >= limits.cost:
        return f"its cost limit of {limits.cost:g} is used up"
    return None
