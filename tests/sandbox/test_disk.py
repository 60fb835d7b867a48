from __future__ import annotations

import os
from pathlib import Path

from metaagent.sandbox.disk import over, remove

MB = 1_000_000


def test_what_files_take_is_counted(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_bytes(b"x" * MB)
    assert over(tmp_path, (), MB // 2, 100)
    assert not over(tmp_path, (), 2 * MB, 100)
    assert over(tmp_path, (), 2 * MB, 1)


def test_a_removed_file_that_is_open_counts(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb", buffering=0) as stream:
        stream.write(b"x" * MB)
        (tmp_path / "file").unlink()
        assert over(tmp_path, [os.getpid()], MB // 2, 100)
    assert not over(tmp_path, [], MB // 2, 100)


def test_a_folder_that_went_away_is_nothing(tmp_path: Path) -> None:
    assert not over(tmp_path / "gone", [2**22 + 1], 0, 0)


def deepen(path: Path, levels: int) -> None:
    here = os.open(path, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("d", dir_fd=here)
        (inner, before), here = (os.open("d", os.O_RDONLY, dir_fd=here), here), -1
        os.close(before)
        here = inner
    os.close(here)


def test_a_deep_tree_is_removed_and_seen_as_too_much(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    deepen(base, 2500)
    assert over(base, (), 100 * MB, 100_000)
    remove(base)
    assert not base.exists()


def test_closed_folders_and_links_are_removed_and_not_followed(tmp_path: Path) -> None:
    base, kept = tmp_path / "base", tmp_path / "kept"
    (base / "closed" / "inner").mkdir(parents=True)
    kept.mkdir()
    (kept / "file").write_text("mine")
    (base / "closed" / "link").symlink_to(kept)
    (base / "link").symlink_to(kept / "file")
    (base / "closed" / "inner").chmod(0)
    (base / "closed").chmod(0)
    remove(base)
    assert not base.exists()
    assert (kept / "file").read_text() == "mine"
    remove(base)  # again is nothing
