"""The ablation of what is in force, from the ledger: which stored replies serve, replayed by the tasks' own checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from metaagent.errors import MetaagentError
from metaagent.learning import ablation
from metaagent.learning.ablation import MEASURED, NOT_MEASURED, REPLAYED, Result, Tried, Without
from metaagent.learning.proposals import Judge
from metaagent.learning.summary import Summary, sealed_measurements
from metaagent.ledger import protocols
from metaagent.ledger.database import Ledger
from metaagent.ledger.first_tries import said
from metaagent.ledger.measured import Measurement
from metaagent.orchestrator.replay import replayer
from metaagent.orchestrator.trials import all_tasks
from metaagent.records import Protocol, Task
from metaagent.workspace import Workspace

T = TypeVar("T")
Groups = Mapping[str, Mapping[str, Measurement]]
"""Protocol hash -> task id -> how it was measured without retries."""


def with_ablation(
    workspace: Workspace, ledger: Ledger, found: Sequence[Summary], notice: Callable[[str], None] = lambda _: None
) -> list[Summary]:
    """The summaries with what each kind of remedy in force contributes on sealed tasks. Makes no model call; records
    the lesser versions that have to be measured for it, so that they can be named."""
    in_force = [protocols.active(ledger, one.domain, one.model) for one in found]
    if not any(protocol.remedies for protocol in in_force):
        return list(found)
    tasks = {task.id: task for task in all_tasks(workspace)}
    judge = replayer(workspace, ledger, notice)
    hashes = {task_id: task.hash for task_id, task in tasks.items()}
    measured = [sealed_measurements(ledger, hashes, one.domain, one.model) for one in found]
    benches = [_Bench(ledger, tasks, judge, results) for results in measured]
    return [
        replace(one, ablation=bench.rows(protocol))
        for one, bench, protocol in zip(found, benches, in_force, strict=True)
    ]


class _Bench:
    """The sealed measurements of one domain and model, and what it takes to replay them."""

    def __init__(self, ledger: Ledger, tasks: Mapping[str, Task], judge: Judge, measured: Groups) -> None:
        self.ledger, self.tasks, self.judge, self.measured = ledger, tasks, judge, measured

    def rows(self, whole: Protocol) -> tuple[Without, ...]:
        """Nothing where what is in force itself was not measured."""
        if not self.measured.get(whole.hash):
            return ()
        return tuple(self._row(whole, kind) for kind in ablation.kinds(whole))

    def _row(self, whole: Protocol, kind: str) -> Without:
        remedies = ablation.less(whole, kind)
        lesser = Protocol(
            0, whole.domain, whole.model, remedies, protocols.protocol_hash(whole.domain, whole.model, remedies)
        )
        now = self._results(whole.hash)
        try:
            how, results = self._lesser(lesser, now)
        except MetaagentError as error:  # a fixture nobody trusts, no sandbox: the rest of the report still stands
            return Without(kind, lesser.hash, NOT_MEASURED, next=f"cannot be replayed: {error.message}")
        if not results:
            protocols.record(self.ledger, lesser.domain, lesser.model, remedies, parent=whole.hash, note=f"less {kind}")
            return Without(kind, lesser.hash, NOT_MEASURED, next=self._command(lesser))
        return ablation.without(kind, lesser.hash, how, results, now)

    def _lesser(self, lesser: Protocol, now: Mapping[str, Result]) -> tuple[str, dict[str, Result]]:
        """What is known of the lesser version on the tasks of ``now``: as it was measured, or replayed from another
        version where that knows more tasks."""
        how, best = MEASURED, _shared(self._results(lesser.hash), now)
        for digest, tasks in self.measured.items():
            other = protocols.empty() if digest == protocols.empty().hash else protocols.load(self.ledger, digest)
            if not ablation.serves(other.remedies, lesser.remedies) or len(_shared(tasks, now)) <= len(best):
                continue
            results = ablation.replayed(self._tried(digest, now), other, lesser, self.judge)
            if len(results) > len(best):
                how, best = REPLAYED, results
        return how, best

    def _results(self, digest: str) -> dict[str, Result]:
        return {task_id: _result(one) for task_id, one in self.measured.get(digest, {}).items()}

    def _tried(self, digest: str, now: Mapping[str, Result]) -> list[Tried]:
        found = {one.attempt_id: one for one in self.measured[digest].values() if one.task_id in now}
        told = said(self.ledger, found)
        return [
            Tried(self.tasks[one.task_id], _result(one), told[key].replies, told[key].judged, told[key].logprobs)
            for key, one in found.items()
            if key in told
        ]

    def _command(self, lesser: Protocol) -> str:
        measured = {task_id for tasks in self.measured.values() for task_id in tasks}
        sets = sorted({self.tasks[one].set or "SET" for one in measured if one in self.tasks}) or ["SET"]
        return "; ".join(
            f"metaagent evaluate --tasks {name} --split sealed --protocol {lesser.hash[:12]}" for name in sets
        )


def _result(one: Measurement) -> Result:
    return Result(one.passed, one.score)


def _shared(some: Mapping[str, T], others: Mapping[str, object]) -> dict[str, T]:
    return {key: value for key, value in some.items() if key in others}
