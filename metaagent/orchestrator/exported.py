"""A protocol's fixers as a Python module that was held against the replies of the ledger."""

from __future__ import annotations

from metaagent.errors import MetaagentError, UsageError
from metaagent.learning.cases import fixed
from metaagent.learning.python_module import Example, Module, different, module_of
from metaagent.learning.standing import known, sentence
from metaagent.ledger.database import Ledger
from metaagent.ledger.first_tries import first_tries
from metaagent.orchestrator.trials import all_tasks, inside
from metaagent.records import Protocol
from metaagent.tasks.brief import brief
from metaagent.workspace import Workspace


def python_module(workspace: Workspace, ledger: Ledger, protocol: Protocol, readable: tuple[str, ...]) -> Module:
    """The module, which does to every stored reply of the protocol's domain and model what metaagent does.

    Raises UsageError where the protocol has no fixer that a module without dependencies can hold, MetaagentError where
    module and metaagent differ.
    """
    examples = stored(workspace, ledger, protocol)
    made = module_of(protocol, readable, len(examples), sentence(known(ledger, protocol)))
    if not made.fixers:
        why = "; ".join(made.left_out) or "it adds nothing"
        raise UsageError(f"nothing of v{protocol.version} can stand in such a module: {why}", mend="--to json")
    try:
        attempt_id = different(made, examples)
    except RuntimeError as error:
        raise MetaagentError(f"{error}; nothing was written", mend="metaagent protocol export --to json") from error
    if attempt_id is not None:
        raise MetaagentError(
            f"the module and metaagent differ on the reply of attempt {attempt_id}; nothing was written",
            mend="metaagent protocol export --to json",
        )
    return made


def stored(workspace: Workspace, ledger: Ledger, protocol: Protocol) -> list[Example]:
    """The first replies that the ledger has for tasks that the workspace still has, of every split: two programs are
    compared on them, and nothing of them is shown."""
    tasks = {task.id: task for task in all_tasks(workspace) if inside(task.domain, protocol.domain)}
    hashes = ledger.query("SELECT DISTINCT protocol FROM attempts WHERE model = ? ORDER BY 1", (protocol.model,))
    tries = [one for row in hashes for one in first_tries(ledger, row[0], protocol.model, tasks)]
    return [
        Example(one.attempt_id, one.reply, brief(task), fixed(task, one.reply, protocol, one.logprobs), one.logprobs)
        for one in tries
        if (task := tasks[one.task_id]).hash == one.task_hash
    ]
