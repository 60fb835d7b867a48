"""``--if-locked`` of the commands that learn: each of them is the only run of its workspace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaagent.cli.complete import one_of

if TYPE_CHECKING:
    from metaagent.cli.state import State

IF_LOCKED = ("skip", "wait", "fail")
IfLocked = Annotated[
    str, typer.Option("--if-locked", **one_of(IF_LOCKED), help="What to do while another run is going on.")
]


@contextmanager
def only_run(state: State, if_locked: str, noun: str, nothing: Any) -> Iterator[bool]:
    """Hold the run lock for the block; False, and said, where ``skip`` found it taken. ``nothing`` is what --json then
    prints for the noun: that nothing was done."""
    from metaagent.orchestrator.runlock import run_lock

    with run_lock(state.workspace(), if_locked) as held:
        if not held:
            state.notice("another run is going on; nothing done")
            state.out(noun, nothing)
        yield held
