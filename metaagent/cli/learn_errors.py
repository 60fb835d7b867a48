"""``metaagent learn errors``: the typed failures that learning reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaagent.cli.state import Column, State, Table, complete_task, current

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metaagent.ledger.database import Row

Kind = Annotated[str | None, typer.Option("--kind", metavar="KIND", help="Only this kind: format, assertion, ...")]
TaskOption = Annotated[
    str | None, typer.Option("--task", metavar="TASK", help="Only this task.", autocompletion=complete_task)
]
Domain = Annotated[str | None, typer.Option("--domain", metavar="DOMAIN", help="Only this domain and those below it.")]
ValidatorOption = Annotated[str | None, typer.Option("--validator", metavar="NAME", help="Only this validator.")]
Since = Annotated[str | None, typer.Option("--since", metavar="SPAN", help="Seen within 90s, 15m, 2h or 7d.")]

_STYLES = {"infrastructure": "yellow"}


def command(
    kind: Kind = None,
    task: TaskOption = None,
    domain: Domain = None,
    validator: ValidatorOption = None,
    since: Since = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many, the newest.")] = 50,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="One JSON object a line.")] = False,
) -> None:
    """Error events of the mine split, newest last, with what was expected and got."""
    from metaagent.cli.log import since_moment
    from metaagent.ledger.error_events import EventFilters

    state = current()
    rows = _rows(state, EventFilters(None, kind_named(kind), task, domain, validator, since_moment(since)), limit)
    if jsonl:
        for row in rows:
            state.line(row)
        return
    state.out("learn", rows, table(rows))
    if len(rows) == limit:
        state.notice(f"the newest {limit}; --limit shows more")


def _rows(state: State, filters: Any, limit: int) -> list[dict[str, Any]]:
    from dataclasses import replace

    from metaagent.cli.mine import mine_ledger
    from metaagent.ledger.error_events import list_events

    if not state.has_ledger():
        return []
    with mine_ledger(state) as (ledger, tasks):
        found = list_events(ledger, replace(filters, tasks=tasks), limit)
    return shown(reversed(found))


def shown(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Error events of the ledger as results show them."""
    return [{**dict(row), "public": bool(row["public"])} for row in rows]


def kind_named(text: str | None) -> str | None:
    """One of the kinds of error events; raises UsageError with the nearest."""
    from difflib import get_close_matches

    from metaagent.errors import UsageError
    from metaagent.records import ErrorKind

    if text is None or text in list(ErrorKind):
        return text
    near = get_close_matches(text, list(ErrorKind), n=1, cutoff=0.5)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    raise UsageError(f"no kind '{text}'{hint}", mend=f"one of: {', '.join(ErrorKind)}")


def table(rows: list[dict[str, Any]]) -> Table:
    """Error events, one a row."""
    columns: list[Column | str] = [
        "task",
        Column("kind", paint=_STYLES),
        Column("validator", minor=2),
        Column("location", minor=1),
        Column("attempt", minor=3),
        "what",
    ]
    cells = [(r["task_id"], r["kind"], r["validator"], r["location"], r["attempt_id"], _what(r)) for r in rows]
    return Table(columns, cells, empty="no error events yet; next: metaagent run")


def _what(row: dict[str, Any]) -> str:
    if row["expected"] is None and row["got"] is None:
        return str(row["message"])
    return f"{row['message']}: expected {row['expected']}, got {row['got']}"
