"""What was proposed, and in place of what."""

from __future__ import annotations

from dataclasses import replace

from metaagent.ledger import proposals, protocols
from metaagent.ledger.database import Ledger
from metaagent.ledger.proposals import Proposed
from metaagent.records import Remedy


def make(ledger: Ledger) -> Proposed:
    base = protocols.empty()
    better = protocols.record(ledger, "data.json", "m", [Remedy("fixer", "json.repair")])
    return Proposed(
        "data.json", "m", base.hash, better.hash, ("fixer",), "mends 2", ("repairs",), ("A", "B"), (), 0.25, True, 8
    )


def test_a_proposal_comes_back_as_it_was_noted(ledger: Ledger) -> None:
    one = make(ledger)
    proposals.record(ledger, [one])
    [found] = proposals.against(ledger, one.base, "data.json", "m")
    assert replace(found, id="") == one and found.id
    assert proposals.find(ledger, one.protocol) == found
    assert proposals.find(ledger, "nobody") is None
    assert proposals.against(ledger, one.base, "data.sql", "m") == []


def test_the_same_proposal_is_noted_once(ledger: Ledger) -> None:
    one = make(ledger)
    proposals.record(ledger, [one])
    proposals.record(ledger, [one, replace(one, gain=0.5)])
    assert len(proposals.against(ledger, one.base, "data.json", "m")) == 1


def test_version_0_has_one_hash_for_all_domains(ledger: Ledger) -> None:
    hashes = {protocols.empty().hash, protocols.empty("data", "m").hash, protocols.active(ledger, "code", "m").hash}
    assert len(hashes | {protocols.load(ledger, "0").hash}) == 1
