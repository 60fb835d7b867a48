"""A person's changes to the board: checked, recorded as an intent, written, and told in one line."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from metaagent.cli.state import State
from metaagent.errors import UsageError

if TYPE_CHECKING:
    from metaagent.board.edit import Add, Operation
    from metaagent.board.parse import BoardTask
    from metaagent.ledger.database import Ledger
    from metaagent.ledger.writer import Statement
    from metaagent.orchestrator.change import Changed
    from metaagent.tasks.intake import NewTask

PRIORITIES = ("high", "normal", "low")


def change(
    state: State,
    operations: Sequence[Operation],
    reason: str,
    *,
    facts: Sequence[Statement] = (),
    dry_run: bool = False,
) -> Changed | None:
    """Apply the operations by way of the ledger, and say what a person should know. None after a dry run."""
    if dry_run or not operations:
        return None
    from metaagent.ledger import runs

    with state.ledger() as ledger:
        runs.start(ledger, "task", [reason])
        return apply_in(state, ledger, operations, reason, facts)


def apply_in(
    state: State, ledger: Ledger, operations: Sequence[Operation], reason: str, facts: Sequence[Statement] = ()
) -> Changed:
    """The same in an open ledger whose run was started: it is ended here, whatever happens."""
    from metaagent.ledger import runs
    from metaagent.orchestrator.change import apply

    run_id, status = ledger.run_id or "", "failed"
    try:
        changed = apply(state.workspace(), ledger, operations, reason=reason, facts=facts, command="task")
        status = "done"
    finally:
        runs.end(ledger, run_id, status, {})
    if changed.healed:
        state.notice(f"healed first: {changed.healed.attempts} attempts, {changed.healed.intents} board changes")
    if changed.postponed:
        state.warn(f"recorded; the board shows it later: {changed.postponed}")
    return changed


def given(**fields: str | None) -> dict[str, str]:
    """The fields that were given and are not empty, checked; raises UsageError for what is no value of theirs."""
    wanted = {name: value for name, value in fields.items() if value}
    for name, value in wanted.items():
        check_field(name, value)
    return wanted


def check_field(name: str, value: str) -> None:
    if name == "priority" and value not in PRIORITIES:
        raise UsageError(f"no priority '{value}'", mend=f"one of: {', '.join(PRIORITIES)}")
    if name == "due":
        try:
            date.fromisoformat(value)
        except ValueError:
            raise UsageError(f"'{value}' is not a date", mend="--due 2026-12-01") from None
    if name == "title" and not value.strip():
        raise UsageError("a title cannot be empty", mend="--title 'what is to be done'")


def check_fields(state: State, task: BoardTask, wanted: Mapping[str, str]) -> dict[str, str]:
    """New values for a task's fields: of the right form, naming tasks that exist, without a cycle."""
    for name, value in wanted.items():
        if value or name == "title":
            check_field(name, value)
    if wanted.get("depends"):
        check_dependencies(state, {task.id or "": wanted["depends"]})
    return dict(wanted)


def check_dependencies(state: State, wanted: Mapping[str, str], new: Collection[str] = ()) -> None:
    """Raises NotFoundError for a task that is not there, UsageError for a cycle, with the cycle named."""
    from metaagent.cli import listing
    from metaagent.tasks.graph import refuse_cycle
    from metaagent.tasks.join import split

    board = state.board()
    for text in wanted.values():
        for other in split(text):
            if other not in wanted and other not in new:
                listing.find(board, other)
    edges = {one.id: split(one.attributes.get("depends", "")) for one in board.tasks if one.id}
    refuse_cycle({**edges, **{task_id: split(text) for task_id, text in wanted.items()}})


def known_agents(state: State, names: Sequence[str]) -> tuple[str, ...]:
    """The full ids of agents; raises NotFoundError naming near ones."""
    from metaagent.agents.roster import find_agent, roster

    agents = roster(state.config())
    return tuple(dict.fromkeys(find_agent(agents, name).id for name in names))


def edit_specification(state: State, task: BoardTask) -> None:
    """Open the task's specification, or the board where it has none; check it when the editor is closed."""
    from metaagent.cli.config import run_editor
    from metaagent.cli.joined import joined, spec_index

    spec = spec_index(state).get(task.id or "", task.attributes.get("spec"))
    where = state.workspace().board_path
    if spec is not None and spec.source is not None:
        where = state.workspace().root / spec.source.partition(":")[0]
    run_editor(where)
    again = state.board().by_id.get(task.id or "")
    if again is not None:
        joined(again, spec_index(state))
    state.notice(f"{where} holds")


