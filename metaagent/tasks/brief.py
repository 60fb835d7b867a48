"""``brief``: the one way from a task to a prompt. What it leaves out cannot be told."""

from __future__ import annotations

from hashlib import sha256

from metaagent.records import Brief, Task


def brief(task: Task) -> Brief:
    """All of the task that a prompt may be made from: never its checks, never its reference."""
    return Brief(
        task_id=task.id,
        title=task.title,
        goal=task.goal,
        domain=task.domain,
        inputs=task.inputs,
        artifact=task.artifact,
        group=sha256(task.group.encode()).hexdigest()[:16] if task.group else "",
    )
