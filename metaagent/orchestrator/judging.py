"""Gives the attempts of a run their judge: checks run inline, those that start a process run in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from threading import Lock

from metaagent.ledger import trust as trusts
from metaagent.ledger.database import Ledger
from metaagent.ledger.sandboxes import LedgerProofs
from metaagent.records import Check, Task, Verdict
from metaagent.sandbox.base import Sandbox
from metaagent.validators.base import blocking, confined, judge
from metaagent.validators.protocol import CheckContext
from metaagent.workspace import Workspace

Judge = Callable[[str, Sequence[Check], Task], Awaitable[tuple[Verdict, ...]]]


def judge_with(
    workspace: Workspace, ledger: Ledger, *, unattended: bool = False, notice: Callable[[str], None] = lambda _: None
) -> Judge:
    """The judge of one run: user checks and fixtures only as the ledger trusts them, asked anew each time.

    The sandbox is chosen when the first check needs one, and then kept; the strongest alone will do for an
    ``unattended`` run. Raises EnvironmentFailedError where none proves itself, or its walls fail later: then the run
    has to stop.
    """
    walls = Walls(ledger, unattended, notice)

    def judged_here(artifact: str, checks: Sequence[Check], task: Task) -> tuple[Verdict, ...]:
        context = CheckContext(
            root=workspace.root,
            task=task,
            trusted=lambda path, sha256: trusts.trusted(ledger, path, sha256),
            sandbox=walls.sandbox() if confined(checks) else None,
        )
        return judge(artifact, checks, context)

    async def judged(artifact: str, checks: Sequence[Check], task: Task) -> tuple[Verdict, ...]:
        if not blocking(checks):
            return judge(artifact, checks)
        return await asyncio.to_thread(judged_here, artifact, checks, task)

    return judged


class Walls:
    """The sandbox of a run, chosen once by its stored proof or by probing; several threads may ask for it."""

    def __init__(self, ledger: Ledger, unattended: bool, notice: Callable[[str], None]) -> None:
        self._ledger, self._unattended, self._notice = ledger, unattended, notice
        self._lock = Lock()
        self._sandbox: Sandbox | None = None

    def sandbox(self) -> Sandbox:
        from metaagent.sandbox.choose import UNATTENDED_LEVEL, choose

        with self._lock:
            if self._sandbox is None:
                level = UNATTENDED_LEVEL if self._unattended else 2
                self._sandbox = choose(LedgerProofs(self._ledger), level=level, notice=self._notice)
            return self._sandbox
