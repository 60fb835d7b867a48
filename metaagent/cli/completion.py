"""``metaagent completion SHELL``: the script that teaches a shell our commands, task ids and agent ids."""

from __future__ import annotations

import contextlib
import io
import os
from enum import StrEnum
from typing import Annotated

import typer

from metaagent.cli.state import current


class Shell(StrEnum):
    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def command(shell: Annotated[Shell, typer.Argument(help="Your shell.")]) -> None:
    """Print the completion script for bash, zsh or fish.

    bash: eval "$(metaagent completion bash)" in ~/.bashrc. zsh: the same in ~/.zshrc, after compinit. fish: metaagent
    completion fish > ~/.config/fish/completions/metaagent.fish
    """
    from metaagent.cli.app import COMPLETE_VARIABLE, root

    tree = root(completion=True)
    os.environ[COMPLETE_VARIABLE] = f"source_{shell.value}"
    script = io.StringIO()
    try:
        with contextlib.redirect_stdout(script):
            tree.main(args=[], prog_name="metaagent", complete_var=COMPLETE_VARIABLE)
    except SystemExit:
        pass  # the parser's way to end after it printed the script
    finally:
        del os.environ[COMPLETE_VARIABLE]
    current().out("completion", {"shell": shell, "script": script.getvalue()}, script.getvalue())
