"""What the ledger knows of trials, asked by domain."""

from __future__ import annotations

from metaagent.ledger import runs, trials
from metaagent.ledger.database import Ledger


def test_an_a_a_trial_is_of_its_domain_and_those_below(ledger: Ledger) -> None:
    runs.start(ledger, "learn aa", ["data.json", "m"])
    trials.put_flips(ledger, "key", "m", "v0", 12, 0, 1)
    trials.put_flips(ledger, "key", "m", "v1", 8, 1, 1)
    found = {name: trials.last_flips(ledger, name, "m") for name in ("data.json", "data.json.x", "data", "")}
    assert [(name, row["tasks"], row["flips"]) for name, row in found.items() if row] == [
        ("data.json", 20, 1),
        ("data.json.x", 20, 1),
    ]
    assert trials.last_flips(ledger, "data.json_x", "m") is None
