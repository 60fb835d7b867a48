"""What remedies are made from and handed over as: the values between mining and trials. No ledger, no model here.

A proposer reads the cases of the mine split only. It may use all that a mine task holds, its reference and its checks
included; nothing of a gate or sealed task ever reaches it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from metaagent.learning.ladders import RUNGS
from metaagent.records import ErrorEvent, Logprobs, Outcome, Remedy, Rung, Task, Verdict
from metaagent.sandbox.base import Sandbox


@dataclass(frozen=True, slots=True)
class Case:
    """One mine task under the protocol in force: what came back and how it was judged. ``reply`` is the model's text
    as it came, ``artifact`` the same after the fixers in force; ``events`` carry got and expected by field or test;
    ``logprobs`` are the reply's."""

    task: Task
    attempt_id: str
    reply: str
    artifact: str
    outcome: Outcome
    score: float
    events: tuple[ErrorEvent, ...] = ()
    logprobs: Logprobs = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        return self.outcome is Outcome.PASS


@dataclass(frozen=True, slots=True)
class Judged:
    """What an artifact came to when it was judged again: no model call, nothing written."""

    outcome: Outcome
    score: float
    verdicts: tuple[Verdict, ...] = ()


Judge = Callable[[Sequence[tuple[Task, str]]], list[Judged]]
"""Judges artifacts of mine tasks, in the sandbox where a check needs it; the results in the order asked."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What a proposer works with. ``root`` is the workspace (fixtures); ``seed`` makes folds repeatable; ``seconds`` is
    about how long it may search. ``sandbox`` is where searches run many candidates at once; without one, a proposer
    chooses the strongest there is. ``rungs`` is the ladder that the ledger speaks for (ladders.py)."""

    root: Path
    judge: Judge
    seed: int = 0
    seconds: float = 120.0
    sandbox: Sandbox | None = None
    rungs: Sequence[Rung] = RUNGS


@dataclass(frozen=True, slots=True)
class Proposal:
    """A candidate remedy with its evidence from mine. ``mended`` and ``harmed`` are task ids whose outcome would
    change; ``gain`` is the mean change of the score over all mine cases of the domain, held out where ``folds`` > 1 (a
    program is scored on cases that it was not made from). ``tasks_left_out``: so are ``mended`` and ``harmed``.
    ``readable`` says what it does, a line each. ``beside``: what the remedy cannot do without."""

    remedy: Remedy
    why: str
    readable: tuple[str, ...] = ()
    mended: tuple[str, ...] = ()
    harmed: tuple[str, ...] = ()
    gain: float = 0.0
    folds: int = 1
    numbers: Mapping[str, float] = field(default_factory=dict)
    beside: tuple[Remedy, ...] = ()
    tasks_left_out: bool = False


class Proposer(Protocol):
    """Makes candidate remedies of one kind. ``name`` is unique; ``kind`` is that of its remedies."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    def propose(self, cases: Sequence[Case], bench: Bench) -> list[Proposal]:
        """Best first; empty where there is nothing that would help. Must not raise on odd replies."""
        ...
