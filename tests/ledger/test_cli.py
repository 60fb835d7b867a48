from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from metaagent.ledger.database import Ledger
from metaagent.ledger.views import VIEWS
from tests.ledger.conftest import make_attempt, store

Cli = Callable[..., Any]


@pytest.fixture
def filled(workspace: Path) -> Path:
    folder = workspace / ".metaagent"
    folder.mkdir(exist_ok=True)
    with Ledger.open(folder / "ledger.db", run_id="run") as ledger:
        store(ledger, make_attempt())
        store(ledger, make_attempt(reply="\x1b[31mred"))
    return folder / "ledger.db"


def test_path(cli: Cli, workspace: Path) -> None:
    ran = cli("ledger", "path")
    assert (ran.status, ran.out) == (0, f"{workspace / '.metaagent' / 'ledger.db'}\n")
    assert cli("ledger", "path", "--json").json["exists"] is False


@pytest.mark.usefixtures("filled")
def test_sql_in_all_forms(cli: Cli) -> None:
    query = "select task_id, score, score as score from v_attempts"
    table = cli("ledger", "sql", query)
    assert table.out.splitlines()[0].split() == ["TASK_ID", "SCORE", "SCORE"]
    assert len(table.out.splitlines()) == 3
    row = {"task_id": "TASK-001", "score": 0.75, "score_2": 0.75}
    assert cli("ledger", "sql", query, "--json").json == [row, row]
    lines = cli("ledger", "sql", "-", "--jsonl", input=query).out.splitlines()
    assert [json.loads(line) for line in lines] == [row, row]
    assert cli("ledger", "sql", query + " where 0", "--json").json == []


@pytest.mark.usefixtures("filled")
def test_sql_shows_escapes_harmless_and_blobs_short(cli: Cli) -> None:
    ran = cli("ledger", "sql", "select body, x'00ff' as b from texts where body like '%red'")
    assert "\x1b" not in ran.out
    assert "<2 bytes>" in ran.out
    assert cli("ledger", "sql", "select x'00ff' as b", "--json").json == [{"b": "00ff"}]


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("query", ["delete from attempts", "selec", "", "pragma query_only = 0"])
def test_sql_refuses_with_usage_status(cli: Cli, query: str) -> None:
    ran = cli("ledger", "sql", query)
    assert ran.status == 2
    assert ran.out == ""
    assert "metaagent ledger" in ran.err


@pytest.mark.usefixtures("workspace")
def test_views(cli: Cli) -> None:
    assert [view["name"] for view in cli("ledger", "views", "--json").json] == list(VIEWS)


def test_check(cli: Cli, filled: Path) -> None:
    assert "whole" in cli("ledger", "check").out
    assert cli("ledger", "check", "--json").json["rows"]["attempts"] == 2
    with filled.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(4096 * 20))
    ran = cli("ledger", "check")
    assert ran.status == 74
    assert "damaged" in ran.out
    assert "backup --list" in ran.err


@pytest.mark.usefixtures("workspace")
def test_no_ledger_yet(cli: Cli) -> None:
    for command in (["check"], ["sql", "select 1"]):
        ran = cli("ledger", *command)
        assert ran.status == 2
        assert "metaagent run" in ran.err


def test_backup(cli: Cli, filled: Path, tmp_path: Path) -> None:
    made = Path(cli("ledger", "backup").out.strip())
    assert made.parent == filled.parent / "backups"
    assert [one["path"] for one in cli("ledger", "backup", "--list", "--json").json] == [str(made)]
    target = tmp_path / "copy.db"
    assert cli("ledger", "backup", target).status == 0
    assert cli("ledger", "backup", target).status == 74


@pytest.mark.usefixtures("filled")
def test_rebuild(cli: Cli) -> None:
    assert cli("ledger", "rebuild", "--dry-run", "--json").json["dry_run"] is True
    assert cli("ledger", "rebuild", "--json").json["made"]["views"] == len(VIEWS)


@pytest.mark.usefixtures("filled")
def test_prune(cli: Cli) -> None:
    dry = cli("ledger", "prune", "--older", "1d", "--dry-run", "--json").json
    assert dry == {"dry_run": True, "rows": {**dry["rows"], "steps": 2}}
    assert cli("ledger", "prune", "--older", "1d", "--json").json["rows"]["steps"] == 2
    again = cli("ledger", "prune", "--older", "1d", "--json").json["rows"]
    assert not any(again.values())
    assert cli("ledger", "prune").status == 2
    assert cli("ledger", "prune", "--older", "soon").status == 2
