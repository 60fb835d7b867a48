"""A person with two editors, and the tool, in any order: no line that a person wrote and did not delete is lost."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from metaagent.board.edit import Activity, Add, Assign, Move, Operation, SetAgent, SetField
from metaagent.board.parse import parse
from metaagent.records import Status
from tests.board.helpers import BOARD, make_store, save

TASKS = ["TASK-001", "TASK-002", "TASK-003"]
PLACES = ["### INBOX\n", "### DONE\n", "## Notes\n", "## Recent Activity\n", "# Mission Control - Working State\n"]


@dataclass
class Buffer:
    """An editor: what it loaded, as it stands now, and the lines that its person typed or deleted meanwhile."""

    text: str
    typed: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)


class PersonAndTool(RuleBasedStateMachine):
    @initialize(exchanging=st.booleans())
    def start(self, exchanging: bool) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.store = make_store(self.folder, exchanging=exchanging)
        save(self.store.path, BOARD)
        self.store.sync()
        self.buffers: dict[str, Buffer] = {}
        self.alive: set[str] = set()
        self.tasks: dict[str, Status] = {}
        self.count = 0

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder, ignore_errors=True)

    def buffer(self, name: str) -> Buffer:
        if name not in self.buffers:
            self.buffers[name] = Buffer(self.store.path.read_text())
        return self.buffers[name]

    @rule(name=st.sampled_from("ab"), place=st.sampled_from(PLACES), kind=st.sampled_from(["- ", "", "  ", "> "]))
    def person_types_a_line(self, name: str, place: str, kind: str) -> None:
        buffer = self.buffer(name)
        self.count += 1
        token = f"person{self.count:04}"
        buffer.text = buffer.text.replace(place, f"{place}{kind}{token}\n", 1)
        buffer.typed.append(token)

    @rule(name=st.sampled_from("ab"), pick=st.integers(0, 50))
    def person_deletes_a_line_of_theirs(self, name: str, pick: int) -> None:
        buffer = self.buffer(name)
        mine = sorted(token for token in self.alive if token in buffer.text)
        if mine:
            token = mine[pick % len(mine)]
            lines = buffer.text.splitlines(keepends=True)
            buffer.text = "".join(line for line in lines if token not in line)
            buffer.deleted.append(token)

    @rule(name=st.sampled_from("ab"), status=st.sampled_from(Status), pick=st.integers(0, 9))
    def person_moves_a_task(self, name: str, status: Status, pick: int) -> None:
        buffer = self.buffer(name)
        board = parse(buffer.text.encode())
        tasks = [task for task in board.tasks if task.id and task.end == task.line]
        if tasks:
            lines = buffer.text.splitlines(keepends=True)
            line = lines.pop(tasks[pick % len(tasks)].line - 1)
            buffer.text = "".join(lines).replace(f"### {status}\n", f"### {status}\n{line}", 1)

    @rule(name=st.sampled_from("ab"), close=st.booleans())
    def person_saves(self, name: str, close: bool) -> None:
        if name not in self.buffers:
            return
        buffer = self.buffers[name]
        self.store.sync()
        self.overwrite(self.store.path.read_text(), buffer.text)
        save(self.store.path, buffer.text)
        self.alive |= set(buffer.typed)
        self.alive -= set(buffer.deleted)
        buffer.typed, buffer.deleted = [], []
        self.store.sync()
        if close:
            del self.buffers[name]

    @rule(
        moves=st.lists(st.tuples(st.sampled_from(TASKS), st.sampled_from(Status)), max_size=3),
        add=st.booleans(),
    )
    def tool_writes(self, moves: list[tuple[str, Status]], add: bool) -> None:
        self.count += 1
        operations: list[Operation] = [Move(task_id, None, status) for task_id, status in moves]
        operations += [Activity(f"step {self.count}", "10:00"), SetAgent("agent:coder:main", "ACTIVE", f"{self.count}")]
        operations += [Assign("TASK-001", (f"agent:a:n{self.count}",)), SetField("TASK-002", "due", "2026-01-01")]
        if add:
            operations.append(Add(f"TOOL-{self.count}", f"tool {self.count}"))
        self.store.commit(operations)

    def overwrite(self, disk: str, text: str) -> None:
        """Saving over what another editor saved, with no write of the tool in between, is between the two editors."""
        if parse(disk.encode()).stamp == parse(text.encode()).stamp:
            self.alive -= {token for token in self.alive if token in disk and token not in text}

    @rule()
    def tool_syncs(self) -> None:
        self.store.sync()

    @invariant()
    def nothing_is_lost(self) -> None:
        if not hasattr(self, "store"):
            return
        text = self.store.path.read_text()
        assert {token for token in self.alive if token not in text} == set()
        board = parse(text.encode())
        assert not [problem for problem in board.problems if problem.blocking]
        assert board.render().decode() == text
        for token in self.alive:
            assert text.count(token) == 1, f"{token} is doubled"


TestPersonAndTool = PersonAndTool.TestCase
TestPersonAndTool.settings = settings(
    max_examples=40, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
