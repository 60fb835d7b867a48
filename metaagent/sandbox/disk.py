"""What a job has on a real disk: how much, and its removal. It may have made the tree hostile: deep, wide, closed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path


def over(base: Path, pids: Iterable[int], most_bytes: int, most_files: int) -> bool:
    """Whether files below ``base``, and removed ones that a process keeps open, take more than that."""
    total = count = 0
    for size in _sizes(base, pids):
        total, count = total + size, count + 1
        if total > most_bytes or count > most_files:
            return True
    return False


def _sizes(base: Path, pids: Iterable[int]) -> Iterator[int]:
    waiting = [str(base)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    with suppress(FileNotFoundError):
                        yield 512 * entry.stat(follow_symlinks=False).st_blocks
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(entry.path)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            continue
        except OSError:  # a path too long to be walked: no honest job makes one
            yield 1 << 62
    yield from _removed(pids)


def _removed(pids: Iterable[int]) -> Iterator[int]:
    seen = set()
    for pid in pids:
        with suppress(OSError):
            for name in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208
                with suppress(OSError):
                    about = Path(f"/proc/{pid}/fd/{name}").stat()
                    if about.st_nlink == 0 and (about.st_dev, about.st_ino) not in seen:
                        seen.add((about.st_dev, about.st_ino))
                        yield 512 * about.st_blocks


def remove(base: Path) -> None:
    """Remove the tree, however deep or closed: by descriptors, lifting what is deep to the top, never following."""
    with suppress(OSError):
        top = os.open(base, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            _empty(top)
        finally:
            os.close(top)
    with suppress(OSError):
        base.rmdir()


def _empty(top: int) -> None:
    number = 0
    while names := os.listdir(top):
        before = number
        for name in names:
            number = _lift(top, name, number)
        if number == before and os.listdir(top) == names:
            return  # it does not get less: not ours to remove


def _lift(top: int, name: str, number: int) -> int:
    """Remove one entry of ``top``; a folder's files with it, its folders into ``top`` under new names."""
    try:
        os.unlink(name, dir_fd=top)
        return number
    except OSError:
        pass
    with suppress(OSError):
        os.chmod(name, 0o700, dir_fd=top, follow_symlinks=True)
    with suppress(OSError):
        inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=top)
        try:
            for entry in os.listdir(inner):  # noqa: PTH208 - of a descriptor
                try:
                    os.unlink(entry, dir_fd=inner)
                except OSError:
                    with suppress(OSError):
                        os.chmod(entry, 0o700, dir_fd=inner)  # to move a folder it must be ours to write
                    number += 1
                    with suppress(OSError):
                        os.rename(entry, f".{os.getpid()}-{number}", src_dir_fd=inner, dst_dir_fd=top)
        finally:
            os.close(inner)
        os.rmdir(name, dir_fd=top)
    return number
