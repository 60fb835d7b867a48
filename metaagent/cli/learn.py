"""``metaagent learn``: from errors to a better protocol. Each subcommand stands in its own file, ``learn_NAME.py``.

The first docstring line of a subcommand is its help text; all of them read the mine split only.
"""

from __future__ import annotations

from metaagent.cli import (
    learn_aa,
    learn_errors,
    learn_history,
    learn_insights,
    learn_loop,
    learn_monitor,
    learn_patterns,
    learn_plan,
    learn_promote,
    learn_propose,
    learn_test,
)
from metaagent.cli.state import noun

app = noun("Learn from errors: patterns, causes, remedies, trials. Reads the mine split only.")

app.callback(invoke_without_command=True, no_args_is_help=False)(learn_loop.command)

app.command("errors")(learn_errors.command)
app.command("insights")(learn_insights.command)
app.command("propose")(learn_propose.command)
app.add_typer(learn_patterns.app, name="patterns")
app.command("plan")(learn_plan.command)
app.command("test")(learn_test.command)
app.command("history")(learn_history.command)
app.command("promote")(learn_promote.promote)
app.command("rollback")(learn_promote.rollback)
app.command("aa")(learn_aa.command)
app.command("monitor")(learn_monitor.command)
