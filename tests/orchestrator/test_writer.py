"""The board writer alone, with a store that can be held up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from metaagent.board.edit import Move, Operation
from metaagent.board.store import Conflict, PersonChange, Written
from metaagent.errors import BoardUnreadableError
from metaagent.ledger import operations, runs
from metaagent.ledger.database import Ledger
from metaagent.orchestrator import record
from metaagent.orchestrator.record import Intent
from metaagent.orchestrator.writer import BoardWriter
from metaagent.records import Status
from tests.orchestrator.place import Place
from tests.orchestrator.values import START


@dataclass
class Store:
    """Answers in turn, then plainly; ``free`` holds a commit up."""

    answers: list[Written | Exception] = field(default_factory=list)
    commits: list[list[Operation]] = field(default_factory=list)
    begun: threading.Event = field(default_factory=threading.Event)
    free: threading.Event = field(default_factory=threading.Event)

    def commit(self, changes: Sequence[Operation]) -> Written:
        self.begun.set()
        assert self.free.wait(10)
        self.commits.append(list(changes))
        answer = self.answers.pop(0) if self.answers else Written(stamp=f"stamp-{len(self.commits)}")
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def ledger(make: Callable[..., Place]) -> Iterator[Ledger]:
    with make().workspace.open_ledger() as opened:
        runs.start(opened, "run", [])
        yield opened


@pytest.fixture
def store() -> Store:
    made = Store()
    made.free.set()
    return made


def intended(ledger: Ledger, task_id: str, before: Status = Status.INBOX, to: Status = Status.IN_PROGRESS) -> Intent:
    intent, rows = record.intend([Move(task_id, before, to)], START, ledger.run_id)
    ledger.write(rows)
    return intent


def worked(ledger: Ledger, store: Any, act: Callable[[BoardWriter], Any], **options: Any) -> BoardWriter:
    async def course() -> BoardWriter:
        writer = BoardWriter(store, ledger, 0.02, **options)
        running = asyncio.create_task(writer.run())
        await act(writer)
        writer.close()
        await running
        return writer

    return asyncio.run(course())


def test_what_comes_together_is_one_write(ledger: Ledger, store: Store) -> None:
    async def act(writer: BoardWriter) -> None:
        for number in range(20):
            writer.put(intended(ledger, f"T-{number}"))
        await asyncio.sleep(0.1)

    worked(ledger, store, act)
    assert [len(changes) for changes in store.commits] == [20]
    assert operations.pending(ledger) == []
    assert {row[0] for row in ledger.query("SELECT stamp FROM operation_ends")} == {"stamp-1"}


def test_moves_of_one_task_are_folded(ledger: Ledger, store: Store) -> None:
    async def act(writer: BoardWriter) -> None:
        writer.put(intended(ledger, "T"))
        writer.put(intended(ledger, "T", Status.IN_PROGRESS, Status.DONE))

    worked(ledger, store, act)
    assert store.commits == [[Move("T", Status.INBOX, Status.DONE)]]


def test_flush_waits_for_the_write_that_is_going_on(ledger: Ledger, store: Store) -> None:
    """Who reads the board after a flush must see all that was put before it, also what is being written just now."""
    store.free.clear()

    async def act(writer: BoardWriter) -> None:
        writer.put(intended(ledger, "T"))
        await asyncio.to_thread(store.begun.wait, 10)
        flushing = asyncio.create_task(writer.flush())
        await asyncio.sleep(0.05)
        assert not flushing.done()
        store.free.set()
        await flushing
        assert operations.pending(ledger) == []

    worked(ledger, store, act)


def test_a_write_that_is_put_off_is_repeated_and_said_once(
    ledger: Ledger, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metaagent.orchestrator.writer.POSTPONED_SECONDS", 0.01)
    store.answers = [Written(postponed="an editor"), Written(postponed="an editor")]
    said: list[str] = []

    async def act(writer: BoardWriter) -> None:
        writer.put(intended(ledger, "T"))

    worked(ledger, store, act, on_notice=said.append)
    assert len(store.commits) == 3
    assert said == ["an editor"]
    assert operations.pending(ledger) == []


def test_conflicts_are_counted_noted_and_said(ledger: Ledger, store: Store) -> None:
    changes = (PersonChange("T", "status", "INBOX", "REVIEW"),)
    store.answers = [Written(stamp="s", conflicts=(Conflict("T", "status", "DONE", "REVIEW"),), person_changes=changes)]
    said: list[str] = []
    heard: list[Any] = []

    async def act(writer: BoardWriter) -> None:
        writer.put(intended(ledger, "T"))

    writer = worked(ledger, store, act, on_notice=said.append, on_change=heard.extend)
    assert writer.conflicts == 1
    assert "T: status is 'REVIEW' by hand" in said[0]
    assert heard == list(changes)
    assert [row["resolution"] for row in ledger.query("SELECT resolution FROM conflicts")] == ["person"]


def test_a_board_that_fails_ends_the_writer_and_leaves_the_intent(ledger: Ledger, store: Store) -> None:
    store.answers = [BoardUnreadableError("a conflict marker", line=3)]

    async def act(writer: BoardWriter) -> None:
        writer.put(intended(ledger, "T"))
        await asyncio.sleep(0.1)

    with pytest.raises(BoardUnreadableError):
        worked(ledger, store, act)
    assert len(operations.pending(ledger)) == 1
