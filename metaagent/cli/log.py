"""``metaagent log``: what was attempted, and what was said, word for word."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaagent.cli.complete import one_of
from metaagent.cli.state import State, complete_agent, complete_model, complete_task, current

if TYPE_CHECKING:
    from metaagent.ledger.attempts import Filters
    from metaagent.ledger.database import Ledger

POLL_SECONDS = 0.5
Newest = Annotated[int, typer.Option("--limit", min=1, max=1_000_000, help="At most this many, the newest.")]
PURPOSES = ("run", "evaluate", "trial")
OUTCOMES = ("pass", "fail", "inconclusive", "interrupted", "running")


def command(
    attempt: Annotated[str | None, typer.Argument(help="One attempt, by its id or a part from either end.")] = None,
    task: Annotated[
        str | None, typer.Option(metavar="TASK", help="Only this task.", autocompletion=complete_task)
    ] = None,
    agent: Annotated[
        str | None, typer.Option(metavar="AGENT", help="Only this agent.", autocompletion=complete_agent)
    ] = None,
    outcome: Annotated[str | None, typer.Option(**one_of(OUTCOMES), help="Only this outcome.")] = None,
    model: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Only this model.", autocompletion=complete_model)
    ] = None,
    run: Annotated[str | None, typer.Option(metavar="RUN", help="Only this run.")] = None,
    purpose: Annotated[str | None, typer.Option(**one_of(PURPOSES), help="Why it was made.")] = None,
    since: Annotated[str | None, typer.Option(metavar="SPAN", help="Started within 90s, 15m, 2h or 7d.")] = None,
    limit: Newest = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for more, until Ctrl-C.")] = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="One JSON value a line.")] = False,
) -> None:
    """Attempts, newest last; with an id, one attempt with its steps, prompts and replies."""
    from metaagent.cli.attempts import record, table
    from metaagent.ledger import attempts

    state = current()
    if attempt is not None:
        _one(state, attempt)
        return
    since_when = since_moment(since)
    filters = attempts.Filters(
        task,
        agent,
        _among("outcome", outcome, OUTCOMES),
        model,
        _among("purpose", purpose, PURPOSES),
        run,
        since_when,
        limit,
    )
    if not state.has_ledger() and not follow:
        state.out("log", [], table([]))
        return
    with state.ledger(read_only=state.has_ledger()) as ledger:
        rows = [record(row) for row in reversed(attempts.list_attempts(ledger, filters))]
        if not jsonl and not follow:
            state.out("log", rows, table(rows))
            return
        for row in rows:
            _stream(state, row, jsonl)
        if follow:
            _follow(state, ledger, filters, jsonl)


def _among(what: str, text: str | None, known: Sequence[str]) -> str | None:
    if text is None or text in known:
        return text
    from metaagent.errors import UsageError

    raise UsageError(f"no {what} '{text}'", mend=f"one of: {', '.join(known)}")


def since_moment(span: str | None) -> datetime | None:
    """The moment a span such as 7d ago; raises UsageError for what is no span."""
    if span is None:
        return None
    from metaagent.config import seconds_of
    from metaagent.errors import UsageError

    try:
        return datetime.now(UTC) - timedelta(seconds=seconds_of(span))
    except ValueError as error:
        raise UsageError(str(error), mend="--since 7d") from error


def _stream(state: State, row: dict[str, Any], jsonl: bool) -> None:
    if jsonl or state.json:
        state.line(row)
        return
    from metaagent.cli import render
    from metaagent.cli.state import printable

    tokens = (row["prompt_tokens"] or 0) + (row["reply_tokens"] or 0)
    head = f"{str(row['started'])[:19]}  {row['task_id']}  {row['agent']}  {row['outcome'] or 'running'}"
    render.write(printable(f"{head}  {tokens} tokens  {row['id']}  {row['reason'] or ''}".rstrip()))


def _follow(state: State, ledger: Ledger, filters: Filters, jsonl: bool) -> None:
    """Attempts as they end. A reader that goes away or Ctrl-C ends it."""
    import sys

    from metaagent.cli.attempts import record
    from metaagent.ledger import attempts

    cursor = ledger.now()
    try:
        while True:
            for row in attempts.since(ledger, cursor):
                values = record(row)
                cursor = values.pop("seen")
                if follows(values, filters):
                    _stream(state, values, jsonl)
            sys.stdout.flush()
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None  # the ordinary end of following


def follows(row: dict[str, Any], filters: Filters) -> bool:
    """Whether an attempt that just ended holds for the filters."""
    wanted = {
        "task_id": filters.task_id,
        "agent": filters.agent,
        "outcome": filters.outcome,
        "model": filters.model,
        "purpose": filters.purpose,
        "run_id": filters.run_id,
    }
    return all(value is None or row[name] == value for name, value in wanted.items())


def _one(state: State, text: str) -> None:
    from metaagent.cli.attempts import heading, page_data, rungs_text
    from metaagent.errors import NotFoundError, UsageError
    from metaagent.ledger import attempts

    missing = NotFoundError(f"no attempt '{text}' in the ledger", mend="metaagent log")
    if not state.has_ledger():
        raise missing
    with state.ledger(read_only=True) as ledger:
        found = attempts.find(ledger, text.upper())
        if len(found) > 1:
            raise UsageError(f"'{text}' could be {len(found)} attempts", mend=f"metaagent log {found[-1]}")
        shown = attempts.show(ledger, found[0]) if found else None
    if shown is None:
        raise missing
    data = page_data(shown)
    state.out("log", data, heading(data), *rungs_text(data, full=True))
