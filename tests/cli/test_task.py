"""Tasks from the command line: listed, added, changed, decided about, validated, explained."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from metaagent.ledger import attempts, decisions
from metaagent.ledger.database import Ledger
from tests.cli.conftest import FAILED
from tests.conftest import Ran

Cli = Callable[..., Ran]


def ids(ran: Ran) -> list[str | None]:
    return [row["id"] for row in ran.json]


def on_board(cli: Cli, task: str) -> dict[str, object]:
    found: dict[str, object] = next(row for row in cli("task", "list", "--json").json if row["id"] == task)
    return found


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ([], ["TASK-001", "TASK-003", "TASK-005", "TASK-007"]),
        (["--status", "done"], ["TASK-007"]),
        (["--status", "inbox", "-s", "REVIEW"], ["TASK-001", "TASK-005"]),
        (["--agent", "agent:executor:main"], ["TASK-003"]),
        (["--agent", "executor:main"], ["TASK-003"]),
        (["--priority", "high"], ["TASK-001"]),
        (["--search", "AUTHENTICATION"], ["TASK-003"]),
        (["--limit", "2"], ["TASK-001", "TASK-003"]),
        (["--domain", "code"], []),
    ],
)
@pytest.mark.usefixtures("workspace")
def test_filters(options: list[str], found: list[str], cli: Cli) -> None:
    assert ids(cli("task", "list", "--json", *options)) == found


@pytest.mark.usefixtures("workspace")
def test_a_listing_is_plain_when_piped(cli: Cli) -> None:
    lines = cli("task", "list").out.splitlines()
    assert lines[0].split() == ["ID", "STATUS", "PRIORITY", "AGENT", "TITLE"]
    assert lines[4].endswith("Database schema created")


def test_a_title_cannot_command_the_terminal(workspace: Path, cli: Cli) -> None:
    board = workspace / "WORKING.md"
    board.write_text(board.read_text(encoding="utf-8").replace("Research", "\x1b]0;owned\x07"), encoding="utf-8")
    out = cli("task", "list").out
    assert "\x1b" not in out
    assert "\\e]0;owned\\x07" in out


@pytest.mark.usefixtures("workspace")
def test_a_task_is_added_with_its_fields(cli: Cli) -> None:
    ran = cli(
        "task", "add", "Write", "the report", "--priority", "high", "--depends", "TASK-001", "--due", "2026-12-01"
    )
    assert (ran.status, ran.out) == (0, "TASK-008  Write the report\n")
    row = on_board(cli, "TASK-008")
    assert (row["priority"], row["due"], row["depends"], row["status"]) == ("high", "2026-12-01", ["TASK-001"], "INBOX")


@pytest.mark.usefixtures("workspace")
def test_an_agent_puts_it_into_assigned(cli: Cli) -> None:
    cli("task", "add", "Write", "--agent", "executor")
    assert on_board(cli, "TASK-008")["assignees"] == ["agent:executor:main"]
    assert on_board(cli, "TASK-008")["status"] == "ASSIGNED"


@pytest.mark.usefixtures("workspace")
def test_lines_of_standard_input_become_tasks(cli: Cli, workspace: Path) -> None:
    lines = ["First of them", '{"title": "Second", "id": "X-1", "goal": "Say yes.", "inputs": {"text": "hi"}}', ""]
    ran = cli("task", "add", "-", "--json", input="\n".join(lines))
    assert ids(ran) == ["TASK-008", "X-1"]
    assert (workspace / "tasks" / "X-1.yaml").exists()
    assert cli("task", "show", "X-1", "--json").json["goal"] == "Say yes."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("one\n{bad json}\n", "line 2"),
        ('one\n{"title": "x", "prio": "high"}\n', "did you mean"),
        ('{"title": "x", "id": "TASK-001"}\n', "already"),
        ('{"title": "x", "goal": "y", "checks": {"key": ["no.such"]}}\n', "no.such"),
        ("\n\n", "no line"),
    ],
)
def test_a_bad_line_adds_none(text: str, said: str, workspace: Path, cli: Cli) -> None:
    before = (workspace / "WORKING.md").read_bytes()
    ran = cli("task", "add", "-", input=text)
    assert (ran.status, said in ran.err) == (2, True), ran.err
    assert (workspace / "WORKING.md").read_bytes() == before


@pytest.mark.usefixtures("workspace")
def test_a_table_becomes_tasks_that_hold(workspace: Path, cli: Cli) -> None:
    (workspace / "bills.csv").write_text("no,text,vendor,total\n1,Acme 12.50,Acme,12.5\n2,Bolt 3,Bolt,3\n", "utf-8")
    options = ["--goal", "Extract the vendor and total.", "--input", "text", "--expect", "vendor,total"]
    ran = cli("task", "import", "bills.csv", *options, "--tolerance", "total=0.01", "--json")
    assert (ran.status, ids(ran)) == (0, ["BILLS-001", "BILLS-002"])
    assert cli("task", "validate").status == 0
    shown = cli("task", "show", "BILLS-001", "--json").json
    assert [check["validator"] for check in shown["checks"]] == ["json.parse", "json.schema", "json.expected"]
    good = cli("task", "validate", "BILLS-001", "--artifact", "-", input='{"vendor": "Acme", "total": 12.5}')
    bad = cli("task", "validate", "BILLS-001", "--artifact", "-", input='{"vendor": "Acme", "total": 13.5}')
    assert (good.status, bad.status) == (0, 1)
    assert "total" in bad.out


@pytest.mark.usefixtures("workspace")
def test_a_dry_run_changes_nothing(workspace: Path, cli: Cli) -> None:
    before = (workspace / "WORKING.md").read_bytes()
    for command in (["add", "New"], ["move", "TASK-001", "DONE"], ["archive", "TASK-001"], ["accept", "TASK-005"]):
        assert cli("task", *command, "--dry-run").status == 0
    assert (workspace / "WORKING.md").read_bytes() == before
    assert not (workspace / ".metaagent" / "ledger.db").exists()


@pytest.mark.usefixtures("workspace")
def test_fields_are_edited(cli: Cli) -> None:
    assert cli("task", "edit", "task-001", "--title", "Research it", "--priority", "low", "--due", "").status == 0
    row = on_board(cli, "TASK-001")
    assert (row["title"], row["priority"], row["due"]) == ("Research it", "low", None)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["edit", "TASK-001", "--depends", "TASK-003"], "TASK-001 -> TASK-003 -> TASK-001"),
        (["edit", "TASK-001", "--depends", "TASK-002"], "no task 'TASK-002'"),
        (["edit", "TASK-001", "--priority", "urgent"], "no priority"),
        (["edit", "TASK-001", "--due", "tomorrow"], "not a date"),
        (["move", "TASK-001", "doing"], "no status 'doing'"),
        (["move", "TASK-001", "inboxx"], "did you mean 'INBOX'?"),
        (["show", "TASK-01"], "did you mean 'TASK-001'?"),
        (["assign", "TASK-001", "agent:executr:main"], "did you mean"),
        (["accept", "TASK-001"], "nothing to accept"),
        (["reject", "TASK-005", "--why", " "], "needs a reason"),
        (["add", "x", "--depends", "TASK-999"], "no task 'TASK-999'"),
    ],
)
def test_what_does_not_hold_is_refused(command: list[str], said: str, workspace: Path, cli: Cli) -> None:
    before = (workspace / "WORKING.md").read_bytes()
    ran = cli("task", *command)
    assert (ran.status, said in ran.err) == (2, True), ran.err
    assert "  try: " in ran.err
    assert (workspace / "WORKING.md").read_bytes() == before


@pytest.mark.usefixtures("workspace")
def test_a_task_is_assigned_moved_and_archived(cli: Cli) -> None:
    cli("task", "assign", "TASK-001", "executor:main")
    assert on_board(cli, "TASK-001")["status"] == "ASSIGNED"
    cli("task", "move", "TASK-001", "in-progress")
    assert on_board(cli, "TASK-001")["status"] == "IN_PROGRESS"
    cli("task", "archive", "TASK-001", "TASK-007")
    assert ids(cli("task", "list", "--json")) == ["TASK-003", "TASK-005"]


def test_acceptance_is_a_decision_and_may_be_repeated(recorded: Path, cli: Cli) -> None:
    assert cli("task", "accept", "TASK-005", "--why", "fine").out == "TASK-005  accept  REVIEW -> DONE\n"
    again = cli("task", "accept", "TASK-005")
    assert (again.status, again.out) == (0, "")
    with Ledger.open(recorded / ".metaagent" / "ledger.db", read_only=True) as ledger:
        (row,) = decisions.of_task(ledger, "TASK-005")
        assert (row["decision"], row["why"], row["attempt_id"]) == ("accept", "fine", FAILED)


def test_a_rejection_is_an_error_event_and_opens_the_task(recorded: Path, cli: Cli) -> None:
    cli("task", "reject", "TASK-005", "--why", "the tone is wrong")
    assert on_board(cli, "TASK-005")["status"] == "INBOX"
    with Ledger.open(recorded / ".metaagent" / "ledger.db", read_only=True) as ledger:
        shown = attempts.show(ledger, FAILED)
    assert shown is not None
    assert [(event["kind"], event["message"]) for event in shown["events"]][-1] == ("rejection", "the tone is wrong")
    assert cli("evaluate", "--json").json[0]["interventions"] == 1


@pytest.mark.usefixtures("recorded")
def test_a_retry_opens_the_task(cli: Cli) -> None:
    assert cli("task", "retry", "TASK-005", "TASK-007").status == 0
    assert on_board(cli, "TASK-007")["status"] == "INBOX"


@pytest.mark.usefixtures("recorded")
def test_why_is_one_page_in_order(cli: Cli) -> None:
    out = cli("task", "why", "TASK-005").out
    order = [
        "TASK-005  Summarize the meeting  REVIEW",
        "attempt ",
        "try 1 of 2",
        "prompt",
        "You write JSON.",
        "reply",
        "Sure! {",
        "check json.parse (public)  fail",
        "try 2 of 2",
        "lines as before",
        "It was not JSON.",
        '{"customer": "Muller"}',
        "check json.expected (key)  fail, 1 of 2 held",
        "assertion: customer",
        'expected  "Müller"',
        'got       "Muller"',
    ]
    places = [out.index(part) for part in order]
    assert places == sorted(places)
    assert "\x1b" not in out


@pytest.mark.usefixtures("recorded")
def test_why_as_json_and_without_attempts(cli: Cli) -> None:
    data = cli("task", "why", "task-005", "--json").json
    assert [one["name"] for one in data["tries"]] == ["conversational", "fresh"]
    assert data["tries"][1]["events"][0]["got"] == '"Muller"'
    assert "no attempt has ended yet" in cli("task", "why", "TASK-001").out


@pytest.mark.usefixtures("workspace")
def test_why_of_an_unknown_task(cli: Cli) -> None:
    assert cli("task", "why", "TASK-999").status == 2


def test_a_specification_is_validated_with_its_reference(workspace: Path, cli: Cli) -> None:
    (workspace / "tasks").mkdir()
    spec = workspace / "tasks" / "TASK-001.yaml"
    spec.write_text(
        "goal: Say it.\nchecks: {public: [{text.contains: [hello]}]}\nreference: good bye\n", encoding="utf-8"
    )
    ran = cli("task", "validate", "TASK-001", "--json")
    assert (ran.status, ran.json[0]["outcome"]) == (1, "fail")
    assert "the reference solution fails text.contains" in ran.json[0]["message"]
    spec.write_text("goal: Say it.\nchekcs: {}\n", encoding="utf-8")
    ran = cli("task", "validate")
    assert (ran.status, "did you mean" in ran.out) == (1, True)


def test_a_conflict_with_a_person_is_3_and_the_person_wins(workspace: Path, cli: Cli) -> None:
    board = workspace / "WORKING.md"
    board.write_text(board.read_text(encoding="utf-8") + "\n<<<<<<< ours\n", encoding="utf-8")
    before = board.read_bytes()
    ran = cli("task", "move", "TASK-001", "DONE")
    assert (ran.status, "conflict marker" in ran.err) == (3, True)
    assert board.read_bytes() == before


def test_the_specification_is_opened_in_the_editor(workspace: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    (workspace / "tasks").mkdir()
    (workspace / "tasks" / "TASK-001.yaml").write_text("goal: Say it.\n", encoding="utf-8")
    monkeypatch.setenv("EDITOR", "touch")
    assert "TASK-001.yaml holds" in cli("task", "edit", "TASK-001").err
    assert "WORKING.md holds" in cli("task", "edit", "TASK-003").err


def test_json_is_never_prose(workspace: Path, cli: Cli) -> None:
    (workspace / "WORKING.md").write_text("# empty\n", encoding="utf-8")
    assert json.loads(cli("task", "list", "--json").out) == {"schema": "metaagent/task@1", "data": []}


def test_checks_are_described_with_their_options(cli: Cli) -> None:
    from metaagent.validators import names

    rows = cli("task", "checks", "--json").json
    assert [row["check"] for row in rows] == list(names())
    assert all((row["summary"] and f"``{row['check']}``" in row["text"]) or row["check"] in row["text"] for row in rows)
    shown = cli("task", "checks", "python.tests").out
    assert "count: 7" in shown and "runner: unittest" in shown
    ran = cli("task", "checks", "python.tets")
    assert (ran.status, "did you mean 'python.tests'?" in ran.err) == (2, True)
