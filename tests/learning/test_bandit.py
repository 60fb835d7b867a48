"""Which kind of remedy to try first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from metaagent.learning.bandit import PRIORS, Pull, arms, neighbours, steps

PULLS = st.lists(
    st.builds(
        Pull,
        st.sampled_from(["data.json", "data.sql", "code.python", "data"]),
        st.tuples(st.sampled_from(sorted(PRIORS))),
        st.booleans(),
    ),
    max_size=30,
)


def order(domain: str, *pulls: Pull) -> list[str]:
    return [arm.kind for arm in arms(domain, pulls)]


def test_before_anything_was_tried_the_cheap_and_promising_comes_first() -> None:
    assert order("data.json")[0] == "fixer"
    assert order("data.json")[-1] == "rule"


def test_what_keeps_failing_falls_behind() -> None:
    failures = [Pull("data.json", ("fixer",), False)] * 8
    assert order("data.json", *failures)[0] != "fixer"
    arm = next(arm for arm in arms("data.json", failures) if arm.kind == "fixer")
    assert (arm.tried, arm.promoted) == (8, 0) and arm.expected < 0.25


def test_a_neighbour_counts_less_and_a_stranger_nothing() -> None:
    def expected(domain: str) -> float:
        return next(
            arm.expected for arm in arms(domain, [Pull("data.json.extract", ("rule",), True)] * 4) if arm.kind == "rule"
        )

    assert expected("data.json.extract") > expected("data.json") > expected("data.sql") > expected("code.python")


def test_steps_in_the_taxonomy() -> None:
    assert steps("data.json", "data.json") == 0
    assert steps("data.json", "data.sql") == 2
    assert steps("data", "data.sql.report") == 2
    assert steps("data", "code") is None
    assert neighbours("data.json", ["data.sql", "data", "code", "data.json", "data.sql.report"]) == ["data", "data.sql"]


@given(PULLS, st.randoms(use_true_random=False))
def test_the_order_of_trials_does_not_matter(pulls: list[Pull], random: object) -> None:
    shuffled = list(pulls)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert [arm.kind for arm in arms("data.json", pulls)] == [arm.kind for arm in arms("data.json", shuffled)]
    assert all(0 < arm.expected < 1 for arm in arms("data.json", pulls))
