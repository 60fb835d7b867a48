"""``metaagent completion SHELL``: the script that teaches a shell our commands, task ids and agent ids."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Annotated

import typer


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
    try:
        tree.main(args=[], prog_name="metaagent", complete_var=COMPLETE_VARIABLE)
    finally:
        del os.environ[COMPLETE_VARIABLE]
