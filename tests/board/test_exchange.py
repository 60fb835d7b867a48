from __future__ import annotations

import os
from pathlib import Path

import pytest

from metaagent.board import exchange as module
from metaagent.board.editors import open_editor
from metaagent.board.exchange import exchange, replace_checked


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(b"1")
    other.write_bytes(b"2")
    return one, other


def test_exchange_swaps_names(two: tuple[Path, Path]) -> None:
    if not exchange(*two):
        pytest.skip("no RENAME_EXCHANGE here")
    assert [path.read_bytes() for path in two] == [b"2", b"1"]


def test_without_the_system_call_it_says_so(two: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_renameat2", lambda: None)
    assert exchange(*two) is False
    assert [path.read_bytes() for path in two] == [b"1", b"2"]


def test_a_file_system_that_cannot_is_not_an_error(two: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    import ctypes
    import errno

    def refuse(*_: object) -> int:
        ctypes.set_errno(errno.EINVAL)
        return -1

    monkeypatch.setattr(module, "_renameat2", lambda: refuse)
    assert exchange(*two) is False


def test_exchange_with_a_missing_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "one").touch()
    if module._renameat2() is None:
        pytest.skip("no renameat2 here")
    with pytest.raises(FileNotFoundError):
        exchange(tmp_path / "one", tmp_path / "none")


def test_the_fallback_replaces_what_it_expects_and_keeps_the_old_file(two: tuple[Path, Path], tmp_path: Path) -> None:
    new, path = two
    inode = path.stat().st_ino
    assert replace_checked(new, path, b"2", tmp_path / "kept")
    assert path.read_bytes() == b"1"
    assert (tmp_path / "kept").stat().st_ino == inode


def test_the_fallback_does_nothing_when_the_file_is_another(two: tuple[Path, Path], tmp_path: Path) -> None:
    new, path = two
    assert not replace_checked(new, path, b"something else", tmp_path / "kept")
    assert path.read_bytes() == b"2"
    assert sorted(os.listdir(tmp_path)) == ["one", "other"]  # noqa: PTH208


def test_the_fallback_without_hard_links_keeps_a_copy(
    two: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(1, "no links")

    monkeypatch.setattr(os, "link", refuse)
    assert replace_checked(*two, b"2", tmp_path / "kept")
    assert (tmp_path / "kept").read_bytes() == b"2"


def vim_swap(path: Path, host: bytes, pid: int) -> None:
    head = b"b0VIM 8.2\0\0\0" + b"\0" * 12 + pid.to_bytes(4, "little") + b"me".ljust(40, b"\0") + host.ljust(40, b"\0")
    path.write_bytes(head + b"\0" * 100)


def test_editors(tmp_path: Path) -> None:
    import socket

    board, host = tmp_path / "WORKING.md", socket.gethostname()
    swap, link = tmp_path / ".WORKING.md.swp", tmp_path / ".#WORKING.md"
    assert open_editor(board) is None
    vim_swap(swap, host.encode(), os.getpid())
    assert open_editor(board) == swap.name
    vim_swap(swap, host.encode(), 2**22 + 1)
    assert open_editor(board) is None, "the Vim that made it is gone"
    vim_swap(swap, b"elsewhere", 2**22 + 1)
    assert open_editor(board) == swap.name
    swap.unlink()
    link.symlink_to(f"me@{host}.{os.getpid()}:99")
    assert open_editor(board) == link.name
