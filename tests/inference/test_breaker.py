"""The breaker as a state machine: whatever happens to a host, in whatever order."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from metaagent.inference.breaker import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    Breaker,
    State,
    answered,
    failed,
    probing,
    state,
)


class Hosts(RuleBasedStateMachine):
    """One host and its clock; ``row`` counts the failures in a row that should count, ``ends`` when a pause should."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker()
        self.now = 1000.0
        self.row = 0
        self.ends = 0.0

    @rule(seconds=st.floats(0, 2 * LONGEST_PAUSE))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(reason=st.text(max_size=5))
    def something_fails(self, reason: str) -> None:
        before, where = self.breaker, state(self.breaker, self.now)
        self.breaker = failed(before, self.now, reason)
        if where in {State.OUT, State.DUE}:
            assert self.breaker == before  # a call that was on its way already
            return
        self.row += 1
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (self.row - 1))
        self.ends = self.now + pause
        assert (self.breaker.until, self.breaker.reason) == (self.ends, reason)

    @rule()
    def something_answers(self) -> None:
        self.breaker = answered(self.breaker)
        self.row = 0
        assert self.breaker == Breaker()

    @rule()
    def a_probe_begins(self) -> None:
        was_in = state(self.breaker, self.now) is State.IN
        self.breaker = probing(self.breaker)
        assert state(self.breaker, self.now) is (State.IN if was_in else State.PROBING)

    @invariant()
    def is_in_only_with_a_clean_past(self) -> None:
        assert (state(self.breaker, self.now) is State.IN) == (self.row == 0)

    @invariant()
    def is_due_when_the_pause_is_over_and_never_before(self) -> None:
        where = state(self.breaker, self.now)
        if where in {State.OUT, State.DUE}:
            assert (where is State.DUE) == (self.now >= self.ends)

    @invariant()
    def comes_back_within_the_longest_pause(self) -> None:
        if self.row and not self.breaker.probed:
            assert state(self.breaker, self.now + LONGEST_PAUSE) is State.DUE


TestHosts = Hosts.TestCase


def test_a_host_that_was_always_down_does_not_overflow() -> None:
    breaker = Breaker()
    for _ in range(2000):
        breaker = failed(probing(breaker), 0.0, "connect")
    assert breaker.until == LONGEST_PAUSE
