"""Tasks with their specifications: what `task show` says, and domains for the listing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from metaagent.cli.state import Column, State, Table, printable

if TYPE_CHECKING:
    from metaagent.board.parse import BoardTask
    from metaagent.records import Limits, Task
    from metaagent.tasks.index import SpecIndex


def default_limits(state: State) -> Limits:
    from metaagent.orchestrator.snapshot import default_limits as limits_of

    return limits_of(state.config())


def spec_index(state: State) -> SpecIndex:
    from metaagent.tasks.index import SpecIndex

    return SpecIndex(state.workspace().root, default_limits(state))


def joined(line: BoardTask, index: SpecIndex) -> Task:
    """The board's line and its specification as one task; raises SpecificationError for what does not hold."""
    from metaagent.tasks.join import join

    spec = index.get(line.id, line.attributes.get("spec")) if line.id else None
    return join(line, spec, index.limits)


def with_domains(state: State, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of the listing with the domain from the specification where the board names none."""
    index = spec_index(state)
    for row in rows:
        if row["domain"] is None and row["id"] is not None:
            spec = index.get(row["id"], row["spec"])
            row["domain"] = spec.domain if spec else None
    return rows


def describe(state: State, task_id: str) -> dict[str, Any]:
    """Everything there is to know about one task of the board."""
    line = state.board().by_id[task_id]
    task = joined(line, spec_index(state))
    data: dict[str, Any] = {item.name: getattr(task, item.name) for item in fields(task)}
    return {**data, "line": line.line, **_past(state, task_id)}


def _past(state: State, task_id: str) -> dict[str, Any]:
    if not state.has_ledger():
        return {"attempts": [], "comments": [], "decisions": []}
    from metaagent.ledger import attempts, comments, decisions

    with state.ledger(read_only=True) as ledger:
        tried = [dict(row) for row in attempts.of_task(ledger, task_id)]
        said = [dict(row) for row in comments.of_task(ledger, task_id)]
        decided = [dict(row) for row in decisions.of_task(ledger, task_id)]
    return {
        "attempts": [{name: row[name] for name in ("id", "agent", "outcome", "score", "reason")} for row in tried],
        "comments": [{name: row[name] for name in ("time", "agent", "role", "body")} for row in said],
        "decisions": [{name: row[name] for name in ("time", "decision", "why", "by")} for row in decided],
    }


def description_text(data: dict[str, Any]) -> Iterator[str | Table]:
    """The description for a person. What agents deliver and are judged by stands there; it is not a prompt."""
    yield printable(f"{data['id']}  {data['title']}  {data['status']}")
    simple = ("priority", "due", "assignees", "depends", "domain", "strategy", "set", "group", "family", "source")
    rows = [(name, data[name]) for name in simple if data[name] not in (None, (), "")]
    limits = [
        f"{item.name} {value:g}" for item in fields(data["limits"]) if (value := getattr(data["limits"], item.name))
    ]
    artifact = data["artifact"]
    form = (
        artifact.format + (" by a schema" if artifact.schema else "") + (f", {artifact.name}" if artifact.name else "")
    )
    yield Table(["field", "value"], [*rows, ("artifact", form), ("limits", limits)])
    if data["goal"] and data["goal"] != data["title"]:
        yield _block("goal", data["goal"])
    for name, text in data["inputs"].items():
        yield _block(f"input {name}", text)
    if data["checks"]:
        yield ""
        checks = [(one.validator, "public" if one.public else "key", ", ".join(one.options)) for one in data["checks"]]
        yield Table(["check", "kind", "options"], checks)
    yield from _past_text(data)


def _past_text(data: dict[str, Any]) -> Iterator[str | Table]:
    if data["attempts"]:
        yield ""
        columns: list[Column | str] = [
            *("attempt", Column("agent", minor=1), "outcome", Column("score", right=True), "reason")
        ]
        rows = [
            (row["id"], row["agent"], row["outcome"] or "running", row["score"], (row["reason"] or "")[:100])
            for row in data["attempts"]
        ]
        yield Table(columns, rows)
    for row in data["comments"]:
        yield _block(f"{row['role']} ({row['agent']}) says", row["body"])
    for row in data["decisions"]:
        yield printable(f"{row['time'][:19]}  {row['by']}: {row['decision']} {row['why']}".rstrip())


def _block(name: str, text: str) -> str:
    body = "\n".join(f"  {line}" for line in printable(text, lines=True).splitlines())
    return f"\n{printable(name)}\n{body}"
