"""Dependencies between tasks, as pure functions of ``task id -> ids it depends on``.

An id that is only depended on, and is no key, is unknown: it blocks what waits for it until a person mends it. Nothing
here recurses: a chain of ten thousand tasks is a chain like any other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from heapq import heapify, heappop, heappush

from metaagent.errors import UsageError

Depends = Mapping[str, Sequence[str]]


def find_cycle(depends: Depends) -> tuple[str, ...] | None:
    """The first cycle, its first id repeated at its end: ``(A, B, A)``."""
    finished: set[str] = set()
    for start in depends:
        found = _cycle_from(start, depends, finished)
        if found is not None:
            return found
    return None


def _cycle_from(start: str, depends: Depends, finished: set[str]) -> tuple[str, ...] | None:
    if start in finished:
        return None
    path, places = [start], {start: 0}
    waiting = [iter(depends.get(start, ()))]
    while waiting:
        following = next(waiting[-1], None)
        if following is None:
            waiting.pop()
            finished.add(path[-1])
            del places[path.pop()]
        elif following in places:
            return (*path[places[following] :], following)
        elif following not in finished and following in depends:
            places[following] = len(path)
            path.append(following)
            waiting.append(iter(depends[following]))
    return None


def refuse_cycle(depends: Depends) -> None:
    """UsageError that names the cycle, ``A -> B -> A``, where there is one."""
    cycle = find_cycle(depends)
    if cycle is not None:
        message = f"the dependencies form a cycle: {' -> '.join(cycle)}"
        raise UsageError(message, mend=f"take {cycle[1]} out of the depends: of {cycle[0]}")


def order(depends: Depends) -> tuple[str, ...]:
    """Every task after those it depends on, else as given; unknown ids are left out. UsageError for a cycle."""
    refuse_cycle(depends)
    ids = list(depends)
    place = {task_id: index for index, task_id in enumerate(ids)}
    waits = {task_id: {one for one in needed if one in depends} for task_id, needed in depends.items()}
    followers: dict[str, list[str]] = {}
    for task_id, needed in waits.items():
        for one in needed:
            followers.setdefault(one, []).append(task_id)
    free = [place[task_id] for task_id, needed in waits.items() if not needed]
    heapify(free)
    ordered: list[str] = []
    while free:
        ordered.append(ids[heappop(free)])
        for task_id in followers.get(ordered[-1], ()):
            waits[task_id].discard(ordered[-1])
            if not waits[task_id]:
                heappush(free, place[task_id])
    return tuple(ordered)


def waiting_for(depends: Depends, done: Collection[str]) -> dict[str, tuple[str, ...]]:
    """What each unfinished task still waits for; empty for a task that is ready."""
    return {
        task_id: tuple(dict.fromkeys(one for one in needed if one not in done))
        for task_id, needed in depends.items()
        if task_id not in done
    }


def ready(depends: Depends, done: Collection[str]) -> tuple[str, ...]:
    """The unfinished tasks that wait for nothing, as given."""
    return tuple(task_id for task_id, needed in waiting_for(depends, done).items() if not needed)


def unknown(depends: Depends, known: Collection[str] = ()) -> dict[str, tuple[str, ...]]:
    """Task -> the ids it depends on that are neither a task here nor in ``known`` (those archived, say)."""
    found = {
        task_id: tuple(one for one in needed if one not in depends and one not in known)
        for task_id, needed in depends.items()
    }
    return {task_id: ids for task_id, ids in found.items() if ids}
