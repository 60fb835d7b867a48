from __future__ import annotations

from pathlib import Path

import pytest

from metaagent.errors import UsageError
from metaagent.records import Check
from metaagent.trust import Comparison, compare, digest, needed, pins, read_fixture, read_source, runnable


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


def fixtures(root: Path) -> Path:
    for name in ("fixtures/a.db", "fixtures/house/__init__.py", "fixtures/house/__pycache__/x.pyc", "outside.db"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def test_fixtures_are_listed_too(tmp_path: Path) -> None:
    fixtures(tmp_path)
    (tmp_path / "fixtures/link.db").symlink_to(tmp_path / "outside.db")
    names = ("fixtures/a.db", "fixtures/house/__init__.py")
    assert runnable(tmp_path) == {name: digest(name.encode()) for name in names}


def test_a_fixture_is_a_file_or_a_folder(tmp_path: Path) -> None:
    fixtures(tmp_path)
    assert read_fixture(tmp_path, "fixtures/a.db") == {"fixtures/a.db": b"fixtures/a.db"}
    assert list(read_fixture(tmp_path, "fixtures/house")) == ["fixtures/house/__init__.py"]
    check = Check("sql.result", False, {"fixture": "fixtures/a.db"})
    assert needed(tmp_path, check) == {"fixtures/a.db": digest(b"fixtures/a.db")}
    assert needed(tmp_path, Check("json.parse", True)) == {}


@pytest.mark.parametrize(
    "path", ["outside.db", "fixtures/../outside.db", "fixtures", "/etc/passwd", "fixtures/out", ""]
)
def test_a_fixture_is_in_fixtures(tmp_path: Path, path: str) -> None:
    fixtures(tmp_path)
    (tmp_path / "fixtures/out").symlink_to(tmp_path / "outside.db")
    with pytest.raises(UsageError, match="is not in fixtures/"):
        read_fixture(tmp_path, path)


def test_missing_and_huge_fixtures(tmp_path: Path) -> None:
    fixtures(tmp_path)
    with (tmp_path / "fixtures/big.db").open("wb") as stream:
        stream.truncate(65 * 1024 * 1024)
    with pytest.raises(UsageError, match="does not exist"):
        read_fixture(tmp_path, "fixtures/none.db")
    with pytest.raises(UsageError, match="has more than"):
        read_fixture(tmp_path, "fixtures/big.db")
