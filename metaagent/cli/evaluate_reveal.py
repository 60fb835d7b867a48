"""``metaagent evaluate --reveal``: the error events of sealed tasks, which count no longer once they were shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaagent.cli.render import counted

if TYPE_CHECKING:
    from metaagent.cli.state import State
    from metaagent.learning.reveal import Drawn, Scope


def reveal_sealed(state: State, scope: Scope, *, yes: bool) -> None:
    """Asks, retires, shows. Raises NotFoundError where nothing is sealed, UsageError where nobody says yes."""
    from metaagent.cli.learn_errors import shown, table
    from metaagent.errors import NotFoundError
    from metaagent.learning.reveal import draw, reveal

    if not state.has_ledger():
        raise NotFoundError("nothing is sealed yet", mend="metaagent full-cycle")
    with state.ledger(read_only=True) as ledger:
        drawn = draw(ledger, scope)
    if not drawn.sealed:
        raise NotFoundError(f"no sealed task{_place(scope)}", mend="metaagent full-cycle")
    if not drawn.tasks:
        state.out("evaluate", [], f"none of {counted(drawn.sealed, 'sealed task')}{_place(scope)} has an error to show")
        return
    _agreed(state, _question(drawn), yes)
    with state.ledger() as ledger:
        made = reveal(ledger, scope, drawn)
    rows = shown(made.events)
    state.out("evaluate", rows, table(rows))
    state.notice(
        f"{counted(made.retired, 'task')} retired for good; {made.left} sealed {_ones(made.left)} left{_place(scope)}"
    )


def _question(drawn: Drawn) -> str:
    number = counted(len(drawn.tasks), "sealed task")
    return (
        f"{drawn.failed} of {number} failed. Show their errors? All {len(drawn.tasks)} are retired: they count in no "
        f"report from then on; {drawn.sealed - len(drawn.tasks)} of {drawn.sealed} would be left."
    )


def _place(scope: Scope) -> str:
    return "".join(
        [
            f" of set {scope.set_name}" if scope.set_name else "",
            f" in domain {scope.domain}" if scope.domain else "",
        ]
    )


def _ones(count: int) -> str:
    return "one is" if count == 1 else "ones are"


def _agreed(state: State, question: str, yes: bool) -> None:
    """Raises UsageError where nobody says yes."""
    from metaagent.errors import UsageError

    answer = yes or state.ask(question)
    if answer is None:
        state.notice(question)
    if not answer:
        raise UsageError("nothing was shown: it takes a yes", mend="metaagent evaluate --reveal --yes")
