"""``metaagent evaluate --reveal``: the error events of sealed tasks, which count no longer once they were shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaagent.cli.render import counted

if TYPE_CHECKING:
    from metaagent.cli.state import State

MOST = 1_000_000


def reveal(state: State, set_name: str | None, *, yes: bool) -> None:
    """Retires the sealed tasks that have error events (of this set alone, where one is named), then shows those: in
    this order, so that nothing is seen of a task that still counts. Noted as a run of its own."""
    from metaagent.cli.learn_errors import table
    from metaagent.errors import NotFoundError
    from metaagent.ledger import runs, splits
    from metaagent.ledger.error_events import EventFilters, list_events

    if not state.has_ledger():
        raise NotFoundError("nothing is sealed yet", mend="metaagent full-cycle")
    with state.ledger(read_only=True) as ledger:
        sealed = splits.of_set(ledger, "sealed", set_name)
        if not sealed:
            raise NotFoundError(f"no sealed task{f' of {set_name}' if set_name else ''}", mend="metaagent full-cycle")
        found = list_events(ledger, EventFilters(tasks=sealed), MOST)
    ids = sorted({row["task_id"] for row in found})
    if ids:
        _agreed(state, f"show {counted(len(ids), 'sealed task')}, which count in no report from then on?", yes)
        with state.ledger() as ledger:
            run_id = runs.start(ledger, "evaluate --reveal", [set_name or "all", *ids])
            retired = splits.retire(ledger, ids)
            runs.end(ledger, run_id, "done", {"retired": retired})
    rows = [{**dict(row), "public": bool(row["public"])} for row in reversed(found)]
    state.out("evaluate", rows, table(rows))
    if ids:
        state.notice(f"{counted(len(ids), 'task')} retired; {len(sealed) - len(ids)} sealed ones are left")


def _agreed(state: State, question: str, yes: bool) -> None:
    """Raises UsageError where nobody says yes."""
    from metaagent.errors import UsageError

    if not yes and not state.ask(question):
        raise UsageError("nothing was shown: it takes a yes", mend="metaagent evaluate --reveal --yes")
