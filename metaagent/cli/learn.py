"""``metaagent learn``: from errors to a better protocol. Each subcommand stands in its own file, ``learn_NAME.py``.

The first docstring line of a subcommand is its help text; all of them read the mine split only.
"""

from __future__ import annotations

from metaagent.cli import learn_errors, learn_history, learn_plan, learn_test
from metaagent.cli.state import noun

app = noun("Learn from errors: patterns, causes, remedies, trials. Reads the mine split only.")

app.command("errors")(learn_errors.command)
app.command("plan")(learn_plan.command)
app.command("test")(learn_test.command)
app.command("history")(learn_history.command)
