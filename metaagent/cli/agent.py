"""``metaagent agent``: who does the work. Agents stand in .metaagent/config.yaml, their pauses in the ledger."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaagent.cli import agent_bootstrap
from metaagent.cli.state import Column, Table, complete_agent, complete_model, complete_task, current, noun, printable

if TYPE_CHECKING:
    from metaagent.agents.selection import Score
    from metaagent.cli.state import State
    from metaagent.config import Config
    from metaagent.records import Agent

app = noun("Agents: who does the work, with which model, and why one was chosen.")

AgentId = Annotated[str, typer.Argument(metavar="AGENT", help="Its id.", autocompletion=complete_agent)]
Role = Annotated[str | None, typer.Option("--role", help="Its role; default: the middle part of its id.")]
Model = Annotated[
    str | None, typer.Option("--model", help="Its model; default: default_model.", autocompletion=complete_model)
]
Capability = Annotated[
    list[str] | None,
    typer.Option(
        "--capability", help="A word or domain prefix, such as json or data.json; may be given several times."
    ),
]
Temperature = Annotated[float | None, typer.Option("--temperature", min=0, max=2, help="Default: 0.")]
Heartbeat = Annotated[str | None, typer.Option("--heartbeat", metavar="SPAN", help="How often it is due, such as 15m.")]
Note = Annotated[str | None, typer.Option("--note", help="A line for people; shown on the board.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show how the configuration would change.")]

STATE_STYLES = {"ACTIVE": "green", "BLOCKED": "red", "PAUSED": "yellow"}


@app.command("list")
def list_() -> None:
    """List the agents."""
    state = current()
    known, states = _bootstraps(state), _board_states(state)
    rows = [{**_row(agent, states), **_shown(known.get(agent.model))} for agent in _roster(state)]
    columns: list[Column | str] = [
        *("id", "role", "model", Column("state", paint=STATE_STYLES), "model shows", "heartbeat", "note")
    ]
    cells = [
        *(
            (row["id"], row["role"], row["model"], row["state"], _shown_text(row), _span(row["heartbeat"]), row["note"])
            for row in rows
        )
    ]
    state.out("agent", rows, Table(columns, cells, empty="no agents"))


@app.command("show")
def show(agent: AgentId) -> None:
    """Show one agent with its role and its record."""
    from metaagent.agents.roles import load_roles
    from metaagent.agents.roster import find_agent

    state = current()
    found = find_agent(_roster(state), agent)
    role = load_roles(state.config())[found.role]
    record = [
        {"domain": domain or "", "passes": passes, "total": total}
        for (agent_id, domain), (passes, total) in sorted(_history(state).items(), key=str)
        if agent_id == found.id
    ]
    row = {
        **_row(found, _board_states(state)),
        **_shown(_bootstraps(state).get(found.model)),
        "purpose": role.purpose,
        "may": role.may,
        "record": record,
    }
    lines = [
        f"{found.id} ({row['state']})",
        f"  role          {found.role}: {role.purpose}",
        f"  may           {', '.join(role.may)}",
        f"  model         {found.model}, temperature {found.temperature:g}",
        f"  capabilities  {', '.join(found.capabilities) or 'none'}",
        f"  model shows   {_shown_text(row)}",
        *([f"  not shown     {', '.join(row['not_shown'])}"] if row["not_shown"] else []),
        f"  heartbeat     {_span(found.heartbeat) or 'never'}",
        *([f"  note          {found.note}"] if found.note else []),
        *(f"  passed        {line['passes']} of {line['total']} in {line['domain'] or 'no domain'}" for line in record),
    ]
    state.out("agent", row, "\n".join(printable(line) for line in lines))


@app.command("add")
def add(
    agent: Annotated[str, typer.Argument(metavar="AGENT", help="agent:ROLE:NAME, or ROLE:NAME.")],
    role: Role = None,
    model: Model = None,
    capability: Capability = None,
    temperature: Temperature = None,
    heartbeat: Heartbeat = None,
    note: Note = None,
    dry_run: DryRun = False,
) -> None:
    """Add an agent to the configuration and the board."""
    from metaagent.agents.settings import with_agent
    from metaagent.board.edit import SetAgent
    from metaagent.cli.changes import change
    from metaagent.config import DEFAULT_AGENT
    from metaagent.errors import UsageError

    state = current()
    agent_id = agent if agent.startswith("agent:") else f"agent:{agent}"
    first = not state.config().agents
    if agent_id in state.config().agents or (first and agent_id == DEFAULT_AGENT):
        raise UsageError(f"there is an agent '{agent_id}' already", mend=f"metaagent agent edit {agent_id}")
    fields = _fields(role, model, capability, temperature, heartbeat, note)
    given = {name: value for name, value in fields.items() if value is not None}

    def added(text: str) -> str:
        return with_agent(with_agent(text, DEFAULT_AGENT, {}) if first else text, agent_id, given)

    if dry_run:
        _preview(state, agent_id, added)
        return
    config = _change(state, added)
    if first:
        state.notice(f"{DEFAULT_AGENT}, the agent of a workspace without any, was written down too, so that it stays")
    change(state, [SetAgent(agent_id, "IDLE", note)], f"{agent_id} added")
    _answer(state, config, agent_id)


@app.command("edit")
def edit(
    agent: AgentId,
    role: Role = None,
    model: Model = None,
    capability: Capability = None,
    temperature: Temperature = None,
    heartbeat: Heartbeat = None,
    note: Note = None,
    dry_run: DryRun = False,
) -> None:
    """Change an agent's settings; an empty text ('') brings a default back."""
    from metaagent.agents.roster import find_agent
    from metaagent.agents.settings import with_agent
    from metaagent.board.edit import SetAgent
    from metaagent.cli.changes import change
    from metaagent.errors import UsageError

    state = current()
    found = find_agent(_roster(state), agent)
    fields = _fields(role, model, capability, temperature, heartbeat, note)
    if not fields:
        raise UsageError("nothing to change was given", mend=f"metaagent agent edit {found.id} --model MODEL")
    if dry_run:
        _preview(state, found.id, lambda text: with_agent(text, found.id, fields))
        return
    config = _change(state, lambda text: with_agent(text, found.id, fields))
    if note is not None:
        shown = _board_states(state).get(found.id, "IDLE")
        change(state, [SetAgent(found.id, shown, note)], f"{found.id} edited")
    _answer(state, config, found.id)


