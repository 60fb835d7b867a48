"""What an export says of a version: what the ledger knows of it, and no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from metaagent.learning.standing import Known, known, sentence
from metaagent.ledger import protocols
from tests.learning import trying
from tests.orchestrator.place import BACKEND


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Known(), "Never tried by a trial; not in force."),
        (Known(action="manual"), "Never tried by a trial; put in force by hand."),
        (Known(imported=True), "Imported; never tried by a trial; not in force."),
        (Known("reject", 9, 1, 4), "Rejected by a trial (gains 1, losses 4); not in force."),
        (Known("inconclusive", 9, 1, 0), "Tried, without a decision (gains 1, losses 0); not in force."),
        (Known("open"), "Its trial is not decided yet; not in force."),
    ],
)
def test_sentences(found: Known, said: str) -> None:
    assert sentence(found) == said


def test_a_trial_and_what_came_after_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METAAGENT_BACKEND", BACKEND)
    trying.plant(monkeypatch)
    place = trying.make(tmp_path / "w", 40)
    useless, better = trying.candidate("lower"), trying.candidate("upper")
    trying.test(place, useless)
    trying.test(place, better)
    with place.workspace.open_ledger() as ledger:
        assert known(ledger, useless).verdict in ("reject", "inconclusive")
        found = known(ledger, better)
        assert (found.verdict, found.action) == ("promote", "promote") and found.gains > 0
        assert sentence(found).startswith(f"Promoted by a trial on {found.pairs} tasks")
        assert sentence(found).endswith("; in force.")
        protocols.put_in_force(ledger, protocols.empty(trying.DOMAIN, trying.MODEL), "rollback", "a test")
        assert sentence(known(ledger, better)).endswith("; not in force.")
