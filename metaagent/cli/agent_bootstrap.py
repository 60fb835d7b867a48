"""``metaagent agent bootstrap``: what an agent and its model show before they get work."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaagent.cli.state import Column, Table, complete_agent, current

if TYPE_CHECKING:
    from metaagent.agents.bootstrap import Capability
    from metaagent.orchestrator.bootstrap import Bootstrap

_STYLES = {"passed": "green", "failed": "red"}


def command(
    agent: Annotated[str | None, typer.Argument(metavar="AGENT", help="Its id.", autocompletion=complete_agent)] = None,
    all_: Annotated[bool, typer.Option("--all", help="All agents.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Ask again what is remembered.")] = False,
) -> None:
    """Try an agent in four stages: connection, generation, capabilities, self-test; exit status 5 where one fails."""
    from metaagent.errors import EnvironmentFailedError, UsageError
    from metaagent.orchestrator.bootstrap import bootstrap

    state = current()
    if agent is not None and all_:
        raise UsageError("one agent, or --all", mend="metaagent agent bootstrap --all")
    if agent is None and not all_ and len(state.config().agents) > 1:
        raise UsageError("which agent? several are configured", mend="metaagent agent bootstrap --all")
    done = bootstrap(state.workspace(), [agent] if agent else [], force=force, notice=state.notice)
    columns: list[Column | str] = ["agent", "stage", Column("result", paint=_STYLES), "what"]
    rows = [(one.agent_id, stage.name, stage.state, stage.says) for one in done for stage in one.stages]
    state.out("agent", [_data(one) for one in done], Table(columns, rows))
    for one in done:
        shown = [capability.name for capability in one.capabilities if capability.shown]
        if shown:
            state.notice(f"{one.agent_id}: {one.model} shows {', '.join(shown)}")
        for warning in one.warnings:
            state.warn(f"warning: {one.agent_id}: {warning}")
    if all(one.ready and not one.calls for one in done):
        state.notice("all of it was remembered, no model was asked; --force asks again")
    failed = [one for one in done if not one.ready]
    if failed:
        stage = failed[0].failed
        says = f"{stage.name}: {stage.says}" if stage else ""
        mend = failed[0].mend or f"give it another model: metaagent agent edit {failed[0].agent_id} --model MODEL"
        raise EnvironmentFailedError(f"{failed[0].agent_id} is not ready: {says}", mend=mend)


def _data(one: Bootstrap) -> dict[str, Any]:
    return {
        "id": one.agent_id,
        "model": one.model,
        "ready": one.ready,
        "stages": [asdict(stage) for stage in one.stages],
        "capabilities": [_capability(capability) for capability in one.capabilities],
        "roles": one.roles,
        "warnings": one.warnings,
        "digest": one.digest,
        "backend": one.backend,
        "engine": one.engine,
        "calls": one.calls,
    }


def _capability(one: Capability) -> dict[str, Any]:
    return {"name": one.name, "shown": one.shown, "says": one.says}
