"""Trials from end to end on the scripted backend: what is planted and better is promoted, what is not never is."""

from __future__ import annotations

from pathlib import Path

import pytest

from metaagent.learning.trial import recompute
from metaagent.ledger import protocols
from metaagent.ledger.database import Ledger
from tests.learning import trying
from tests.orchestrator.place import BACKEND


@pytest.fixture(autouse=True)
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METAAGENT_BACKEND", BACKEND)
    trying.plant(monkeypatch)


def test_a_planted_better_protocol_is_promoted(tmp_path: Path) -> None:
    place = trying.make(tmp_path / "w", 40)
    result = trying.test(place, trying.candidate("upper"))
    assert (result.verdict, result.k) == ("promote", 1)
    assert result.standing.gains >= 8
    assert result.standing.losses == 0
    with Ledger.open(place.workspace.ledger_path) as ledger:
        assert protocols.active(ledger, trying.DOMAIN, trying.MODEL).hash == trying.candidate("upper").hash
        assert recompute(ledger, result.id or "") == result.standing
        (evidence,) = ledger.query("SELECT count(*) FROM evidence WHERE activation_id = ?", (result.activation,))
        assert evidence[0] >= 2 * result.standing.pairs


@pytest.mark.parametrize("name", ["spaces", "lower"])
def test_a_useless_or_harmful_one_never_is(tmp_path: Path, name: str) -> None:
    place = trying.make(tmp_path / "w", 60, right=lambda number: number % 2 == 0)
    result = trying.test(place, trying.candidate(name))
    assert result.verdict in {"reject", "inconclusive"}
    with Ledger.open(place.workspace.ledger_path) as ledger:
        assert protocols.active(ledger, trying.DOMAIN, trying.MODEL).remedies == ()


def test_a_fixer_is_tried_at_one_call_a_pair(tmp_path: Path) -> None:
    place = trying.make(tmp_path / "w", 40)
    result = trying.test(place, trying.candidate("upper"), jobs=1)
    assert result.spent.calls == result.standing.pairs
