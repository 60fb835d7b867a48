"""``metaagent learn patterns`` and ``metaagent ingest``, as a person and as a pipe sees them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from metaagent.cli.schemas import envelope
from tests.cli.conftest import FAILED
from tests.conftest import Ran

Cli = Callable[..., Ran]


@pytest.mark.usefixtures("mined")
def test_small_groups_are_shown_when_asked_for(cli: Cli) -> None:
    ran = cli("learn", "patterns")
    assert (ran.status, ran.out) == (0, "")
    assert "--min 1" in ran.err
    ran = cli("learn", "patterns", "--min", "1")
    assert "json.expected customer: is not what was expected" in ran.out
    assert '"Müller", not "Muller"' in ran.out
    assert "next: metaagent learn patterns show" in ran.err


def patterns(cli: Cli, *more: str) -> list[dict[str, object]]:
    ran = cli("learn", "patterns", "--min", "1", "--json", *more)
    assert ran.status == 0, ran.err
    jsonschema.validate(json.loads(ran.out), envelope("learn"))
    return list(ran.json)


@pytest.mark.usefixtures("mined")
def test_filters(cli: Cli) -> None:
    assert {row["kind"] for row in patterns(cli)} == {"format", "assertion"}
    assert [row["kind"] for row in patterns(cli, "--kind", "format")] == ["format"]
    assert [row["events"] for row in patterns(cli, "--task", "TASK-005")] == [1, 1]
    assert patterns(cli, "--domain", "text") == []
    assert patterns(cli, "--since", "1h") == []


@pytest.mark.usefixtures("mined")
def test_show_with_evidence(cli: Cli) -> None:
    row = next(row for row in patterns(cli) if row["kind"] == "assertion")
    ran = cli("learn", "patterns", "show", str(row["id"])[:6])
    assert ran.status == 0, ran.err
    assert "recurrence: 2 of 2 attempts" in ran.out and '"Müller"' in ran.out and "TASK-005" in ran.out
    ran = cli("learn", "patterns", "show", row["id"], "--json")
    jsonschema.validate(json.loads(ran.out), envelope("learn"))
    assert FAILED in [one["attempt_id"] for one in ran.json["examples"]]


@pytest.mark.usefixtures("mined")
def test_an_id_that_is_none(cli: Cli) -> None:
    ran = cli("learn", "patterns", "show", "zzz")
    assert (ran.status, "no pattern 'zzz'" in ran.err) == (2, True)


@pytest.mark.usefixtures("mined")
def test_merge_label_and_split(cli: Cli) -> None:
    one, other = (str(row["id"]) for row in patterns(cli))
    assert cli("learn", "patterns", "split", one).status == 2
    assert cli("learn", "patterns", "merge", one).status == 2
    before = patterns(cli, "--min", "1")
    assert cli("learn", "patterns", "merge", one, other, "--dry-run").out.strip() == one
    assert cli("learn", "patterns", "label", one, "a name", "--dry-run").status == 0
    assert patterns(cli, "--min", "1") == before
    assert cli("learn", "patterns", "merge", one, other).out.strip() == one
    assert cli("learn", "patterns", "label", one, "all of it").status == 0
    assert [(row["id"], row["label"], row["route"], row["events"]) for row in patterns(cli)] == [
        (one, "all of it", "person", 4)
    ]
    assert cli("ledger", "rebuild").status == 0
    assert [row["label"] for row in patterns(cli)] == ["all of it"]
    assert sorted(cli("learn", "patterns", "split", one).out.split()) == sorted([one, other])
    assert len(patterns(cli)) == 2


@pytest.mark.usefixtures("workspace")
def test_no_ledger_yet(cli: Cli) -> None:
    ran = cli("learn", "patterns")
    assert (ran.status, ran.out) == (0, "")
    assert "metaagent run" in ran.err
    assert cli("learn", "patterns", "--json").json == []


@pytest.mark.usefixtures("workspace")
def test_ingest_twice(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.write_text("".join(f"lost {i} of 9\n" for i in range(5)), encoding="utf-8")
    assert "5 errors would be added" in cli("ingest", file, "--dry-run").out
    ran = cli("ingest", file, "--json")
    jsonschema.validate(json.loads(ran.out), envelope("ingest"))
    assert (ran.json["added"], ran.json["known"]) == (5, False)
    assert "nothing added" in cli("ingest", file).out
    assert "nothing added" in cli("ingest", "-", "--format", "log", input=file.read_text(encoding="utf-8")).out
    (row,) = patterns(cli)
    assert (row["template"], row["events"], row["tasks"], row["reproducible"]) == ("lost <*> of <*>", 5, 0, None)
    ran = cli("learn", "patterns", "show", str(row["id"]))
    assert "lost 0 of 9" in ran.out and "a.log" in ran.out


@pytest.mark.usefixtures("workspace")
def test_malformed_input_is_refused_whole(cli: Cli) -> None:
    ran = cli("ingest", "-", "--format", "jsonl", input='{"message": "a"}\n{"mess\n')
    assert (ran.status, "standard input, line 2" in ran.err) == (2, True)
    assert cli("learn", "patterns", "--min", "1", "--json").json == []


@pytest.mark.usefixtures("mined")
def test_ids_are_completed(cli: Cli) -> None:
    from metaagent.cli.learn_patterns import complete_pattern

    ids = {str(row["id"]) for row in patterns(cli)}
    assert {name for name, _ in complete_pattern("")} == ids


@pytest.mark.parametrize("command", [["errors"], ["patterns", "--min", "1"]])
def test_only_the_mine_split_is_looked_at(command: list[str], recorded: Path, cli: Cli) -> None:
    from metaagent.ledger import splits
    from metaagent.ledger.database import Ledger

    with Ledger.open(recorded / ".metaagent" / "ledger.db") as ledger:
        where = {"TASK-003": "mine", "TASK-005": "gate", "TASK-007": "sealed"}
        entries = [splits.Entry(task, f"hash-{task}", task, "", None) for task in where]
        splits.divide(ledger, "", entries, lambda _: where, "salt")
    assert cli("learn", *command, "--json").json == []


@pytest.mark.usefixtures("recorded")
def test_a_split_that_is_missing_is_made(cli: Cli) -> None:
    assert cli("learn", "patterns").status == 0
    rows = cli("ledger", "sql", "select task_id, split from v_splits", "--json").json
    assert {row["task_id"] for row in rows} == {"TASK-003", "TASK-005", "TASK-007"}


@pytest.mark.usefixtures("workspace")
def test_what_was_split_and_merged_is_what_it_was(cli: Cli, tmp_path: Path) -> None:
    words = "amber birch cedar delta ember fjord grove heath inlet jetty knoll larch maple".split()  # noqa: SIM905
    file = tmp_path / "a.log"
    file.write_text("".join(f"cannot resolve service {word} in zone east\n" for word in words), encoding="utf-8")
    assert cli("ingest", file).status == 0
    (before,) = patterns(cli, "--min", "1")
    assert (before["route"], before["template"]) == ("merged", "cannot resolve service <*> in zone east")
    parts = cli("learn", "patterns", "split", before["id"]).out.split()
    assert len(parts) == len(words) == len(patterns(cli, "--min", "1"))
    cli("learn", "patterns", "merge", parts[0], parts[1])
    assert cli("learn", "patterns", "merge", *parts).status == 0
    assert patterns(cli, "--min", "1") == [before]


@pytest.mark.usefixtures("workspace")
def test_a_merge_by_hand_says_what_its_members_have_in_common(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.write_text("service db stopped\n" * 4 + "service web stopped\n" * 5, encoding="utf-8")
    assert cli("ingest", file).status == 0
    ids = [str(row["id"]) for row in patterns(cli)]
    cli("learn", "patterns", "merge", *ids)
    (row,) = patterns(cli)
    assert (row["route"], row["events"], row["template"]) == ("person", 9, "service <*> stopped")
