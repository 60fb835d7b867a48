"""``metaagent doctor``: each component has a condition, each failure a command that works; --fix loses nothing."""

from __future__ import annotations

import shlex
import sqlite3
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from metaagent.cli.schemas import envelope
from metaagent.doctor.examine import COMPONENTS
from metaagent.ledger.connect import SCHEMA
from metaagent.ledger.database import Ledger
from tests.conftest import Ran
from tests.fakes.ollama_server import FakeOllama

Cli = Callable[..., Ran]
pytestmark = pytest.mark.usefixtures("walls")


def states(ran: Ran) -> dict[str, str]:
    """The worst state of each component."""
    order = ("ok", "not checked", "warning", "failed")
    found: dict[str, str] = {}
    for one in ran.json["components"]:
        known = found.get(one["component"], "ok")
        found[one["component"]] = max(known, one["state"], key=order.index)
    return found


def one(ran: Ran, component: str) -> dict[str, Any]:
    rows = [row for row in ran.json["components"] if row["component"] == component]
    return next((row for row in rows if row["state"] != "ok"), rows[0])


def examined(cli: Cli, *options: str) -> Ran:
    ran = cli("doctor", "--json", *options)
    jsonschema.validate({"schema": "metaagent/doctor@1", "data": ran.json}, envelope("doctor"))
    assert ran.status == (0 if ran.json["ok"] else 5), ran.err
    for row in ran.json["components"]:
        assert row["mend"] or row["state"] in ("ok", "not checked"), row
    return ran


@pytest.mark.usefixtures("place")
def test_all_is_well(cli: Cli) -> None:
    ran = examined(cli)
    found = states(ran)
    assert list(found) == list(COMPONENTS)
    assert {name for name, state in found.items() if state == "failed"} == set()
    assert {found[name] for name in ("python", "workspace", "configuration", "board", "ledger", "backend")} == {"ok"}
    assert not Path(".metaagent/ledger.db").exists()  # a look makes nothing
    shown = cli("doctor")
    assert shown.status == 0
    assert all(name in shown.out for name in COMPONENTS)


def test_outside_of_a_workspace_the_machine_is_examined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "script.yaml").write_text("default: well\n", encoding="utf-8")
    monkeypatch.setenv("METAAGENT_BACKEND", "scripted:script.yaml")
    ran = examined(cli)
    found = states(ran)
    assert (ran.status, ran.json["workspace"], found["workspace"]) == (0, None, "not checked")
    assert one(ran, "workspace")["mend"] == "metaagent init"
    assert {"python", "sqlite", "sandbox", "backend", "models"} < set(found)
    assert cli("doctor", "--fix").status == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["script.yaml"]


def test_a_named_folder_that_is_no_workspace_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli) -> None:
    ran = examined(cli, "-C", str(tmp_path))
    assert one(ran, "workspace")["mend"] == f"metaagent init {tmp_path}"
    monkeypatch.setenv("METAAGENT_WORKSPACE", str(tmp_path))
    assert one(examined(cli), "workspace")["mend"].startswith("unset METAAGENT_WORKSPACE")


def test_a_broken_configuration_names_its_line_and_what_waits_for_it(place: Path, cli: Cli) -> None:
    config = place / ".metaagent" / "config.yaml"
    config.write_text("backend: auto\nagentss: {}\n", encoding="utf-8")
    ran = examined(cli)
    broken = one(ran, "configuration")
    assert (ran.status, broken["state"]) == (5, "failed")
    assert "config.yaml:2; did you mean 'agents'?" in broken["says"]
    assert broken["mend"] == "metaagent config edit"
    assert (states(ran)["backend"], states(ran)["models"]) == ("not checked", "not checked")
    cli("doctor", "--fix")
    assert config.read_text(encoding="utf-8") == "backend: auto\nagentss: {}\n"


def test_an_unknown_role_is_a_failure_of_the_configuration(place: Path, cli: Cli) -> None:
    (place / ".metaagent" / "config.yaml").write_text("agents: {'agent:coder:a': {}}\n", encoding="utf-8")
    broken = one(examined(cli), "configuration")
    assert "unknown role 'coder'" in broken["says"]


