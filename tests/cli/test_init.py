"""A workspace is made once, from nothing or an example, and nothing of the user's is overwritten."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from metaagent import scaffold
from tests.conftest import Ran

Cli = Callable[..., Ran]


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An example with a check that runs code, named `small`."""
    folder = tmp_path / "examples" / "small"
    (folder / "checks").mkdir(parents=True)
    (folder / "checks" / "tone.py").write_text("def check(artifact, task):\n    return None\n", encoding="utf-8")
    (folder / "WORKING.md").write_text("# Small\n\n### INBOX\n- [A-1] one\n", encoding="utf-8")
    (folder / ".metaagent").mkdir()
    (folder / ".metaagent" / "ledger.db").write_bytes(b"not to be copied")
    monkeypatch.setattr(scaffold, "example_folders", lambda: {"small": folder})
    return folder


def test_a_workspace_is_made_from_nothing(tmp_path: Path, cli: Cli) -> None:
    ran = cli("init", tmp_path / "new")
    assert ran.status == 0
    assert ran.out.splitlines() == ["wrote WORKING.md", "wrote .metaagent/config.yaml"]
    assert "next: metaagent" in ran.err
    assert (tmp_path / "new" / ".metaagent" / ".gitignore").read_text(encoding="utf-8").startswith("*\n")
    assert cli("-C", tmp_path / "new", "status").status == 0
    assert cli("-C", tmp_path / "new", "config", "show").status == 0


def test_it_may_be_made_twice(tmp_path: Path, cli: Cli) -> None:
    cli("init", tmp_path)
    board = (tmp_path / "WORKING.md").read_bytes()
    ran = cli("init", tmp_path)
    assert (ran.status, ran.out) == (0, "")
    assert "workspace already" in ran.err
    assert (tmp_path / "WORKING.md").read_bytes() == board


def test_nothing_of_the_user_is_overwritten(tmp_path: Path, cli: Cli, example: Path) -> None:
    assert example.is_dir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "WORKING.md").write_text("my own notes\n", encoding="utf-8")
    ran = cli("init", "--example", "small", tmp_path / "mine", "--json")
    assert ran.json["kept"] == ["WORKING.md"]
    assert (tmp_path / "mine" / "WORKING.md").read_text(encoding="utf-8") == "my own notes\n"


def test_an_example_is_copied_without_its_state_and_its_checks_are_trusted(
    tmp_path: Path, cli: Cli, example: Path
) -> None:
    ran = cli("init", "--example", "small", tmp_path / "it", "--json")
    assert ran.json["trusted"] == ["checks/tone.py"]
    assert "ledger.db" not in str(ran.json["written"])
    assert cli("-C", tmp_path / "it", "trust", "--json").json[0]["state"] == "trusted"
    assert (tmp_path / "it" / "WORKING.md").read_bytes() == (example / "WORKING.md").read_bytes()


def test_checks_that_were_there_before_are_not_vouched_for(tmp_path: Path, cli: Cli) -> None:
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "theirs.py").write_text("print('hello')\n", encoding="utf-8")
    cli("init", tmp_path)
    assert cli("-C", tmp_path, "trust").status == 6


def test_a_dry_run_writes_nothing(tmp_path: Path, cli: Cli) -> None:
    ran = cli("init", "--dry-run", tmp_path / "new")
    assert "would write WORKING.md" in ran.out
    assert not (tmp_path / "new").exists()


def test_an_unknown_example_names_the_known_ones(tmp_path: Path, cli: Cli, example: Path) -> None:
    assert example.is_dir()
    ran = cli("init", "--example", "smal", tmp_path / "new")
    assert ran.status == 2
    assert "known: small" in ran.err


def test_a_file_in_the_way_and_a_folder_that_refuses(tmp_path: Path, cli: Cli) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    assert cli("init", tmp_path / "file").status == 2
    assert cli("init", "/proc/nowhere").status == 74


def test_the_examples_of_the_checkout_are_found() -> None:
    assert "invoices" in scaffold.example_folders()
