"""The gate: the statistical rule that turns the pairs of a trial into promote, reject or inconclusive. Pure.

A pair is one task under both protocols. Its difference X is the candidate's score less the control's, in [-1, 1]; for
the metric ``passed`` it is 1 (a gain: fail to pass), -1 (a loss) or 0. Under the null hypothesis, a candidate that is
not better, ``E = mean over l of prod(1 + l X)`` is an e-process (Ville 1939; bets as in Waudby-Smith and Ramdas 2024,
JRSS B 86): looking after every pair is allowed. Candidates of a workspace are numbered, and the k-th is promoted when
E >= 1 / (alpha gamma_k (D + 1)) with D promotions before it: e-LOND (Xu and Ramdas 2024, AISTATS), which keeps the
expected share of false promotions at alpha under any dependence between trials. g, l, k, D and alpha are all it takes
to check a promotion.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from math import exp, lgamma, log, prod, sqrt

from metaagent.statistics import Z95

LAMBDAS = (0.1, 0.2, 0.3, 0.45, 0.6, 0.75, 0.9)
"""The bets that E averages: small ones for weak effects in many pairs, large ones for strong effects in few."""
ALPHA = 0.05
WEIGHT_SUM = 2.10975
"""The sum over k >= 1 of 1 / ((k + 1) ln^2 (k + 1)) is 2.109743: with this constant all weights add up to under 1."""
DELTA = 0.10
"""The mean difference that futility is about: a smaller gain may be missed."""
FUTILE = 10.0
HARM = 20.0
FORGOTTEN = 0.05
"""The largest net share of what earlier promotions fixed that a candidate may lose."""
MOST_CANDIDATES = 20
"""A gate set that has decided more candidates than this has been looked at too often to be trusted."""
NEGLIGIBLE = 1e-15
LARGEST = 1e300
"""E is cut here: JSON has no infinity, and nothing is decided beyond it."""


def evidence(gains: int, losses: int) -> float:
    """E(g, l) of discordant pairs."""
    try:
        return _mean([(1 + bet) ** gains * (1 - bet) ** losses for bet in LAMBDAS])
    except OverflowError:
        return LARGEST


def evidence_of(differences: Iterable[float]) -> float:
    """E of pairs by their differences; ``evidence`` is the special case of ones, minus ones and zeros."""
    return _mean(_wealth(differences))


def stronger_metric(passed: Sequence[float], scores: Sequence[float]) -> str:
    """The metric to register a trial with, from the differences seen on mine under either: the one whose evidence grew
    more. Scores see partial progress; whole tasks that are mended count one each, and decide sooner."""
    return "passed" if evidence_of(passed) >= evidence_of(scores) else "score"


def likely_pairs(differences: Sequence[float], wanted: float, most: int) -> int:
    """After how many pairs a trial is likely to be decided, were gate as mine: when E of the differences seen there,
    one after the other and over again, reaches ``wanted``, and half as many more; at most ``most``. For plans alone.
    """
    if not any(differences):
        return most
    wealth = [1.0] * len(LAMBDAS)
    for count, value in enumerate(islice(cycle(differences), most), 1):
        wealth = [stake * (1 + bet * value) for stake, bet in zip(wealth, LAMBDAS, strict=True)]
        if _mean(wealth) >= wanted:
            return min(most, count + count // 2)
    return most


def futility(differences: Iterable[float], delta: float = DELTA) -> float:
    """F: evidence against a mean gain of ``delta`` or more. All pairs count, those without a difference too."""
    return _mean(_wealth(delta - value for value in differences))


def _wealth(differences: Iterable[float]) -> list[float]:
    """What each bet has made of its stake."""
    values = [value for value in differences if value]
    return [prod([1 + bet * value for value in values]) for bet in LAMBDAS]


def _mean(wealth: Sequence[float]) -> float:
    return min(sum(wealth) / len(wealth), LARGEST)


def _with_gains(wealth: Sequence[float], more: int) -> float:
    """E after that many gains without a loss."""
    try:
        return _mean([stake * (1 + bet) ** more for stake, bet in zip(wealth, LAMBDAS, strict=True)])
    except OverflowError:
        return LARGEST


def weight(k: int) -> float:
    """gamma_k, the share of alpha that the k-th candidate of a workspace gets."""
    return 1 / (WEIGHT_SUM * (k + 1) * log(k + 1) ** 2)


def threshold(k: int, discoveries: int, alpha: float = ALPHA) -> float:
    """What E has to reach for the k-th candidate, with ``discoveries`` promotions when it was registered."""
    return 1 / (alpha * weight(k) * (discoveries + 1))


def wins_needed(gains: int, losses: int, wanted: float) -> int:
    """How many more gains without a loss bring E(g, l) to ``wanted``."""
    return _wins_needed(_wealth([1.0] * gains + [-1.0] * losses), wanted)


def _wins_needed(wealth: Sequence[float], wanted: float) -> int:
    more = 0
    while _with_gains(wealth, more) < wanted:
        more += 1
    return more


@dataclass(frozen=True, slots=True)
class Terms:
    """What a trial is decided by, all of it registered before its first pair: ``pairs`` tasks of that many
    ``families``, ``fixed`` of them mended by earlier promotions."""

    k: int
    discoveries: int
    alpha: float = ALPHA
    metric: str = "passed"
    families: int = 1
    pairs: int = 0
    fixed: int = 0
    delta: float = DELTA

    @property
    def threshold(self) -> float:
        return threshold(self.k, self.discoveries, self.alpha)


@dataclass(frozen=True, slots=True)
class Pair:
    """One task under both protocols, as the gate sees it. ``control`` and ``candidate`` are scores (for the metric
    ``passed`` 0 or 1), None for an arm that the infrastructure broke. ``fixed``: an earlier promotion mended the task.
    """

    family: str
    control: float | None
    candidate: float | None
    control_passed: bool = False
    candidate_passed: bool = False
    fixed: bool = False

    @property
    def difference(self) -> float | None:
        """None for a pair that says nothing: infrastructure is never a loss."""
        return None if self.control is None or self.candidate is None else self.candidate - self.control

    @property
    def gain(self) -> bool:
        return self.difference is not None and self.candidate_passed and not self.control_passed

    @property
    def loss(self) -> bool:
        return self.difference is not None and self.control_passed and not self.candidate_passed


@dataclass(frozen=True, slots=True)
class Forgetting:
    """Of ``tasks`` that earlier promotions fixed: lost and regained under the candidate, against the protocol in force.
    ``low`` and ``high`` bound the net loss at 95% (Bonett and Price 2012, for paired shares)."""

    tasks: int
    lost: int
    regained: int
    low: float
    high: float

    @property
    def net(self) -> float:
        return (self.lost - self.regained) / self.tasks if self.tasks else 0.0


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a trial stands after the pairs so far. ``verdict`` is None while it goes on; ``inconclusive`` counts pairs
    that the infrastructure broke."""

    pairs: int
    gains: int
    losses: int
    ties: int
    inconclusive: int
    evidence: float
    threshold: float
    futility: float
    wins_needed: int
    forgetting: Forgetting
    verdict: str | None = None
    reason: str = ""


