"""Trials from end to end on the scripted backend: what is planted and better is promoted, what is not never is."""

from __future__ import annotations

from collections.abc import Callable
from math import log, prod
from pathlib import Path

import pytest

from metaagent.learning.trial import recompute
from metaagent.ledger import protocols
from metaagent.ledger.database import Ledger
from tests.conftest import Ran
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


@pytest.mark.parametrize(("name", "verdict"), [("upper", "promote"), ("lower", "reject"), ("spaces", "reject")])
def test_a_verdict_on_scores_can_be_checked_by_the_json_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Callable[..., Ran], name: str, verdict: str
) -> None:
    """By the formulas of the README, with none of our code."""
    place = trying.make(tmp_path / "w", 60, right=lambda number: number % 3 == 0)
    trying.test(place, trying.candidate(name), metric="score")
    monkeypatch.chdir(place.root)
    [row] = cli("learn", "history", "--json").json
    bets = (0.1, 0.2, 0.3, 0.45, 0.6, 0.75, 0.9)

    def mean(differences: list[float]) -> float:
        return sum(prod(1 + bet * one for one in differences) for bet in bets) / len(bets)

    scores = [one for one in row["scores"] if one is not None]
    assert len(row["scores"]) == row["pairs"]
    k, promotions, alpha = row["k"], row["discoveries"], row["alpha"]
    wanted = 2.10975 * (k + 1) * log(k + 1) ** 2 / (alpha * (promotions + 1))
    assert mean(scores) == pytest.approx(row["evidence"])
    assert wanted == pytest.approx(row["threshold"])
    against = mean([row["delta"] - one for one in scores])
    assert against == pytest.approx(row["futility"])
    hopeless = mean([*scores, *[1.0] * (row["tasks"] - row["pairs"])]) < wanted
    said = "promote" if mean(scores) >= wanted else "reject" if against >= 10 or hopeless else "open"
    assert said == row["verdict"] == verdict


def test_a_trial_on_passed_tasks_is_checked_by_its_gains_and_losses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Callable[..., Ran]
) -> None:
    place = trying.make(tmp_path / "w", 40)
    trying.test(place, trying.candidate("upper"))
    monkeypatch.chdir(place.root)
    [row] = cli("learn", "history", "--json").json
    assert row["scores"] is None
