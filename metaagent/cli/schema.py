"""``metaagent schema``: the shapes that --json prints."""

from __future__ import annotations

from typing import Annotated

import typer

from metaagent.cli.state import current


def _complete(incomplete: str) -> list[str]:
    from metaagent.cli.schemas import SCHEMAS

    return [name for name in SCHEMAS if name.startswith(incomplete)]


def command(
    name: Annotated[
        str | None, typer.Argument(metavar="NOUN", help="The name after metaagent/.", autocompletion=_complete)
    ] = None,
) -> None:
    """Print the JSON Schema of what a noun prints with --json; without NOUN, the names there are."""
    from difflib import get_close_matches

    from metaagent.cli.render import json_text
    from metaagent.cli.schemas import SCHEMAS, envelope
    from metaagent.errors import NotFoundError

    state = current()
    if name is None:
        state.out("schema", list(SCHEMAS), "\n".join(SCHEMAS))
        return
    if name not in SCHEMAS:
        near = get_close_matches(name, SCHEMAS, n=1, cutoff=0.4)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise NotFoundError(f"no schema '{name}'{hint}", mend="metaagent schema")
    schema = envelope(name)
    state.out("schema", schema, json_text(schema, indent=2))
