"""``metaagent init``: a new workspace, empty or from an example."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metaagent.cli.state import current

if TYPE_CHECKING:
    from metaagent.workspace import Workspace


def _complete_example(incomplete: str) -> list[str]:
    from metaagent.scaffold import example_folders

    return [name for name in example_folders() if name.startswith(incomplete)]


def command(
    directory: Annotated[Path | None, typer.Argument(metavar="DIR", help="The folder; this one if absent.")] = None,
    example: Annotated[
        str | None, typer.Option(metavar="NAME", help="Start from an example.", autocompletion=_complete_example)
    ] = None,
    rows: Annotated[
        int | None, typer.Option(min=1, help="With --example: only the first so many tasks of each set.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written.")] = False,
) -> None:
    """Make a workspace here or in DIR, empty or from an example. Never overwrites a file."""
    from metaagent.errors import UsageError
    from metaagent.scaffold import create_workspace

    if rows is not None and example is None:
        raise UsageError("--rows goes with --example", mend="metaagent init --example invoices --rows 60 DIR")
    state = current()
    target = directory or state.directory or Path.cwd()
    created = create_workspace(target, example, rows=rows, dry_run=dry_run)
    pinned = () if dry_run else _trust(created.workspace, created.written)
    for name in created.kept:
        state.detail(f"kept {name}")
    if created.kept and created.written:
        state.notice(f"kept {len(created.kept)} of your files as they were")
    if not created.written:
        state.notice("nothing to do: it is a workspace already")
    data = {
        "root": created.workspace.root,
        "written": created.written,
        "kept": created.kept,
        "trusted": pinned,
        "dry_run": dry_run,
    }
    state.out("init", data, *(f"{'would write' if dry_run else 'wrote'} {name}" for name in created.written))
    if created.written and not dry_run:
        state.notice(f"next: {_next(target, example)}")


def _next(directory: Path, example: str | None) -> str:
    at = "" if directory.absolute() == Path.cwd() else f" -C {directory}"
    return f"metaagent{at} full-cycle" if example else f'metaagent{at} task add "Your first task"'


def _trust(workspace: Workspace, written: tuple[str, ...]) -> tuple[str, ...]:
    """Record that what we wrote here ourselves may run, and what is yet to come in a workspace that we made from
    nothing; files that were here before are not vouched for."""
    from metaagent.ledger import runs, trust
    from metaagent.tasks.commands import all_runnable
    from metaagent.workspace import BOARD_NAME

    if not written:
        return ()
    files = all_runnable(workspace.root)
    ours = {path: digest for path, digest in files.items() if path in written}
    with workspace.open_ledger() as ledger:
        run_id = runs.start(ledger, "init", [])
        made_here = [(trust.WORKSPACE, trust.ANY)] if BOARD_NAME in written and len(ours) == len(files) else []
        trust.record(ledger, [*ours.items(), *made_here], "init")
        runs.end(ledger, run_id, "done", {"written": len(written)})
    return tuple(ours)
