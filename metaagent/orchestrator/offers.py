"""What the ledger itself offers as candidates for a domain: what its neighbours learned, and who else solves its tasks.

Proposers like any other, which read the ledger beside the cases. What they offer is tried here, and is never in force
at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from metaagent.learning.bandit import neighbours
from metaagent.learning.cases import collect
from metaagent.learning.proposals import Bench, Case, Proposal, Proposer
from metaagent.learning.replay import replayed
from metaagent.ledger import protocols
from metaagent.ledger.database import Ledger
from metaagent.orchestrator.crew import muster
from metaagent.records import Remedy
from metaagent.workspace import Workspace

NEIGHBOURLY = 0.05
"""The gain that is guessed for what cannot be replayed: it comes after all that was made from the domain's own errors.
"""
FEWEST_SOLVED = 2
"""So many more tasks than it loses another model has to solve before asking it is worth a trial."""


def offers(workspace: Workspace, ledger: Ledger, domain: str, model: str) -> list[Proposer]:
    crew = muster(workspace.config, ledger, {})
    others = sorted({agent.model for agent in crew.agents} - {model})
    return [Neighbours(ledger, domain, model), *(OtherModel(ledger, other) for other in others)]


class Neighbours:
    """What is in force in a neighbouring domain. Fixers are replayed here first; what changes a prompt or a ladder is
    screened on mine like any other. A neighbour's exemplars are left out: they are solved tasks of another form."""

    name = "neighbours"
    kind = "fixer"

    def __init__(self, ledger: Ledger, domain: str, model: str) -> None:
        self.ledger, self.domain, self.model = ledger, domain, model

    def propose(self, cases: Sequence[Case], bench: Bench) -> list[Proposal]:
        rows = self.ledger.query("SELECT domain FROM v_active_protocols WHERE model = ?", (self.model,))
        found = []
        for domain in neighbours(self.domain, [row[0] for row in rows]):
            for remedy in protocols.active(self.ledger, domain, self.model).remedies:
                if (offer := _offered(remedy, domain, cases, bench)) is not None:
                    found.append(offer)
        return found


def _offered(remedy: Remedy, domain: str, cases: Sequence[Case], bench: Bench) -> Proposal | None:
    if remedy.kind == "exemplar" or all(case.passed for case in cases):
        return None
    why = f"{remedy.kind} {remedy.name} was learned in {domain}"
    if remedy.kind != "fixer":
        return Proposal(remedy, why, (why,), gain=NEIGHBOURLY)
    change = replayed(cases, (remedy,), bench.judge)
    if change.gain <= 0 or change.harmed:
        return None
    why = f"{why}; mends {len(change.mended)} of {len(cases)} mine tasks here"
    return Proposal(remedy, why, (why,), change.mended, (), change.gain)


class OtherModel:
    """Another model that an agent of the workspace works with, where the ledger shows that it solves mine tasks of the
    domain which this one fails, as version 0 asks it."""

    kind = "route"

    def __init__(self, ledger: Ledger, model: str) -> None:
        self.ledger, self.model = ledger, model

    @property
    def name(self) -> str:
        return f"route to {self.model}"

    def propose(self, cases: Sequence[Case], bench: Bench) -> list[Proposal]:  # noqa: ARG002 - the Protocol's signature
        theirs = {
            case.task.id: case
            for case in collect(self.ledger, [case.task for case in cases], protocols.empty(), self.model)
        }
        both = [(case, theirs[case.task.id]) for case in cases if case.task.id in theirs]
        solved = tuple(own.task.id for own, other in both if other.passed and not own.passed)
        lost = tuple(own.task.id for own, other in both if own.passed and not other.passed)
        if len(solved) < len(lost) + FEWEST_SOLVED:
            return []
        shares = f"solves {len(solved)} that fail here, and fails {len(lost)} that pass"
        why = f"of {len(both)} mine tasks {self.model} {shares}"
        gain = sum(other.score - own.score for own, other in both) / len(cases)
        return [Proposal(Remedy("route", "model", {"model": self.model}), why, (why,), solved, lost, gain)]
