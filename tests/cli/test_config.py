"""The configuration is shown with its defaults, found, and checked after it was edited."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran

Cli = Callable[..., Ran]


@pytest.mark.usefixtures("workspace")
def test_defaults_are_shown(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("METAAGENT_BACKEND")
    data = cli("config", "show", "--json").json
    assert data["backend"] == "auto"
    assert data["run"]["retries"] == 2
    assert "backend: auto" in cli("config", "show").out


@pytest.mark.usefixtures("workspace")
def test_one_value_is_shown_by_its_key(cli: Cli) -> None:
    assert cli("config", "show", "run.retries").out == "2\n"
    ran = cli("config", "show", "run.retrys")
    assert (ran.status, "did you mean 'run.retries'?" in ran.err) == (2, True)


def test_a_key_may_hold_dots(workspace: Path, cli: Cli) -> None:
    write(workspace, "models:\n  qwen2.5:1.5b:\n    num_ctx: 2048\n")
    assert cli("config", "show", "models.qwen2.5:1.5b.num_ctx").out == "2048\n"


def test_the_place_is_printed(workspace: Path, cli: Cli) -> None:
    assert cli("config", "path").out == f"{workspace / '.metaagent' / 'config.yaml'}\n"
    assert cli("config", "path", "--json").json["exists"] is False


def test_an_unknown_key_names_the_nearest_and_the_line(workspace: Path, cli: Cli) -> None:
    write(workspace, "backend: auto\nagnets: {}\n")
    ran = cli("config", "show")
    assert ran.status == 2
    assert "config.yaml:2" in ran.err
    assert "did you mean 'agents'?" in ran.err


def test_editing_opens_the_editor_and_checks_what_it_left(
    workspace: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = tmp_path / "editor"
    script.write_text('#!/bin/sh\necho "$NEW" > "$1"\n', encoding="utf-8")
    script.chmod(0o700)
    monkeypatch.setenv("VISUAL", str(script))
    monkeypatch.setenv("NEW", "cache: false")
    assert cli("config", "edit").status == 0
    assert (workspace / ".metaagent" / "config.yaml").read_text(encoding="utf-8") == "cache: false\n"
    monkeypatch.setenv("NEW", "cash: false")
    ran = cli("config", "edit")
    assert (ran.status, "did you mean 'cache'?" in ran.err) == (2, True)


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize(
    ("editor", "said"), [(None, "VISUAL"), ("/no/such/editor", "cannot start"), ("false", "status 1")]
)
def test_an_editor_that_does_not_work_is_named(
    editor: str | None, said: str, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    if editor:
        monkeypatch.setenv("EDITOR", editor)
    ran = cli("config", "edit")
    assert (ran.status, said in ran.err) == (2, True)


def write(workspace: Path, text: str) -> None:
    (workspace / ".metaagent").mkdir(exist_ok=True)
    (workspace / ".metaagent" / "config.yaml").write_text(text, encoding="utf-8")


def test_a_mistyped_required_key_is_told_before_what_is_missing(workspace: Path, cli: Cli) -> None:
    write(workspace, "roles:\n  poet:\n    purpos: rhymes\n")
    ran = cli("config", "show")
    assert (ran.status, "config.yaml:3; did you mean 'purpose'?" in ran.err) == (2, True)


@pytest.mark.parametrize(
    ("text", "line"), [("cache: true\ncache: false\n", 2), ("limits:\n  attempts: 1\n  attempts: 9\n", 3)]
)
def test_a_key_that_stands_twice_is_an_error(workspace: Path, cli: Cli, text: str, line: int) -> None:
    write(workspace, text)
    ran = cli("config", "show")
    assert (ran.status, f"config.yaml:{line}: the key" in ran.err) == (2, True)
