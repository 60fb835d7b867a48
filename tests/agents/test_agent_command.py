"""``metaagent agent``: agents in the configuration, on the board and in the ledger."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
MAIN = "agent:executor:main"


@pytest.fixture
def config(workspace: Path) -> Path:
    path = workspace / ".metaagent" / "config.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text("# mine\ndefault_model: m\n", encoding="utf-8")
    return path


def board(workspace: Path) -> str:
    return (workspace / "WORKING.md").read_text(encoding="utf-8")


def test_without_a_configuration_there_is_the_default_agent(workspace: Path, cli: Cli) -> None:
    ran = cli("agent", "list", "--json")
    assert ran.status == 0, ran.err
    assert [(row["id"], row["role"], row["state"]) for row in ran.json] == [(MAIN, "executor", "IDLE")]
    assert MAIN in cli("agent", "list").out
    assert not (workspace / ".metaagent" / "ledger.db").exists()


def test_add_writes_configuration_and_board_and_keeps_the_default(workspace: Path, config: Path, cli: Cli) -> None:
    ran = cli("agent", "add", "coding:a", "--model", "big", "--capability", "python", "--note", "writes", "--json")
    assert ran.status == 0, ran.err
    assert (ran.json["id"], ran.json["model"], ran.json["capabilities"]) == ("agent:coding:a", "big", ["python"])
    text = config.read_text(encoding="utf-8")
    assert text.startswith("# mine\ndefault_model: m\n") and f"  {MAIN}: {{}}\n" in text
    assert "agent:executor:main, the agent of a workspace without any" in ran.err
    assert "- agent:coding:a [IDLE] - writes" in board(workspace)
    assert [row["id"] for row in cli("agent", "list", "--json").json] == ["agent:coding:a", MAIN]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("add", MAIN), "there is an agent 'agent:executor:main' already"),
        (("add", "coder:a"), "unknown role 'coder'"),
        (("add", "nonsense"), "'agent:nonsense' is not an agent id"),
        (("add", "qa:a", "--heartbeat", "soon"), "'soon' is not a time span"),
        (("edit", MAIN), "nothing to change was given"),
        (("edit", "agent:executor:man", "--note", "x"), "did you mean agent:executor:main?"),
        (("remove", MAIN), "no other agent is configured"),
        (("show", "zebra"), "unknown agent 'zebra'"),
        (("pause", "zebra"), "unknown agent 'zebra'"),
        (("why", "TASK-999"), "no task 'TASK-999'"),
    ],
)
def test_what_does_not_hold_is_refused_and_changes_nothing(
    workspace: Path, config: Path, cli: Cli, arguments: tuple[str, ...], message: str
) -> None:
    before = board(workspace), config.read_text(encoding="utf-8")
    ran = cli("agent", *arguments)
    assert (ran.status, ran.out) == (2, "")
    assert message in ran.err and "\n  try: metaagent " in ran.err
    assert (board(workspace), config.read_text(encoding="utf-8")) == before


def test_edit_sets_and_resets(workspace: Path, config: Path, cli: Cli) -> None:
    cli("agent", "edit", "executor", "--model", "big", "--heartbeat", "15m", "--note", "mine")
    row = cli("agent", "show", MAIN, "--json").json
    assert (row["model"], row["heartbeat"], row["note"]) == ("big", 900.0, "mine")
    assert f"- {MAIN} [IDLE] - mine" in board(workspace)
    assert cli("agent", "edit", MAIN, "--model", "", "--note", "").status == 0
    row = cli("agent", "show", MAIN, "--json").json
    assert (row["model"], row["heartbeat"], row["note"]) == ("m", 900.0, "")
    assert "mine" not in board(workspace)
    assert config.read_text(encoding="utf-8").startswith("# mine\n")


@pytest.mark.usefixtures("workspace")
def test_show_tells_role_and_settings(cli: Cli) -> None:
    out = cli("agent", "show", "executor").out
    assert out.startswith(f"{MAIN} (IDLE)\n") and "may           write" in out


def test_pause_and_resume(workspace: Path, cli: Cli) -> None:
    ran = cli("agent", "pause", "executor")
    assert (ran.status, ran.out) == (0, f"paused {MAIN}\n"), ran.err
    assert f"- {MAIN} [BLOCKED]" in board(workspace)
    assert cli("agent", "list", "--json").json[0]["state"] == "PAUSED"
    assert cli("agent", "pause", MAIN).status == 0
    row = cli("agent", "resume", MAIN, "--json").json
    assert (row["paused"], row["state"]) == (False, "IDLE")
    assert f"- {MAIN} [IDLE]" in board(workspace)
    assert cli("agent", "list", "--json").json[0]["state"] == "IDLE"


@pytest.mark.usefixtures("config")
def test_remove_says_what_is_still_assigned(workspace: Path, cli: Cli) -> None:
    cli("agent", "add", "coding:a")
    ran = cli("agent", "remove", MAIN)
    assert (ran.status, ran.out) == (0, f"removed {MAIN}\n"), ran.err
    assert "still assigned to it: TASK-003; metaagent task assign TASK-003 AGENT" in ran.err
    assert f"- {MAIN} [" not in board(workspace)
    assert "no agent is configured any more" in cli("agent", "remove", "coding").err
    assert [row["id"] for row in cli("agent", "list", "--json").json] == [MAIN]


@pytest.mark.usefixtures("config")
def test_why_explains_each_agents_score(cli: Cli) -> None:
    cli("agent", "add", "coding:a")
    cli("agent", "add", "qa:a")
    ran = cli("agent", "why", "TASK-003", "--json")
    assert ran.status == 0, ran.err
    first, second, third = ran.json["scores"]
    assert (first["agent_id"], first["assigned"]) == (MAIN, True)
    assert (second["agent_id"], second["eligible"]) == ("agent:coding:a", True)
    assert third["reason"] == "its role 'qa' advises and writes no artifacts"
    assert [part["name"] for part in first["parts"]] == ["capability", "history", "load", "availability"]
    words = cli("agent", "why", "task-003").out
    assert "the board assigns the task to it" in words and "no history yet" in words


def test_a_note_with_terminal_escapes_is_shown_harmless(config: Path, cli: Cli) -> None:
    config.write_text(f'agents: {{{MAIN}: {{note: "a\\e[31mb"}}}}\n', encoding="utf-8")
    assert "\x1b" not in cli("agent", "list").out + cli("agent", "show", MAIN).out
