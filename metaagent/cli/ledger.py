"""``metaagent ledger``: the file, read-only SQL on it, the views, and its care."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaagent.cli.state import Column, Table, current, noun, printable

if TYPE_CHECKING:
    from metaagent.cli.state import State
    from metaagent.ledger.check import Report

app = noun("Path, SQL, views, check, backup, rebuild and prune of the ledger.")

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]


@app.command("path")
def path() -> None:
    """Print where the ledger is; open it read-only with any SQLite tool."""
    state = current()
    where = state.workspace().ledger_path
    state.out("ledger", {"path": where, "exists": where.exists()}, printable(where))


@app.command("sql")
def sql(
    query: Annotated[str, typer.Argument(help="One statement that reads; - takes it from standard input.")],
    jsonl: Annotated[bool, typer.Option("--jsonl", help="One JSON object a row, as they come.")] = False,
) -> None:
    """Ask the ledger. The connection cannot write."""
    from metaagent.ledger.sql import select

    state = current()
    result = select(state.workspace().ledger_path, _statement(query))
    if jsonl:
        for row in result.rows:
            state.line(_named(result.columns, row))
        return
    rows = list(result.rows)
    if state.json:
        state.out("ledger", [_named(result.columns, row) for row in rows])
        return
    numbers = [bool(rows) and all(isinstance(row[i], int | float) for row in rows) for i in range(len(result.columns))]
    columns = [Column(name, right=number) for name, number in zip(result.columns, numbers, strict=True)]
    state.out("ledger", rows, Table(columns, [[_cell(value) for value in row] for row in rows], empty="no rows"))


@app.command("views")
def views() -> None:
    """List the shipped views: the usual questions, answered."""
    from metaagent.ledger.views import VIEWS

    shipped = [{"name": name, "description": description} for name, (description, _) in VIEWS.items()]
    state = current()
    state.out("ledger", shipped, Table(["view", "what it shows"], [list(view.values()) for view in shipped]))
    state.notice('next: metaagent ledger sql "select * from v_attempts limit 5"')


@app.command("check")
def check() -> None:
    """Check that the ledger is whole; exit status 74 when it is not."""
    from metaagent.errors import NotFoundError
    from metaagent.ledger import check as checks
    from metaagent.ledger.failures import UPGRADE, restore

    state = current()
    where = state.workspace().ledger_path
    if not where.exists():
        raise NotFoundError(f"there is no ledger at {where} yet", mend="metaagent run")
    report = checks.check(where)
    state.out("ledger", report, _report(report))
    if report.problems:
        state.warn(f"  try: {UPGRADE if report.verdict == 'newer' else restore(where)}")
        raise typer.Exit(74)


@app.command("backup")
def backup(
    target: Annotated[Path | None, typer.Argument(help="A new file; default: .metaagent/backups/.")] = None,
    listing: Annotated[bool, typer.Option("--list", help="Only list the backups there are.")] = False,
) -> None:
    """Copy the ledger, consistently, while others may write."""
    from metaagent.ledger import backup as backups

    state = current()
    if listing:
        found = backups.list_backups(state.workspace().ledger_path)
        rows = [[one.path, one.size, one.time] for one in found]
        state.out("ledger", found, Table(["path", Column("bytes", right=True), "time"], rows, empty="no backups yet"))
        return
    with state.ledger() as ledger:
        made = backups.make(ledger, target)
    state.out("ledger", {"path": made}, printable(made))


@app.command("rebuild")
def rebuild(dry_run: DryRun = False) -> None:
    """Throw away what is derived and make it again from the facts."""
    from metaagent.learning.fingerprints.ingest import derive
    from metaagent.ledger.rebuild import DERIVED
    from metaagent.ledger.rebuild import rebuild as make_again

    DERIVED["foreign_signatures"] = derive

    state = current()
    with state.ledger() as ledger:
        made = make_again(ledger, dry_run=dry_run)
    rows = [[name, count] for name, count in made.items()]
    state.out("ledger", {"dry_run": dry_run, "made": made}, Table(["what", Column("count", right=True)], rows))


@app.command("prune")
def prune(
    older: Annotated[
        str | None, typer.Option("--older", metavar="SPAN", help="Older than, such as 90d; default: the config.")
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Remove old evidence. Never what a promotion rests on; attempts and outcomes stay."""
    from metaagent.ledger.retention import prune as remove

    state = current()
    span = _span(state, older)
    with state.ledger() as ledger:
        counts = remove(ledger, ledger.clock() - span, dry_run=dry_run)
    rows = [[table, count] for table, count in counts.items() if count]
    empty = f"nothing is older than {span.days} days" if span.days else "nothing is that old"
    state.out(
        *("ledger", {"dry_run": dry_run, "rows": counts}),
        Table(["table", Column("would go" if dry_run else "removed", right=True)], rows, empty=empty),
    )


def _statement(query: str) -> str:
    from metaagent.errors import UsageError

    text = sys.stdin.read() if query == "-" else query
    if not text.strip():
        raise UsageError("there is no query", mend='metaagent ledger sql "select * from v_attempts limit 5"')
    return text


def _span(state: State, older: str | None) -> timedelta:
    from metaagent.config import seconds_of
    from metaagent.errors import UsageError

    if older is None:
        days = state.config().ledger.retention_days
        if days is None:
            raise UsageError(
                "no age is given and none is configured", mend="metaagent ledger prune --older 90d --dry-run"
            )
        return timedelta(days=days)
    try:
        return timedelta(seconds=seconds_of(older))
    except (ValueError, OverflowError) as error:
        raise UsageError(str(error), mend="metaagent ledger prune --older 90d --dry-run") from error


def _named(columns: tuple[str, ...], row: tuple[Any, ...]) -> dict[str, Any]:
    """Columns of one name are numbered: JSON has each name once."""
    named: dict[str, Any] = {}
    for column, value in zip(columns, row, strict=True):
        name, number = column, 2
        while name in named:
            name, number = f"{column}_{number}", number + 1
        named[name] = _plain(value)
    return named


def _plain(value: Any) -> Any:
    """A blob as hexadecimal text."""
    return value.hex() if isinstance(value, bytes) else value


def _cell(value: Any) -> Any:
    return f"<{len(value)} bytes>" if isinstance(value, bytes) else value


def _report(report: Report) -> str:
    rows = sum(report.rows.values())
    lines = [
        f"{report.path}: {report.verdict}",
        *(f"  problem: {problem}" for problem in report.problems),
        f"  schema {report.schema}, {rows} rows, {report.size} bytes",
        f"  SQLite {report.sqlite}: {'writes hold the file lock' if report.locked_writes else 'no file lock needed'}",
        f"  batches dropped: {report.dropped}",
        f"  attempts without an outcome (running or interrupted): {report.unfinished}",
    ]
    return printable("\n".join(lines), lines=True)
