"""The command line: a table of nouns, each imported only when it is called, and the global options."""

from __future__ import annotations

import difflib
import importlib
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from metaagent import __version__
from metaagent.cli import boundary, render
from metaagent.cli.state import begin, current
from metaagent.errors import UsageError

COMPLETE_VARIABLE = "_METAAGENT_COMPLETE"

# The root help, and what tests hold against reality: group -> noun -> one line.
NOUNS: dict[str, dict[str, str]] = {
    "Work": {
        "run": "Work through the board: pick tasks, let agents attempt them, check, retry, record.",
        "task": "List, show, add, import, edit, decide about and validate tasks; why one failed.",
        "artifact": "List and show what agents produced; copy it to where it belongs.",
        "watch": "Run whenever the board changes.",
        "heartbeat": "One pass for the agents that are due; made for cron.",
        "schedule": "Print the crontab and systemd lines for heartbeats.",
    },
    "Learn": {
        "full-cycle": "Run, learn, measure, evaluate: one resumable command that says whether it improves.",
        "learn": "Learn from errors: patterns, causes, remedies, trials.",
        "ingest": "Put the errors that other tools reported into the ledger and its patterns.",
        "protocol": "Versions of what learning changes: list, show, compare.",
        "fingerprint": "Group the errors of another tool by fingerprint, as a filter; needs no workspace.",
    },
    "Look": {
        "status": "The workspace at a glance: counts, agents, running work, blockers.",
        "log": "Attempts with their steps, prompts and replies.",
        "evaluate": "Success, errors, latency, tokens, cost, with intervals; or measure a set of tasks.",
        "board": "Check, diff, undo, accept and repair WORKING.md.",
    },
    "Set up": {
        "init": "Make a workspace here or in DIR, empty or from an example.",
        "doctor": "Check every component, say what to type where one fails, mend what is safe.",
        "config": "Show, edit and find the configuration.",
        "agent": "List, show, add, edit, bootstrap, pause, resume and remove agents; why one was chosen.",
        "model": "List, pull, show and remove models.",
        "trust": "Show what code of this workspace may run, and pin it.",
        "sandbox": "Show, prove and use the walls behind which code of models runs.",
        "completion": "Print the completion script for bash, zsh or fish.",
    },
    "Data": {
        "ledger": "Path, SQL, views, check, backup, rebuild and prune of the ledger.",
        "schema": "The JSON Schema of what a noun prints with --json.",
    },
}

EXIT_STATUSES = """\
Exit statuses:
  0    done (a result that says no is a result)
  1    ran, but a task's validation or an SLA failed
  2    usage: a wrong argument, file or setting
  3    board conflict: WORKING.md needs a person
  4    model backend unreachable
  5    environment (doctor) failed
  6    approval or trust needed
  70   a bug of metaagent
  74   disk or file error
  75   locked by another process
  130  interrupted
"""

OPTIONS = """\
Options, before or after the command:
  -C DIR          the workspace (else METAAGENT_WORKSPACE, else found upwards from here)
  --json          results as {"schema": "metaagent/NOUN@1", "data": ...} on stdout
  -q, --quiet     no notices        -v, --verbose  more notices
  --debug         tracebacks        --version      the version
  -h, --help      help; also for each command: metaagent COMMAND --help
"""


def root_help() -> str:
    """The whole help text, made from the table: nothing is imported for it."""
    size = max(len(name) for group in NOUNS.values() for name in group)
    lines = ["Usage: metaagent [OPTIONS] COMMAND [ARGS]...", ""]
    lines += ["Local LLM agents on tasks with real validators, and a ledger of every error.", ""]
    for title, group in NOUNS.items():
        lines += [f"{title}:", *(f"  {name:<{size}}  {text}" for name, text in group.items()), ""]
    return "\n".join(lines) + "\n" + OPTIONS + "\n" + EXIT_STATUSES


