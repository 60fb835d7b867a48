"""What each kind of remedy contributes on sealed tasks: replayed where that is exact, as measuring afterwards proves.

The model writes names in small letters, which a planted fixer mends, and totals of 0 unless a rule asks for real ones.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from metaagent.ledger import protocols
from metaagent.ledger.database import Ledger
from metaagent.ledger.first_tries import first_tries
from metaagent.records import Protocol, Remedy
from tests.conftest import Ran
from tests.learning import trying
from tests.orchestrator.place import BACKEND, Place

Cli = Callable[..., Ran]
COUNT = 40
FIXER = Remedy("fixer", "planted.upper")
RULE = Remedy("rule", "totals", {"text": "Write real TOTALS."})
LADDER = Remedy("strategy", "ladder", {"rungs": ["conversational", "fresh"]})
WINDOW = Remedy("option", "options", {"num_predict": 300})
SEALED = ("evaluate", "--tasks", "records", "--split", "sealed", "--json", "--protocol")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Half of the totals come out right without the rule too; a fresh rung, which is told what was wrong, has all of it
    right in every fifth task."""
    monkeypatch.setenv("METAAGENT_BACKEND", BACKEND)
    trying.plant(monkeypatch)
    place = trying.make(tmp_path / "w", COUNT)
    rules: list[dict[str, Any]] = []
    for number in range(COUNT):
        name, text = f"{trying.WORDS[number % 12]}{number}", f"Record of {trying.WORDS[number % 12]}{number}!"
        right = {"name": name, "total": number}
        if number % 5 == 0:
            rules.append({"match": f"(?s){text}.*(rejected|accepted)", "json": {**right, "name": name.upper()}})
        rules.append({"match": f"(?s)TOTALS.*{text}", "json": right})
        rules.append({"contains": text, "json": right if number % 2 else {**right, "total": -1}})
    place.write_script(rules)
    monkeypatch.chdir(place.root)
    return place


def in_force(place: Place, *remedies: Remedy) -> Protocol:
    with Ledger.open(place.workspace.ledger_path) as ledger:
        found = protocols.record(ledger, trying.DOMAIN, trying.MODEL, remedies)
        protocols.put_in_force(ledger, found, "manual", "a test")
        return found


def recorded(place: Place, *remedies: Remedy) -> str:
    with Ledger.open(place.workspace.ledger_path) as ledger:
        return protocols.record(ledger, trying.DOMAIN, trying.MODEL, remedies).hash


def measure(cli: Cli, *names: str) -> None:
    for name in names:
        assert cli(*SEALED, name).status == 0


def rows(cli: Cli) -> dict[str, dict[str, Any]]:
    [summary] = cli("evaluate", "--learning", "--json").json
    return {row["kind"]: row for row in summary["ablation"]}


def test_what_a_kind_contributes_is_replayed_without_a_call(place: Place, cli: Cli) -> None:
    active = in_force(place, RULE, FIXER)
    measure(cli, "0", active.hash)
    before = place.rows("SELECT count(*) FROM attempts")
    found = rows(cli)
    n = found["fixer"]["n"]
    assert n == 12 and [row["how"] for row in found.values()] == ["replayed", "replayed"]
    assert (found["fixer"]["failed_without"]["k"], found["fixer"]["failed_with"]["k"]) == (n, 0)
    assert (found["fixer"]["errors_without"], found["fixer"]["gains"]) == (0.5, n)
    brought = found["fixer"]["fewer_failed"]
    assert brought["value"] == brought["high"] == 1.0 and 0.5 < brought["low"] < 0.9  # 12 of 12 is not certainty
    assert found["fixer"]["fewer_errors"]["value"] == 0.5
    assert 0 < found["rule"]["failed_without"]["k"] == found["rule"]["gains"] < n
    assert place.rows("SELECT count(*) FROM attempts") == before


@pytest.mark.parametrize("remedies", [(RULE, FIXER), (LADDER, FIXER, RULE)])
def test_a_replay_is_what_measuring_comes_to(place: Place, cli: Cli, remedies: tuple[Remedy, ...]) -> None:
    measure(cli, "0", in_force(place, *remedies).hash)
    replayed = {kind: row for kind, row in rows(cli).items() if row["how"] == "replayed"}
    assert len(replayed) >= 1
    for kind in replayed:
        measure(cli, recorded(place, *(remedy for remedy in remedies if remedy.kind != kind)))
    measured = rows(cli)
    for kind, row in replayed.items():
        assert measured[kind]["how"] == "measured"
        assert {**measured[kind], "how": "replayed"} == row


def test_the_replay_reaches_below_a_ladder_in_force(place: Place, cli: Cli) -> None:
    measure(cli, in_force(place, LADDER, RULE).hash)
    found = rows(cli)
    assert found["strategy"]["how"] == "replayed"
    assert (
        found["strategy"]["gains"]
        == found["strategy"]["failed_without"]["k"] - found["strategy"]["failed_with"]["k"]
        > 0
    )
    assert found["rule"]["how"] == "not measured"  # what a ladder asks depends on what became of its first rung


