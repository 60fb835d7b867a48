"""``metaagent trust``: what of this workspace may run, pinned by content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaagent.cli.state import Column, State, Table, current, printable

if TYPE_CHECKING:
    from metaagent.trust import Comparison

_STYLES = {"trusted": "green", "new": "yellow", "changed": "red", "removed": "dim"}


def command(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Trust all that is shown, without asking.")] = False,
    revoke: Annotated[bool, typer.Option("--revoke", help="Trust nothing here any more.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what may run.")] = False,
) -> None:
    """Show what code of this workspace may run, and pin it by its hash."""
    from metaagent.errors import TrustError

    state = current()
    if revoke:
        _revoke(state, dry_run)
        return
    files, found = _look(state)
    rows = _rows(files, found)
    pending = [row["path"] for row in rows if row["state"] in ("new", "changed")]
    columns: list[Column | str] = ["file", Column("state", paint=_STYLES), "sha256"]
    table = Table(columns, [(row["path"], row["state"], row["sha256"]) for row in rows], empty="nothing here may run")
    if not pending or dry_run:
        state.out("trust", rows, table)
        return
    if not yes:
        state.warn("\n".join(f"{row['state']}  {row['path']}  {row['sha256']}" for row in rows))
        state.warn(
            "Files in checks/ run as you, with your rights, when a task names them; commands and files in fixtures/ "
            "run in the sandbox, and decide what is right. Read them first."
        )
    if not (yes or state.ask(f"Trust {', '.join(pending)} as it is now?")):
        raise TrustError(f"may not run yet: {', '.join(pending)}", mend="metaagent trust --yes")
    _record(state, [(path, files[path]) for path in pending])
    rows = [{**row, "state": "trusted"} if row["path"] in pending else row for row in rows]
    state.out("trust", rows, *(printable(f"trusted {path}") for path in pending))


def _look(state: State) -> tuple[dict[str, str], Comparison]:
    """What may run now, and how that differs from what was pinned."""
    from metaagent.tasks.commands import all_runnable
    from metaagent.trust import compare

    files = all_runnable(state.workspace().root)
    pinned: dict[str, str] = {}
    if state.has_ledger():
        from metaagent.ledger import trust

        with state.ledger(read_only=True) as ledger:
            known = trust.all_trusted(ledger)
            pinned = {path: known.get(path, "") for path in files if path in known}
            pinned |= {path: digest for path, digest in files.items() if trust.trusted(ledger, path, digest)}
    return files, compare(files, pinned)


def _rows(files: dict[str, str], found: Comparison) -> list[dict[str, Any]]:
    def state_of(path: str) -> str:
        return "new" if path in found.added else "changed" if path in found.changed else "trusted"

    return [{"path": path, "state": state_of(path), "sha256": digest} for path, digest in files.items()]


def _record(state: State, files: list[tuple[str, str]], action: str = "trust") -> None:
    from metaagent.ledger import runs, trust

    with state.ledger() as ledger:
        run_id = runs.start(ledger, "trust", [action])
        trust.record(ledger, files, "person", action)
        runs.end(ledger, run_id, "done", {"files": len(files)})


def _revoke(state: State, dry_run: bool) -> None:
    from metaagent.ledger import trust

    pinned: dict[str, str] = {}
    if state.has_ledger():
        with state.ledger(read_only=True) as ledger:
            pinned = trust.all_trusted(ledger)
    if pinned and not dry_run:
        _record(state, list(pinned.items()), "revoke")
    rows = [{"path": path, "state": "revoked", "sha256": digest} for path, digest in pinned.items()]
    state.out("trust", rows, *(printable(f"revoked {'this workspace' if path == '.' else path}") for path in pinned))