@app.command("remove")
def remove(agent: AgentId, dry_run: DryRun = False) -> None:
    """Remove an agent from the configuration and the board; the ledger keeps what it did."""
    from metaagent.agents.roster import find_agent
    from metaagent.agents.settings import without_agent
    from metaagent.board.edit import RemoveAgent
    from metaagent.cli.changes import change
    from metaagent.errors import UsageError

    state = current()
    found = find_agent(_roster(state), agent)
    if found.id not in state.config().agents:
        raise UsageError(
            f"{found.id} is there because no other agent is configured", mend="metaagent agent add ROLE:NAME"
        )
    if dry_run:
        _preview(state, found.id, lambda text: without_agent(text, found.id))
        return
    config = _change(state, lambda text: without_agent(text, found.id))
    assigned = [task.id or task.title for task in state.board().tasks if found.id in task.assignees]
    if assigned:
        state.warn(f"still assigned to it: {', '.join(assigned)}; metaagent task assign {assigned[0]} AGENT")
    if not config.agents:
        state.notice("no agent is configured any more: the default one, agent:executor:main, does the work")
    change(state, [RemoveAgent(found.id)], f"{found.id} removed")
    state.out("agent", {"id": found.id, "removed": True}, f"removed {printable(found.id)}")


@app.command("pause")
def pause(agent: AgentId) -> None:
    """Give an agent no more work until it is resumed."""
    _set_paused(agent, paused=True)


@app.command("resume")
def resume(agent: AgentId) -> None:
    """Let a paused agent work again."""
    _set_paused(agent, paused=False)


@app.command("why")
def why(task: Annotated[str, typer.Argument(metavar="TASK", help="A task.", autocompletion=complete_task)]) -> None:
    """Explain which agent a task would go to, and why."""
    from metaagent.agents.bootstrap import lacking
    from metaagent.agents.roles import load_roles
    from metaagent.agents.selection import rank, roll_up
    from metaagent.cli import joined, listing
    from metaagent.records import AgentState, Status

    state = current()
    board = state.board()
    wanted = joined.joined(listing.find(board, task), joined.spec_index(state))
    load = {
        agent: sum(agent in other.assignees for other in board.tasks if other.status is Status.IN_PROGRESS)
        for agent in (found.id for found in _roster(state))
    }
    states = {name: AgentState(word) for name, word in _board_states(state).items() if word in set(AgentState)}
    scores = rank(
        wanted,
        _roster(state),
        load_roles(state.config()),
        history=roll_up(_history(state)),
        load=load,
        states=states,
        lacking=lacking(_roster(state), _bootstraps(state)),
    )
    data = {"task": wanted.id, "domain": wanted.domain, "scores": [asdict(score) for score in scores]}
    head = f"{wanted.id}: {wanted.title} (domain {wanted.domain or 'not known'})"
    state.out("agent", data, printable(head), _score_table(scores), *(_words(score) for score in scores))


app.command("bootstrap")(agent_bootstrap.command)


def _preview(state: State, agent_id: str, change: Callable[[str], str]) -> None:
    """What the configuration would become, as a diff; it has to hold, as for a real change."""
    import difflib

    from metaagent.config import parse_config

    path = state.workspace().config_path
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    after = change(before)
    parse_config(after, where=str(path))
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), path.name, path.name, "now", "then", 1, "")
    diff = "\n".join(lines)
    state.out("agent", {"id": agent_id, "dry_run": True, "diff": diff}, printable(diff, lines=True))


