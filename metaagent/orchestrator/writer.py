"""Brings recorded intents to the board, many at a time. The ledger holds each intent before it comes here.

Board writes coalesce: what arrives within ``coalesce`` seconds is one write. After the write, the intents are marked
done in the ledger; what a crash leaves in between is finished by ``heal.py`` at the next start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from metaagent.board.edit import fold
from metaagent.board.store import BoardStore, PersonChange, Written
from metaagent.ledger import operations
from metaagent.ledger.database import Ledger
from metaagent.orchestrator.record import Intent, conflict_batch

# How often a board that an editor has open is tried again; the store bounds the whole wait.
POSTPONED_SECONDS = 0.5


@dataclass(slots=True)
class BoardWriter:
    """``on_change`` hears what a person changed since the last write; ``on_notice`` what a person should know."""

    store: BoardStore
    ledger: Ledger
    coalesce: float
    on_change: Callable[[Sequence[PersonChange]], None] = lambda _changes: None
    on_notice: Callable[[str], None] = lambda _text: None
    conflicts: int = 0
    _waiting: list[Intent] = field(default_factory=list)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _closing: bool = False
    _postponed: bool = False

    def put(self, intent: Intent) -> None:
        """Hand over an intent that is durable in the ledger."""
        self._waiting.append(intent)
        self._wake.set()

    async def run(self) -> None:
        """Write until closed; raises what the board raises (a board that may not be written stops the run)."""
        while not self._closing:
            await self._wake.wait()
            self._wake.clear()
            if not self._closing:
                await asyncio.sleep(self.coalesce)
            await self._write()
            if self._waiting and not self._closing:
                self._wake.set()
        await self.flush()

    def close(self) -> None:
        """Let ``run`` write what is left, then end."""
        self._closing = True
        self._wake.set()

    async def flush(self) -> None:
        """Write everything that is waiting, however long an editor has to be waited for (the store bounds it)."""
        await self._write()  # nothing may be waiting while a write is still going on
        while self._waiting:
            await self._write()

    async def _write(self) -> None:
        async with self._writing:
            batch, self._waiting = self._waiting, []
            if not batch:
                return
            changes = fold([change for intent in batch for change in intent.operations])
            try:
                written = await asyncio.to_thread(self.store.commit, changes)
            except BaseException:
                self._waiting = batch + self._waiting
                raise
            if written.postponed:
                await self._postpone(batch, written.postponed)
                return
            self._postponed = False
            await self._note(batch, written)

    async def _postpone(self, batch: list[Intent], reason: str) -> None:
        self._waiting = batch + self._waiting
        if not self._postponed:
            self.on_notice(reason)
        self._postponed = True
        await asyncio.sleep(POSTPONED_SECONDS)

    async def _note(self, batch: Sequence[Intent], written: Written) -> None:
        now, run_id = self.ledger.now(), self.ledger.run_id
        rows = operations.done_batch([intent.id for intent in batch], written.stamp, now=now, run_id=run_id)
        rows += conflict_batch(written.conflicts, now, run_id)
        self.conflicts += len(written.conflicts)
        for conflict in written.conflicts:
            self.on_notice(f"changed by hand meanwhile, and kept as it is: {conflict}")
        if written.person_changes:
            self.on_change(written.person_changes)
        await asyncio.wrap_future(self.ledger.submit(rows))