def test_what_cannot_be_replayed_names_the_command_that_measures_it(place: Place, cli: Cli) -> None:
    measure(cli, "0", in_force(place, WINDOW, RULE, FIXER).hash)
    row = rows(cli)["rule"]
    assert (row["how"], row["n"], row["errors_without"]) == ("not measured", 0, None)
    assert row["next"] == f"metaagent evaluate --tasks records --split sealed --protocol {row['protocol'][:12]}"
    assert f"without rules: not measured: {row['next']}" in cli("evaluate", "--learning").out
    assert cli(*row["next"].split()[1:]).status == 0
    after = rows(cli)["rule"]
    assert (after["how"], after["n"], after["next"]) == ("measured", 12, "")
    assert "v1 without rules" in cli("evaluate", "--learning").out


def test_nothing_about_a_single_sealed_task_comes_out(place: Place, cli: Cli) -> None:
    measure(cli, "0", in_force(place, RULE, FIXER).hash)
    sealed = [row[0] for row in place.rows("SELECT task_id FROM v_splits WHERE split = 'sealed'")]
    page = place.root / "page.html"
    said = cli("evaluate", "--learning", "--json").out + cli("evaluate", "--learning", "--html", page).out
    said += page.read_text(encoding="utf-8")
    assert len(sealed) == 12 and not [task for task in sealed if task in said]
    assert "What each kind of remedy of v1 contributes" in said


def test_a_page_is_written_anew_and_no_other_file_is(place: Place, cli: Cli) -> None:
    measure(cli, "0", in_force(place, FIXER).hash)
    page = place.root / "page.html"
    for _ in range(2):
        assert cli("evaluate", "--html", page).status == 0
    assert [path.name for path in place.root.glob("*page*")] == ["page.html"]
    for other in (place.root / "tasks" / "records.yaml", place.workspace.ledger_path, place.root / "tasks"):
        before = other.read_bytes() if other.is_file() else None
        ran = cli("evaluate", "--html", other)
        assert ran.status == 2 and "is kept" in ran.err and "try: metaagent evaluate --html" in ran.err
        assert before is None or other.read_bytes() == before
    assert cli("evaluate", "--html", place.root / "nowhere" / "page.html").status == 74


def test_a_task_that_changed_since_is_left_out(place: Place, cli: Cli) -> None:
    measure(cli, "0", in_force(place, RULE, FIXER).hash)
    sealed = place.rows("SELECT task_id FROM v_splits WHERE split = 'sealed' ORDER BY task_id")[0][0]
    path = place.root / "tasks" / "records.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(one.replace('"total": ', '"total": 9') if sealed in one else one for one in lines))
    assert rows(cli)["fixer"]["n"] == 11


def test_a_broken_environment_spoils_the_row_not_the_report(
    place: Place, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    from metaagent.errors import TrustError
    from metaagent.orchestrator import ablation

    def nobody_trusts(*_: object, **__: object) -> Any:
        def judge(_pairs: object) -> Any:
            raise TrustError("the fixture is not trusted")

        return judge

    measure(cli, "0", in_force(place, RULE, FIXER).hash)
    monkeypatch.setattr(ablation, "replayer", nobody_trusts)
    assert rows(cli)["fixer"]["next"] == "cannot be replayed: the fixture is not trusted"


@pytest.mark.usefixtures("place")
def test_without_a_protocol_in_force_there_is_nothing_to_take_away(cli: Cli) -> None:
    measure(cli, "0")
    assert rows(cli) == {}


@pytest.mark.parametrize("remedies", [(RULE,), (FIXER,)])
def test_a_placebo_is_measured_beside_what_is_in_force(place: Place, cli: Cli, remedies: tuple[Remedy, ...]) -> None:
    measure(cli, "0", in_force(place, *remedies).hash, "placebo")
    [summary] = cli("evaluate", "--learning", "--json").json
    arms = {arm["name"]: arm for arm in summary["arms"]}
    assert list(arms) == ["v0", "v1", "placebo of 16 tokens"]
    assert arms["v0"]["failed"] == arms["placebo of 16 tokens"]["failed"]
    placebo = next(one for one in summary["compared"] if one["name"] == "placebo of 16 tokens")
    assert (placebo["gains"], placebo["losses"]) == (0, 0)
    assert "placebo of 16 tokens" in cli("evaluate", "--learning").out
    assert any("The river lies still" in prompt for prompt in place.prompts())


def test_a_plan_is_not_taken_for_the_reply_that_was_judged(place: Place, cli: Cli) -> None:
    """A reasoning task is asked twice before anything is judged; its plan is prose, which no fixer could mend."""
    spec = place.root / "tasks" / "records.yaml"
    spec.write_text(spec.read_text(encoding="utf-8") + "strategy: reasoning\n", encoding="utf-8")
    script = json.loads((place.root / "script.yaml").read_text(encoding="utf-8"))
    plan = {"match": "(?s)^(?!.*First I).*plan", "reply": "First I read the text."}
    place.write_script([plan, *script["rules"]])
    active = in_force(place, FIXER, RULE)
    measure(cli, "0", active.hash)
    assert any("First I read" in prompt for prompt in place.prompts())
    row = rows(cli)["fixer"]
    assert (row["how"], row["failed_without"]["k"], row["failed_with"]["k"]) == ("replayed", 12, 0)
    assert row["errors_without"] == 0.5
    with Ledger.open(place.workspace.ledger_path, read_only=True) as ledger:
        ids = [row[0] for row in place.rows("SELECT task_id FROM v_splits")]
        tries = first_tries(ledger, active.hash, trying.MODEL, ids)
    assert len(tries) == 12 and all(json.loads(one.reply)["name"].islower() for one in tries)
