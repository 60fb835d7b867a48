"""Shows bytes on their way, as ``model pull`` needs it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from metaagent.cli import render
from metaagent.cli.state import State, printable

Steps = Callable[[int, int], None]


@contextmanager
def transferred(state: State, name: str) -> Iterator[Steps]:
    """Takes bytes done and in all; on stderr a bar with an estimate on a terminal, else a line for each tenth."""
    if state.quiet or not render.fancy(sys.stderr):
        yield _tenths(state, name)
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    console = Console(stderr=True, no_color=not render.colours(sys.stderr), highlight=False)
    label = TextColumn(printable(name), markup=False)
    columns = [label, BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()]
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _tenths(state: State, name: str) -> Steps:
    shown = 0

    def progress(done: int, total: int) -> None:
        nonlocal shown
        if total > 0 and done * 10 // total > shown:
            shown = done * 10 // total
            state.notice(f"{name}: {shown * 10}% of {size_text(total)}")

    return progress


def size_text(size: int | None) -> str:
    if size is None:
        return ""
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
