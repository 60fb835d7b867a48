"""``metaagent task``: what is to be done. Each verb parses, calls one function, and shows what it returned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaagent.cli import listing
from metaagent.cli.changes import PRIORITIES
from metaagent.cli.complete import complete_check, complete_domain, complete_status, one_of
from metaagent.cli.render import counted
from metaagent.cli.state import complete_agent, complete_task, current, noun, printable

if TYPE_CHECKING:
    from metaagent.board.edit import Operation

app = noun("Tasks: what is to be done, by whom, and what became of it.")

TaskId = Annotated[str, typer.Argument(metavar="TASK", help="A task's id.", autocompletion=complete_task)]
TaskIds = Annotated[list[str], typer.Argument(metavar="TASK...", help="Tasks' ids.", autocompletion=complete_task)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change.")]
Priority = Annotated[str | None, typer.Option(**one_of(PRIORITIES), help="How urgent it is.")]


@app.command("list")
def list_(
    status: Annotated[
        list[str] | None,
        typer.Option(
            "--status",
            "-s",
            metavar="STATUS",
            help="Only this status; may be repeated.",
            autocompletion=complete_status,
        ),
    ] = None,
    agent: Annotated[
        str | None, typer.Option(metavar="AGENT", help="Assigned to this agent.", autocompletion=complete_agent)
    ] = None,
    priority: Priority = None,
    domain: Annotated[
        str | None, typer.Option(metavar="DOMAIN", help="In this domain or below it.", autocompletion=complete_domain)
    ] = None,
    search: Annotated[str | None, typer.Option(metavar="TEXT", help="With this text in id or title.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most this many.")] = None,
) -> None:
    """List the tasks of the board."""
    state = current()
    statuses = [listing.status_named(text) for text in status or ()]
    board = state.board()
    rows = [listing.row(task) for task in board.tasks]
    if domain is not None:
        from metaagent.cli.joined import with_domains

        rows = with_domains(state, rows)
    found = listing.matching(rows, statuses=statuses, agent=agent, priority=priority, domain=domain, search=search)
    state.out("task", found[:limit], listing.table(found[:limit]))
    for problem in listing.problems(board):
        state.warn(f"WORKING.md:{problem.line}: {problem.message}")


@app.command("show")
def show(task: TaskId) -> None:
    """Show one task: its specification, checks, dependencies, attempts and comments."""
    from metaagent.cli.joined import describe, description_text

    state = current()
    data = describe(state, listing.find(state.board(), task).id or task)
    state.out("task", data, *description_text(data))


@app.command("add")
def add(
    title: Annotated[list[str], typer.Argument(metavar="TITLE|-", help="The title; - reads lines from stdin.")],
    agent: Annotated[
        list[str] | None, typer.Option(metavar="AGENT", help="Assign it.", autocompletion=complete_agent)
    ] = None,
    priority: Priority = None,
    due: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="When it is due.")] = None,
    depends: Annotated[
        list[str] | None, typer.Option(metavar="TASK", help="Needs this one.", autocompletion=complete_task)
    ] = None,
    domain: Annotated[
        str | None, typer.Option(metavar="DOMAIN", help="Such as data.json.extract.", autocompletion=complete_domain)
    ] = None,
    spec: Annotated[str | None, typer.Option(metavar="FILE", help="Its specification, a YAML file.")] = None,
    dry_run: DryRun = False,
) -> None:
    """Add a task, or one for each line of standard input: a title, or a JSON object."""
    import sys

    from metaagent.cli.changes import add_tasks, given

    state = current()
    common = given(priority=priority, due=due, depends=", ".join(depends or ()), domain=domain, spec=spec)
    text = sys.stdin.buffer.read() if title == ["-"] else " ".join(title).encode("utf-8", "surrogateescape")
    rows = add_tasks(state, text, title == ["-"], tuple(agent or ()), common, dry_run=dry_run)
    state.out("task", rows, *(printable(f"{row['id'] or '(new)'}  {row['title']}") for row in rows))


@app.command("import")
def import_(
    file: Annotated[str, typer.Argument(metavar="FILE.csv|jsonl|-", help="Your rows; - reads standard input.")],
    goal: Annotated[str, typer.Option(metavar="TEXT", help="What is to be done with a row; told to the agent.")],
    input: Annotated[list[str], typer.Option(metavar="COLUMN", help="Told to the agent; may be repeated.")],
    expect: Annotated[list[str], typer.Option(metavar="COLUMN", help="A known answer, never told; may be repeated.")],
    tolerance: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN=NUMBER", help="How far a number may be off.")
    ] = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="The set's name; default: the file's.")] = None,
    id_column: Annotated[str | None, typer.Option("--id", metavar="COLUMN", help="The column with ids.")] = None,
    group: Annotated[str | None, typer.Option(metavar="COLUMN", help="Near-duplicates share its value.")] = None,
    family: Annotated[str | None, typer.Option(metavar="COLUMN", help="The kind of row, for counts by kind.")] = None,
    domain: Annotated[
        str | None, typer.Option(metavar="DOMAIN", help="Such as data.json.extract.", autocompletion=complete_domain)
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Turn the rows of a table into tasks, with their known answers as key checks."""
    from metaagent.cli.changes import import_table

    state = current()
    options = {
        "inputs": _columns(input),
        "expects": _columns(expect),
        "tolerances": tolerance or (),
        "name": name,
        "id_column": id_column,
        "group": group,
        "family": family,
        "domain": domain,
    }
    rows = import_table(state, file, goal, options, dry_run=dry_run)
    state.out("task", rows, f"{counted(len(rows), 'task')} {'would be added' if dry_run else 'added'}")
    if rows and not dry_run:
        state.notice(f"next: metaagent run {rows[0]['id']}")


