"""The whole loop on a scripted model: what is learnable is found, proven and promoted; what is not promotes nothing."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Ran
from tests.orchestrator.place import BACKEND, SET, Place, make_place

Cli = Callable[..., Ran]
FIRST = ("Amber", "Birk", "Cedric", "Dora", "Emil", "Freya", "Gustav", "Hedda", "Ines", "Jonas")
LAST = ("Larsen", "Moreau", "Novak", "Okoro", "Petit", "Quist", "Rossi", "Silva", "Tanaka", "Urban", "Vogel", "Weber")
COUNT = 60


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[str, int], tuple[str, int]]], Place]:
    """``expected`` turns what the text says, and the model repeats, into what the house wants."""
    monkeypatch.setenv("METAAGENT_BACKEND", BACKEND)

    def made(expected: Callable[[str, int], tuple[str, int]]) -> Place:
        place = make_place(tmp_path / "place", config="learning: {salt: a test, unseen_families: [late]}\n")
        rows, rules = [], []
        for number in range(COUNT):
            name, total = f"{FIRST[number % 10]} {LAST[(7 * number) % 12]}", 11 + 3 * number
            text = f"Record {number:02} of {name}: {total} in all."
            wanted = expected(name, total)
            family = "late" if number % 10 == 9 else "usual"
            row = {"id": f"REC-{number:03}", "text": text, "name": wanted[0], "total": wanted[1], "family": family}
            rows.append(row)
            rules.append({"contains": text, "json": {"name": name, "total": total}})
        (place.root / "tasks" / "records.yaml").write_text(SET, encoding="utf-8")
        (place.root / "tasks" / "records.jsonl").write_text(_lines(rows), encoding="utf-8")
        place.write_script(rules)
        return place

    return made


def _lines(rows: Sequence[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_a_planted_convention_is_learned_proven_and_kept(make: Any, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    place = make(lambda name, total: (name.upper(), 100 * total))
    monkeypatch.chdir(place.root)
    ran = cli("full-cycle", "--json")
    assert ran.status == 0, ran.err
    [learned] = ran.json["learned"]
    assert learned["promoted"] >= 1, (learned, ran.err)
    hint = ran.err.rstrip().rpartition("next: metaagent ")[2]
    assert hint.startswith("protocol show ") and cli(*hint.split()).status == 0
    first = learned["trials"][0]
    assert (first["verdict"], first["k"], first["losses"]) == ("promote", 1, 0)
    assert first["evidence"] >= first["threshold"]
    [summary] = ran.json["summaries"]
    before, after = summary["arms"][0], next(arm for arm in summary["arms"] if arm["name"] == summary["in_force"])
    assert (before["name"], before["failed"]["k"], after["failed"]["k"]) == ("v0", before["n"], 0)
    assert summary["compared"][0]["fewer_failed"]["value"] == 1.0
    assert [(arm["name"], arm["n"], arm["failed"]["k"]) for arm in summary["unseen_arms"]] == [
        ("v0", 6, 6),
        (summary["in_force"], 6, 0),
    ]

    assert ran.json["watched"] == []
    again = cli("full-cycle", "--json")  # nothing is left to learn, and nothing is tried twice
    assert again.status == 0 and again.json["learned"][0]["trials"] == [] and again.json["learned"][0]["failures"] == 0
    assert [(one["protocol"], one["verdict"]) for one in again.json["watched"]] == [(first["candidate"], "quiet")]
    assert f"watched {first['candidate'][:12]} (data.json.extract): quiet, 0 errors in" in again.err

    [sealed] = cli("ledger", "sql", "SELECT min(task_id) AS id FROM v_splits WHERE split = 'sealed'", "--json").json
    assert f"{sealed['id']} is a sealed task" in cli("task", "why", sealed["id"]).err

    page = place.root / "page.html"
    assert cli("evaluate", "--html", page).status == 0 and "<svg" in page.read_text(encoding="utf-8")
    exported = cli("protocol", "export", "--to", "agents-md").out
    assert "name: " in exported and "total: " in exported
    module = cli("protocol", "export", "--to", "python").out
    assert re.search(r"it did to \d\d+ stored replies exactly what metaagent does", module) and "'upper'" in module

    text = "\n".join(place.prompts())
    assert "AMBER" not in text and "1100" not in text  # no prompt held what it was judged by


def test_a_budget_of_calls_is_for_the_whole_cycle(make: Any, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    place = make(lambda name, total: (name.upper(), 100 * total))
    place.write_board(INBOX="".join(f"- [REC-{n:03}] Record {n}\n" for n in range(30)))
    monkeypatch.chdir(place.root)
    ran = cli("full-cycle", "--budget", "60calls", "--jobs", "1", "--json")
    assert (ran.json["run"]["tasks"], ran.json["learned"][0]["promoted"]) == (20, 1), ran.err
    assert "budget of" in ran.err  # the next round is for the next time
    assert 53 < spent(cli, "calls") <= 60  # the run, a third of them; mine tasks, a trial, sealed ones


def test_the_first_promotion_comes_before_its_measure(make: Any, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """A budget too small for both: what is kept for measuring is spent where nothing is in force; the next time goes on
    with the measuring."""
    place = make(lambda name, total: (name.upper(), 100 * total))
    place.write_board(INBOX="".join(f"- [REC-{n:03}] Record {n}\n" for n in range(30)))
    monkeypatch.chdir(place.root)
    ran = cli("full-cycle", "--budget", "45calls", "--jobs", "1", "--json")
    assert (ran.json["run"]["tasks"], ran.json["learned"][0]["promoted"]) == (15, 1), ran.err
    assert spent(cli, "calls") <= 45
    before = ran.json["measured"][0]["tasks"]
    again = cli("full-cycle", "--budget", "60calls", "--jobs", "1", "--json")
    assert again.json["measured"][0]["tasks"] > before and spent(cli, "calls") <= 105


@pytest.mark.parametrize("learnable", [True, False])
def test_small_budgets_add_up(make: Any, cli: Cli, monkeypatch: pytest.MonkeyPatch, learnable: bool) -> None:
    """A budget is never exceeded, and what it did not reach for goes on next time, until all is done."""
    chance = random.Random(7)
    noise = [f"{chance.choice('bdfgk')}{chance.choice('aeiou')}{number}" for number in range(COUNT)]
    chance.shuffle(noise)
    wanted = iter(noise)
    place = make(
        lambda name, total: (name.upper(), 100 * total) if learnable else (next(wanted), chance.randrange(10_000))
    )
    monkeypatch.chdir(place.root)
    promoted, before, idle = 0, 0, 0
    for _ in range(60):
        ran = cli("learn", "--budget", "7calls", "--json")
        assert ran.status == 0, ran.err
        now = spent(cli, "calls")
        assert now - before <= 7
        idle = 0 if now > before else idle + 1
        before, promoted = now, promoted + ran.json[0]["promoted"]
        assert "too few to learn from" not in ran.err
        if idle == 2:
            break
    assert idle == 2 and promoted == learnable
    assert not any("more than are left" in text or "budget" in text for text in ran.json[0]["said"])


def test_a_budget_of_tokens_is_for_the_whole_cycle(make: Any, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    place = make(lambda name, total: (name.upper(), 100 * total))
    place.write_board(INBOX="".join(f"- [REC-{n:03}] Record {n}\n" for n in range(30)))
    monkeypatch.chdir(place.root)
    ran = cli("full-cycle", "--budget", "2ktokens", "--jobs", "1", "--json")
    assert ran.status == 0, ran.err
    tokens = spent(cli, "prompt_tokens + reply_tokens")
    one = tokens / spent(cli, "calls")
    assert 2000 - 2 * one < tokens < 2000 + one


def spent(cli: Cli, what: str) -> int:
    """What all calls took that were really made."""
    rows = cli("ledger", "sql", f"SELECT sum({what}) AS n FROM steps WHERE calls > 0", "--json").json
    return int(rows[0]["n"])


def test_random_failures_promote_nothing(make: Any, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(7)
    words = [f"{chance.choice('bdfgklmnprst')}{chance.choice('aeiou')}{number}" for number in range(3 * COUNT)]
    chance.shuffle(words)
    place = make(lambda _name, _total: (words.pop(), chance.randrange(10_000, 99_999)))
    monkeypatch.chdir(place.root)
    ran = cli("learn", "--budget", "400calls", "--json")
    assert ran.status == 0, ran.err
    [learned] = ran.json
    plans = cli("learn", "plan", "--json").json  # the bandit's table, with what was just tried in it
    tried = {arm["kind"]: arm for arm in plans[0]["arms"]}
    assert len(tried) == 7 and sum(arm["tried"] for arm in tried.values()) >= sum(
        one["verdict"] == "reject" for one in learned["trials"]
    )
    assert learned["failures"] == learned["cases"] > 10
    assert learned["promoted"] == 0
    assert any("nothing to learn here that helps; a larger model or" in text for text in learned["said"])
    assert not any(trial["verdict"] == "promote" for trial in learned["trials"])


def test_what_only_examples_teach_is_learned_by_the_better_way_of_choosing_them(
    make: Any, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model knows the answer as soon as any solved record stands before the question; no fixer could."""
    chance = random.Random(11)
    codes = [f"{chance.choice('bdfgk')}{chance.choice('aeiou')}{number}" for number in range(COUNT)]
    chance.shuffle(codes)
    wanted = iter(codes)
    place = make(lambda _name, total: (next(wanted), total))
    rows = [json.loads(line) for line in (place.root / "tasks" / "records.jsonl").read_text("utf-8").splitlines()]
    shown = [
        {
            "match": f"(?s)Record .*{re.escape(row['text'])}\\s*</text>\\s*$",
            "json": {"name": row["name"], "total": row["total"]},
        }
        for row in rows
    ]
    alone = [{"contains": row["text"], "json": {"name": "?", "total": row["total"]}} for row in rows]
    place.write_script([*shown, *alone])
    monkeypatch.chdir(place.root)
    ran = cli("learn", "--json")
    assert ran.status == 0, ran.err
    [learned] = ran.json
    assert [(one["verdict"], one["metric"]) for one in learned["trials"]][-1] == ("promote", "passed"), ran.err
    assert "raced on 12 mine tasks: nearest 1.00, fixed 1.00" in ran.err
    shown_protocol = cli("protocol", "show", learned["trials"][-1]["candidate"], "--json").json
    assert [(one["kind"], one["name"]) for one in shown_protocol["remedies"]] == [("exemplar", "fixed")]  # the cheaper
    assert cli("evaluate", "--tasks", "records", "--split", "sealed").status == 0
    [summary] = cli("evaluate", "--learning", "--json").json
    assert [arm["failed"]["k"] for arm in summary["arms"]][-1] == 0
    _holds_nothing_that_is_hidden(place, rows)


