"""``metaagent board``: look at WORKING.md, and decide where the tool must not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaagent.cli.state import State, Table, current, noun, printable

if TYPE_CHECKING:
    from metaagent.board.diff import PersonChange
    from metaagent.board.store import Written
    from metaagent.ledger.database import Ledger

app = noun("The board: check, diff, undo, accept and repair WORKING.md.")

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change.")]
SHOWN_VERSIONS = 20


@app.command("show")
def show() -> None:
    """Show the board as it stands."""
    state = current()
    board = state.board()
    data = {
        "stamp": board.stamp,
        "tasks": [task._asdict() for task in board.tasks],
        "agents": [agent._asdict() for agent in board.agents],
        "activity": board.activity,
        "problems": [problem._asdict() for problem in board.problems],
    }
    state.out("board", data, printable(board.render().decode("utf-8", "replace"), lines=True))


@app.command("check")
def check() -> None:
    """Say what is wrong or doubtful on the board, by line; exit 3 when it may not be written."""
    from metaagent.board.check import check as check_board

    state = current()
    found = check_board(state.board())
    suspect = _suspect(state)
    stopped = suspect is not None or any(problem.blocking for problem in found)
    rows = [[problem.line, "stops" if problem.blocking else "note", problem.message, problem.mend] for problem in found]
    data = {"writable": not stopped, "suspect": suspect, "problems": [problem._asdict() for problem in found]}
    state.out("board", data, Table(["line", "kind", "what", "mend"], rows))
    if suspect is not None:
        state.warn(f"{suspect}\n  try: metaagent board diff, then metaagent board accept or metaagent board undo")
    if not found and suspect is None:
        state.notice("the board holds")
    if stopped:
        raise typer.Exit(3)


def _suspect(state: State) -> str | None:
    """Why the board needs a person's decision; None where there is no ledger yet to compare it with."""
    workspace = state.workspace()
    if not workspace.ledger_path.exists():
        return None
    with state.ledger(read_only=True) as ledger:
        return workspace.open_board(ledger).difference().suspect


@app.command("diff")
def diff() -> None:
    """Show what was changed by hand since the version that the board was made from."""
    state = current()
    with state.ledger(read_only=state.has_ledger()) as ledger:
        found = state.workspace().open_board(ledger).difference()
    text = "".join(unified(found.base, found.data, "known", "on disk"))
    data = {
        "stamp": found.stamp,
        "guessed": found.guessed,
        "suspect": found.suspect,
        "changes": found.changes,
        "diff": text,
    }
    state.out("board", data, *([printable(text, lines=True)] if text else []))
    if not text:
        state.notice("nothing was changed by hand")
    if found.guessed:
        state.notice("the stamp on the board is not known: this is the difference to the closest known version")
    if found.suspect:
        state.warn(f"{found.suspect}\n  try: metaagent board accept, or metaagent board undo")


def unified(old: bytes, new: bytes, old_name: str, new_name: str) -> list[str]:
    """A unified diff of two boards, as lines with their ends."""
    from difflib import unified_diff

    one, two = (_with_end(text.decode("utf-8", "replace")).splitlines(keepends=True) for text in (old, new))
    return list(unified_diff(one, two, old_name, new_name, n=2))


def _with_end(text: str) -> str:
    return text if text.endswith("\n") or not text else text + "\n"


@app.command("accept")
def accept(dry_run: DryRun = False) -> None:
    """Take the board as it stands for what you want, however much is missing from it."""
    state = current()
    with state.ledger() as ledger:
        store = state.workspace().open_board(ledger)
        if dry_run:
            _answer(state, store.difference().changes, None)
        else:
            written = store.accept()
            _note(ledger, written, "accept")
            _answer(state, written.person_changes, written.stamp)


@app.command("undo")
def undo(
    to: Annotated[str | None, typer.Option("--to", metavar="STAMP", help="Back to this version.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the versions that are kept.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Bring back the version before the last change; undo again to take that back."""
    state = current()
    with state.ledger() as ledger:
        store = state.workspace().open_board(ledger)
        if list_:
            versions = [(one.stamp, one.author, len(one.data)) for one in store.history.recent(SHOWN_VERSIONS)]
            data = [{"stamp": stamp, "author": author, "size": size} for stamp, author, size in versions]
            state.out("board", data, Table(["stamp", "author", "size"], versions, empty="no versions yet"))
        elif dry_run:
            current_data, target = store.undo_target(to)
            text = "".join(unified(current_data, target.data, "on disk", target.stamp))
            state.out("board", {"stamp": target.stamp, "diff": text}, printable(text, lines=True))
        else:
            written = store.undo(to)
            _note(ledger, written, "undo")
            _answer(state, written.person_changes, written.stamp)


@app.command("repair")
def repair(dry_run: DryRun = False) -> None:
    """Make the mends that have only one meaning: lost headings, an id that stands twice."""
    state = current()
    with state.ledger() as ledger:
        store = state.workspace().open_board(ledger)
        repaired, written = store.repair(dry_run=True)
        for fix in repaired.fixes:
            state.notice(f"{'would mend' if dry_run else 'mends'} {fix}")
        if not dry_run and repaired.fixes:
            repaired, written = store.repair()
            _note(ledger, written, "repair")
    if not repaired.fixes:
        state.notice("nothing that has a safe mend")
    state.out("board", {"fixes": repaired.fixes, "stamp": written.stamp, "dry_run": dry_run})


def _note(ledger: Ledger, written: Written, verb: str) -> None:
    """What the person decided, as rows of the ledger."""
    from metaagent.ledger import runs
    from metaagent.orchestrator.record import person_rows

    if not written.person_changes:
        return
    run_id = ledger.run_id or runs.start(ledger, f"board {verb}", [])
    ledger.write(person_rows(written.person_changes, ledger.now(), run_id, f"board {verb}"))


def _answer(state: State, changes: tuple[PersonChange, ...], stamp: str | None) -> None:
    rows = [[change.task_id, change.field, change.old, change.new] for change in changes]
    data: dict[str, Any] = {"stamp": stamp, "changes": changes}
    state.out("board", data, Table(["task", "field", "old", "new"], rows, empty="no task changed"))
