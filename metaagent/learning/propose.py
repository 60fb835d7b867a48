"""Every proposer asked, and candidates made of what they say. One that breaks is noted and does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from metaagent.errors import EnvironmentFailedError, TrustError
from metaagent.learning.bundle import Candidate, candidates
from metaagent.learning.proposals import Bench, Case, Proposal, Proposer
from metaagent.records import Protocol


def propose(
    cases: Sequence[Case],
    base: Protocol,
    bench: Bench,
    proposers: Sequence[Proposer],
    notice: Callable[[str], None] = lambda _: None,
) -> list[Candidate]:
    """The candidates to try in place of ``base``, the most promising first. Cases are of the mine split alone.

    Raises TrustError and EnvironmentFailedError, which a person has to settle before anything can be judged.
    """
    return candidates(cases, base, ask(cases, bench, proposers, notice), bench.judge, bench.rungs)


def ask(
    cases: Sequence[Case], bench: Bench, proposers: Sequence[Proposer], notice: Callable[[str], None]
) -> list[Proposal]:
    """What each proposer says."""
    found: list[Proposal] = []
    for proposer in proposers:
        try:
            found += proposer.propose(cases, bench)
        except (TrustError, EnvironmentFailedError):
            raise
        except Exception as error:  # noqa: BLE001 - a boundary: proposers are plug-ins
            notice(f"proposer {proposer.name} broke: {type(error).__name__}: {error}")
    return found
