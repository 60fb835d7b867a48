"""Gives an attempt its judge: checks run inline, those that start a process run in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from metaagent.ledger import trust as trusts
from metaagent.ledger.database import Ledger
from metaagent.records import Check, Task, Verdict
from metaagent.validators.base import blocking, judge
from metaagent.validators.protocol import CheckContext
from metaagent.workspace import Workspace

Judge = Callable[[str, Sequence[Check], Task], Awaitable[tuple[Verdict, ...]]]


def judge_with(workspace: Workspace, ledger: Ledger) -> Judge:
    """The judge of a workspace: user checks run only where the ledger trusts them, asked anew each time."""

    async def judged(artifact: str, checks: Sequence[Check], task: Task) -> tuple[Verdict, ...]:
        if not blocking(checks):
            return judge(artifact, checks)
        context = CheckContext(
            root=workspace.root, task=task, trusted=lambda path, sha256: trusts.trusted(ledger, path, sha256)
        )
        return await asyncio.to_thread(judge, artifact, checks, context)

    return judged
