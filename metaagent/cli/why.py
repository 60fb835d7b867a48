"""The page behind `task why`: the latest attempt's failed tries in order, then what agents and persons said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from metaagent.cli.attempts import heading, page_data, rungs, rungs_text
from metaagent.cli.state import State, printable

if TYPE_CHECKING:
    from metaagent.ledger.database import Ledger


def page(state: State, task: str) -> dict[str, Any]:
    """All that the page shows, for a task on the board or one that was archived."""
    from metaagent.cli import listing

    board = state.board()
    task_id = task if task in board.by_id else task.upper()
    on_board = board.by_id.get(task_id)
    if not state.has_ledger():
        listing.find(board, task)
        return _page(task_id, on_board, [], None, [], [])
    with state.ledger(read_only=True) as ledger:
        data = _gather(ledger, task_id, on_board)
        held = _held_back(ledger, task_id)
    if held and data["attempt"] is not None:
        state.notice(
            f"{task_id} is a {held} task: what is learned is judged by it, so no remedy may be made from this page"
        )
    if on_board is None and not data["attempts"]:
        listing.find(board, task)
    return data


def _held_back(ledger: Ledger, task_id: str) -> str | None:
    """``gate`` or ``sealed`` where the task is of that split. A person may look at their board; learning may not."""
    row = ledger.one("SELECT split FROM v_splits WHERE task_id = ? AND split IN ('gate', 'sealed')", (task_id,))
    return None if row is None else str(row[0])


def _gather(ledger: Ledger, task_id: str, on_board: Any) -> dict[str, Any]:
    from metaagent.ledger import attempts, comments, decisions

    tried = [dict(row) for row in attempts.of_task(ledger, task_id)]
    ended = [row for row in tried if row["outcome"] is not None]
    shown = attempts.show(ledger, ended[-1]["id"]) if ended else None
    said = [dict(row) for row in comments.of_task(ledger, task_id)]
    decided = [dict(row) for row in decisions.of_task(ledger, task_id)]
    return _page(task_id, on_board, tried, page_data(shown) if shown else None, said, decided)


def _page(
    task_id: str,
    on_board: Any,
    tried: list[dict[str, Any]],
    shown: dict[str, Any] | None,
    said: list[dict[str, Any]],
    decided: list[dict[str, Any]],
) -> dict[str, Any]:
    return {
        "id": task_id,
        "title": on_board.title if on_board else None,
        "status": on_board.status.value if on_board else None,
        "attempts": [{name: row[name] for name in ("id", "agent", "outcome", "score", "reason")} for row in tried],
        "attempt": shown,
        "tries": [
            {
                "number": rung.number,
                "name": rung.name,
                "failed": rung.failed,
                "prompt": rung.calls[-1]["prompt"],
                "reply": rung.calls[-1]["reply"],
                "error": rung.calls[-1]["error"],
                "verdicts": rung.verdicts,
                "events": rung.events,
            }
            for rung in (rungs(shown) if shown else [])
        ],
        "comments": [{name: row[name] for name in ("time", "agent", "role", "body")} for row in said],
        "decisions": [{name: row[name] for name in ("time", "decision", "why", "by")} for row in decided],
    }


def page_text(data: dict[str, Any], *, full: bool) -> Iterator[str]:
    """The page, in reading order."""
    yield printable(f"{data['id']}  {data['title'] or '(not on the board)'}  {data['status'] or 'archived'}")
    if data["attempt"] is None:
        yield "no attempt has ended yet" + ("; one is running" if data["attempts"] else "; next: metaagent run")
        return
    earlier = [row for row in data["attempts"] if row["id"] != data["attempt"]["id"]]
    if earlier:
        yield f"{len(earlier)} more attempts: metaagent log --task {printable(data['id'])}"
    yield heading(data["attempt"])
    yield from rungs_text(data["attempt"], failed_only=True, full=full)
    yield from _said(data)


def _said(data: dict[str, Any]) -> Iterator[str]:
    for row in data["comments"]:
        yield printable(f"{row['role']} ({row['agent']}) says, as a guess:")
        yield "\n".join(f"  {line}" for line in printable(row["body"], lines=True).splitlines())
    for row in data["decisions"]:
        reason = f": {row['why']}" if row["why"] else ""
        yield printable(f"{row['by']} decided {row['decision']} at {row['time'][:19]}{reason}")
