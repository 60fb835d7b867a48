"""The gate by simulation: how often it promotes what is no better, and how often it sees what is.

    python -m tests.benchmarks.bench_gate [--workspaces 1000] [--seed 1]

Plain Python, one core, about a minute. Only the bar that E has to reach is simulated for candidates that are no better:
the guards and futility can only take promotions away. ``decide``, the whole rule, is run for the power table.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterator
from itertools import islice

from metaagent.learning.gate import LAMBDAS, Pair, Terms, decide, power, threshold
from metaagent.statistics import wilson

TASKS, CANDIDATES = 96, 20
PEEKED_Z = 1.959963984540054

Pairs = Iterator[int]


def unstable(rng: random.Random, share: float) -> list[float]:
    """The chance to pass of each task that may come out either way, a share of the gate set. The others never make a
    discordant pair, and are left out."""
    return [rng.random() for _ in range(TASKS) if rng.random() < share]


def null_pairs(rng: random.Random, chances: list[float], control: list[bool] | None) -> Pairs:
    """A candidate that is no better: the same chances again. ``control``: replies from the cache, None: afresh."""
    for number, chance in enumerate(chances):
        before = control[number] if control is not None else rng.random() < chance
        yield (rng.random() < chance) - before


def planted_pairs(rng: random.Random, gains: float, losses: float) -> Pairs:
    while True:
        drawn = rng.random()
        yield 1 if drawn < gains else -1 if drawn < gains + losses else 0


def promoted(pairs: Pairs, wanted: float) -> bool:
    """Whether E reaches the bar, looking after every pair."""
    wealth = [1.0] * len(LAMBDAS)
    for value in pairs:
        if value:
            wealth = [stake * (1 + bet * value) for stake, bet in zip(wealth, LAMBDAS, strict=True)]
            if sum(wealth) >= wanted * len(LAMBDAS):
                return True
    return False


def peeked_sign(pairs: Pairs) -> bool:
    """What the gate is not: a sign test at 5%, looked at after every pair from the tenth discordant one on."""
    gains = losses = 0
    for value in pairs:
        gains, losses = gains + (value > 0), losses + (value < 0)
        if gains + losses >= 10 and (gains - losses) / (gains + losses) ** 0.5 >= PEEKED_Z:
            return True
    return False


def any_promotion(rng: random.Random, share: float, cached: bool, rule: str) -> bool:
    """One workspace of null candidates on one gate set: whether anything was promoted."""
    chances = unstable(rng, share)
    control = [rng.random() < chance for chance in chances] if cached else None
    won = 0
    for k in range(1, CANDIDATES + 1):
        pairs = null_pairs(rng, chances, control)
        if rule == "peeked sign test":
            hit = peeked_sign(pairs)
        else:
            hit = promoted(pairs, 20.0 if rule == "E >= 20" else threshold(k, won))
        if hit:
            won += 1
            control = [rng.random() < chance for chance in chances] if cached else None  # measured afresh
    return won > 0


def false_discoveries(rng: random.Random, real: float) -> tuple[float, int, int]:
    """One workspace with planted effects: the share of its promotions that are false, and how many of each."""
    true = false = 0
    chances = unstable(rng, 0.3)
    control = [rng.random() < chance for chance in chances]
    for k in range(1, CANDIDATES + 1):
        good = rng.random() < real
        pairs = islice(planted_pairs(rng, 0.25, 0.05), TASKS) if good else null_pairs(rng, chances, control)
        if promoted(pairs, threshold(k, true + false)):
            true, false = true + good, false + (not good)
            control = [rng.random() < chance for chance in chances]
    return false / max(1, true + false), true, false


def whole_gate(rng: random.Random, pairs: int, gains: float, losses: float, k: int, rounds: int) -> int:
    """Promotions by the whole rule, futility and the guard of ten families included."""
    terms = Terms(k, 0, pairs=pairs, families=10)
    won = 0
    for _ in range(rounds):
        drawn = islice(planted_pairs(rng, gains, losses), pairs)
        seen = [
            Pair(f"family {number % 10}", float(value < 0), float(value > 0), value < 0, value > 0)
            for number, value in enumerate(drawn)
        ]
        won += decide(seen, terms).verdict == "promote"
    return won


def share(hits: int, rounds: int) -> str:
    found = wilson(hits, rounds)
    return f"{100 * hits / rounds:5.1f}%  (95%: {100 * found.low:.1f} to {100 * found.high:.1f}%, n = {rounds})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspaces", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng, rounds, started = random.Random(options.seed), options.workspaces, time.perf_counter()

    print(
        f"{CANDIDATES} null candidates in a workspace, {TASKS} gate tasks: workspaces with any promotion (goal: <= 5%)"
    )
    for rule, parts in (("e-LOND", (0.2, 0.3)), ("E >= 20", (0.3,)), ("peeked sign test", (0.3,))):
        for part in parts:
            for cached in (True, False):
                hits = sum(any_promotion(rng, part, cached, rule) for _ in range(rounds))
                arms = "cached control" if cached else "fresh control "
                print(f"  {rule:<17} {100 * part:.0f}% unstable  {arms}  {share(hits, rounds)}")

    print("\none null candidate alone, k = 1")
    for part in (0.2, 0.3):
        alone = (null_pairs(rng, unstable(rng, part), None) for _ in range(10 * rounds))
        hits = sum(promoted(pairs, threshold(1, 0)) for pairs in alone)
        print(f"  {100 * part:.0f}% unstable  {share(hits, 10 * rounds)}")

    print("\nfalse discovery rate, 20 candidates, a part of them with 25% gains and 5% losses (goal: <= 5%)")
    for real in (0.1, 0.3, 0.5):
        found = [false_discoveries(rng, real) for _ in range(rounds)]
        rate, true, false = (sum(one[i] for one in found) for i in range(3))
        counts = f"{true:.0f} true, {false:.0f} false promotions in {rounds} workspaces"
        print(f"  {100 * real:.0f}% planted  FDR {100 * rate / rounds:.2f}%  ({counts})")

    print("\npower for 25% gains, 5% losses: exact for E alone; simulated for the whole rule, 10 families")
    for pairs, k in ((40, 1), (40, 5), (140, 1), (140, 5), (140, 20)):
        exact = power(pairs, 0.25, 0.05, threshold(k, 0))
        whole = whole_gate(rng, pairs, 0.25, 0.05, k, rounds // 10)
        print(f"  {pairs:>3} pairs, k = {k:<2}  {exact:.2f}   {share(whole, rounds // 10)}")
    print(f"\n{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