STATES = """\
set: records
goal: Turn the text into a record.
domain: data.json.extract
artifact:
  format: json
  schema:
    type: object
    additionalProperties: false
    required: [name, state]
    properties: {name: {type: string}, state: {enum: [open, held, paid]}}
rows: records.jsonl
inputs: [text]
expect: [name, state]
"""


def test_what_takes_judgement_is_noted_first_where_that_helps(
    make: Any, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model sees what is right only once it has written down what the text says; the words give nothing away."""
    place = make(lambda name, total: (name, total))
    chance = random.Random(3)
    rows = [json.loads(line) for line in (place.root / "tasks" / "records.jsonl").read_text("utf-8").splitlines()]
    rows = [{**row, "state": chance.choice(["open", "held", "paid"])} for row in rows]
    (place.root / "tasks" / "records.yaml").write_text(STATES, encoding="utf-8")
    (place.root / "tasks" / "records.jsonl").write_text(_lines(rows), encoding="utf-8")
    noted = [
        {
            "match": f"(?s)state_note.*{re.escape(row['text'])}",
            "json": {"name": row["name"], "state_note": "it says so", "state": row["state"]},
        }
        for row in rows
    ]
    alone = [{"contains": row["text"], "json": {"name": row["name"], "state": "open"}} for row in rows]
    place.write_script([*noted, *alone])
    monkeypatch.chdir(place.root)
    ran = cli("learn", "--json")
    assert ran.status == 0, ran.err
    last = ran.json[0]["trials"][-1]
    assert (last["verdict"], last["losses"]) == ("promote", 0), ran.err
    remedies = cli("protocol", "show", last["candidate"], "--json").json["remedies"]
    assert [(one["kind"], one["name"], one["settings"]) for one in remedies] == [
        ("option", "notes", {"fields": ["state"]}),
        ("fixer", "json.notes", {}),
    ]
    assert cli("evaluate", "--tasks", "records", "--split", "sealed").status == 0
    [summary] = cli("evaluate", "--learning", "--json").json
    assert [arm["failed"]["k"] for arm in summary["arms"]][-1] == 0
    said = cli("protocol", "export", "--to", "agents-md").out
    assert "before state" in said


def _holds_nothing_that_is_hidden(place: Place, rows: Sequence[dict[str, Any]]) -> None:
    """No prompt of the ledger has the answer of its own task, and none has text or answer of a gate or sealed task that
    is not its own."""
    splits = dict(place.rows("SELECT task_id, split FROM v_splits"))
    prompts, with_examples = place.prompts(), 0
    for prompt in prompts:
        own = max(rows, key=lambda row: prompt.rfind(row["text"]))
        others = [row for row in rows if row is not own and (row["text"] in prompt or f'"{row["name"]}"' in prompt)]
        assert own["text"] in prompt and f'"{own["name"]}"' not in prompt
        assert {splits[row["id"]] for row in others} <= {"mine"}
        with_examples += bool(others)
    assert {splits[row["id"]] for row in rows} == {"mine", "gate", "sealed"}
    assert with_examples > 40 and len(prompts) > 80


def test_sealed_errors_are_shown_only_to_who_says_yes_and_count_no_longer(
    make: Any, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = make(lambda name, total: (name.upper(), total))
    monkeypatch.chdir(place.root)
    assert cli("evaluate", "--reveal", "--yes").status == 2
    assert cli("evaluate", "--tasks", "records", "--protocol", "0", "--split", "sealed", "--limit", "9").status == 0
    sealed = set(place.rows("SELECT task_id FROM v_splits WHERE split = 'sealed'"))
    measured = sealed & set(place.rows("SELECT task_id FROM attempts"))
    refused = cli("evaluate", "--reveal")
    assert refused.status == 2 and refused.out == "" and "--yes" in refused.err
    assert cli("evaluate", "--reveal", "--tasks", "others", "--yes").status == 2
    assert sealed == set(place.rows("SELECT task_id FROM v_splits WHERE split = 'sealed'"))

    shown = cli("evaluate", "--reveal", "--yes", "--json")
    assert {(row["task_id"],) for row in shown.json} == measured and len(measured) > 5
    assert f"{len(measured)} tasks retired for good; {len(sealed - measured)} sealed ones are left" in shown.err
    assert set(place.rows("SELECT task_id FROM v_splits WHERE split = 'retired'")) == measured
    assert place.rows("SELECT command, status FROM v_runs ORDER BY id DESC LIMIT 1") == [("evaluate --reveal", "done")]
    assert cli("evaluate", "--learning", "--json").json == []
    assert cli("evaluate", "--tasks", "records", "--split", "sealed", "--protocol", "0").status == 0
    assert set(place.rows("SELECT task_id FROM v_splits WHERE split = 'sealed'")) == sealed - measured
    assert cli("evaluate", "--learning", "--json").json[0]["sealed"] == len(sealed - measured)


def test_where_fixers_mend_what_they_were_made_from_that_is_said(
    make: Any, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = make(lambda name, total: (name.upper(), total))
    monkeypatch.chdir(place.root)
    [learned] = cli("learn", "--json").json
    assert any(trial["verdict"] == "promote" for trial in learned["trials"])
    assert "made from these tasks, so others may fail" in cli("learn", "propose").err


def test_where_all_pass_there_is_nothing_to_learn(make: Any, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    place = make(lambda name, total: (name, total))
    monkeypatch.chdir(place.root)
    ran = cli("learn")
    assert ran.status == 0 and "no failures on mine, nothing to learn" in ran.err
