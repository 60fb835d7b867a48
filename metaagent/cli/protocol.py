"""``metaagent protocol``: what learning changes, version by version. Each verb stands in ``protocol_NAME.py``."""

from __future__ import annotations

from metaagent.cli import protocol_diff, protocol_export, protocol_show
from metaagent.cli.state import noun

app = noun("Versions of what learning changes: list, show, compare, export, import.")

app.command("list")(protocol_show.listing)
app.command("show")(protocol_show.show)
app.command("diff")(protocol_diff.command)
app.command("export")(protocol_export.export)
app.command("import")(protocol_export.import_)
