"""The gate against oracles: enumeration of all outcomes, exact binomial probabilities, and its own promises."""

from __future__ import annotations

import itertools
import random
from math import comb, log, prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metaagent.learning import gate
from metaagent.learning.gate import LAMBDAS, Pair, Terms, decide, evidence, evidence_of, standing, threshold

SIGNS = st.lists(st.sampled_from([-1.0, 0.0, 1.0]), max_size=60)
SCORES = st.lists(st.floats(-1, 1, allow_nan=False), max_size=40)


def pairs(values: list[float], family: str = "") -> list[Pair]:
    """Pairs with these differences, for the metric ``passed``."""
    return [Pair(family, float(v < 0), float(v > 0), v < 0, v > 0) for v in values]


def test_wins_without_a_loss_are_those_of_the_design() -> None:
    assert [gate.wins_needed(0, 0, threshold(k, 0)) for k in (1, 5, 10, 20)] == [8, 13, 15, 17]


def test_the_weights_add_up_to_less_than_one() -> None:
    total = sum(gate.weight(k) for k in range(1, 200_001))
    rest = 1 / (gate.WEIGHT_SUM * log(200_001))  # the integral from there on bounds what is left
    assert total + rest < 1.0
    assert total + 1 / (gate.WEIGHT_SUM * log(200_002)) > 0.9999


@given(st.integers(0, 40), st.integers(0, 40))
def test_the_counted_form_is_the_special_case_of_the_scored_one(gains: int, losses: int) -> None:
    by_hand = sum((1 + bet) ** gains * (1 - bet) ** losses for bet in LAMBDAS) / 7
    assert evidence(gains, losses) == pytest.approx(by_hand)
    assert evidence_of([1.0] * gains + [-1.0] * losses) == pytest.approx(by_hand)


@given(SCORES, st.randoms())
def test_evidence_depends_on_the_pairs_and_not_on_their_order(values: list[float], rng: random.Random) -> None:
    shuffled = rng.sample(values, len(values))
    assert evidence_of(shuffled) == pytest.approx(evidence_of(values))
    assert gate.futility(shuffled) == pytest.approx(gate.futility(values))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5])
def test_under_the_null_its_mean_is_one_at_most(share: float) -> None:
    """All outcomes of eight pairs, each a gain or a loss with the same chance: the sum over 3^8 paths is exact."""
    chance = {1.0: share, -1.0: share, 0.0: 1 - 2 * share}
    mean = sum(prod(chance[v] for v in path) * evidence_of(path) for path in itertools.product(chance, repeat=8))
    assert mean == pytest.approx(1.0)


def test_a_null_candidate_crosses_less_often_than_ville_allows() -> None:
    """P(E ever reaches c) <= 1/c, by enumeration of all 2^12 orders of gains and losses."""
    wanted, crossed = 8.0, 0
    for path in itertools.product((1, -1), repeat=12):
        gains = losses = 0
        for value in path:
            gains, losses = gains + (value > 0), losses + (value < 0)
            if evidence(gains, losses) >= wanted:
                crossed += 1
                break
    exact = crossed / 2**12
    assert 0 < exact <= 1 / wanted
    # Every pair is discordant, half of them gains: `power` has to find the same number by its own way.
    assert gate.power(12, 0.5, 0.5, wanted) == pytest.approx(exact)


def test_power_is_that_of_the_design() -> None:
    table = {(40, 1): 0.35, (40, 5): 0.05, (140, 1): 0.96, (140, 5): 0.80, (140, 20): 0.55}
    for (count, k), said in table.items():
        assert gate.power(count, 0.25, 0.05, threshold(k, 0)) == pytest.approx(said, abs=0.025)


def test_power_against_a_binomial_tail() -> None:
    """Without losses the bar is a number of gains, so the power is the upper tail of a binomial distribution."""
    needed = gate.wins_needed(0, 0, threshold(1, 0))
    tail = sum(comb(30, g) * 0.3**g * 0.7 ** (30 - g) for g in range(needed, 31))
    assert gate.power(30, 0.3, 0.0, threshold(1, 0)) == pytest.approx(tail)
    assert gate.power(500, 0.3, 0.0, threshold(1, 0)) == pytest.approx(1.0)


