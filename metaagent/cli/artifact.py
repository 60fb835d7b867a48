"""``metaagent artifact``: what agents produced, and the way from there to where it belongs."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaagent.cli.attempts import OUTCOME_STYLES
from metaagent.cli.files import write_whole
from metaagent.cli.log import Newest
from metaagent.cli.state import Column, State, Table, complete_task, current, noun, printable
from metaagent.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from metaagent.ledger.database import Ledger

app = noun("Artifacts: what agents produced.")

Which = Annotated[
    str,
    typer.Argument(
        metavar="TASK|ATTEMPT", help="A task (its best artifact) or an attempt.", autocompletion=complete_task
    ),
]


@dataclass(frozen=True, slots=True)
class Artifact:
    """One stored artifact. ``path`` is relative to the workspace; ``there`` whether the file still is."""

    task: str
    attempt: str
    outcome: str
    score: float
    time: str
    path: str
    there: bool


@app.command("list")
def list_(
    task: Annotated[
        str | None, typer.Option(metavar="TASK", help="Only this task.", autocompletion=complete_task)
    ] = None,
    limit: Newest = 100,
) -> None:
    """List artifacts, newest last."""
    from metaagent.ledger import attempts

    state = current()
    found: list[Artifact] = []
    if state.has_ledger():
        with state.ledger(read_only=True) as ledger:
            rows = attempts.list_attempts(ledger, attempts.Filters(task_id=task, limit=limit))
        found = [_artifact(state, dict(row)) for row in reversed(rows) if row["artifact"]]
    columns: list[Column | str] = [
        "task",
        Column("attempt", minor=2),
        Column("outcome", paint=OUTCOME_STYLES),
        Column("score", right=True, minor=1),
        Column("path", whole=True),
    ]
    cells = [(one.task, one.attempt, one.outcome, f"{one.score:.2f}", one.path) for one in found]
    state.out("artifact", found, Table(columns, cells, empty="no artifacts yet; next: metaagent run"))


def _artifact(state: State, row: dict[str, Any]) -> Artifact:
    there = (state.workspace().root / row["artifact"]).is_file()
    return Artifact(row["task_id"], row["id"], row["outcome"], row["score"], row["ended"], row["artifact"], there)


@app.command("show")
def show(which: Which) -> None:
    """Print an artifact as it is."""
    state = current()
    found = find(state, which)
    text = _read(state, found).decode("utf-8", "replace")
    state.out("artifact", {**_plain(found), "text": text}, printable(text, lines=True))


def _plain(found: Artifact) -> dict[str, Any]:
    from metaagent.cli.render import json_ready

    values: dict[str, Any] = json_ready(found)
    return values


@app.command("apply")
def apply(
    which: Which,
    to: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Where; default: the path that the task names.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there; it is kept as PATH~.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say where it would go.")] = False,
) -> None:
    """Copy an artifact to where it belongs. Replaces nothing without --force."""
    state = current()
    found = find(state, which)
    data, target = _read(state, found), _target(state, found, to)
    same = target.is_file() and target.read_bytes() == data
    kept = None
    if not same and target.exists():
        if not force:
            again = f"metaagent artifact apply {which}{f' --to {shlex.quote(str(to))}' if to else ''} --force"
            raise UsageError(f"{target} is there already and differs", mend=again)
        kept = _free_name(target)
    if not same and not dry_run:
        _put(target, data, kept)
    verb = "is there already as" if same else "would go to" if dry_run else "copied to"
    result = {**_plain(found), "to": target, "kept": kept, "changed": not same, "dry_run": dry_run}
    state.out("artifact", result, printable(f"{found.path} {verb} {target}"))
    if kept and not dry_run:
        state.notice(f"what was there is kept as {kept}")


def _free_name(target: Path) -> Path:
    """``PATH~``, or the first of ``PATH~2``... that is free: what was kept before stays."""
    names = (f"{target.name}~{number if number > 1 else ''}" for number in count(1))
    return next(path for path in map(target.with_name, names) if not os.path.lexists(path))


def _put(target: Path, data: bytes, kept: Path | None) -> None:
    """What was there is copied to ``kept`` first."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if kept is not None:
        shutil.copy2(target, kept)
    write_whole(target, data)


def _target(state: State, found: Artifact, to: Path | None) -> Path:
    """--to, from the current folder (a folder takes the file's name); else the task's own name, in the workspace."""
    if to is not None:
        return to / Path(found.path).name if to.is_dir() else to
    with state.ledger(read_only=True) as ledger:
        name = _named(ledger, found.attempt)
    if name is None:
        raise UsageError(
            f"{found.task} does not name a path for its artifact", mend="metaagent artifact apply ... --to PATH"
        )
    root = state.workspace().root
    target = (root / name).resolve()
    if not target.is_relative_to(root.resolve()) or ".metaagent" in target.relative_to(root.resolve()).parts:
        raise UsageError(
            f"{found.task} names {name}, outside of the workspace", mend="metaagent artifact apply ... --to PATH"
        )
    return root / name


def _named(ledger: Ledger, attempt_id: str) -> str | None:
    """The path that the task named at the time of the attempt."""
    from metaagent.ledger import attempts, tasks

    shown = attempts.show(ledger, attempt_id)
    assert shown is not None
    for version in tasks.versions(ledger, shown["task_id"]):
        if version["hash"] == shown["task_hash"]:
            name = json.loads(version["body"])["artifact"]["name"]
            return str(name) if name else None
    return None


def find(state: State, which: str) -> Artifact:
    """The artifact of an attempt, or the best of a task: passed first, then the highest score, then the newest."""
    if state.has_ledger():
        with state.ledger(read_only=True) as ledger:
            kept = [row for row in _rows(ledger, which) if row["artifact"]]
        if kept:
            best = max(kept, key=lambda row: (row["outcome"] == "pass", row["score"], row["id"]))
            return _artifact(state, best)
    raise NotFoundError(f"no artifact of '{which}'", mend="metaagent artifact list")


def _rows(ledger: Ledger, which: str) -> list[dict[str, Any]]:
    """The attempts of a task, or the one attempt that a part of its id names."""
    from metaagent.ledger import attempts

    rows = attempts.of_task(ledger, which) or attempts.of_task(ledger, which.upper())
    if rows:
        return [dict(row) for row in rows]
    ids = attempts.find(ledger, which.upper())
    if len(ids) > 1:
        raise UsageError(f"'{which}' could be {len(ids)} attempts", mend="metaagent artifact list")
    return [shown for one in ids if (shown := attempts.show(ledger, one)) is not None]


def _read(state: State, found: Artifact) -> bytes:
    path = state.workspace().root / found.path
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise NotFoundError(
            f"the file is gone: {path}", mend=f"metaagent log {found.attempt} shows the reply that it was"
        ) from None
