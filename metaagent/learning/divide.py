"""The splits of a workspace's tasks, made where they are missing: the pure rule (splits.py) over the ledger's facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from metaagent.learning.splits import Member, Rule, Split, assign, content_group, member
from metaagent.ledger import splits as stored
from metaagent.ledger.database import Ledger
from metaagent.records import Task

if TYPE_CHECKING:
    from metaagent.config import LearningConfig


def rule_of(config: LearningConfig) -> Rule:
    """What a workspace's configuration says of its splits."""
    return Rule(config.salt, frozenset(config.unseen_families))


def divide(ledger: Ledger, tasks: Iterable[Task], rule: Rule = Rule()) -> dict[str, Split]:  # noqa: B008 - frozen
    """The split of each task. Sets are split apart, tasks outside of any together; ``rule`` is for what has no split
    yet."""
    by_set: dict[str, list[Task]] = {}
    for task in tasks:
        by_set.setdefault(task.set or "", []).append(task)
    for name, inside in by_set.items():
        members = [member(task) for task in inside]
        entries = [
            stored.Entry(task.id, task.hash, one.group, one.family, task.domain)
            for task, one in zip(inside, members, strict=True)
        ]
        contents = {task.id: content_group(task) for task in inside}
        stored.divide(ledger, name, entries, partial(_deal, members, contents, rule.unseen), rule.salt)
    found = stored.current(ledger)
    return {task.id: Split(found[task.id]["split"]) for inside in by_set.values() for task in inside}


def _deal(
    members: Sequence[Member], contents: Mapping[str, str], unseen: frozenset[str], known: stored.Known
) -> Mapping[str, str]:
    """What was looked at stays retired, whatever its task, its set or its near-duplicates are called: a new task whose
    content is that of a retired one never counts."""
    groups = {group: Split(split) for group, split in known.groups.items()}
    before = {task_id: Split(split) for task_id, split in known.tasks.items()}
    dealt = assign(members, known.salt, groups, before, unseen)
    gone = {one.task_id for one in members if before.get(one.task_id) is Split.RETIRED}
    copies = {task_id for task_id, content in contents.items() if content in known.retired}
    gone |= {task_id for task_id in copies if before.get(task_id) is not Split.MINE}
    return {**dealt, **dict.fromkeys(gone, Split.RETIRED)}