def test_a_board_with_a_safe_mend_is_repaired_by_fix_and_only_then(place: Path, cli: Cli) -> None:
    board = place / "WORKING.md"
    text = board.read_text(encoding="utf-8").replace("TASK-005", "TASK-001")
    board.write_text(text, encoding="utf-8")
    ran = examined(cli)
    assert (one(ran, "board")["state"], one(ran, "board")["mend"]) == ("failed", "metaagent doctor --fix")
    dry = examined(cli, "--fix", "--dry-run")
    assert [fix["done"] for fix in dry.json["fixes"]] == [False]
    assert "would mend board" in dry.err
    assert board.read_text(encoding="utf-8") == text
    fixed = examined(cli, "--fix")
    assert (fixed.status, "mends board" in fixed.err) == (0, True)
    assert "Summarize the meeting" in board.read_text(encoding="utf-8")
    assert cli("board", "check").status == 0


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda text: text.replace("### ASSIGNED", "<<<<<<< mine\n### ASSIGNED"), "a conflict marker"),
        (lambda text: "```\n" + text, "never closed"),
    ],
)
def test_what_needs_a_person_is_left_to_the_person(
    place: Path, cli: Cli, damage: Callable[[str], str], says: str
) -> None:
    board = place / "WORKING.md"
    board.write_text(damage(board.read_text(encoding="utf-8")), encoding="utf-8")
    before = board.read_bytes()
    broken = one(examined(cli), "board")
    assert says in broken["says"]
    assert broken["says"].startswith("WORKING.md:")
    cli("doctor", "--fix")
    assert board.read_bytes() == before


def test_a_board_that_is_gone_is_brought_back_by_what_it_says(place: Path, cli: Cli) -> None:
    assert cli("task", "add", "Another").status == 0
    before = (place / "WORKING.md").read_text(encoding="utf-8").partition("## Active Agents")[2]
    (place / "WORKING.md").unlink()
    broken = one(examined(cli), "board")
    assert broken["state"] == "failed"
    assert cli(*shlex.split(broken["mend"])[1:]).status == 0
    assert (place / "WORKING.md").read_text(encoding="utf-8").endswith(before)
    assert examined(cli).status == 0


def test_a_damaged_ledger_is_set_aside_by_what_it_says(place: Path, cli: Cli) -> None:
    assert cli("task", "add", "Another").status == 0
    path = place / ".metaagent" / "ledger.db"
    data = bytearray(path.read_bytes())
    data[4096 * 2 : 4096 * 9] = b"\xff" * 4096 * 7
    path.write_bytes(data)
    broken = one(examined(cli), "ledger")
    assert broken["state"] == "failed"
    assert cli("doctor", "--fix").status == 5
    assert path.read_bytes() == bytes(data)
    subprocess.run(broken["mend"], shell=True, check=True, cwd=place, timeout=30)
    assert examined(cli).status == 0
    assert cli("task", "add", "One more").status == 0
    assert examined(cli).status == 0
    assert (place / ".metaagent" / "damaged-1" / "ledger.db").read_bytes() == bytes(data)


def test_a_backup_takes_the_place_of_a_damaged_ledger(place: Path, cli: Cli) -> None:
    assert cli("task", "add", "Another").status == 0
    assert cli("ledger", "backup").status == 0
    path = place / ".metaagent" / "ledger.db"
    path.write_bytes(b"not a database at all" * 400)
    command = one(examined(cli), "ledger")["mend"]
    assert "backups" in command
    subprocess.run(command, shell=True, check=True, cwd=place, timeout=30)
    assert examined(cli).status == 0
    assert cli("ledger", "check").status == 0