def decide(pairs: Sequence[Pair], terms: Terms, looked: int = 0) -> Standing:
    """The first verdict on the pairs of a trial in their registered order, looking after each from ``looked`` on; else
    where it stands after all of them. It does not depend on which pairs came in first."""
    for count in range(looked, len(pairs)):
        found = standing(pairs[:count], terms)
        if found.verdict is not None:
            return found
    return standing(pairs, terms)


def standing(pairs: Sequence[Pair], terms: Terms) -> Standing:
    """Where a trial stands after these pairs, the first of its registered order: its verdict, or that it goes on."""
    differences = [pair.difference for pair in pairs if pair.difference is not None]
    gains, losses = sum(pair.gain for pair in pairs), sum(pair.loss for pair in pairs)
    value = _evidence(pairs, terms)
    verdict, reason = _verdict(pairs, terms, value, differences)
    return Standing(
        pairs=len(pairs),
        gains=gains,
        losses=losses,
        ties=len(differences) - gains - losses,
        inconclusive=len(pairs) - len(differences),
        evidence=value,
        threshold=terms.threshold,
        futility=futility(differences, terms.delta),
        wins_needed=_wins_needed(_wealth(differences), terms.threshold),
        forgetting=forgetting(pairs),
        verdict=verdict,
        reason=reason,
    )


def _evidence(pairs: Sequence[Pair], terms: Terms) -> float:
    if terms.metric == "passed":
        return evidence(sum(pair.gain for pair in pairs), sum(pair.loss for pair in pairs))
    return evidence_of(pair.difference for pair in pairs if pair.difference is not None)


def _verdict(pairs: Sequence[Pair], terms: Terms, value: float, differences: Sequence[float]) -> tuple[str | None, str]:
    left = terms.pairs - len(pairs)
    if value >= terms.threshold:
        return _guarded(pairs, terms, left)
    if futility(differences, terms.delta) >= FUTILE:
        return "reject", f"a gain of {100 * terms.delta:.0f} points or more is ruled out (F >= {FUTILE:.0f})"
    missing = _wins_needed(_wealth(differences), terms.threshold)
    if missing <= left:
        return None, ""
    broken = len(pairs) - len(differences)
    if missing <= left + broken:
        return "inconclusive", f"{broken} pairs were lost to the infrastructure: too few are left to decide"
    if sum(differences) > 0 or not pairs:
        return "inconclusive", "not shown better: E cannot reach the threshold with the pairs that are left"
    return "reject", "no gain: E cannot reach the threshold with the pairs that are left"


