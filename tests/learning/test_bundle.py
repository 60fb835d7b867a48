"""Replays, and candidates made of proposals: few, strong, pruned on mine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from metaagent.errors import TrustError
from metaagent.learning.bundle import candidates, fixer_bundle, screened, unseen, without_learned
from metaagent.learning.proposals import Bench, Case, Proposal
from metaagent.learning.propose import ask
from metaagent.learning.replay import replayed
from metaagent.records import Brief, Protocol, Remedy
from metaagent.remedies.fixers import BUILT_IN, find_fixer
from tests.learning.values import BENCH, make_case, make_task, rejudge


def upper_name(text: str, _brief: Brief, _settings: Any) -> str | None:
    value = json.loads(text)
    value["name"] = value["name"].upper()
    return json.dumps(value)


def cents(text: str, _brief: Brief, settings: Any) -> str | None:
    value = json.loads(text)
    value["total"] *= settings.get("by", 100)
    return json.dumps(value)


@pytest.fixture(autouse=True)
def fixers(monkeypatch: pytest.MonkeyPatch) -> None:
    find_fixer.cache_clear()  # another test may have planted a fixer of that name
    monkeypatch.setitem(BUILT_IN, "test.upper", f"{__name__}:upper_name")
    monkeypatch.setitem(BUILT_IN, "test.cents", f"{__name__}:cents")


CASES = [
    make_case(make_task(f"T{n}", {"name": f"N{n}", "total": 100 * n}), json.dumps({"name": f"n{n}", "total": n}))
    for n in range(1, 5)
]
RIGHT = [make_case(make_task("R1", {"name": "N", "total": 7}), '{"name": "N", "total": 7}')]
UPPER, CENTS = Remedy("fixer", "test.upper"), Remedy("fixer", "test.cents")
BASE = Protocol()


def test_a_replay_counts_mended_harmed_and_the_mean_gain() -> None:
    change = replayed(CASES + RIGHT, [UPPER, CENTS], rejudge)
    assert change.mended == ("T1", "T2", "T3", "T4") and change.harmed == ("R1",)
    assert change.scores == (1.0, 1.0, 1.0, 1.0, 0.5)
    assert change.gain == pytest.approx((4 * 1.0 - 0.5) / 5)
    nothing = replayed(CASES, [], rejudge)
    assert (nothing.mended, nothing.harmed, nothing.gain) == ((), (), 0.0)


def test_fixers_that_help_together_make_one_candidate() -> None:
    proposals = [Proposal(UPPER, "names", ("name: upper case",), gain=0.5), Proposal(CENTS, "totals", gain=0.4)]
    [found] = candidates(CASES, BASE, proposals, rejudge)
    assert found.remedies == (UPPER, CENTS) and found.exact
    assert (found.kinds, found.gain, found.readable) == (("fixer",), 1.0, ("name: upper case",))
    assert len(found.mended) == 4


@pytest.mark.parametrize(
    ("proposals", "expected", "holds"),
    [
        ([Proposal(UPPER, "names", gain=0.3), Proposal(CENTS, "totals", gain=0.3)], 0.6, 0.6),
        ([Proposal(UPPER, "names", gain=0.9), Proposal(CENTS, "totals", gain=0.9)], 1.0, 1.0),
        (
            [
                Proposal(UPPER, "names", gain=0.3, mended=("T1",), tasks_left_out=True),
                Proposal(CENTS, "totals", gain=0.4, tasks_left_out=True),
            ],
            0.7,
            0.25,
        ),
    ],
)
def test_what_is_expected_elsewhere_is_what_was_seen_on_cases_left_out(
    proposals: list[Proposal], expected: float, holds: float
) -> None:
    """All four tasks pass in the replay, which has seen their answers."""
    [found] = candidates(CASES, BASE, proposals, rejudge)
    assert (found.gain, len(found.mended)) == (1.0, 4)
    assert (found.expected, found.holds) == (pytest.approx(expected), pytest.approx(holds))


def test_a_fixer_that_breaks_more_than_it_mends_is_left_out() -> None:
    cases = [
        *CASES[:1],
        *(
            make_case(make_task(f"R{n}", {"name": "N", "total": n}), f'{{"name": "N", "total": {n}}}')
            for n in range(1, 4)
        ),
    ]
    proposals = [Proposal(UPPER, "names", gain=0.1), Proposal(CENTS, "totals", gain=0.3)]
    [found] = candidates(cases, BASE, proposals, rejudge)
    assert found.remedies == (UPPER,)


def test_what_did_not_gain_where_it_was_held_out_is_not_looked_at() -> None:
    assert candidates(CASES, BASE, [Proposal(UPPER, "names", gain=0.0)], rejudge) == []


def test_prompt_remedies_stand_alone_and_checks_bring_their_ladder() -> None:
    proposals = [
        Proposal(Remedy("exemplar", "nearest", {"pool": []}), "examples", gain=0.2),
        Proposal(Remedy("check", "python.syntax"), "syntax", gain=0.1),
    ]
    found = candidates(CASES, BASE, proposals, rejudge)
    assert [candidate.kinds for candidate in found] == [("exemplar",), ("check", "strategy")]
    assert not any(candidate.exact for candidate in found)


def test_what_is_in_force_is_kept_and_not_proposed_again() -> None:
    exemplar = Remedy("exemplar", "nearest", {"pool": [1]})
    base = Protocol(1, "d", "m", (exemplar,), "h")
    again = Proposal(Remedy("exemplar", "nearest", {"pool": [1, 2]}), "examples", gain=0.2)
    assert candidates(CASES, base, [again], rejudge) == []
    [found] = candidates(CASES, base, [again, Proposal(UPPER, "names", gain=0.5)], rejudge)
    assert found.remedies == (exemplar, UPPER)
    fence = Remedy("fixer", "text.fence")
    assert without_learned((exemplar, UPPER, fence)) == (exemplar, fence)


def test_a_learned_fixer_replaces_the_one_of_its_name_that_is_in_force() -> None:
    once = Protocol(1, "d", "m", (CENTS,), "h")
    fixed = [replace(case, artifact=cents(case.reply, None, {}) or "") for case in CASES]  # type: ignore[arg-type]
    better = Remedy("fixer", "test.cents", {"by": 100, "again": True})
    [found] = candidates(fixed, once, [Proposal(better, "totals", gain=0.4), Proposal(UPPER, "n", gain=0.5)], rejudge)
    assert found.remedies == (UPPER, better) or found.remedies == (better, UPPER)


def test_a_prompt_is_screened_by_what_its_fixers_did_on_cases_left_out() -> None:
    """What learned fixers make of the cases that they came from is 1.0 under either prompt, and tells nothing."""
    base = Protocol(1, "d", "m", (UPPER, CENTS), "h")
    in_force = [replace(case, artifact=case.task.reference or "", score=1.0) for case in CASES]
    halves = [Proposal(UPPER, "names", gain=0.25), Proposal(CENTS, "totals", gain=0.0)]
    assert unseen(in_force, base, halves, rejudge) == 0.25  # the replies alone have nothing right

    half = [
        make_case(case.task, json.dumps({"name": f"n{n}", "total": 100 * n})) for n, case in enumerate(CASES, start=1)
    ]
    named = [Proposal(UPPER, "names", gain=0.5)]
    assert unseen(half, BASE, named, rejudge) == 1.0 == unseen(half, BASE, [*named, *named], rejudge)
    assert unseen([], BASE, [], rejudge) == 0.0

    asked = candidates(CASES, base, [Proposal(Remedy("option", "notes"), "notes")], rejudge)[0]
    kept = screened(asked, in_force, half, fixer_bundle(half, BASE, named, rejudge), 0.75)
    assert (kept.gain, kept.harmed, set(kept.scores)) == (0.75, (), {1.0})
    assert kept.remedies == (UPPER,) and kept.kinds == ("option", "fixer")


class Broken:
    name, kind = "broken", "fixer"

    def __init__(self, error: Exception) -> None:
        self.error = error

    def propose(self, cases: Sequence[Case], bench: Bench) -> list[Proposal]:  # noqa: ARG002 - the Protocol's signature
        raise self.error


def test_a_proposer_that_breaks_is_noted_and_the_others_go_on() -> None:
    said: list[str] = []
    assert ask(CASES, BENCH, [Broken(KeyError("x"))], said.append) == []
    assert said == ["proposer broken broke: KeyError: 'x'"]
    with pytest.raises(TrustError):
        ask(CASES, BENCH, [Broken(TrustError("untrusted"))], said.append)