@given(SIGNS, st.integers(1, 30), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_a_promotion_follows_from_five_numbers(values: list[float], k: int, won: int) -> None:
    terms = Terms(k, won, pairs=len(values))
    found = decide(pairs(values), terms)
    if found.verdict == "promote":
        assert evidence(found.gains, found.losses) >= 1 / (0.05 * gate.weight(k) * (won + 1))
    else:
        earlier = [standing(pairs(values[:n]), terms) for n in range(found.pairs + 1)]
        assert not any(one.verdict == "promote" for one in earlier)


@given(SIGNS, st.integers(1, 59))
@settings(max_examples=60, deadline=None)
def test_looking_in_steps_is_looking_after_every_pair(values: list[float], step: int) -> None:
    """Which pairs came in together makes no difference."""
    terms, looked = Terms(1, 0, pairs=len(values)), 0
    whole = decide(pairs(values), terms)
    for end in [*range(0, len(values), step), len(values)]:
        found = decide(pairs(values[:end]), terms, looked)
        looked = found.pairs
        if found.verdict is not None:
            break
    assert found == whole


def test_more_discoveries_lower_the_bar_and_a_later_number_raises_it() -> None:
    assert threshold(3, 1) == pytest.approx(threshold(3, 0) / 2)
    assert threshold(4, 0) > threshold(3, 0)


def test_lost_pairs_are_no_losses_and_never_promote() -> None:
    broken = [Pair("", None, None) for _ in range(20)]
    found = decide([*broken, *pairs([1.0] * 7)], Terms(1, 0, pairs=27))
    assert (found.verdict, found.losses, found.inconclusive) == ("inconclusive", 0, 20)


def test_a_candidate_whose_own_calls_break_does_not_win_by_it() -> None:
    mine = [Pair("", 1.0, None, True, False) for _ in range(12)]
    found = decide([*mine, *pairs([1.0] * 8)], Terms(1, 0, pairs=20))
    assert found.verdict == "inconclusive"
    assert found.evidence >= found.threshold
    theirs = [Pair("", None, 1.0, False, True) for _ in range(12)]
    assert decide([*theirs, *pairs([1.0] * 8)], Terms(1, 0, pairs=20)).verdict == "promote"


def test_harm_in_one_family_rejects_what_helps_in_the_others() -> None:
    helped = [pair for n in range(4) for pair in pairs([1.0] * 6, f"family {n}")]
    harmed = pairs([-1.0] * 4, "hurt")
    found = decide([*helped[:6], *harmed, *helped[6:]], Terms(1, 0, pairs=28, families=5))
    assert found.verdict == "reject"
    assert "1 of 5 families" in found.reason


@pytest.mark.parametrize("families", [1, 2, 5, 13, 14, 20, 100])
def test_one_loss_alone_is_no_harm(families: int) -> None:
    """20/m itself would reject for one loss from 14 families on, and for nothing at all from 20 on."""
    assert evidence(1, 0) < gate.harm_bar(families)
    assert gate.harm_bar(families) == max(20 / families, evidence(2, 0))


def test_forgetting_rejects_and_waits_for_every_task_that_was_fixed() -> None:
    def kept(value: float) -> Pair:
        return Pair("", 1.0, 1.0 + min(value, 0), True, value >= 0, fixed=True)

    helped = pairs([1.0] * 20)
    terms = Terms(1, 0, pairs=40, fixed=20)
    assert decide(helped, terms).verdict is None  # E is there, the fixed tasks are still out
    assert decide([*helped, *[kept(0)] * 20], terms).verdict == "promote"
    found = decide([*helped, *[kept(-1)] * 2, *[kept(0)] * 18], terms)
    assert found.verdict == "reject"
    assert found.forgetting.net == pytest.approx(0.1)
    assert found.forgetting.low < 0.1 < found.forgetting.high


def test_futility_ends_a_trial_of_a_useless_candidate() -> None:
    found = decide(pairs([0.0] * 100), Terms(1, 0, pairs=100))
    assert found.verdict == "reject"
    assert found.pairs < 100
    assert found.futility >= 10


def test_a_gate_set_that_is_too_small_is_said_before_any_pair() -> None:
    found = standing([], Terms(1, 0, pairs=7))
    assert (found.verdict, found.wins_needed) == ("inconclusive", 8)
    assert standing([], Terms(1, 0, pairs=8)).verdict is None


def test_scores_see_partial_progress_long_before_whole_tasks_pass() -> None:
    better = [Pair("", 0.3, 0.9) for _ in range(15)]
    found = decide(better, Terms(1, 0, metric="score", pairs=15))
    assert (found.verdict, found.gains) == ("promote", 0)
    assert found.evidence == pytest.approx(evidence_of([0.6] * found.pairs))


def test_numbers_stay_finite() -> None:
    assert evidence(5000, 0) == gate.LARGEST
    assert evidence_of([1.0] * 5000) == gate.LARGEST
    assert gate.wins_needed(0, 3000, threshold(1, 0)) > 1000


def test_the_interval_of_a_net_loss_holds_what_it_bounds() -> None:
    """Coverage by enumeration: of all outcomes of 30 pairs with 10% lost and 5% regained, at least 93% hold 5%."""
    n, lost, regained = 30, 0.1, 0.05
    covered = 0.0
    for a in range(n + 1):
        for b in range(n + 1 - a):
            chance = comb(n, a) * comb(n - a, b) * lost**a * regained**b * (1 - lost - regained) ** (n - a - b)
            low, high = gate.net_interval(a, b, n)
            covered += chance * (low <= lost - regained <= high)
    assert covered > 0.93


def test_the_metric_of_a_trial_is_the_one_that_mine_speaks_for() -> None:
    """Whole tasks mended count one each; fields of tasks that still fail are seen by scores alone."""
    assert gate.stronger_metric([1.0] * 5, [0.3] * 5 + [0.0] * 5) == "passed"
    assert gate.stronger_metric([1.0], [0.4] * 12) == "score"
    assert gate.stronger_metric([1.0] * 5 + [-1.0] * 5, [0.1] * 12) == "score"


def test_a_strong_candidate_is_planned_with_few_pairs_and_a_weak_one_with_all() -> None:
    wanted = threshold(1, 0)
    assert gate.likely_pairs([1.0, 0.0], wanted, 100) == 22  # eight gains in fifteen pairs, and half as many more
    assert gate.likely_pairs([1.0], wanted, 10) == 10
    assert gate.likely_pairs([0.0, 0.0], wanted, 40) == gate.likely_pairs([], wanted, 40) == 40
    assert gate.likely_pairs([1.0, -1.0], wanted, 60) == 60
