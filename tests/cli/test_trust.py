"""What may run is shown, pinned by content, and asked for again when it changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran

Cli = Callable[..., Ran]


@pytest.fixture
def checked(workspace: Path) -> Path:
    """A workspace that was not made here, with one check."""
    (workspace / "checks").mkdir()
    (workspace / "checks" / "tone.py").write_text("def check(artifact, task):\n    return []\n", encoding="utf-8")
    return workspace


def states(cli: Cli) -> dict[str, str]:
    return {row["path"]: row["state"] for row in cli("trust", "--dry-run", "--json").json}


@pytest.mark.usefixtures("workspace")
def test_nothing_to_trust_needs_no_trust(cli: Cli) -> None:
    ran = cli("trust")
    assert (ran.status, ran.err) == (0, "nothing here may run\n")


def test_what_may_run_is_shown_and_needs_a_word(checked: Path, cli: Cli) -> None:
    ran = cli("trust")
    assert (ran.status, ran.out) == (6, "")
    assert "new  checks/tone.py" in ran.err
    assert "  try: metaagent trust --yes" in ran.err
    assert not (checked / ".metaagent").exists()


def test_a_change_asks_again(checked: Path, cli: Cli) -> None:
    assert cli("trust", "--yes").out == "trusted checks/tone.py\n"
    assert states(cli) == {"checks/tone.py": "trusted"}
    (checked / "checks" / "tone.py").write_text("import os\n", encoding="utf-8")
    (checked / "checks" / "more.py").write_text("", encoding="utf-8")
    assert states(cli) == {"checks/more.py": "new", "checks/tone.py": "changed"}
    assert cli("trust").status == 6


def test_trust_is_taken_back(checked: Path, cli: Cli) -> None:
    cli("trust", "--yes")
    assert cli("trust", "--revoke").out == "revoked checks/tone.py\n"
    assert checked.is_dir()
    assert states(cli) == {"checks/tone.py": "new"}


def test_a_workspace_made_here_runs_its_checks_until_that_is_revoked(tmp_path: Path, cli: Cli) -> None:
    cli("init", tmp_path)
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "mine.py").write_text("def check(artifact, task):\n    return ['no']\n", encoding="utf-8")
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "T-1.yaml").write_text(
        "goal: Say it.\nchecks: {public: [{user: checks/mine.py}]}\n", encoding="utf-8"
    )
    cli("-C", tmp_path, "task", "add", "-", input='{"title": "t", "id": "T-1"}')
    ran = cli("-C", tmp_path, "task", "validate", "T-1", "--artifact", "-", input="yes")
    assert (ran.status, "no" in ran.out) == (1, True)
    cli("-C", tmp_path, "trust", "--revoke")
    ran = cli("-C", tmp_path, "task", "validate", "T-1", "--artifact", "-", input="yes")
    assert (ran.status, "metaagent trust" in ran.err) == (6, True)


def test_commands_of_tasks_are_trusted_too(workspace: Path, cli: Cli) -> None:
    (workspace / "tasks").mkdir(exist_ok=True)
    task = workspace / "tasks" / "T-1.yaml"
    task.write_text("goal: Say it.\nchecks: {public: [{command: {run: wc -l artifact}}]}\n", encoding="utf-8")
    cli("task", "add", "-", input='{"title": "t", "id": "T-1"}')
    ran = cli("task", "validate", "T-1", "--artifact", "-", input="yes\n")
    assert (ran.status, "the command may not run yet: wc -l artifact" in ran.err) == (6, True)
    assert states(cli) == {"command: wc -l artifact": "new"}
    assert cli("trust", "--yes").out == "trusted command: wc -l artifact\n"
    assert cli("task", "validate", "T-1", "--artifact", "-", input="yes\n").status == 0
    task.write_text("goal: Say it.\nchecks: {public: [{command: {run: wc -c artifact}}]}\n", encoding="utf-8")
    assert cli("task", "validate", "T-1", "--artifact", "-", input="yes\n").status == 6
