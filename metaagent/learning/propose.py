"""Every proposer asked. One that breaks is noted and does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from metaagent.errors import EnvironmentFailedError, TrustError
from metaagent.learning.proposals import Bench, Case, Proposal, Proposer


def ask(
    cases: Sequence[Case], bench: Bench, proposers: Sequence[Proposer], notice: Callable[[str], None]
) -> list[Proposal]:
    """What each proposer says of the cases, which are of the mine split alone.

    Raises TrustError and EnvironmentFailedError, which a person has to settle before anything can be judged.
    """
    found: list[Proposal] = []
    for proposer in proposers:
        try:
            found += proposer.propose(cases, bench)
        except (TrustError, EnvironmentFailedError):
            raise
        except Exception as error:  # noqa: BLE001 - a boundary: proposers are plug-ins
            notice(f"proposer {proposer.name} broke: {type(error).__name__}: {error}")
    return found