class LazyGroup(TyperGroup):
    """The root: knows its nouns by the table and imports the one that is called."""

    def make_context(self, *args: Any, **extra: Any) -> Any:
        begin()
        return super().make_context(*args, **extra)

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the parser's signature
        return [name for group in NOUNS.values() for name in group]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - the parser's signature
        return load(cmd_name) if any(cmd_name in group for group in NOUNS.values()) else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        names = self.list_commands(ctx)
        if args[0] not in names and not ctx.resilient_parsing:
            near = difflib.get_close_matches(args[0], names, n=1, cutoff=0.5)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise UsageError(
                f"no such command '{args[0]}'{hint}", mend=f"metaagent {near[0]} --help" if near else "metaagent --help"
            )
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - the parser's signature
        formatter.write(root_help())

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Names come from the table: completing a noun must not import all of them."""
        completions = super(TyperGroup, self).shell_complete(ctx, incomplete)
        item = type(completions[0]) if completions else _completion_item()
        rows = [(name, text) for group in NOUNS.values() for name, text in group.items()]
        return [item(name, help=text) for name, text in rows if name.startswith(incomplete)] + completions


def _completion_item() -> Any:
    try:
        return importlib.import_module("typer._click.shell_completion").CompletionItem
    except ImportError:  # a typer that stands on the click package
        return importlib.import_module("click.shell_completion").CompletionItem


def load(name: str) -> Any:
    """The command of one noun: its ``app``, or its ``command`` function, with the global options on every level."""
    module = importlib.import_module(f"metaagent.cli.{name.replace('-', '_')}")
    app = getattr(module, "app", None)
    if app is None:
        app = typer.Typer(rich_markup_mode=None, add_completion=False)
        app.command(name)(module.command)
    elif len(app.registered_commands) == 1 and app.registered_callback is None:
        app.callback()(lambda: None)  # a group stays a group while it has one verb
    command = get_command(app)
    command.name = name
    _adopt(command, get_command(_OPTIONS).params)
    return command


def _adopt(command: Any, options: list[Any]) -> None:
    """Give a command, and all below it, the global options and -h."""
    taken = {text for param in command.params for text in param.opts}
    command.params.extend(option for option in options if not taken.intersection(option.opts))
    for child in getattr(command, "commands", {}).values():
        _adopt(child, options)


def _set_directory(value: str | None) -> None:
    if value is not None:
        current().directory = Path(value)


def _set_flag(name: str) -> Any:
    def callback(value: bool) -> None:
        if value:
            setattr(current(), name, True)

    return callback


def _print_help(ctx: typer.Context, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        render.write(ctx.get_help())
        raise typer.Exit


def _print_version(value: bool) -> None:
    if value:
        render.write(f"metaagent {__version__}")
        raise typer.Exit


_OPTIONS = typer.Typer(rich_markup_mode=None, add_completion=False)


@_OPTIONS.command()
def _globals(
    global_directory: Annotated[
        str | None,
        typer.Option("-C", metavar="DIR", help="The workspace.", callback=_set_directory, expose_value=False),
    ] = None,
    global_json: Annotated[
        bool, typer.Option("--json", help="Results as JSON.", callback=_set_flag("json"), expose_value=False)
    ] = False,
    global_quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No notices.", callback=_set_flag("quiet"), expose_value=False)
    ] = False,
    global_verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="More notices.", callback=_set_flag("verbose"), expose_value=False)
    ] = False,
    global_debug: Annotated[
        bool, typer.Option("--debug", help="Tracebacks.", callback=_set_flag("debug"), expose_value=False)
    ] = False,
    global_help: Annotated[
        bool,
        typer.Option("--help", "-h", help="This help.", callback=_print_help, is_eager=True, expose_value=False),
    ] = False,
) -> None:
    """Only a carrier for the global options; their names must not be those of a command's own parameters."""


def root(completion: bool = False) -> Any:
    """The root command. ``completion`` registers typer's completion for the shells."""
    app = typer.Typer(
        cls=LazyGroup,
        rich_markup_mode=None,
        add_completion=completion,
        pretty_exceptions_enable=False,
    )

    @app.callback()
    def _root(
        version: Annotated[
            bool, typer.Option("--version", callback=_print_version, is_eager=True, help="The version.")
        ] = False,
    ) -> None:
        """Local LLM agents on tasks with real validators, and a ledger of every error."""

    command = get_command(app)
    command.params = [param for param in command.params if not str(param.name).endswith("_completion")]
    command.params.extend(get_command(_OPTIONS).params)
    return command


def execute(arguments: list[str]) -> int:
    """Parse and run one command line; exceptions go up to the boundary."""
    if not arguments:
        render.show(root_help())
        return 0
    try:
        with root().make_context("metaagent", list(arguments)) as context:
            result = context.command.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    return result if type(result) is int else 0


def run_command(arguments: list[str]) -> int:
    """One command line from start to exit status: the whole program, for callers in the same process."""
    state = begin()
    state.debug = "--debug" in arguments
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    return boundary.guarded(lambda: execute(arguments), lambda: state.debug or current().debug)


def run_cli() -> None:
    """The console script."""
    if COMPLETE_VARIABLE in os.environ:
        root(completion=True).main(prog_name="metaagent", complete_var=COMPLETE_VARIABLE)
        return
    _interrupt_on_every_signal()
    sys.exit(run_command(sys.argv[1:]))


def _interrupt_on_every_signal() -> None:
    """SIGTERM and a closed terminal (unless it is ignored, as under nohup) end a command as Ctrl-C does: in order, and
    with its status."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
