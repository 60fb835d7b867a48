from __future__ import annotations

from pathlib import Path

import pytest

from metaagent.errors import UsageError
from metaagent.trust import Comparison, compare, digest, pins, read_source, runnable


def test_what_may_run_is_the_python_in_checks(tmp_path: Path) -> None:
    (tmp_path / "checks/deep").mkdir(parents=True)
    for name in ("checks/a.py", "checks/deep/b.py", "checks/notes.txt", "other.py"):
        (tmp_path / name).write_text(name)
    assert runnable(tmp_path) == {name: digest(name.encode()) for name in ("checks/a.py", "checks/deep/b.py")}


def test_a_workspace_without_checks_runs_nothing(tmp_path: Path) -> None:
    assert runnable(tmp_path) == {}


def test_comparison() -> None:
    now, pinned = {"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "x", "d": "4"}
    assert compare(now, pinned) == Comparison(("c",), ("b",), ("d",))
    assert not compare(now, pinned).trusted
    assert compare({"a": "1"}, pinned).trusted


def test_pins_answer_for_path_and_content() -> None:
    trusted = pins({"a": "1"})
    assert trusted("a", "1")
    assert not trusted("a", "2")
    assert not trusted("b", "1")


def test_links_out_of_checks_are_refused(tmp_path: Path) -> None:
    outside = tmp_path / "outside.py"
    outside.write_text("x = 1")
    (tmp_path / "w/checks").mkdir(parents=True)
    (tmp_path / "w/checks/a.py").symlink_to(outside)
    with pytest.raises(UsageError):
        read_source(tmp_path / "w", "checks/a.py")


def test_missing_and_huge_files_are_usage_errors(tmp_path: Path) -> None:
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks/big.py").write_bytes(b"#" * 1_000_001)
    for name in ("checks/none.py", "checks/big.py"):
        with pytest.raises(UsageError):
            read_source(tmp_path, name)
