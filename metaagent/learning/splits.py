"""Mine, gate and sealed: which tasks learning reads, which decide, and which are for reports only. Pure.

Tasks are split once, 30/40/30, by content group (near-duplicates share one), never by bare id. Groups are laid out by
family and, inside a family, by a salted hash; a fixed pattern is dealt along that row, so that every family and the
whole come as near to the shares as whole groups allow. A group that comes later is dealt the next place of the pattern;
a task that is known keeps its place, whatever it is changed to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from metaagent.records import Task
from metaagent.tasks.identity import canonical


class Split(StrEnum):
    """``retired``: sealed tasks whose events somebody has looked at."""

    MINE = "mine"
    GATE = "gate"
    SEALED = "sealed"
    RETIRED = "retired"


PATTERN = (
    *(Split.GATE, Split.MINE, Split.SEALED, Split.GATE, Split.MINE),
    *(Split.SEALED, Split.GATE, Split.MINE, Split.SEALED, Split.GATE),
)
"""30% mine, 40% gate, 30% sealed; any three neighbours differ, so that a family of three has one of each."""

_EXPOSURE = (Split.MINE, Split.GATE, Split.RETIRED, Split.SEALED)
"""Most exposed first: what was known of a task cannot be made unknown again."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How a workspace wants sets split that are split for the first time. ``salt`` None: a random one for each set.
    Families that are ``unseen`` are sealed whole: learning never meets one of their tasks."""

    salt: str | None = None
    unseen: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Member:
    """A task as the split sees it."""

    task_id: str
    group: str
    family: str


def member(task: Task) -> Member:
    """The task's own group, else its content: tasks of the same inputs belong together, whatever they are called."""
    return Member(task.id, task.group or content_group(task), task.family or "")


def content_group(task: Task) -> str:
    """The hash of what a prompt may hold of the task, but for case and spaces."""
    parts = dict(task.inputs) or {"goal": task.goal or task.title}
    plain = {name: " ".join(text.lower().split()) for name, text in parts.items()}
    return sha256(canonical(plain).encode()).hexdigest()[:16]


def salted(salt: str, *parts: str) -> str:
    """The order of everything that is dealt out: no task can be moved by its name without knowing the salt."""
    return sha256("\x00".join((salt, *parts)).encode()).hexdigest()


def assign(
    members: Iterable[Member],
    salt: str,
    known_groups: Mapping[str, Split] | None = None,
    known_tasks: Mapping[str, Split] | None = None,
    unseen: Collection[str] = (),
) -> dict[str, Split]:
    """The split of every task; the order of ``members`` does not matter. ``known_*``: what was assigned before. A group
    keeps its split; a new group with a known task goes where that task was, to the most exposed place of several; a new
    one with a task of a family that is ``unseen`` is sealed."""
    groups, tasks = dict(known_groups or {}), known_tasks or {}
    by_group: dict[str, list[Member]] = {}
    for one in members:
        by_group.setdefault(one.group, []).append(one)
    dealt = len(groups)
    fresh: list[tuple[str, str]] = []
    for group, inside in by_group.items():
        if group in groups:
            continue
        before = {tasks[one.task_id] for one in inside if one.task_id in tasks}
        if before:
            groups[group] = next(split for split in _EXPOSURE if split in before)
        elif any(one.family in unseen for one in inside):
            groups[group] = Split.SEALED
        else:
            fresh.append((min(one.family for one in inside), group))
    start = int(salted(salt, "start"), 16)
    fresh.sort(key=lambda pair: (salted(salt, "family", pair[0]), salted(salt, "group", pair[1])))
    for place, (_, group) in enumerate(fresh, start + dealt):
        groups[group] = PATTERN[place % len(PATTERN)]
    return {one.task_id: groups[group] for group, inside in by_group.items() for one in inside}


def order(task_ids: Iterable[str], salt: str) -> list[str]:
    """The order in which gate tasks are tried: by a salted hash, never by how they went."""
    return sorted(task_ids, key=lambda task_id: salted(salt, "order", task_id))


def statements(tasks: Sequence[tuple[str | None, Split]], wins: int) -> list[str]:
    """What is to be said of a split, by (domain, split) of its tasks: plain sentences, none where all is well. ``wins``
    are the gains without a loss that a promotion takes now."""
    said: list[str] = []
    sizes = Counter(split for _, split in tasks)
    by_domain = Counter(domain or "no domain" for domain, _ in tasks)
    for domain, count in sorted(by_domain.items()):
        if count == 1:
            said.append(f"{domain} has one task: whatever is learned from it cannot be tried on another")
    if not tasks:
        said.append("there are no tasks to split")
    elif sizes[Split.GATE] < wins:
        said.append(
            f"{sizes[Split.GATE]} gate tasks are too few: a promotion takes at least {wins} gains without a loss, so "
            f"about {-(-wins * 10 // 4)} tasks in all"
        )
    if tasks and sizes[Split.MINE] < 3:
        said.append(f"{sizes[Split.MINE]} mine tasks are too few for a pattern, which takes three failures")
    return said