def _score_table(scores: tuple[Score, ...]) -> Table:
    names = [part.name for part in scores[0].parts] if scores else []
    columns: list[Column | str] = ["agent", Column("score", right=True), *(Column(name, right=True) for name in names)]
    rows = [
        (score.agent_id, score.total if score.eligible else "-", *(part.value for part in score.parts))
        for score in scores
    ]
    return Table(columns, rows, empty="no agents")


def _words(score: Score) -> str:
    return printable(f"{score.agent_id}: {score.explanation}")


def _fields(
    role: str | None,
    model: str | None,
    capability: list[str] | None,
    temperature: float | None,
    heartbeat: str | None,
    note: str | None,
) -> dict[str, Any]:
    """What was given, by the names of the configuration; an empty text becomes None: back to the default."""
    words = None if capability is None else [word for word in capability if word]
    given = {
        "role": role,
        "model": model,
        "capabilities": words,
        "temperature": temperature,
        "heartbeat": heartbeat,
        "note": note,
    }
    return {name: None if value in ("", []) else value for name, value in given.items() if value is not None}


def _roster(state: State) -> tuple[Agent, ...]:
    from metaagent.agents.roster import roster

    return roster(state.config(), _paused(state))


def _paused(state: State) -> frozenset[str]:
    from metaagent.ledger import agent_states

    if not state.has_ledger():
        return frozenset()
    with state.ledger(read_only=True) as ledger:
        return frozenset(agent_states.paused(ledger))


def _history(state: State) -> Mapping[tuple[str, str | None], tuple[int, int]]:
    from metaagent.ledger import attempts

    if not state.has_ledger():
        return {}
    with state.ledger(read_only=True) as ledger:
        return attempts.history(ledger)


def _bootstraps(state: State) -> dict[str, dict[str, Any]]:
    """What models showed when they were last asked, by model."""
    from metaagent.ledger import bootstraps

    if not state.has_ledger():
        return {}
    with state.ledger(read_only=True) as ledger:
        return bootstraps.by_model(ledger)


def _board_states(state: State) -> dict[str, str]:
    return {agent.id: agent.state for agent in state.board().agents}


def _row(agent: Agent, states: Mapping[str, str]) -> dict[str, Any]:
    return {**asdict(agent), "state": "PAUSED" if agent.paused else states.get(agent.id, "IDLE")}


def _shown(known: Mapping[str, Any] | None) -> dict[str, Any]:
    """The capabilities that the agent's model showed in its last bootstrap, and those that it did not."""
    found = known["capabilities"] if known else []
    return {
        "bootstrapped": known["time"] if known else None,
        "shown": [one["name"] for one in found if one["shown"]],
        "not_shown": [one["name"] for one in found if one["shown"] is False],
    }


def _shown_text(row: Mapping[str, Any]) -> str:
    return ", ".join(row["shown"]) or ("nothing" if row["bootstrapped"] else "not asked: metaagent agent bootstrap")


def _span(seconds: float | None) -> str:
    if seconds is None:
        return ""
    unit, size = next((pair for pair in (("d", 86400), ("h", 3600), ("m", 60)) if seconds % pair[1] == 0), ("s", 1))
    return f"{seconds / size:g}{unit}"


def _change(state: State, change: Callable[[str], str]) -> Config:
    """The configuration with the change. It held before, so what does not hold now was asked for: UsageError."""
    from metaagent.agents.settings import change_config
    from metaagent.errors import ConfigError, UsageError
    from metaagent.workspace import ensure_state

    ensure_state(state.workspace())
    try:
        return change_config(state.workspace().config_path, change)
    except ConfigError as error:
        raise UsageError(f"nothing was changed: {error.message}", mend="metaagent agent --help") from error


def _answer(state: State, config: Config, agent_id: str) -> None:
    """What the agent has become, from the configuration as it now is."""
    from metaagent.agents.roster import find_agent, roster

    agent = find_agent(roster(config, _paused(state)), agent_id)
    text = f"{agent.id}: {agent.role} with {agent.model}"
    state.out("agent", _row(agent, _board_states(state)), printable(text))


def _set_paused(name: str, *, paused: bool) -> None:
    from metaagent.agents.roster import find_agent
    from metaagent.board.edit import SetAgent
    from metaagent.cli.changes import change
    from metaagent.ledger import agent_states
    from metaagent.ledger.times import to_text, utc_now

    state = current()
    agent = find_agent(_roster(state), name)
    word = "paused" if paused else "resumed"
    facts = agent_states.pause_batch(agent.id, paused, now=to_text(utc_now()))
    change(state, [SetAgent(agent.id, "BLOCKED" if paused else "IDLE")], f"{agent.id} {word}", facts=facts)
    row = _row(replace(agent, paused=paused), _board_states(state))
    state.out("agent", row, f"{word} {printable(agent.id)}")
