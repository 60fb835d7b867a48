"""What every command knows: the global options, the workspace, and how to answer. Read this before writing a noun.

A noun is one file in ``metaagent/cli/``, imported only when it is called, named in ``NOUNS`` of ``app.py``.
A noun with verbs defines ``app``; a noun without defines ``command``::

    from metaagent.cli.state import complete_task, current, noun      # cheap to import

    app = noun("Tasks: what is to be done.")          # or: def command(...) -> None: for a noun without verbs

    @app.command("show")                              # the first docstring line is the help text
    def show(task: Annotated[str, typer.Argument(autocompletion=complete_task)]) -> None:
        \"\"\"Show one task with its specification.\"\"\"
        from metaagent.tasks.index import ...         # heavy imports inside the function, always

        state = current()
        with state.ledger() as ledger:                # opened, made if missing; closed at the end of the block
            store = state.workspace().open_board(ledger)
            ...                                       # compute (in a function that returns values), then answer:
        state.out("task", data, Table(["id", "title"], rows, empty="no tasks yet"))

``state.out(NOUN, data, *human)`` prints ``{"schema": "metaagent/NOUN@1", "data": data}`` with ``--json`` (dataclasses,
times, enums and paths are converted), else the human forms: text (pass what comes from tasks, models or files through
``printable()``) and ``Table``s (their cells are made printable for you). One result, one call. For streams:
``state.line(value)`` prints one JSON line. Notices go to stderr: ``state.notice()`` (silent with ``--quiet``),
``state.detail()`` (only with ``--verbose``), ``state.warn()`` (always). ``state.ask()`` asks a person, on a terminal
only.

``state.workspace()``, ``state.config()``, ``state.board()`` (a fast look without ledger or lock), ``state.ledger()``.
Errors: raise from ``metaagent.errors`` with ``mend=``; the boundary prints and exits. Another exit status after a
printed result: ``raise typer.Exit(1)``. The options ``-C --json -q -v --debug`` are added to every command by
``app.py``: do not define them (nor ``-h``), and annotate with ``typing.Annotated``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaagent.cli import render
from metaagent.cli.render import Column, Renderable, Table, printable

if TYPE_CHECKING:
    import typer

    from metaagent.board.parse import Board
    from metaagent.config import Config
    from metaagent.ledger.database import Ledger
    from metaagent.workspace import Workspace

__all__ = [
    "Column",
    "State",
    "Table",
    "complete_agent",
    "complete_model",
    "complete_task",
    "current",
    "noun",
    "printable",
]


@dataclass
class State:
    """The global options of one command, as they are parsed, and the answers' way out."""

    directory: Path | None = None
    json: bool = False
    quiet: bool = False
    verbose: bool = False
    debug: bool = False
    _workspace: Workspace | None = field(default=None, repr=False)

    def workspace(self) -> Workspace:
        """The workspace that -C, METAAGENT_WORKSPACE or the current folder names; NotFoundError when there is none."""
        if self._workspace is None:
            from metaagent.workspace import find_workspace

            self._workspace = find_workspace(Path.cwd(), self.directory)
        return self._workspace

    def config(self) -> Config:
        return self.workspace().config

    def board(self) -> Board:
        """The board as it stands, read without lock or ledger."""
        from metaagent.board.parse import read_board
        from metaagent.errors import BoardSuspectError

        path = self.workspace().board_path
        try:
            return read_board(path)
        except FileNotFoundError as error:
            raise BoardSuspectError(f"the board is gone: there is no {path}", mend="metaagent board undo") from error

    def has_ledger(self) -> bool:
        """Whether anything was recorded yet; a look at a fresh workspace makes no ledger."""
        return self.workspace().ledger_path.exists()

    @contextmanager
    def ledger(self, *, read_only: bool = False) -> Iterator[Ledger]:
        """The open ledger; ``read_only`` never creates or migrates one (and fails where there is none)."""
        with self.workspace().open_ledger(read_only=read_only) as ledger:
            yield ledger

    def out(self, noun: str, data: Any, *human: Renderable) -> None:
        """Print the result: ``data`` in the JSON envelope with --json, else ``human``."""
        if self.json:
            render.show_json(f"metaagent/{noun}@1", data)
        else:
            render.show(*human)

    def line(self, data: Any) -> None:
        """Print one value of a stream as one JSON line, at once."""
        render.show_line(data)

    def notice(self, text: str) -> None:
        if not self.quiet:
            render.notice(printable(text, lines=True))

    def detail(self, text: str) -> None:
        if self.verbose and not self.quiet:
            render.notice(printable(text, lines=True))

    def warn(self, text: str) -> None:
        render.notice(printable(text, lines=True))

    def ask(self, question: str) -> bool | None:
        """Yes or no from a person; None where nobody can answer (no terminal)."""
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            return None
        print(f"{printable(question)} [y/N] ", end="", file=sys.stderr, flush=True)  # noqa: T201 - a question, not a result
        return sys.stdin.readline().strip().lower() in {"y", "yes"}


_current: ContextVar[State] = ContextVar("metaagent_state")


def current() -> State:
    """The state of the command that is running."""
    return _current.get()


def begin() -> State:
    """A fresh state for one invocation; app.py calls it before the command line is parsed."""
    state = State()
    _current.set(state)
    return state


def noun(help: str) -> typer.Typer:
    """A group of verbs with the conventions of this command line."""
    import typer

    return typer.Typer(help=help, rich_markup_mode=None, add_completion=False, no_args_is_help=True)


def complete_task(incomplete: str) -> list[tuple[str, str]]:
    """Task ids of the workspace's board with their titles, for shell completion. Silent about every problem."""
    return [
        (task.id, _one_line(task.title))
        for task in _quiet_tasks()
        if task.id is not None and task.id.startswith(incomplete)
    ]


def _quiet_tasks() -> tuple[Any, ...]:
    from metaagent.errors import MetaagentError

    try:
        return tuple(current().board().tasks)
    except (MetaagentError, OSError, ValueError, LookupError):
        return ()


def _one_line(text: str) -> str:
    return printable(text).replace("[", "(").replace("]", ")")


def complete_agent(incomplete: str) -> list[tuple[str, str]]:
    """Agent ids of the configuration, for shell completion."""
    from metaagent.errors import MetaagentError

    try:
        config = current().config()
    except (MetaagentError, OSError, ValueError, LookupError):
        return []
    agents = {name: agent.note for name, agent in config.agents.items()} or {"agent:executor:main": "the default agent"}
    return [(name, _one_line(note)) for name, note in agents.items() if name.startswith(incomplete)]


def complete_model(incomplete: str) -> list[str]:
    """Model names of the configuration, for shell completion."""
    from metaagent.errors import MetaagentError

    try:
        config = current().config()
    except (MetaagentError, OSError, ValueError, LookupError):
        return []
    return [name for name in {config.default_model, *config.models} if name.startswith(incomplete)]
