"""Runs whenever the board changes. The folder is watched, not the file: editors replace it.

What wakes it: a board that metaagent did not write itself, a specification, the configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from metaagent.ledger.boards import LedgerHistory
from metaagent.orchestrator.events import Notice, Observer
from metaagent.workspace import Workspace

# Editors write more than one file when they save; what comes within this time is one change.
QUIET_MILLISECONDS = 300
# A change that came while nobody listened (between a run and the next wait) is found after this time at the latest.
LOOK_AGAIN_MILLISECONDS = 2000

Marks = Mapping[Path, tuple[int, int, int]]


def watched_files(workspace: Workspace) -> list[Path]:
    """The files that matter: the board, the configuration, the specifications and their rows."""
    specifications = [
        path for path in workspace.tasks_dir.glob("*") if path.suffix in {".yaml", ".yml", ".jsonl", ".csv"}
    ]
    return [workspace.board_path, workspace.config_path, *sorted(specifications)]


def marks(workspace: Workspace) -> Marks:
    """Inode, size and time of change of each file that matters; a missing file has none."""
    found = {}
    for path in watched_files(workspace):
        try:
            status = path.stat()
        except OSError:
            continue
        found[path] = (status.st_ino, status.st_size, status.st_mtime_ns)
    return found


def changed(before: Marks, now: Marks) -> frozenset[Path]:
    """The files that came, went or are others than before."""
    return frozenset(path for path in {*before, *now} if before.get(path) != now.get(path))


def own_write(workspace: Workspace) -> bool:
    """Whether the board on disk is the latest version in the history and the tool's: nobody but us wrote it."""
    try:
        data = workspace.board_path.read_bytes()
    except OSError:
        return False
    with workspace.open_ledger() as ledger:
        latest = LedgerHistory(ledger).latest()
    return latest is not None and latest.author == "tool" and latest.data == data


def watch(workspace: Workspace, work: Callable[[], bool], observe: Observer) -> None:
    """Run ``work`` now and after each change by somebody else, until it says False or Ctrl-C comes."""
    before = marks(workspace)
    if not work():
        return
    observe(Notice(f"watching {workspace.board_path} (Ctrl-C ends it)"))
    for _ in _ticks(workspace):
        now = marks(workspace)
        paths, before = changed(before, now), now
        if not paths or (paths == {workspace.board_path} and own_write(workspace)):
            continue
        observe(Notice(f"{', '.join(sorted(path.name for path in paths))} changed"))
        if not work():
            return


def _ticks(workspace: Workspace) -> Iterator[object]:
    from watchfiles import watch as watch_folders

    folders = [folder for folder in (workspace.root, workspace.tasks_dir, workspace.state_dir) if folder.is_dir()]
    yield from watch_folders(
        *folders,
        step=50,
        debounce=QUIET_MILLISECONDS,
        rust_timeout=LOOK_AGAIN_MILLISECONDS,
        yield_on_timeout=True,
        recursive=False,
        raise_interrupt=False,
    )
