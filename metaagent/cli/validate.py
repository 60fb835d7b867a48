"""What `task validate` finds: specifications that do not hold, references that fail, verdicts on an artifact."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaagent.cli.attempts import OUTCOME_STYLES
from metaagent.cli.joined import joined, spec_index
from metaagent.cli.state import Column, State, Table
from metaagent.errors import SpecificationError, StorageError, UsageError

if TYPE_CHECKING:
    from metaagent.records import Task, Verdict


def validated(state: State, ids: Sequence[str]) -> list[Any]:
    """One row a task, then the table: its specification can be read, its reference solution passes its checks."""
    rows = list(_rows(state, ids))
    held = sum(row["outcome"] == "pass" for row in rows)
    broken = [(row["task"], row["outcome"], row["message"]) for row in rows if row["outcome"] != "pass"]
    columns: list[Column | str] = ["task", Column("outcome", paint=OUTCOME_STYLES), "problem"]
    summary = f"{held} of {len(rows)} hold"
    return [rows, *([Table(columns, broken), ""] if broken else []), summary]


def _rows(state: State, ids: Sequence[str]) -> Iterator[dict[str, Any]]:
    from metaagent.cli import listing
    from metaagent.tasks.graph import refuse_cycle

    board, index = state.board(), spec_index(state)
    lines = [listing.find(board, one) for one in ids] or [task for task in board.tasks if task.id]
    depends: dict[str, tuple[str, ...]] = {}
    told: set[str] = set()
    for line in lines:
        try:
            task = joined(line, index)
        except SpecificationError as error:
            told.add(error.message)
            yield _row(line.id or "", "fail", f"{error.message}; try: {error.mend}")
            continue
        depends[task.id] = task.depends
        yield _reference(state, task)
    if not ids:
        yield from (_row("-", "fail", problem.message) for problem in index.problems() if problem.message not in told)
        try:
            refuse_cycle(depends)
        except UsageError as error:
            yield _row("-", "fail", f"{error.message}; try: {error.mend}")


def _row(task: str, outcome: str, message: str, **more: Any) -> dict[str, Any]:
    return {"task": task, "outcome": outcome, "message": message, **more}


def _reference(state: State, task: Task) -> dict[str, Any]:
    """The task's row: a reference solution that fails the task's own checks is a mistake in one of the two."""
    if task.reference is None or not task.checks:
        return _row(task.id, "pass", "" if task.checks else "no checks: it will end in REVIEW")
    verdicts = _judge(state, task, task.reference)
    worst = verdicts[-1]
    if worst.outcome.value == "pass":
        return _row(task.id, "pass", "the reference solution holds")
    found = worst.findings[0].message if worst.findings else "no finding"
    return _row(task.id, worst.outcome.value, f"the reference solution fails {worst.validator}: {found}")


def judged(state: State, ids: Sequence[str], artifact: str) -> list[Any]:
    """One row a check that was reached, then the table: what the task's checks say about a text."""
    from metaagent.cli import listing

    if len(ids) != 1:
        raise UsageError(
            "an artifact is judged by the checks of one task", mend="metaagent task validate TASK --artifact -"
        )
    task = joined(listing.find(state.board(), ids[0]), spec_index(state))
    if not task.checks:
        raise UsageError(f"{task.id} has no checks", mend=f"metaagent task show {task.id}")
    rows: list[dict[str, Any]] = [
        {
            "task": task.id,
            "validator": one.validator,
            "public": one.public,
            "outcome": one.outcome,
            "checked": one.checked,
            "held": one.held,
            "findings": one.findings,
        }
        for one in _judge(state, task, _text(artifact))
    ]
    columns: list[Column | str] = [
        "check",
        Column("outcome", paint=OUTCOME_STYLES),
        Column("held", right=True),
        "finding",
    ]
    cells = [
        (row["validator"], row["outcome"], f"{row['held']}/{row['checked']}", _found(row["findings"])) for row in rows
    ]
    return [rows, Table(columns, cells)]


def _found(findings: Sequence[Any]) -> str:
    return "; ".join(f"{one.location}: {one.message}" if one.location else one.message for one in findings)


def _text(artifact: str) -> str:
    try:
        data = sys.stdin.buffer.read() if artifact == "-" else Path(artifact).read_bytes()
    except FileNotFoundError:
        raise UsageError(f"{artifact}: no such file", mend="metaagent task validate TASK --artifact FILE") from None
    except OSError as error:
        raise StorageError(f"cannot read {artifact}: {error.strerror}") from error
    return data.decode("utf-8", "replace")


def _judge(state: State, task: Task, artifact: str) -> tuple[Verdict, ...]:
    from metaagent.trust import pins
    from metaagent.validators.base import blocking, confined, judge
    from metaagent.validators.protocol import CheckContext

    root = state.workspace().root
    if not blocking(task.checks):
        return judge(artifact, task.checks, CheckContext(root=root, task=task))
    if not state.has_ledger():
        return judge(artifact, task.checks, CheckContext(root=root, task=task, trusted=pins({})))
    from metaagent.ledger import trust
    from metaagent.ledger.sandboxes import LedgerProofs
    from metaagent.sandbox.choose import choose

    runs_code = confined(task.checks)
    with state.ledger(read_only=not runs_code) as ledger:
        sandbox = choose(LedgerProofs(ledger), notice=state.notice) if runs_code else None
        context = CheckContext(
            root=root, task=task, trusted=lambda path, found: trust.trusted(ledger, path, found), sandbox=sandbox
        )
        return judge(artifact, task.checks, context)