def _guarded(pairs: Sequence[Pair], terms: Terms, left: int) -> tuple[str | None, str]:
    """E has reached the threshold: what else has to hold before anything is promoted."""
    if left and sum(pair.fixed for pair in pairs) < terms.fixed:
        return None, ""  # every task that an earlier promotion fixed is looked at first
    harmed = harmed_families(pairs, terms.families)
    if harmed:
        return "reject", f"does harm in {len(harmed)} of {terms.families} families"
    kept = forgetting(pairs)
    if kept.net > FORGOTTEN:
        return "reject", f"forgets {kept.lost} of {kept.tasks} tasks that earlier promotions fixed"
    broken = sum(pair.candidate is None and pair.control is not None for pair in pairs)
    if broken and _evidence(_as_lost(pairs), terms) < terms.threshold:
        # A candidate whose own calls break must not win by them: it has to hold with each of those counted as lost.
        return (None, "") if left else ("inconclusive", f"{broken} pairs broke under the candidate alone")
    return "promote", "E has reached the threshold, and no guard objects"


def _as_lost(pairs: Sequence[Pair]) -> list[Pair]:
    return [
        Pair(pair.family, pair.control, 0.0, pair.control_passed, False, pair.fixed)
        if pair.candidate is None and pair.control is not None
        else pair
        for pair in pairs
    ]


def harm_bar(families: int) -> float:
    """What E(l, g) of one family may not reach: 20/m, and never less than two losses without a gain come to. From 14
    families on 20/m alone would reject for a single loss, and from 20 on for none, since E(0, 0) = 1."""
    return max(HARM / max(families, 1), evidence(2, 0))


def harmed_families(pairs: Sequence[Pair], families: int) -> list[str]:
    """The families in which the evidence of harm has reached the bar."""
    against: dict[str, list[float]] = {}
    for pair in pairs:
        if pair.difference is not None:
            against.setdefault(pair.family, []).append(-pair.difference)
    bar = harm_bar(families)
    return sorted(name for name, values in against.items() if evidence_of(values) >= bar)


def forgetting(pairs: Sequence[Pair]) -> Forgetting:
    measured = [pair for pair in pairs if pair.fixed and pair.difference is not None]
    lost, regained = sum(pair.loss for pair in measured), sum(pair.gain for pair in measured)
    return Forgetting(len(measured), lost, regained, *net_interval(lost, regained, len(measured)))


def net_interval(lost: int, regained: int, n: int) -> tuple[float, float]:
    """95% bounds of the net share lost of ``n`` pairs: Wald's with one pseudo-count in each discordant cell (Bonett and
    Price 2012, J. Educ. Behav. Stat. 37)."""
    if n == 0:
        return -1.0, 1.0
    one, other = (lost + 1) / (n + 2), (regained + 1) / (n + 2)
    half = Z95 * sqrt((one + other - (one - other) ** 2) / (n + 2))
    return max(-1.0, one - other - half), min(1.0, one - other + half)


def power(pairs: int, gains: float, losses: float, wanted: float) -> float:
    """The exact chance that E reaches ``wanted`` within that many pairs, looking after every pair, where each is a gain
    or a loss with these shares. Pairs without a difference change nothing: the walk is over discordant ones alone."""
    discordant = gains + losses
    if not discordant or pairs < 1:
        return 0.0
    up = gains / discordant
    bar = [_gains_needed(0, 0, wanted)]  # by the number of losses
    alive, crossed, found = {0: 1.0}, 0.0, 0.0
    for steps in range(1, pairs + 1):
        bar.append(_gains_needed(bar[-1], steps, wanted))
        moved: dict[int, float] = {}
        for won, chance in alive.items():
            if chance > NEGLIGIBLE:
                moved[won + 1] = moved.get(won + 1, 0.0) + chance * up
                moved[won] = moved.get(won, 0.0) + chance * (1 - up)
        crossed += sum(chance for won, chance in moved.items() if won >= bar[steps - won])
        alive = {won: chance for won, chance in moved.items() if won < bar[steps - won]}
        found += crossed * _binomial(steps, pairs, discordant)
    return found


def _gains_needed(at_least: int, losses: int, wanted: float) -> int:
    gains = at_least
    while evidence(gains, losses) < wanted:
        gains += 1
    return gains


def _binomial(k: int, n: int, p: float) -> float:
    if p >= 1:
        return float(k == n)
    return exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log(p) + (n - k) * log(1 - p))
