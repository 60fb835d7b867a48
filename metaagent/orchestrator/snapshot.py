"""The tasks of a workspace as a run meets them: the board, synced with a person's edits, joined with specifications."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from metaagent.board.parse import BoardTask
from metaagent.board.scan import BoardAgent
from metaagent.board.store import BoardStore, Sync
from metaagent.config import Config
from metaagent.errors import SpecificationError, TrustError, UsageError
from metaagent.ledger import attempts, operations, tasks
from metaagent.ledger import trust as trusts
from metaagent.ledger.database import Ledger
from metaagent.orchestrator.budget import Usage
from metaagent.orchestrator.plan import OPEN
from metaagent.orchestrator.record import changes_seen, person_rows
from metaagent.records import AgentState, Check, Limits, Status, Task
from metaagent.tasks.graph import find_cycle, unknown
from metaagent.tasks.index import SpecIndex
from metaagent.tasks.join import join
from metaagent.trust import needed
from metaagent.workspace import Workspace

_STATES = frozenset(AgentState)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a task cannot be taken now, and what to do about it. ``status`` is the exit status of a run that leaves it
    out: 2 for what a person has to mend, 6 for what waits for trust, 0 for what passes by itself."""

    reason: str
    mend: str | None = None
    status: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """``seen`` counts the changes of status by others before the board was read; ``held`` are the tasks that cannot be
    taken now; ``domains`` are those that tasks of this workspace have; ``agents`` the states that the board shows;
    ``added`` the ids given to hand-written items."""

    tasks: tuple[Task, ...]
    seen: Mapping[str, int]
    held: Mapping[str, Obstacle]
    domains: tuple[str, ...]
    agents: Mapping[str, AgentState]
    added: tuple[str, ...] = ()


def read_tasks(workspace: Workspace, ledger: Ledger, store: BoardStore, run_id: str | None) -> Snapshot:
    """Sync the board and join it with the specifications. What a person changed is noted in the ledger.

    Raises BoardError when the board may not be read as it stands.
    """
    seen = changes_seen(ledger, run_id)
    busy = _busy(ledger)
    sync = store.sync()
    _note_person(ledger, sync, run_id)
    config = workspace.config
    joined, held = join_all(sync.board.tasks, SpecIndex(workspace.root, default_limits(config)))
    held = {**held, **_dependency_problems(ledger, joined), **_untrusted(workspace, ledger, joined), **busy}
    domains = {task.domain for task in joined if task.domain} | set(tasks.domains(ledger))
    return Snapshot(joined, seen, held, tuple(sorted(domains)), board_states(sync.board.agents), tuple(sync.new))


def reasons(held: Mapping[str, Obstacle]) -> dict[str, str]:
    """Why each task is held, as a plan asks for it."""
    return {task_id: obstacle.reason for task_id, obstacle in held.items()}


def board_states(agents: Iterable[BoardAgent]) -> dict[str, AgentState]:
    """The states that the board shows; a word that is none of them counts as not said."""
    return {agent.id: AgentState(agent.state) for agent in agents if agent.state in _STATES}


def used_before(ledger: Ledger) -> dict[str, Usage]:
    """What earlier attempts used up, by task."""
    found = attempts.usage(ledger)
    return {
        task_id: Usage(one.attempts, one.seconds, one.tokens, 0, one.cost, one.number) for task_id, one in found.items()
    }


def default_limits(config: Config) -> Limits:
    limits = config.limits
    return Limits(limits.attempts, limits.seconds, limits.tokens, limits.cost)


def join_all(lines: Sequence[BoardTask], index: SpecIndex) -> tuple[tuple[Task, ...], dict[str, Obstacle]]:
    """Every item of the board as a task; one whose specification does not hold is a bare task, and held. Only open
    tasks are joined with their specifications: nothing else is needed of the others."""
    joined: list[Task] = []
    held: dict[str, Obstacle] = {}
    for line in lines:
        if line.id is None:
            continue
        if line.status not in OPEN:
            joined.append(Task(line.id, line.title, line.status, assignees=line.assignees))
            continue
        try:
            joined.append(join(line, index.get(line.id, line.attributes.get("spec")), index.limits))
        except SpecificationError as error:
            held[line.id] = Obstacle(error.message, error.mend, error.exit_status)
            joined.append(Task(line.id, line.title, line.status, assignees=line.assignees))
    return tuple(joined), held


def _untrusted(workspace: Workspace, ledger: Ledger, joined: tuple[Task, ...]) -> dict[str, Obstacle]:
    """Open tasks with a check or a fixture that nobody trusts: said before a model is asked for anything."""
    known: dict[tuple[str, str], str | None] = {}
    found = {}
    for task in joined:
        for check in task.checks if task.status in OPEN else ():
            options = [check.options.get(name) for name in _NAMING]
            named = (check.validator, repr(options))
            if any(option is not None for option in options) and named not in known:
                pins = _pins(workspace.root, check)
                known[named] = next((name for name, sha256 in pins if not trusts.trusted(ledger, name, sha256)), None)
            if (name := known.get(named)) is not None:
                word = "check " if check.validator == "user" else "" if check.validator == "command" else "fixture "
                found[task.id] = Obstacle(
                    f"its {word}{name} is not trusted as it is", "metaagent trust", TrustError.exit_status
                )
    return found


_NAMING = ("fixture", "file", "generator", "run")
"""Options that name what must be trusted."""


def _pins(root: Path, check: Check) -> list[tuple[str, str]]:
    """What of a check must be trusted, with its hash: files, and the command that it runs."""
    files = list(needed(root, check).items())
    if check.validator != "command":
        return files
    from metaagent.validators.command import pin, words_of

    return [*files, pin(words_of(check.options.get("run")))]


def _busy(ledger: Ledger) -> dict[str, Obstacle]:
    """Tasks that the board shows as they were: a move of them is durable, and has not reached the board yet. Another
    run is about to write it, or an editor kept ``heal`` from writing what a crash left."""
    later = Obstacle("is not on the board yet as the ledger has it (its board write is under way or put off)")
    return {
        operation["task_id"]: later
        for one in operations.pending(ledger)
        for operation in one.operations
        if operation.get("task_id")
    }


def _note_person(ledger: Ledger, sync: Sync, run_id: str | None) -> None:
    batch = person_rows(sync.person_changes, ledger.now(), run_id)
    if batch:
        ledger.write(batch)


def _dependency_problems(ledger: Ledger, joined: tuple[Task, ...]) -> dict[str, Obstacle]:
    """Open tasks that wait for a task that never was, or for themselves."""
    depends = {task.id: task.depends for task in joined if task.status is not Status.DONE}
    if not any(depends.values()):
        return {}
    done = [task.id for task in joined if task.status is Status.DONE]
    problems = {}
    for task_id, missing in unknown(depends, done).items():
        never = [other for other in missing if not tasks.status_changes(ledger, other)]
        if never:
            reason = f"depends on {', '.join(never)}, which does not exist"
            problems[task_id] = Obstacle(reason, f"metaagent task edit {task_id} --depends ...", UsageError.exit_status)
    while circle := find_cycle(depends):
        reason = f"is in a circle of dependencies: {' -> '.join(circle)}"
        mend = f"metaagent task edit {circle[0]} --depends ..."
        problems |= dict.fromkeys(circle, Obstacle(reason, mend, UsageError.exit_status))
        depends = {task_id: others for task_id, others in depends.items() if task_id not in circle}
    return problems
