"""``agent add|edit|remove --dry-run``: what would change is shown, and nothing changes."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["add", "coding:b", "--model", "m"], "+  agent:coding:b:"),
        (["edit", "coding:a", "--note", "new"], "+    note: new"),
        (["remove", "coding:a"], "-  agent:coding:a:"),
    ],
)
def test_dry_run_shows_the_change_and_makes_none(cli, workspace: Path, arguments: list[str], shown: str) -> None:
    assert cli("agent", "add", "coding:a").status == 0
    config = workspace / ".metaagent" / "config.yaml"
    before = config.read_bytes(), (workspace / "WORKING.md").read_bytes()
    ran = cli("agent", *arguments, "--dry-run")
    assert ran.status == 0, ran.err
    assert shown in ran.out
    assert (config.read_bytes(), (workspace / "WORKING.md").read_bytes()) == before