def add_tasks(
    state: State, text: bytes, many: bool, agents: tuple[str, ...], common: Mapping[str, str], *, dry_run: bool
) -> list[dict[str, Any]]:
    """New tasks from a title, or from lines; ``common`` are fields for those that do not set them. All or none."""
    from metaagent.tasks.intake import read_intake, read_title
    from metaagent.tasks.sheet import decode

    decoded = decode(text, "standard input" if many else "the title")
    new = read_intake(decoded.splitlines()) if many else (read_title(decoded),)
    if not new:
        raise UsageError("no line with a task on standard input", mend='metaagent task add "What is to be done"')
    known = known_agents(state, agents) if agents else ()
    return put(state, new, known, common, "added by command", dry_run=dry_run)


def put(
    state: State,
    new: Sequence[NewTask],
    agents: tuple[str, ...],
    common: Mapping[str, str],
    reason: str,
    *,
    dry_run: bool = False,
) -> list[dict[str, Any]]:
    """Put new tasks on the board, then write the specifications that came with them (each was checked before)."""
    from metaagent.board.edit import Add
    from metaagent.records import Status

    adds = []
    for task in new:
        assignees = task.assignees or agents
        status = Status.ASSIGNED if assignees else Status.INBOX
        adds.append(Add(task.id, task.title, status, assignees, {**common, **task.attributes}))
    _refuse(state, new, adds)
    changed = change(state, adds, reason, dry_run=dry_run)
    ids = changed.added if changed and changed.added else tuple(task.id for task in new)
    if changed is not None:
        _write_specifications(state, new, ids)
    return [
        {
            "id": task_id,
            "title": add.title,
            "status": add.status,
            "assignees": add.assignees,
            "attributes": add.attributes,
        }
        for task_id, add in zip(ids, adds, strict=True)
    ]


def _refuse(state: State, new: Sequence[NewTask], adds: Sequence[Add]) -> None:
    """What must hold before anything is written: free ids, known dependencies, specifications that can be read."""
    from metaagent.cli.joined import default_limits
    from metaagent.tasks.sheet import parse_sheet
    from metaagent.tasks.specification import Place, task_of
    from metaagent.tasks.write import yaml_text

    board, root = state.board(), state.workspace().root
    ids = [task.id for task in new if task.id]
    taken = next((one for one in ids if one in board.by_id or ids.count(one) > 1), None)
    if taken is not None:
        raise UsageError(f"there is a task {taken} already; none was added", mend=f"metaagent task show {taken}")
    waits = {
        add.task_id or f"#{index}": add.attributes["depends"]
        for index, add in enumerate(adds)
        if "depends" in add.attributes
    }
    if waits:
        check_dependencies(state, waits, ids)
    for task in new:
        if task.specification is not None:
            name = f"{task.id or 'NEW'}.yaml"
            text = yaml_text({"id": task.id or "NEW", **task.specification})
            task_of(parse_sheet(text, root / "tasks" / name, task.title), Place(root, default_limits(state)))


def _write_specifications(state: State, new: Sequence[NewTask], ids: Sequence[str | None]) -> None:
    from metaagent.cli.joined import default_limits
    from metaagent.tasks.write import write_specification

    for task, task_id in zip(new, ids, strict=True):
        if task.specification is None:
            continue
        if task_id is None:
            state.warn(f"the specification of '{task.title}' was not written: it has no id before the editor is closed")
            continue
        write_specification(state.workspace().root, task_id, task.specification, default_limits(state))
        state.notice(f"wrote tasks/{task_id}.yaml")


def import_table(
    state: State, source: str, goal: str, options: Mapping[str, Any], *, dry_run: bool
) -> list[dict[str, Any]]:
    """A table's rows as a set of tasks: the set's two files are written, then its tasks put on the board."""
    from metaagent.tasks import table

    root = state.workspace().root
    taken = state.board().by_id
    made = table.import_table(source, root=root, goal=goal, taken=taken, write=not dry_run, **options)
    if not dry_run:
        state.notice(f"wrote {made.specification.relative_to(root)} and {made.rows.relative_to(root)}")
    return put(state, made.tasks, (), {}, f"imported from {source}", dry_run=dry_run)
