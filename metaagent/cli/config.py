"""``metaagent config``: show, edit and find the configuration."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from metaagent.cli.state import current, noun, printable

app = noun("The settings of this workspace: .metaagent/config.yaml.")


@app.command("show")
def show(
    key: Annotated[str | None, typer.Argument(metavar="KEY", help="One section or value, such as run.retries.")] = None,
) -> None:
    """Show every setting in force, defaults included."""
    import yaml

    state = current()
    values: Any = state.config().model_dump(mode="json")
    value = lookup(values, key) if key else values
    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True).removesuffix("...\n")
    state.out("config", value, printable(text.rstrip("\n"), lines=True))


def lookup(values: Any, key: str) -> Any:
    """The value at a dotted key; raises NotFoundError with the nearest one."""
    from difflib import get_close_matches

    from metaagent.errors import NotFoundError

    rest, seen = key, ""
    while rest:
        known = [str(name) for name in values] if isinstance(values, dict) else []
        name = next((name for name in sorted(known, key=len, reverse=True) if f"{rest}.".startswith(f"{name}.")), None)
        if name is None:
            near = get_close_matches(rest.split(".")[0], known, n=1, cutoff=0.4)
            hint = f"; did you mean '{seen}{near[0]}'?" if near else ""
            raise NotFoundError(f"no setting '{key}'{hint}", mend="metaagent config show")
        values, rest, seen = values[name], rest[len(name) + 1 :], f"{seen}{name}."
    return values


@app.command("path")
def path() -> None:
    """Print where the configuration is, whether it is there or not."""
    state = current()
    where = state.workspace().config_path
    state.out("config", {"path": where, "exists": where.exists()}, str(where))


@app.command("edit")
def edit() -> None:
    """Open the configuration in $VISUAL or $EDITOR, and check it afterwards."""
    from metaagent.config import load_config
    from metaagent.scaffold import CONFIG
    from metaagent.workspace import ensure_state

    state = current()
    workspace = state.workspace()
    ensure_state(workspace)
    where = workspace.config_path
    if not where.exists():
        where.write_text(CONFIG, encoding="utf-8")
    run_editor(where)
    load_config(where)
    state.notice(f"{where} holds")


def run_editor(where: Path) -> None:
    """Open a file in the person's editor and wait; raises UsageError when there is none or it fails."""
    import subprocess

    from metaagent.errors import UsageError

    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise UsageError("neither VISUAL nor EDITOR is set", mend=f"EDITOR=nano metaagent config edit, or edit {where}")
    try:
        status = subprocess.run([*shlex.split(editor), str(where)], check=False).returncode
    except OSError as error:
        raise UsageError(f"cannot start the editor '{editor}': {error.strerror}", mend="export EDITOR=nano") from error
    if status:
        raise UsageError(f"the editor '{editor}' ended with status {status}", mend=f"look at {where}, then try again")
