"""Fingerprints against Drain3: accuracy, purity by route, order, and speed on one core, in one run.

    python -m tests.benchmarks.bench_fingerprint FOLDER [--repeat 10] [--shuffles 3]

FOLDER holds LogHub-2k sets (``NAME_2k.log_structured.csv`` with the columns Content and EventId). Drain3 is needed for
its columns only (``pip install drain3``). One setting for all sets, for both. GA: the share of lines whose group holds
exactly the lines of one true group; FGA: the F1 of groups.
"""

from __future__ import annotations

import argparse
import csv
import logging
import random
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from metaagent.learning.fingerprints.fingerprint import Miner
from metaagent.statistics import wilson

Labels = Sequence[object]


def load(folder: Path) -> dict[str, tuple[list[str], list[str]]]:
    """By set: its lines, and the true group of each."""
    found = {}
    for path in sorted(folder.glob("*_2k.log_structured.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        name = path.name.removesuffix("_2k.log_structured.csv")
        found[name] = ([row["Content"] for row in rows], [row["EventId"] for row in rows])
    return found


def ours(lines: Sequence[str]) -> list[str]:
    """The group of each line, by the miner with its one setting."""
    miner = Miner()
    numbers = [miner.line(line) for line in lines]
    groups = miner.groups()
    return [groups[number].id for number in numbers]


def drain(lines: Sequence[str]) -> list[int]:
    """The cluster of each line, by Drain3 with its defaults."""
    miner = drain_miner()
    return [miner.add_log_message(line)["cluster_id"] for line in lines]


def drain_miner() -> Any:
    from drain3 import TemplateMiner
    from drain3.template_miner_config import TemplateMinerConfig

    logging.getLogger("drain3").setLevel(logging.ERROR)
    return TemplateMiner(config=TemplateMinerConfig())


def partition(labels: Labels) -> set[tuple[int, ...]]:
    found = defaultdict(list)
    for index, label in enumerate(labels):
        found[label].append(index)
    return {tuple(indexes) for indexes in found.values()}


def score(true: Labels, predicted: Labels) -> tuple[float, float]:
    """(GA, FGA)."""
    one, other = partition(true), partition(predicted)
    right = one & other
    return sum(map(len, right)) / len(true), 2 * len(right) / (len(one) + len(other))


def purity(sets: dict[str, tuple[list[str], list[str]]]) -> Counter[tuple[str, bool]]:
    """How many groups of each route are pure, and how many not."""
    counts: Counter[tuple[str, bool]] = Counter()
    for lines, true in sets.values():
        miner = Miner()
        numbers = [miner.line(line) for line in lines]
        groups = miner.groups()
        seen: defaultdict[str, set[str]] = defaultdict(set)
        for number, event in zip(numbers, true, strict=True):
            seen[groups[number].id].add(event)
        for group in {group.id: group for group in groups}.values():
            counts[group.route, len(seen[group.id]) == 1] += 1
    return counts


def same_when_shuffled(lines: Sequence[str], times: int) -> bool:
    """Whether the groups are the same, with the same ids, in every order."""
    found = ours(lines)
    for seed in range(times):
        order = list(range(len(lines)))
        random.Random(seed).shuffle(order)
        again = ours([lines[index] for index in order])
        if any(found[index] != label for index, label in zip(order, again, strict=True)):
            return False
    return True


def mixed(sets: dict[str, tuple[list[str], list[str]]], repeat: int) -> list[str]:
    """All lines of all sets, so many times with other numbers in them, shuffled."""
    rng = random.Random(7)
    numbers = re.compile(r"[0-9]+")

    def other(line: str) -> str:
        return numbers.sub(lambda match: str(rng.randrange(10 ** min(len(match.group()), 12))), line)

    lines = [line for inside, _ in sets.values() for line in inside]
    lines += [other(line) for _ in range(repeat - 1) for line in lines]
    rng.shuffle(lines)
    return lines


def per_second(take: Callable[[str], object], lines: Sequence[str]) -> float:
    """Lines a second of processor time."""
    started = time.process_time()
    for line in lines:
        take(line)
    return len(lines) / (time.process_time() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeat", type=int, default=10, help="how often each line comes in the stream for speed")
    parser.add_argument("--shuffles", type=int, default=3)
    arguments = parser.parse_args()
    sets = load(arguments.folder)
    if not sets:
        parser.error(f"no *_2k.log_structured.csv in {arguments.folder}")
    try:
        drain_miner()
        rival = True
    except ImportError:
        rival = False
        print("drain3 is not installed: its columns are left out\n")
    show_accuracy(sets, rival)
    show_purity(sets)
    every = [line for lines, _ in sets.values() for line in lines]
    same = same_when_shuffled(every, arguments.shuffles)
    word = "identical" if same else "DIFFERENT"
    print(f"partition of {len(every)} lines under {arguments.shuffles} shuffles: {word}\n")
    show_speed(sets, arguments.repeat, rival)


def show_accuracy(sets: dict[str, tuple[list[str], list[str]]], rival: bool) -> None:
    print("| set | GA | FGA |" + (" Drain3 GA | Drain3 FGA |" if rival else ""))
    print("| --- | ---: | ---: |" + (" ---: | ---: |" if rival else ""))
    rows = []
    for name, (lines, true) in sets.items():
        scores = [*score(true, ours(lines)), *(score(true, drain(lines)) if rival else ())]
        rows.append(scores)
        print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in scores) + " |")
    means = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    print("| mean | " + " | ".join(f"{value:.3f}" for value in means) + " |\n")


def show_purity(sets: dict[str, tuple[list[str], list[str]]]) -> None:
    counts = purity(sets)
    for route in ("exact", "merged"):
        pure, impure = counts[route, True], counts[route, False]
        share = wilson(pure, pure + impure)
        print(f"pure groups by the route {route}: {pure} of {pure + impure} ({share.low:.3f} to {share.high:.3f})")


def show_speed(sets: dict[str, tuple[list[str], list[str]]], repeat: int, rival: bool) -> None:
    lines = mixed(sets, repeat)
    miner = Miner()
    print(f"stream of {len(lines)} lines, mean {sum(map(len, lines)) / len(lines):.0f} characters, one core")
    print(f"  fingerprints: {per_second(miner.line, lines):10,.0f}/s from an empty cache")
    started = time.process_time()
    groups = {group.id for group in miner.groups()}
    took = time.process_time() - started
    print(f"  merging {len(miner.signatures)} signatures into {len(groups)} groups: {took:.2f} s, once")
    print(f"  with values:  {per_second(Miner().line_values, lines):10,.0f}/s from an empty cache")
    if rival:
        sample = lines[: max(2000, len(lines) // 8)]
        print(f"  Drain3:       {per_second(drain_miner().add_log_message, sample):10,.0f}/s ({len(sample)} lines)")


if __name__ == "__main__":
    main()
