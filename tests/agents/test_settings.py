"""Changing agents in a file that a person edits too: only the agent's lines change, or nothing does."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import yaml
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from metaagent.agents import settings
from metaagent.agents.settings import change_config, with_agent, without_agent
from metaagent.errors import ConfigError, LockedError, StorageError

CONFIG = """\
# mine
backend: auto   # first
agents:
  # the worker
  agent:executor:main:   # main one
    model: "m"  # quoted
    note: >
      folded # no comment
    # inner

  # the coder
  agent:coding:a: {}
limits: {attempts: 3}   # few
# end
"""


def lines_of(text: str) -> list[str]:
    return text.splitlines()


def test_an_added_agent_is_the_only_change() -> None:
    after = with_agent(CONFIG, "agent:qa:x", {"note": "it: is # fine", "capabilities": ("a", "b")})
    added = ["  agent:qa:x:", "    note: 'it: is # fine'", "    capabilities: [a, b]"]
    at = lines_of(CONFIG).index("limits: {attempts: 3}   # few")
    assert lines_of(after) == lines_of(CONFIG)[:at] + added + lines_of(CONFIG)[at:]


def test_an_edit_changes_only_the_agents_lines_and_keeps_comments() -> None:
    after = with_agent(CONFIG, "agent:executor:main", {"model": "big", "temperature": 0.5})
    start = lines_of(CONFIG).index("  # the worker")
    assert lines_of(after)[: start + 1] == lines_of(CONFIG)[: start + 1]
    assert after.endswith(CONFIG[CONFIG.index("\n  # the coder") :])
    assert all(comment in after for comment in ("# quoted", "# main one", "# inner"))
    assert yaml.safe_load(after)["agents"]["agent:executor:main"] == {
        "model": "big",
        "note": "folded # no comment\n",
        "temperature": 0.5,
    }
    assert len(lines_of(after)) == len(lines_of(CONFIG)) + 1


def test_none_takes_a_field_out_and_comments_stay() -> None:
    after = with_agent(CONFIG, "agent:executor:main", {"model": None, "note": None, "heartbeat": None})
    assert yaml.safe_load(after)["agents"]["agent:executor:main"] == {"role": "executor"}
    assert "  agent:executor:main:   # main one\n    role: executor\n" in after


def test_removing_the_last_agent_keeps_the_rest() -> None:
    text = "agents:  # mine\n  # one\n  agent:qa:a: {note: x}\n  # two\n\n# limits\nlimits: {}\n"
    assert without_agent(text, "agent:qa:a") == "agents: {}  # mine\n  # one\n  # two\n\n# limits\nlimits: {}\n"


def test_a_removal_keeps_the_comments_of_the_neighbours() -> None:
    after = without_agent(CONFIG, "agent:executor:main")
    assert "  # the worker\n\n  # the coder\n  agent:coding:a: {}\n" in after
    after = without_agent(CONFIG, "agent:coding:a")
    assert lines_of(after) == [line for line in lines_of(CONFIG) if "agent:coding:a" not in line]


def test_removing_nobody_changes_nothing() -> None:
    assert without_agent(CONFIG, "agent:ghost:x") == CONFIG


@pytest.mark.parametrize("text", ["", "# only\n# comments", "backend: auto", "backend: auto\n\n", "agents:\n", "{}"])
def test_the_first_agent_keeps_all_that_was_there(text: str) -> None:
    after = with_agent(text, "agent:qa:x", {"note": "n"})
    assert yaml.safe_load(after)["agents"] == {"agent:qa:x": {"note": "n"}}
    assert all(line in after for line in text.splitlines() if line not in ("{}",))


@pytest.mark.parametrize(
    "text",
    [
        "agents: {}  # none\nbackend: auto\n",
        "agents: {agent:qa:b: {note: x}}  # flow\n",
        "{agents: {}, backend: auto}\n",
        "agents:\n    agent:qa:b:   {}\n\n\n# end",
        "agents:\n  agent:qa:b:\n    note: |\n      text\n      # text too\n\nbackend: auto",
        "agents:\r\n  agent:qa:b: {}\r\nbackend: auto\r\n",
    ],
)
def test_any_layout_takes_an_agent_and_gives_it_up_again(text: str) -> None:
    before = yaml.safe_load(text)
    added = with_agent(text, "agent:coding:a", {"model": "m"})
    assert yaml.safe_load(added) == {**before, "agents": {**before["agents"], "agent:coding:a": {"model": "m"}}}
    assert yaml.safe_load(without_agent(added, "agent:coding:a")) == before
    assert added.count("\r\n") == (added.count("\n") if "\r\n" in text else 0)
    for comment in ("# none", "# flow", "# end"):
        assert (comment in added) == (comment in text)


@given(
    st.lists(st.sampled_from(["agent:qa:a", "agent:qa:b", "agent:coding:c"]), max_size=6),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30),
)
def test_any_sequence_of_changes_ends_in_the_same_agents(ids: list[str], note: str) -> None:
    text, expected = CONFIG, dict(yaml.safe_load(CONFIG)["agents"])
    for number, agent_id in enumerate(ids):
        if agent_id in expected:
            text = without_agent(text, agent_id)
            del expected[agent_id]
        else:
            fields = {"note": note, "temperature": number / 10}
            text = with_agent(text, agent_id, fields)
            expected[agent_id] = fields
    assert yaml.safe_load(text)["agents"] == expected
    for line in ("# mine", "  # the worker", "limits: {attempts: 3}   # few", "# end"):
        assert line in lines_of(text)


def test_a_change_is_checked_before_it_replaces_anything(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    with pytest.raises(ConfigError, match="unknown role 'ghost'"):
        change_config(path, lambda text: with_agent(text, "agent:ghost:x", {}))
    with pytest.raises(ConfigError, match="heartbeat"):
        change_config(path, lambda text: with_agent(text, "agent:qa:x", {"heartbeat": "soon"}))
    assert path.read_text(encoding="utf-8") == CONFIG


def test_a_change_is_atomic_and_keeps_mode_bom_and_link(tmp_path: Path) -> None:
    real, path = tmp_path / "real.yaml", tmp_path / "config.yaml"
    real.write_bytes(b"\xef\xbb\xbf" + CONFIG.encode())
    real.chmod(0o600)
    path.symlink_to(real)
    config = change_config(path, lambda text: with_agent(text, "agent:qa:x", {"model": "m"}))
    assert config.agents["agent:qa:x"].model == "m"
    assert path.is_symlink() and real.read_bytes().startswith(b"\xef\xbb\xbf# mine\n")
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    assert sorted(item.name for item in tmp_path.glob("*.tmp")) == []


def test_a_missing_file_is_made_and_an_unchanged_one_not_written(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    change_config(path, lambda text: with_agent(text, "agent:qa:x", {}))
    inode = path.stat().st_ino
    change_config(path, lambda text: text)
    assert path.stat().st_ino == inode


def test_what_a_person_saves_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG, encoding="utf-8")

    def meanwhile(text: str) -> str:
        path.write_text(CONFIG + "# saved by hand\n", encoding="utf-8")
        return with_agent(text, "agent:qa:x", {})

    with pytest.raises(LockedError, match="saved by somebody else"):
        change_config(path, meanwhile)
    assert path.read_text(encoding="utf-8").endswith("# saved by hand\n")


def test_another_process_that_changes_it_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "LOCK_SECONDS", 0.05)
    with FileLock(tmp_path / "config.lock"), pytest.raises(LockedError, match="another process"):
        change_config(tmp_path / "config.yaml", lambda text: text)


@pytest.mark.parametrize("text", ["- a\n- b\n", "agents: [1]\n", "agents: {a: 1\n", "a: 1\na: 2\n", "text"])
def test_a_file_that_does_not_hold_is_refused_as_it_is(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError):
        change_config(path, lambda before: with_agent(before, "agent:qa:x", {}))
    assert path.read_text(encoding="utf-8") == text


def test_a_folder_that_is_not_there_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot write"):
        change_config(tmp_path / "file" / "config.yaml", lambda text: with_agent(text, "agent:qa:x", {}))