def _columns(texts: list[str]) -> list[str]:
    """Columns given one by one or separated by commas."""
    return [part.strip() for text in texts for part in text.split(",") if part.strip()]


@app.command("edit")
def edit(
    task: TaskId,
    title: Annotated[str | None, typer.Option(metavar="TEXT", help="A new title.")] = None,
    priority: Priority = None,
    due: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="When it is due; '' for never.")] = None,
    depends: Annotated[str | None, typer.Option(metavar="TASKS", help="All that it needs; '' for none.")] = None,
    domain: Annotated[
        str | None, typer.Option(metavar="DOMAIN", help="Its domain; '' for none.", autocompletion=complete_domain)
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Change fields of a task; without options, open its specification in $VISUAL or $EDITOR."""
    from metaagent.board.edit import SetField
    from metaagent.cli.changes import change, check_fields, edit_specification

    state = current()
    found = listing.find(state.board(), task)
    fields = {"title": title, "priority": priority, "due": due, "depends": depends, "domain": domain}
    wanted = check_fields(state, found, {name: value for name, value in fields.items() if value is not None})
    if not wanted:
        edit_specification(state, found)
        return
    operations = [SetField(found.id or "", name, value or None) for name, value in wanted.items()]
    change(state, operations, "edited by command", dry_run=dry_run)
    _answer([found.id or ""], wanted, dry_run)


@app.command("assign")
def assign(
    task: TaskId,
    agent: Annotated[list[str], typer.Argument(metavar="AGENT...", autocompletion=complete_agent)],
    dry_run: DryRun = False,
) -> None:
    """Assign a task to agents; one in INBOX moves to ASSIGNED."""
    from metaagent.board.edit import Assign, Move
    from metaagent.cli.changes import change, known_agents
    from metaagent.records import Status

    state = current()
    found = listing.find(state.board(), task)
    agents = known_agents(state, agent)
    operations: list[Operation] = [Assign(found.id or "", agents)]
    if found.status is Status.INBOX:
        operations.append(Move(found.id or "", Status.INBOX, Status.ASSIGNED))
    change(state, operations, f"assigned to {', '.join(agents)}", dry_run=dry_run)
    _answer([found.id or ""], {"assignees": list(agents)}, dry_run)


@app.command("move")
def move(
    task: TaskId,
    status: Annotated[str, typer.Argument(metavar="STATUS", autocompletion=complete_status)],
    dry_run: DryRun = False,
) -> None:
    """Move a task to another status by hand."""
    from metaagent.board.edit import Move
    from metaagent.cli.changes import change

    state = current()
    found, to = listing.find(state.board(), task), listing.status_named(status)
    change(state, [Move(found.id or "", found.status, to)], "moved by command", dry_run=dry_run)
    _answer([found.id or ""], {"status": to}, dry_run)


@app.command("archive")
def archive(task: TaskIds, dry_run: DryRun = False) -> None:
    """Take tasks off the board; the ledger keeps all that happened."""
    from metaagent.board.edit import Archive
    from metaagent.cli.changes import change

    state = current()
    board = state.board()
    ids = [listing.find(board, one).id or "" for one in task]
    change(state, [Archive(task_id) for task_id in ids], "archived by command", dry_run=dry_run)
    _answer(ids, {"archived": True}, dry_run)


@app.command("accept")
def accept(
    task: TaskIds,
    why: Annotated[str, typer.Option(metavar="TEXT", help="What made you accept it.")] = "",
    dry_run: DryRun = False,
) -> None:
    """Accept what an agent delivered: the task is DONE."""
    _decide("accept", task, why, dry_run)


@app.command("reject")
def reject(
    task: TaskIds,
    why: Annotated[str, typer.Option(metavar="TEXT", help="What is wrong with it; goes to the ledger as an error.")],
    dry_run: DryRun = False,
) -> None:
    """Reject what an agent delivered: an error event, and the task is open again."""
    _decide("reject", task, why, dry_run)


@app.command("retry")
def retry(
    task: TaskIds,
    why: Annotated[str, typer.Option(metavar="TEXT", help="Why it is worth another try.")] = "",
    dry_run: DryRun = False,
) -> None:
    """Open tasks again for another attempt, with their limits granted anew."""
    _decide("retry", task, why, dry_run)


def _decide(decision: str, tasks: list[str], why: str, dry_run: bool) -> None:
    from metaagent.cli.decisions import decide

    state = current()
    board = state.board()
    found = [listing.find(board, one) for one in tasks]
    moved = decide(state, decision, found, why, dry_run=dry_run)
    lines = [printable(f"{one['task']}  {decision}  {one['from']} -> {one['to']}") for one in moved]
    state.out("task", moved, *lines)


def _answer(ids: list[str], changed: dict[str, Any], dry_run: bool) -> None:
    data = [{"id": task_id, "changed": changed, "dry_run": dry_run} for task_id in ids]
    what = ", ".join(f"{name}: {_shown(value)}" for name, value in changed.items())
    verb = "would change" if dry_run else "changed"
    current().out("task", data, *(printable(f"{task_id}  {verb}  {what}") for task_id in ids))


def _shown(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)


@app.command("validate")
def validate(
    task: Annotated[
        list[str] | None, typer.Argument(metavar="TASK", help="Default: all.", autocompletion=complete_task)
    ] = None,
    artifact: Annotated[
        str | None, typer.Option(metavar="FILE|-", help="Judge this text by the task's checks.")
    ] = None,
) -> None:
    """Check specifications and their reference solutions, or judge an artifact by a task's checks."""
    from metaagent.cli.validate import judged, validated

    state = current()
    rows, *human = judged(state, task or [], artifact) if artifact else validated(state, task or [])
    state.out("task", rows, *human)
    if any(row["outcome"] != "pass" for row in rows):
        raise typer.Exit(1)


@app.command("checks")
def checks(
    check: Annotated[
        str | None,
        typer.Argument(metavar="CHECK", help="One check with all its options.", autocompletion=complete_check),
    ] = None,
) -> None:
    """List the checks that a task may name, or show one with its options."""
    from dataclasses import asdict

    from metaagent.cli.state import Table
    from metaagent.errors import NotFoundError
    from metaagent.validators.describe import all_described, described
    from metaagent.validators.protocol import OptionsError

    try:
        found = all_described() if check is None else [described(check)]
    except OptionsError as error:
        raise NotFoundError(error.message, mend="metaagent task checks") from None
    rows = [asdict(one) for one in found]
    if check is not None:
        current().out("task", rows, *(printable(line) for line in found[0].text.split("\n")))
        return
    cells = [(one.check, one.place, "yes" if one.sandbox else "", one.summary) for one in found]
    current().out("task", rows, Table(["check", "under", "sandbox", "what holds"], cells))


@app.command("why")
def why(
    task: TaskId,
    full: Annotated[bool, typer.Option("--full", help="Repeat what a prompt shares with the one before.")] = False,
) -> None:
    """The one page that says why a task failed: prompt, reply, check, got and expected, for each try."""
    from metaagent.cli.why import page, page_text

    state = current()
    data = page(state, task)
    state.out("task", data, *page_text(data, full=full))
