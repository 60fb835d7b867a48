"""What the ledger offers as candidates: a neighbour's remedies, another model's answers; never in force at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from metaagent.ledger import protocols
from metaagent.ledger.database import Ledger
from metaagent.orchestrator.candidates import candidates_for, subjects
from metaagent.orchestrator.offers import Neighbours
from metaagent.records import Remedy
from metaagent.workspace import find_workspace
from tests.conftest import Ran
from tests.learning import trying
from tests.learning.trying import MODEL
from tests.learning.values import BENCH, make_case, make_task
from tests.orchestrator.place import BACKEND

Cli = Callable[..., Ran]
CASES = [
    make_case(make_task(f"T{n}", {"name": f"N{n}", "total": n}), f'{{"name": "n{n}", "total": {n}}}') for n in range(8)
]


@pytest.fixture(autouse=True)
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    trying.plant(monkeypatch)


def test_a_neighbours_remedies_are_offered_with_what_they_do_here(tmp_path: Path) -> None:
    remedies = (
        Remedy("fixer", "planted.upper"),
        Remedy("fixer", "planted.spaces"),
        Remedy("rule", "schema", {"text": "Give every field."}),
        Remedy("exemplar", "fixed", {"pool": []}),
    )
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        for domain in ("data.json.near", "code.python"):
            stored = protocols.record(ledger, domain, MODEL, remedies)
            protocols.activate(ledger, stored, "manual", "a test")
        found = Neighbours(ledger, "data.json", MODEL).propose(CASES, BENCH)
        assert [(one.remedy.kind, one.remedy.name) for one in found] == [("fixer", "planted.upper"), ("rule", "schema")]
        assert len(found[0].mended) == 8 and "learned in data.json.near" in found[0].why
        assert Neighbours(ledger, "text.letter", MODEL).propose(CASES, BENCH) == []
        assert protocols.active(ledger, "data.json", MODEL).remedies == ()


def test_another_model_that_solves_what_fails_is_a_route(
    tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METAAGENT_BACKEND", BACKEND)
    place = trying.make(tmp_path / "place", 40)
    place.write_config(
        "learning: {salt: fixed}\nagents:\n  agent:executor:main: {}\n  agent:executor:other: {model: smollm2-135m}\n"
    )
    rows = [(f"Record of {trying.WORDS[n % 12]}{n}!", f"{trying.WORDS[n % 12]}{n}", n) for n in range(40)]
    mine = [{"contains": text, "json": {"name": name, "total": n}} for text, name, n in rows]
    theirs = [
        {**rule, "agent": "agent:executor:other", "json": {**rule["json"], "name": name.upper()}}
        for rule, (_, name, _) in zip(mine, rows, strict=True)
    ]
    place.write_script([*theirs, *mine])
    monkeypatch.chdir(place.root)
    for agent in ("agent:executor:main", "agent:executor:other"):
        ran = cli("evaluate", "--tasks", "records", "--protocol", "0", "--split", "mine", "--agent", agent)
        assert ran.status == 0, ran.err
    found = cli("learn", "propose", "--json").json
    [route] = [one for one in found if one["kinds"] == ["route"] and one["model"] == MODEL]
    assert "of 12 mine tasks smollm2-135m solves 12 that fail here, and fails 0 that pass" in route["why"]
    assert cli("protocol", "list", "--json").json[0]["in_force"] is False


def test_what_a_neighbour_offers_is_a_candidate_and_not_among_what_was_made_from_the_cases(
    tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would count for the prompt in force alone when another is screened, and twice beside its own kind."""
    monkeypatch.setenv("METAAGENT_BACKEND", BACKEND)
    place = trying.make(tmp_path / "place", 40)
    rows = [(f"Record of {trying.WORDS[n % 12]}{n}!", f"{trying.WORDS[n % 12]}{n}", n) for n in range(40)]
    place.write_script([{"contains": text, "json": {"name": name, "total": n}} for text, name, n in rows])
    monkeypatch.chdir(place.root)
    assert cli("evaluate", "--tasks", "records", "--protocol", "0", "--split", "mine").status == 0
    workspace = find_workspace(place.root)
    with workspace.open_ledger() as ledger:
        [subject] = subjects(workspace, ledger)
        remedies = (Remedy("fixer", "planted.upper"), Remedy("rule", "schema", {"text": "Give every field."}))
        near = protocols.record(ledger, f"{subject.domain}.near", subject.model, remedies)
        protocols.activate(ledger, near, "manual", "a test")
        found = candidates_for(workspace, ledger, subject, lambda _: None, keep=False)
    assert "schema" in {remedy.name for one in found.candidates for remedy in one.remedies}
    assert {"planted.upper", "schema"}.isdisjoint(one.remedy.name for one in found.proposed) and found.proposed
