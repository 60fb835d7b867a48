"""Which tasks a run takes, and in which order. Pure; the queue is the only thing that changes, by plain calls.

Order: priority, then due date, then tasks that someone already assigned, then the order on the board (so that tasks of
one set, which share a prompt prefix, stay together).
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from metaagent.records import Priority, Status, Task

_URGENCY = {Priority.HIGH: 0, Priority.NORMAL: 1, Priority.LOW: 2}
OPEN = (Status.INBOX, Status.ASSIGNED)


@dataclass(frozen=True, slots=True)
class Plan:
    """``ready`` in the order of work; ``waiting`` names, for each task held back, the tasks that it waits for;
    ``left_out`` says why a task that was asked for is not taken."""

    ready: tuple[Task, ...]
    waiting: Mapping[str, tuple[str, ...]]
    left_out: Mapping[str, str]


def urgency(task: Task, position: int) -> tuple[int, date, int, int]:
    """The sort key of a task at ``position`` on the board; smaller is sooner."""
    return (_URGENCY[task.priority], task.due or date.max, 0 if task.status is Status.ASSIGNED else 1, position)


def plan(tasks: Sequence[Task], wanted: Collection[str] = (), skip: Mapping[str, str] | None = None) -> Plan:
    """The open tasks of a board (all, or the ``wanted`` ids), sorted into ready and waiting.

    A task is ready when all that it depends on is DONE or no longer on the board (archived). ``skip`` gives reasons to
    leave tasks out, such as a limit that is used up.
    """
    skip = skip or {}
    unfinished = {task.id for task in tasks if task.status is not Status.DONE}
    ready: list[tuple[tuple[int, date, int, int], Task]] = []
    waiting: dict[str, tuple[str, ...]] = {}
    left_out: dict[str, str] = {}
    for position, task in enumerate(tasks):
        if wanted and task.id not in wanted:
            continue
        blockers = tuple(other for other in task.depends if other in unfinished)
        if task.status not in OPEN:
            if wanted:
                left_out[task.id] = f"is {task.status}; `metaagent task retry {task.id}` takes it up again"
        elif task.id in skip:
            left_out[task.id] = skip[task.id]
        elif blockers:
            waiting[task.id] = blockers
        else:
            ready.append((urgency(task, position), task))
    ready.sort(key=lambda pair: pair[0])
    return Plan(tuple(task for _, task in ready), waiting, left_out)


@dataclass(slots=True)
class Queue:
    """The tasks that one run still has to start. A task enters when its dependencies are done, leaves when taken."""

    _heap: list[tuple[tuple[int, date, int, int], str]] = field(default_factory=list)
    _tasks: dict[str, Task] = field(default_factory=dict)
    _unmet: dict[str, set[str]] = field(default_factory=dict)
    _dependents: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _positions: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._heap)

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._tasks

    def add(self, ready: Iterable[Task], waiting: Mapping[str, tuple[str, ...]], by_id: Mapping[str, Task]) -> None:
        """Take over what a plan found. Ready tasks that are already here keep their place; what waits no more (another
        run, or a person, finished what it waited for) enters; ``by_id`` is in the board's order."""
        for task_id in by_id:
            self._positions.setdefault(task_id, len(self._positions))
        for task in ready:
            if self._unmet.pop(task.id, None) is not None:
                del self._tasks[task.id]
            self._enter(task)
        for task_id, blockers in waiting.items():
            if task_id in self._tasks and task_id not in self._unmet:
                continue
            self._tasks[task_id] = by_id[task_id]
            self._unmet[task_id] = set(blockers)
            for blocker in blockers:
                self._dependents[blocker].append(task_id)

    def take(self, count: int) -> list[Task]:
        """The next ``count`` tasks, fewer when there are fewer."""
        taken: list[Task] = []
        while self._heap and len(taken) < count:
            key, task_id = heapq.heappop(self._heap)
            task = self._tasks.get(task_id)
            # An entry may be left over from before a drop: the task is gone, waits, or stands elsewhere now.
            if task is None or task_id in self._unmet or key != urgency(task, self._positions[task_id]):
                continue
            del self._tasks[task_id]
            taken.append(task)
        return taken

    def finished(self, task_id: str) -> None:
        """A task is done: what waited for it alone becomes ready."""
        for dependent in self._dependents.pop(task_id, ()):
            unmet = self._unmet.get(dependent)
            if unmet is None:
                continue
            unmet.discard(task_id)
            if not unmet:
                del self._unmet[dependent]
                self._enter(self._tasks.pop(dependent))

    def drop(self, task_id: str) -> None:
        """A person took the task away; it is not started any more."""
        self._tasks.pop(task_id, None)
        self._unmet.pop(task_id, None)

    def _enter(self, task: Task) -> None:
        if task.id in self._tasks:
            return
        position = self._positions.setdefault(task.id, len(self._positions))
        self._tasks[task.id] = task
        heapq.heappush(self._heap, (urgency(task, position), task.id))
