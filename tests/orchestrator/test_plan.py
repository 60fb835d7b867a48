from __future__ import annotations

from datetime import date
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from metaagent.orchestrator.plan import Queue, plan, urgency
from metaagent.records import Priority, Status, Task

IDS = [f"T-{number}" for number in range(8)]
DUES = [None, date(2026, 1, 1), date(2026, 6, 1)]


def tasks() -> st.SearchStrategy[list[Task]]:
    def board(fields: list[tuple[Status, Priority, date | None, set[str]]]) -> list[Task]:
        return [
            Task(name, name, status, priority=priority, due=due, depends=tuple(sorted(depends - {name})))
            for name, (status, priority, due, depends) in zip(IDS, fields, strict=False)
        ]

    one = st.tuples(
        st.sampled_from(list(Status)),
        st.sampled_from(list(Priority)),
        st.sampled_from(DUES),
        st.sets(st.sampled_from(IDS), max_size=2),
    )
    return st.lists(one, max_size=len(IDS)).map(board)


@given(tasks(), st.sets(st.sampled_from(IDS)), st.sets(st.sampled_from(IDS)))
def test_every_task_that_is_asked_for_is_in_one_place(board: list[Task], wanted: set[str], skipped: set[str]) -> None:
    found = plan(board, wanted, dict.fromkeys(skipped, "no"))
    ready = [task.id for task in found.ready]
    places = [*ready, *found.waiting, *found.left_out]
    assert len(set(places)) == len(places)
    unfinished = {task.id for task in board if task.status is not Status.DONE}
    for task in board:
        asked = not wanted or task.id in wanted
        may = asked and task.status in (Status.INBOX, Status.ASSIGNED) and task.id not in skipped
        blocked = any(other in unfinished for other in task.depends)
        assert (task.id in ready) == (may and not blocked)
        assert (task.id in found.waiting) == (may and blocked)
        assert task.id not in places or asked
    for waits in found.waiting.values():
        assert set(waits) <= unfinished


@given(tasks())
def test_ready_tasks_come_by_priority_then_due_then_assigned_then_place(board: list[Task]) -> None:
    ready = plan(board).ready
    places = {task.id: position for position, task in enumerate(board)}
    keys = [urgency(task, places[task.id]) for task in ready]
    assert keys == sorted(keys)
    for earlier, later in pairwise(ready):
        order = [Priority.HIGH, Priority.NORMAL, Priority.LOW]
        assert order.index(earlier.priority) <= order.index(later.priority)


def test_an_archived_dependency_holds_nothing_back() -> None:
    assert [task.id for task in plan([Task("B", "b", depends=("A",))]).ready] == ["B"]


def test_a_due_date_comes_before_none_and_an_assigned_task_before_an_open_one() -> None:
    board = [
        Task("A", "a"),
        Task("B", "b", Status.ASSIGNED),
        Task("C", "c", due=date(2026, 6, 1)),
        Task("D", "d", priority=Priority.LOW, due=date(2026, 1, 1)),
        Task("E", "e", due=date(2026, 1, 1)),
    ]
    assert [task.id for task in plan(board).ready] == ["E", "C", "B", "A", "D"]


def test_what_another_run_finished_is_ready_at_the_next_look() -> None:
    """The queue knows of B only that it waits for A; A is finished elsewhere, and the board is read again."""
    a, b = Task("A", "a"), Task("B", "b", depends=("A",))
    queue = Queue()
    queue.add([], {"B": ("A",)}, {"A": a, "B": b})
    assert len(queue) == 0
    again = plan([Task("A", "a", Status.DONE), b])
    queue.add(again.ready, again.waiting, {"A": a, "B": b})
    assert [task.id for task in queue.take(9)] == ["B"]
    assert queue.take(9) == []


def test_a_waiting_task_keeps_its_place_on_the_board() -> None:
    board = [Task("A", "a"), Task("B", "b", depends=("A",)), Task("C", "c")]
    queue = Queue()
    queue.add([board[0], board[2]], {"B": ("A",)}, {task.id: task for task in board})
    assert [task.id for task in queue.take(1)] == ["A"]
    queue.finished("A")
    assert [task.id for task in queue.take(9)] == ["B", "C"]


def test_a_waiting_task_is_known_as_it_was_read_last() -> None:
    old, new = Task("B", "b", depends=("A",)), Task("B", "b", Status.ASSIGNED, depends=("A",))
    queue = Queue()
    queue.add([], {"B": ("A",)}, {"B": old})
    queue.add([], {"B": ("A",)}, {"B": new})
    queue.finished("A")
    assert queue.take(9) == [new]


def test_a_task_that_was_dropped_and_comes_back_stands_where_it_is_now() -> None:
    queue = Queue()
    urgent, later, other = (
        Task("A", "a", priority=Priority.HIGH),
        Task("A", "a", priority=Priority.LOW),
        Task("B", "b"),
    )
    queue.add([urgent, other], {}, {"A": urgent, "B": other})
    queue.drop("A")
    queue.add([later], {}, {"A": later, "B": other})
    assert queue.take(9) == [other, later]


def test_a_task_that_was_dropped_and_waits_now_is_not_taken() -> None:
    task = Task("A", "a")
    queue = Queue()
    queue.add([task], {}, {"A": task})
    queue.drop("A")
    queue.add([], {"A": ("B",)}, {"A": task})
    assert queue.take(9) == []
    queue.finished("B")
    assert queue.take(9) == [task]


class Model(RuleBasedStateMachine):
    """The queue beside the simplest thing that could be right: a list that is sorted each time."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = Queue()
        self.ready: dict[str, Task] = {}
        self.waiting: dict[str, set[str]] = {}
        self.tasks = {name: Task(name, name) for name in IDS}

    @rule(
        name=st.sampled_from(IDS),
        priority=st.sampled_from(list(Priority)),
        blockers=st.sets(st.sampled_from(IDS), max_size=3),
    )
    def add(self, name: str, priority: Priority, blockers: set[str]) -> None:
        if name in self.ready:
            return
        task = Task(name, name, priority=priority)
        self.tasks[name] = task
        blockers -= {name}
        if blockers:
            self.queue.add([], {name: tuple(sorted(blockers))}, self.tasks)
            self.waiting[name] = set(blockers)
        else:
            self.queue.add([task], {}, self.tasks)
            self.waiting.pop(name, None)
            self.ready[name] = task

    @rule(name=st.sampled_from(IDS))
    def finished(self, name: str) -> None:
        self.queue.finished(name)
        for waiting, blockers in list(self.waiting.items()):
            blockers.discard(name)
            if not blockers:
                del self.waiting[waiting]
                self.ready[waiting] = self.tasks[waiting]

    @rule(name=st.sampled_from(IDS))
    def drop(self, name: str) -> None:
        self.queue.drop(name)
        self.ready.pop(name, None)
        self.waiting.pop(name, None)

    @rule(count=st.integers(1, 4))
    def take(self, count: int) -> None:
        best = sorted(self.ready.values(), key=lambda task: urgency(task, IDS.index(task.id)))[:count]
        assert self.queue.take(count) == best
        for task in best:
            del self.ready[task.id]

    @invariant()
    def holds_the_same(self) -> None:
        assert {name for name in IDS if name in self.queue} == set(self.ready) | set(self.waiting)
        assert len(self.queue) >= len(self.ready)


TestQueue = Model.TestCase
