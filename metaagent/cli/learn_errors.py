"""``metaagent learn errors``: the typed failures that learning reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaagent.cli.complete import complete_check, complete_domain, complete_kind, complete_validator
from metaagent.cli.log import Newest
from metaagent.cli.state import Column, State, Table, complete_task, current

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metaagent.ledger.database import Row
    from metaagent.ledger.error_events import EventFilters

Kind = Annotated[
    str | None,
    typer.Option("--kind", metavar="KIND", help="Only this kind: format, assertion, ...", autocompletion=complete_kind),
]
TaskOption = Annotated[
    str | None, typer.Option("--task", metavar="TASK", help="Only this task.", autocompletion=complete_task)
]
Domain = Annotated[
    str | None,
    typer.Option(
        "--domain", metavar="DOMAIN", help="Only this domain and those below it.", autocompletion=complete_domain
    ),
]
ValidatorOption = Annotated[
    str | None,
    typer.Option("--validator", metavar="NAME", help="Only this validator.", autocompletion=complete_validator),
]
Since = Annotated[str | None, typer.Option("--since", metavar="SPAN", help="Seen within 90s, 15m, 2h or 7d.")]

_NONE = "no error events yet; next: metaagent run"
_STYLES = {"infrastructure": "yellow"}


def command(
    kind: Kind = None,
    task: TaskOption = None,
    domain: Domain = None,
    validator: ValidatorOption = None,
    since: Since = None,
    limit: Newest = 50,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="One JSON object a line.")] = False,
) -> None:
    """Error events of the mine split, newest last, with what was expected and got."""
    from metaagent.cli.log import since_moment
    from metaagent.ledger.error_events import EventFilters

    state = current()
    filters = EventFilters(
        None, kind_named(kind), task_named(state, task), domain, validator_named(validator), since_moment(since)
    )
    rows = _rows(state, filters, limit)
    if jsonl:
        for row in rows:
            state.line(row)
        return
    state.out("learn", rows, table(rows, _why_none(state, filters) if not rows else ""))
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
    from metaagent.records import ErrorKind

    return text if text is None else _known("kind", text, list(ErrorKind), f"one of: {', '.join(ErrorKind)}")


def validator_named(text: str | None) -> str | None:
    """One that has reported errors here, or that comes with metaagent; raises UsageError with the nearest."""
    if text is None:
        return None
    known = list(dict.fromkeys([*complete_validator(""), *complete_check("")]))
    return _known("validator", text, known, "metaagent task checks")


def _known(what: str, text: str, known: Sequence[str], mend: str) -> str:
    from difflib import get_close_matches

    from metaagent.errors import UsageError

    if text in known:
        return text
    near = get_close_matches(text, known, n=1, cutoff=0.5)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    raise UsageError(f"no {what} '{text}'{hint}", mend=mend)


def task_named(state: State, text: str | None) -> str | None:
    """The id of a task of the board, of the ledger or of a specification, in any letter case; raises NotFoundError with
    the nearest."""
    from difflib import get_close_matches

    from metaagent.errors import NotFoundError

    if text is None:
        return None
    known = _known_tasks(state)
    for name in (text, text.upper()):
        if name in known:
            return name
    near = get_close_matches(text.upper(), known, n=1, cutoff=0.6)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    raise NotFoundError(f"no task '{text}'{hint}", mend="metaagent task list")


def _known_tasks(state: State) -> set[str]:
    from metaagent.ledger.tasks import latest_versions
    from metaagent.tasks.index import SpecIndex

    known = {name for name, _ in complete_task("")} | set(SpecIndex(state.workspace().root).ids())
    if state.has_ledger():
        with state.ledger(read_only=True) as ledger:
            known |= {row["task_id"] for row in latest_versions(ledger)}
    return known


def _why_none(state: State, filters: EventFilters) -> str:
    """Why no error event is shown, and what to type next."""
    from dataclasses import replace

    from metaagent.ledger.error_events import EventFilters

    task_id = filters.task_id
    from metaagent.cli.mine import mine_ledger
    from metaagent.ledger.foreign import finished
    from metaagent.ledger.splits import current as current_splits

    if not state.has_ledger():
        return _NONE
    with mine_ledger(state) as (ledger, mine):
        ingested = sum(row["errors"] for row in finished(ledger))
        elsewhere = task_id is not None and task_id in set(current_splits(ledger)) - mine
    if elsewhere:
        return f"{task_id} is not in the mine split, and only that is shown; next: metaagent learn errors"
    if ingested and task_id is None:
        return f"no error events of tasks here; next, for the {ingested} errors ingested: metaagent learn patterns"
    filtered = replace(filters, task_id=None) != EventFilters()
    return "no error event is like that; next: metaagent learn errors" if filtered else _NONE


def table(rows: list[dict[str, Any]], empty: str = _NONE) -> Table:
    """Error events, one a row; ``empty`` says why there are none."""
    columns: list[Column | str] = [
        "task",
        Column("kind", paint=_STYLES),
        Column("validator", minor=2),
        Column("location", minor=1),
        Column("attempt", minor=3),
        "what",
    ]
    cells = [(r["task_id"], r["kind"], r["validator"], r["location"], r["attempt_id"], _what(r)) for r in rows]
    return Table(columns, cells, empty=empty)


def _what(row: dict[str, Any]) -> str:
    if row["expected"] is None and row["got"] is None:
        return str(row["message"])
    return f"{row['message']}: expected {row['expected']}, got {row['got']}"
