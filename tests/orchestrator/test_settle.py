from __future__ import annotations

import pytest

from metaagent.orchestrator.budget import Usage
from metaagent.orchestrator.settle import Settlement, broke_on_the_way, settle
from metaagent.records import Attempt, Limits, Outcome, Status, Task
from tests.orchestrator.values import failed_step, make_attempt, make_task

CHECKED, OPEN = make_task(), make_task(checks=())
LIMITED = make_task(limits=Limits(attempts=2))
PASSED, FAILED, UNDECIDED = (make_attempt(outcome) for outcome in Outcome)
NO_ANSWER = make_attempt(Outcome.INCONCLUSIVE, artifact=None)
BROKE_LATER = make_attempt(Outcome.INCONCLUSIVE, artifact="{}", steps=(failed_step(),))


@pytest.mark.parametrize(
    ("task", "attempt", "usage", "expected"),
    [
        (CHECKED, PASSED, Usage(1), (Status.DONE, False, False)),
        (LIMITED, PASSED, Usage(2), (Status.DONE, False, False)),
        (CHECKED, FAILED, Usage(1), (Status.ASSIGNED, True, False)),
        (LIMITED, FAILED, Usage(1), (Status.ASSIGNED, True, False)),
        (LIMITED, FAILED, Usage(2), (Status.REVIEW, False, False)),
        (make_task(limits=Limits(None, tokens=5)), FAILED, Usage(1, tokens=9), (Status.REVIEW, False, False)),
        (OPEN, UNDECIDED, Usage(1), (Status.REVIEW, False, False)),
        (CHECKED, UNDECIDED, Usage(1), (Status.REVIEW, False, True)),
        (CHECKED, NO_ANSWER, Usage(0), (Status.ASSIGNED, True, True)),
        (OPEN, NO_ANSWER, Usage(0), (Status.ASSIGNED, True, True)),
        (CHECKED, BROKE_LATER, Usage(1), (Status.ASSIGNED, True, True)),
        (OPEN, BROKE_LATER, Usage(1), (Status.ASSIGNED, True, True)),
    ],
)
def test_where_a_task_goes(task: Task, attempt: Attempt, usage: Usage, expected: tuple[Status, bool, bool]) -> None:
    found = settle(task, attempt, usage)
    assert (found.status, found.again, found.broken) == expected


def test_reasons_say_what_a_person_needs() -> None:
    assert settle(CHECKED, PASSED, Usage(1)) == Settlement(Status.DONE, "because")
    assert settle(LIMITED, FAILED, Usage(2)).reason == "because; its limit of 2 attempts is used up"
    assert settle(CHECKED, UNDECIDED, Usage(1)).reason == "a check broke: because"


def test_a_backend_that_breaks_after_a_first_answer_is_no_broken_check() -> None:
    assert broke_on_the_way(BROKE_LATER)
    assert broke_on_the_way(NO_ANSWER)
    assert not broke_on_the_way(UNDECIDED)