def test_fix_takes_others_access_away_and_migrates_an_older_ledger(place: Path, cli: Cli) -> None:
    assert cli("task", "add", "Another").status == 0
    path = place / ".metaagent" / "ledger.db"
    path.chmod(0o644)
    ran = examined(cli)
    assert (ran.status, "mode 0644" in one(ran, "ledger")["says"]) == (0, True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert "mode 0600" in examined(cli, "--fix").err
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert states(examined(cli))["ledger"] == "ok"


def test_an_older_ledger_is_migrated_by_fix_with_a_backup_first(place: Path, cli: Cli) -> None:
    from metaagent.ledger.migrations import CHANGES, migrate

    path = place / ".metaagent" / "ledger.db"
    connection = sqlite3.connect(path, isolation_level=None)
    migrate(connection, CHANGES[:1])
    connection.close()
    path.chmod(0o600)
    before = path.read_bytes()
    assert "is older than" in one(examined(cli), "ledger")["says"]
    assert path.read_bytes() == before  # a look does not migrate
    assert "migrate it from schema 1" in examined(cli, "--fix").err
    with Ledger.open(path, read_only=True) as ledger:
        row = ledger.one("PRAGMA user_version")
        assert row is not None and row[0] == SCHEMA
    assert list((place / ".metaagent" / "backups").iterdir())


def test_a_newer_ledger_is_left_alone(place: Path, cli: Cli) -> None:
    assert cli("task", "add", "Another").status == 0
    path = place / ".metaagent" / "ledger.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    broken = one(examined(cli, "--fix"), "ledger")
    assert "999 is newer" in broken["says"]
    assert "--upgrade" in broken["mend"]


def test_fix_writes_what_is_missing_and_keeps_what_is_there(workspace: Path, monkeypatch: Any, cli: Cli) -> None:
    (workspace / "script.yaml").write_text("default: well\n", encoding="utf-8")
    monkeypatch.setenv("METAAGENT_BACKEND", "scripted:script.yaml")
    assert one(examined(cli), "workspace")["state"] == "warning"
    assert not (workspace / ".metaagent").exists()
    assert examined(cli, "--fix").json["fixes"][0]["component"] == "workspace"
    ignore = workspace / ".metaagent" / ".gitignore"
    assert "ledger" not in ignore.read_text(encoding="utf-8").replace("*", "")
    ignore.write_text("mine\n", encoding="utf-8")
    assert examined(cli, "--fix").json["fixes"] == []
    assert ignore.read_text(encoding="utf-8") == "mine\n"


def test_no_backend_says_how_to_get_one(place: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli) -> None:
    monkeypatch.setenv("METAAGENT_BACKEND", "ollama")
    (place / ".metaagent" / "config.yaml").write_text("ollama: {hosts: ['127.0.0.1:9']}\n", encoding="utf-8")
    ran = examined(cli)
    assert (ran.status, states(ran)["backend"], states(ran)["models"]) == (5, "failed", "not checked")
    assert "ollama serve" in one(ran, "backend")["mend"]


def test_a_server_and_its_models(place: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli) -> None:
    monkeypatch.delenv("METAAGENT_BACKEND")
    with FakeOllama().running() as fake:
        config = f"backend: ollama\ndefault_model: tiny\nollama: {{hosts: ['{fake.url}']}}\n"
        (place / ".metaagent" / "config.yaml").write_text(config, encoding="utf-8")
        ran = examined(cli)
        assert (ran.status, "0.24.0" in one(ran, "backend")["says"]) == (0, True)
        assert one(ran, "models")["details"]["context"] == 8192
        fake.template = "{{ .Prompt }}"
        warned = one(examined(cli), "models")
        assert (warned["state"], "ignores roles" in warned["says"]) == ("warning", True)
        fake.models = ("other:latest",)
        gone = one(examined(cli), "models")
        assert (gone["state"], gone["name"]) == ("failed", "tiny")
        assert "pull" in gone["mend"]


def test_several_failures_are_all_told_and_the_first_is_tried_first(place: Path, cli: Cli) -> None:
    (place / "WORKING.md").unlink()
    (place / "WORKING.md").mkdir()
    (place / "script.yaml").write_text("rules: 7\n", encoding="utf-8")
    ran = examined(cli)
    assert {name for name, state in states(ran).items() if state == "failed"} == {"board", "backend"}
    assert "not everything works: board, backend" in ran.err
